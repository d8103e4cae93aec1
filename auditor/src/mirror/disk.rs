//! Writing a copy so that it is there after the power went: each file is synced before it gets its name, and the folders
//! that hold the names before the checkpoint counts on them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A disk as a copy uses it; in tests, one that loses power.
pub(super) trait Disk {
    /// Makes a folder in one that is there.
    fn create_dir(&self, folder: &Path) -> io::Result<()>;
    /// Makes a file of these bytes, in place of the one that is there.
    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written to a file durable.
    fn sync(&self, file: &Path) -> io::Result<()>;
    /// Gives a file another name in the same folder.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, folder: &Path) -> io::Result<()>;
}

/// The operating system's.
pub(super) struct SystemDisk;

impl Disk for SystemDisk {
    fn create_dir(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir(folder)
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        File::create(file)?.write_all(bytes)
    }

    fn sync(&self, file: &Path) -> io::Result<()> {
        File::open(file)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

/// Writes files of a folder.
pub(super) struct Writer<'d> {
    disk: &'d dyn Disk,
    folder: PathBuf,
    /// Folders with names that may not be durable.
    unsettled: BTreeSet<PathBuf>,
}

impl<'d> Writer<'d> {
    pub(super) fn new(disk: &'d dyn Disk, folder: &Path) -> Self {
        Self { disk, folder: folder.to_owned(), unsettled: BTreeSet::new() }
    }

    /// Writes a file whole or not at all. It is durable once all is [settled](Self::settle).
    pub(super) fn write(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        let to = self.folder.join(path);
        let mut half = to.clone().into_os_string();
        half.push(".half");
        let half = PathBuf::from(half);
        let mut written = || {
            let parent = to.parent().unwrap_or(Path::new(""));
            self.make(parent)?;
            self.disk.write(&half, bytes)?;
            self.disk.sync(&half)?;
            self.disk.rename(&half, &to)?;
            self.unsettled.insert(parent.to_owned());
            Ok(())
        };
        written().map_err(|error| failed(&to, error))
    }

    /// Makes all names durable, those of folders too.
    pub(super) fn settle(&mut self) -> Result<()> {
        while let Some(folder) = self.unsettled.pop_last() {
            self.disk.sync_dir(&folder).map_err(|error| failed(&folder, error))?;
        }
        Ok(())
    }

    /// Makes a folder where there is none, and those that it is in.
    fn make(&mut self, folder: &Path) -> io::Result<()> {
        if folder.as_os_str().is_empty() || folder.is_dir() {
            return Ok(());
        }
        let parent = folder.parent().unwrap_or(Path::new(""));
        self.make(parent)?;
        match self.disk.create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        self.unsettled.insert(parent.to_owned());
        Ok(())
    }
}

fn failed(what: &Path, error: io::Error) -> Error {
    Error::Write { what: what.display().to_string(), source: error }
}
