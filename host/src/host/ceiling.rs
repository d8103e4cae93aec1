//! The platform's ceiling is a file that people edit: read at the start, watched afterwards. A bad file changes nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::control::Control;
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::policy::Ceiling;

/// Between two looks at the file.
const LOOK: Duration = Duration::from_secs(1);
/// A ceiling's text, in bytes: what is larger is not one.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The ceiling to start with: the file's, or the built-in one where there is no file. A file that is removed takes its
/// ceiling with it, so what was in force before only shows in the log.
pub(super) async fn at_start(path: &Path, kept: Option<&str>) -> Result<Ceiling> {
    let ceiling = match read(path).await? {
        Some(text) => Ceiling::parse(&text)?,
        None => Ceiling::builtin(),
    };
    if kept.is_some_and(|kept| kept != ceiling.text()) {
        tracing::info!(file = %path.display(), digest = %ceiling.digest(), "the platform's ceiling has changed since the last start");
    }
    Ok(ceiling)
}

/// Puts the file's ceiling in force whenever it changes.
pub(super) async fn watch(path: PathBuf, control: Control) {
    let mut seen: Option<Digest> = None;
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let text = match read(&path).await {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(?error, "the platform's ceiling stays as it is");
                continue;
            }
        };
        let digest = Digest::of(text.as_deref().unwrap_or_default().as_bytes());
        if seen.replace(digest) == Some(digest) {
            continue;
        }
        let ceiling = match text.map_or_else(|| Ok(Ceiling::builtin()), |text| Ceiling::parse(&text)) {
            Ok(ceiling) => ceiling,
            Err(error) => {
                // Said once for each text, not once a second.
                let error = Error::from(error);
                tracing::error!(file = %path.display(), %error, "the platform's ceiling stays as it is");
                continue;
            }
        };
        let digest = ceiling.digest();
        match control.set_ceiling(ceiling).await {
            Ok(true) => tracing::info!(%digest, "the platform's ceiling has changed"),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(?error, "the platform's ceiling stays as it is");
                seen = None;
            }
        }
    }
}

async fn read(path: &Path) -> Result<Option<String>> {
    let unreadable = |error: &dyn std::fmt::Display| Error::internal(format_args!("{}: {error}", path.display()));
    match tokio::fs::metadata(path).await {
        Ok(found) if found.len() > FILE_BYTES_MAX => return Err(unreadable(&"larger than a ceiling can be")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
        Ok(_) => {}
    }
    match tokio::fs::read_to_string(path).await {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&error)),
    }
}
