//! What the platform says is in files that people edit: read at the start, watched afterwards. A bad file changes nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::access::{Rules, Side};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::policy::{Ceiling, PolicyError};

/// Between two looks at a file.
const LOOK: Duration = Duration::from_secs(1);
/// A text, in bytes: what is larger is not one.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a file of the platform says.
pub(super) trait Said: Sized + Send {
    /// What it is called in the host's log.
    const WHAT: &'static str;
    /// What holds where there is no file.
    fn absent() -> Self;
    /// Reads it.
    fn parse(text: &str) -> Result<Self, PolicyError>;
    /// The digest of its text.
    fn digest(&self) -> Digest;
    /// Its text.
    fn text(&self) -> &str;
    /// Puts it in force; false where it is already.
    fn enforce(self, control: &Control) -> impl Future<Output = Result<bool>> + Send;
}

impl Said for Ceiling {
    const WHAT: &'static str = "the platform's ceiling";

    fn absent() -> Self {
        Self::builtin()
    }

    fn parse(text: &str) -> Result<Self, PolicyError> {
        Self::parse(text)
    }

    fn digest(&self) -> Digest {
        self.digest()
    }

    fn text(&self) -> &str {
        self.text()
    }

    async fn enforce(self, control: &Control) -> Result<bool> {
        control.set_ceiling(self).await
    }
}

impl Said for Rules {
    const WHAT: &'static str = "the platform's access rules";

    fn absent() -> Self {
        Self::none(Side::Platform)
    }

    fn parse(text: &str) -> Result<Self, PolicyError> {
        Self::parse(Side::Platform, text)
    }

    fn digest(&self) -> Digest {
        self.digest()
    }

    fn text(&self) -> &str {
        self.text()
    }

    async fn enforce(self, control: &Control) -> Result<bool> {
        control.set_platform_access(self).await
    }
}

/// What to start with: the file's, or what holds where there is none. A file that is removed takes what it said with it,
/// so what was in force before only shows in the log.
pub(super) async fn at_start<S: Said>(path: &Path, kept: Option<&str>) -> Result<S> {
    let said = match read(path).await? {
        Some(text) => S::parse(&text)?,
        None => S::absent(),
    };
    if kept.is_some_and(|kept| kept != said.text()) {
        let (file, digest) = (path.display(), said.digest());
        tracing::info!(%file, %digest, "{} changed since the last start", S::WHAT);
    }
    Ok(said)
}

/// Puts what the file says in force whenever it changes.
pub(super) async fn watch<S: Said>(path: PathBuf, control: Control) {
    let mut seen: Option<Digest> = None;
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let text = match read(&path).await {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(?error, "{} cannot be taken over: what was in force stays in force", S::WHAT);
                continue;
            }
        };
        let digest = Digest::of(text.as_deref().unwrap_or_default().as_bytes());
        if seen.replace(digest) == Some(digest) {
            continue;
        }
        let said = match text.map_or_else(|| Ok(S::absent()), |text| S::parse(&text)) {
            Ok(said) => said,
            Err(error) => {
                // Said once for each text, not once a second.
                let error = Error::from(error);
                tracing::error!(file = %path.display(), %error, "{} cannot be taken over: what was in force stays in force", S::WHAT);
                continue;
            }
        };
        let digest = said.digest();
        match said.enforce(&control).await {
            Ok(true) => tracing::info!(%digest, "{} changed", S::WHAT),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(?error, "{} cannot be taken over: what was in force stays in force", S::WHAT);
                seen = None;
            }
        }
    }
}

async fn read(path: &Path) -> Result<Option<String>> {
    let unreadable = |error: &dyn std::fmt::Display| Error::internal(format_args!("{}: {error}", path.display()));
    match tokio::fs::metadata(path).await {
        Ok(found) if found.len() > FILE_BYTES_MAX => return Err(unreadable(&"larger than it can be")),
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
