//! A file that a guest has open.

use std::fmt;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rustix::fs::{Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, fstat, futimens};
use serde::Serialize;

use super::folder::OpenHow;
use super::mount::Mount;
use super::space::{Quota, Space, Turn};
use super::{Fault, Handle, Metadata};
use crate::uses::Touch;

/// Bytes that one read gives at most: what it takes of the host's memory.
pub const READ_BYTES_MAX: usize = 64 << 10;
/// Bytes that a stream takes at once.
pub const WRITE_BYTES_MAX: usize = 64 << 10;
/// No file is larger: the kernel counts in signed numbers.
const FILE_BYTES_MAX: u64 = i64::MAX as u64;

/// What to set a time to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum NewTime {
    /// What it is.
    Same,
    /// The host's present time.
    Now,
    /// This.
    At(SystemTime),
}

/// Both times of a file as the kernel takes them.
pub(super) fn timestamps(accessed: NewTime, modified: NewTime) -> Result<Timestamps, Fault> {
    let timespec = |time| -> Result<Timespec, Fault> {
        Ok(match time {
            NewTime::Same => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            NewTime::Now => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
            NewTime::At(time) => {
                let since = time.duration_since(UNIX_EPOCH).map_err(|_| Fault::Overflow)?;
                let tv_sec = i64::try_from(since.as_secs()).map_err(|_| Fault::Overflow)?;
                Timespec { tv_sec, tv_nsec: since.subsec_nanos().into() }
            }
        })
    };
    Ok(Timestamps { last_access: timespec(accessed)?, last_modification: timespec(modified)? })
}

/// A file that a guest has open; streams hold it too.
#[derive(Clone)]
pub struct OpenFile {
    pub(super) mount: Arc<Mount>,
    held: Arc<Held>,
    read: bool,
    write: bool,
}

struct Held {
    file: std::fs::File,
    space: Arc<Space>,
    inode: u64,
    _handle: Handle,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.space.closed(self.inode, &self.file);
    }
}

impl fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenFile").field("mount", &self.mount).field("write", &self.write).finish_non_exhaustive()
    }
}

impl OpenFile {
    pub(super) fn new(
        mount: Arc<Mount>,
        space: Arc<Space>,
        turn: &Turn,
        file: std::fs::File,
        inode: u64,
        how: OpenHow,
        handle: Handle,
    ) -> Self {
        space.opened(turn, inode);
        let held = Arc::new(Held { file, space, inode, _handle: handle });
        Self { mount, held, read: how.read || !how.write, write: how.write }
    }

    /// Whether it was opened for reading.
    pub fn is_readable(&self) -> bool {
        self.read
    }

    /// Whether it was opened for writing.
    pub fn is_writable(&self) -> bool {
        self.write
    }

    /// Bytes from `offset` on, at most `count` and [`READ_BYTES_MAX`]; none at the end.
    ///
    /// # Errors
    ///
    /// [`Fault::BadDescriptor`] where it is not open for reading.
    pub async fn read(&self, count: u64, offset: u64) -> Result<Vec<u8>, Fault> {
        if !self.read {
            return Err(Fault::BadDescriptor);
        }
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(READ_BYTES_MAX);
        if offset > FILE_BYTES_MAX {
            return Ok(Vec::new());
        }
        let held = Arc::clone(&self.held);
        self.held
            .space
            .blocking(move || {
                let mut bytes = vec![0; count];
                let read = loop {
                    match held.file.read_at(&mut bytes, offset) {
                        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                        done => break done?,
                    }
                };
                bytes.truncate(read);
                Ok(bytes)
            })
            .await
    }

