//! Volumes for guests: which a call may use, where it finds them, and that neither paths nor quotas have a way around.
//!
//! `wasmtime-wasi`'s filesystem has no hook: its files and streams write where and as much as the disk takes. A wrapper
//! could count only by looking at a file before and after each write, and would still have to make streams of its own;
//! so `wasi:filesystem` is served here from the ground, over `cap-std`, which resolves every path beneath a folder's
//! descriptor. That also leaves out what a tool has no use for and what advisories have been about:
//!
//! - Links are neither made nor opened. A hard link or a rename between two mounts could carry a file to where it may
//!   be written: both are refused, for the same volume too.
//! - Truncating, creating and opening for writing are checked against the mount before anything is opened.
//! - A path that ends in a slash names a folder or nothing.
//!
//! Quotas are the volume's, not the call's (`space`): every change of a volume has its turn, and counts what grew.

mod bind;
mod bind3;
mod change;
mod fault;
mod file;
mod folder;
mod mount;
mod path;
mod scratch;
mod space;
#[cfg(test)]
mod tests;

pub use self::bind::{FilesView, add_to_linker};
pub use self::bind3::add_to_linker as add_to_linker_3;
pub use self::fault::Fault;
pub use self::file::{NewTime, OpenFile, READ_BYTES_MAX, WRITE_BYTES_MAX};
pub use self::folder::{Entry, Folder, Listing, OpenHow};
pub use self::mount::Mount;
pub use self::space::Files;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{FileType, Stat};
use serde::{Deserialize, Serialize};

use super::clock;
use super::effects::Effects;
use crate::id::TenantId;
use crate::limits::CallLimits;
use crate::policy::Grants;

/// What a file or a folder is to a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, put there by someone else.
    Link,
    /// Anything else, put there by someone else.
    Other,
}

impl Kind {
    fn of(found: &Stat) -> Self {
        match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Folder,
            FileType::Symlink => Self::Link,
            _ => Self::Other,
        }
    }
}

/// What a guest may know of a file or a folder. Not when it was read or its attributes changed: whose reads and
/// changes these were is another call's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// Bytes of a file; 0 of anything else.
    pub bytes: u64,
    /// When its content last changed, no finer than the call's clock.
    pub modified: SystemTime,
}

/// Something that a guest has open.
#[derive(Debug, Clone)]
pub enum Node {
    /// A folder.
    Folder(Folder),
    /// A file.
    File(OpenFile),
}

impl Node {
    /// Whether both are the same file or folder.
    ///
    /// # Errors
    ///
    /// When one cannot be looked at.
    pub async fn is_same(&self, other: &Self) -> Result<bool, Fault> {
        let (one, other) = (self.identity().await?, other.identity().await?);
        Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
    }

    /// A number for the file or folder, the same for as long as the call runs and of no use after it.
    ///
    /// # Errors
    ///
    /// When it cannot be looked at.
    pub async fn hash(&self) -> Result<(u64, u64), Fault> {
        let found = self.identity().await?;
        let (Self::Folder(Folder { mount, .. }) | Self::File(OpenFile { mount, .. })) = self;
        Ok(mount.facts.hash(&found))
    }

    async fn identity(&self) -> Result<Stat, Fault> {
        match self {
            Self::Folder(folder) => folder.look(".").await,
            Self::File(file) => file.look(),
        }
    }
}

/// What of the call decides what its guest sees of metadata.
#[derive(Debug, Clone)]
struct Facts {
    /// Host inode numbers go through a hash with this call's own keys.
    keys: RandomState,
    /// How fine a time may be.
    step: Duration,
}

impl Facts {
    fn hash(&self, found: &Stat) -> (u64, u64) {
        let half = |which: u8| self.keys.hash_one((which, found.st_dev, found.st_ino));
        (half(0), half(1))
    }

    fn metadata(&self, found: &Stat) -> Metadata {
        let kind = Kind::of(found);
        let bytes = if kind == Kind::File { u64::try_from(found.st_size).unwrap_or(0) } else { 0 };
        let seconds = u64::try_from(found.st_mtime).unwrap_or(0);
        let nanoseconds = u32::try_from(found.st_mtime_nsec).unwrap_or(0).min(999_999_999);
        let modified = UNIX_EPOCH + clock::floor(Duration::new(seconds, nanoseconds), self.step);
        Metadata { kind, bytes, modified }
    }
}

/// How many files and folders a call has open, and what it may write.
#[derive(Debug)]
struct Handles {
    open: AtomicU64,
    open_max: u64,
    written_bytes_max: u64,
}

/// One of them; dropping it gives it back.
#[derive(Debug)]
struct Handle(Arc<Handles>);

impl Handles {
    fn take(self: &Arc<Self>) -> Result<Handle, Fault> {
        let more = |open: u64| Some(open + 1).filter(|open| *open <= self.open_max);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).map_err(|_| Fault::Quota)?;
        Ok(Handle(Arc::clone(self)))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One call's volumes. Nothing is touched before the first use of one.
#[derive(Debug)]
pub struct FilesCall {
    files: Option<Files>,
    grants: Arc<Grants>,
    tenant: TenantId,
    effects: Arc<Effects>,
    open_max: u64,
    written_bytes_max: u64,
    step: Duration,
    mounts: Option<Vec<Arc<Mount>>>,
}

impl FilesCall {
    /// The volumes of `tenant` that `grants` name; times are cut to `step`.
    pub fn new(
        files: Option<&Files>,
        grants: &Arc<Grants>,
        limits: &CallLimits,
        tenant: &TenantId,
        step: Duration,
        effects: Arc<Effects>,
    ) -> Self {
        Self {
            files: files.filter(|_| !grants.files.is_empty()).cloned(),
            grants: Arc::clone(grants),
            tenant: tenant.clone(),
            effects,
            open_max: limits.files_open,
            written_bytes_max: limits.files_written_bytes,
            step,
            mounts: None,
        }
    }

    /// Where the guest finds the call's folders.
    fn places(&self) -> impl Iterator<Item = &str> {
        self.grants.files.iter().map(|grant| grant.mount.as_str())
    }

    /// The call's folders and where the guest finds them; none without a grant.
    pub fn mounts(&mut self) -> Vec<(Folder, String)> {
        let mounts = self.mounts.get_or_insert_with(|| {
            let Some(files) = &self.files else { return Vec::new() };
            let facts = Facts { keys: RandomState::new(), step: self.step };
            let (open_max, written_bytes_max) = (self.open_max, self.written_bytes_max);
            let handles = Arc::new(Handles { open: AtomicU64::new(0), open_max, written_bytes_max });
            let mount = |grant| {
                let (effects, handles) = (Arc::clone(&self.effects), Arc::clone(&handles));
                Arc::new(Mount::new(files, grant, &self.tenant, effects, handles, facts.clone()))
            };
            self.grants.files.iter().map(mount).collect()
        });
        mounts.iter().map(|mount| (Folder::root(mount), mount.place().to_owned())).collect()
    }
}
