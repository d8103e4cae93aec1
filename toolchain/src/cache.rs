//! The folder that outlives a build: where it is, and who may change it.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::Report;

/// Cofferdam's cache: `$COFFERDAM_CACHE`, else `$XDG_CACHE_HOME/cofferdam`, else `~/.cache/cofferdam`. It may not exist
/// yet; all in it can be made again.
///
/// # Errors
/// When none of these is set and there is no home folder.
pub fn cache_folder() -> Result<PathBuf> {
    // Relative paths would mean another cache in each folder; the specification of XDG has them ignored, too.
    let set = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    set("COFFERDAM_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("cofferdam")))
        .or_else(|| env::home_dir().map(|home| home.join(".cache/cofferdam")))
        .context("there is no folder for the cache: set COFFERDAM_CACHE to an absolute path")
}

/// Locks `file` against other processes until the result is dropped; waits, and says so, while another holds it.
pub(crate) fn lock(file: &Path, report: Report<'_>) -> Result<File> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    }
    let cannot = || format!("{} cannot be locked", file.display());
    let lock = File::create(file).with_context(cannot)?;
    match lock.try_lock() {
        Ok(()) => return Ok(lock),
        Err(TryLockError::WouldBlock) => report("waiting for another process that is at the same work"),
        Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
    }
    lock.lock().with_context(cannot)?;
    Ok(lock)
}

/// Writes a file so that others see all of it or nothing.
pub(crate) fn write_whole(file: &Path, bytes: &[u8]) -> Result<()> {
    let partial = file.with_extension(format!("{}.partial", std::process::id()));
    let written = fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, file));
    written.with_context(|| format!("{} cannot be written", file.display()))
}