    /// Writes all of `bytes` at `offset`, at the end without one, or nothing.
    ///
    /// # Errors
    ///
    /// [`Fault::BadDescriptor`] where it is not open for writing, [`Fault::Quota`], [`Fault::FileTooLarge`].
    pub async fn write(&self, bytes: Bytes, offset: Option<u64>) -> Result<u64, Fault> {
        if !self.write {
            return Err(Fault::BadDescriptor);
        }
        self.mount.pass(Touch::Write)?;
        let turn = self.held.space.turn().await;
        let (file, quota) = (self.clone(), self.mount.quota());
        self.held
            .space
            .blocking(move || {
                let held = &file.held;
                let before = held.bytes()?;
                let offset = offset.unwrap_or(before);
                let end = offset.checked_add(bytes.len() as u64).filter(|end| *end <= FILE_BYTES_MAX);
                let end = end.ok_or(Fault::FileTooLarge)?;
                if bytes.is_empty() {
                    return Ok(0);
                }
                let effects = &file.mount.effects;
                if !effects.take_files_bytes(bytes.len() as u64, file.mount.handles.written_bytes_max) {
                    return Err(Fault::Quota);
                }
                let reserved = end.saturating_sub(before);
                if let Err(full) = held.space.grow(&turn, reserved, &quota) {
                    effects.give_back_files_bytes(bytes.len() as u64);
                    return Err(full);
                }
                let written = held.file.write_all_at(&bytes, offset);
                // After an error a part of it may be there.
                let after = if written.is_ok() { end.max(before) } else { held.bytes().unwrap_or(end.max(before)) };
                held.space.shrink(&turn, reserved.saturating_sub(after.saturating_sub(before)));
                written?;
                Ok(bytes.len() as u64)
            })
            .await
    }

    /// Cuts it to `bytes`, or makes it that long with zeroes, which count like any other bytes.
    ///
    /// # Errors
    ///
    /// As for [`OpenFile::write`].
    pub async fn set_size(&self, bytes: u64) -> Result<(), Fault> {
        if !self.write {
            return Err(Fault::BadDescriptor);
        }
        self.mount.pass(Touch::Write)?;
        let turn = self.held.space.turn().await;
        let (file, quota) = (self.clone(), self.mount.quota());
        self.held.space.blocking(move || file.resize(&turn, &quota, bytes)).await
    }

    pub(super) fn resize(&self, turn: &Turn, quota: &Quota, bytes: u64) -> Result<(), Fault> {
        if bytes > FILE_BYTES_MAX {
            return Err(Fault::FileTooLarge);
        }
        let before = self.held.bytes()?;
        let reserved = bytes.saturating_sub(before);
        self.held.space.grow(turn, reserved, quota)?;
        let resized = self.held.file.set_len(bytes);
        let excess = if resized.is_ok() { before.saturating_sub(bytes) } else { reserved };
        self.held.space.shrink(turn, excess);
        Ok(resized?)
    }

    /// Its metadata.
    ///
    /// # Errors
    ///
    /// [`Fault::Io`]
    pub fn metadata(&self) -> Result<Metadata, Fault> {
        self.look().map(|found| self.mount.facts.metadata(&found))
    }

    /// Of an open file the kernel has it at hand: no thread that may wait is needed.
    pub(super) fn look(&self) -> Result<Stat, Fault> {
        Ok(fstat(&self.held.file)?)
    }

    /// Sets its times.
    ///
    /// # Errors
    ///
    /// [`Fault::ReadOnly`], [`Fault::Overflow`] for a time that cannot be.
    pub async fn set_times(&self, accessed: NewTime, modified: NewTime) -> Result<(), Fault> {
        let set = async {
            self.mount.check_writable()?;
            self.mount.pass(Touch::Write)?;
            self.mount.used(Touch::Write);
            let times = timestamps(accessed, modified)?;
            let held = Arc::clone(&self.held);
            self.held.space.blocking(move || Ok(futimens(&held.file, &times)?)).await
        };
        self.mount.witness("set times", set.await)
    }

    /// Waits until what was written to it is on the disk, and its metadata where `metadata`.
    ///
    /// # Errors
    ///
    /// [`Fault::Io`]
    pub async fn sync(&self, metadata: bool) -> Result<(), Fault> {
        if !self.write {
            return Ok(());
        }
        let held = Arc::clone(&self.held);
        self.held
            .space
            .blocking(move || {
                if metadata { held.file.sync_all() } else { held.file.sync_data() }?;
                Ok(())
            })
            .await
    }
}

impl Held {
    fn bytes(&self) -> Result<u64, Fault> {
        Ok(u64::try_from(fstat(&self.file)?.st_size).unwrap_or(0))
    }
}
