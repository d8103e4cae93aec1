//! A folder that a guest has open, and what can be done below it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use cap_std::fs::{Dir, ReadDir};
use rustix::fs::{AtFlags, Stat, utimensat};
use serde::{Deserialize, Serialize};

use super::change::{Change, Spot};
use super::file::{NewTime, timestamps};
use super::mount::{Mount, Opened};
use super::path::Path;
use super::{Fault, Handle, Kind, Metadata, Node};
use crate::uses::Touch;

/// Entries of a folder that are read at once: what a listing holds of the host's memory.
const LISTED_AT_ONCE: usize = 64;

/// How to open a file or folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OpenHow {
    /// Make the file where there is none.
    pub create: bool,
    /// Fail where there is one.
    pub exclusive: bool,
    /// Only a folder will do.
    pub folder: bool,
    /// Make the file empty.
    pub truncate: bool,
    /// For reading; what is not for writing is for reading too.
    pub read: bool,
    /// For writing.
    pub write: bool,
}

impl OpenHow {
    fn changes(self) -> bool {
        self.create || self.truncate || self.write
    }
}

/// A folder that a guest has open. It stays the same folder when it is moved.
#[derive(Clone)]
pub struct Folder {
    pub(super) mount: Arc<Mount>,
    /// Absent: the mount's own, which is opened at its first use.
    held: Option<Arc<Held>>,
}

struct Held {
    folder: Arc<Dir>,
    _handle: Handle,
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Folder").field("mount", &self.mount).finish_non_exhaustive()
    }
}

impl Folder {
    /// The folder of `mount`.
    pub(super) fn root(mount: &Arc<Mount>) -> Self {
        Self { mount: Arc::clone(mount), held: None }
    }

    /// A folder below it, just opened.
    pub(super) fn below(mount: Arc<Mount>, folder: Arc<Dir>, handle: Handle) -> Self {
        Self { mount, held: Some(Arc::new(Held { folder, _handle: handle })) }
    }

    /// Whether something may be changed in it.
    pub fn is_writable(&self) -> bool {
        self.mount.is_writable()
    }

    /// Opens what is at `path`, or makes a file there.
    ///
    /// # Errors
    ///
    /// [`Fault::ReadOnly`] where `how` would change something on a read-only mount, before anything is looked at;
    /// [`Fault::Quota`] with too much open or too many files; and what the path says.
    pub async fn open(&self, path: &str, how: OpenHow) -> Result<Node, Fault> {
        let opened = async {
            if how.changes() {
                self.mount.check_writable()?;
            }
            if how.folder && (how.create || how.exclusive || how.truncate) {
                return Err(Fault::Invalid);
            }
            let path = Path::read(path)?;
            let handle = self.mount.handles.take()?;
            let access = if how.changes() { Touch::Write } else { Touch::Read };
            // The turn also for reading: whether a file is open decides how its removal counts.
            self.change(access, path, move |change, spot| change.open(&spot, how, handle)).await
        };
        self.mount.witness("open", opened.await)
    }

    /// Metadata of what is at `path`; of a link itself.
    ///
    /// # Errors
    ///
    /// What the path says.
    pub async fn metadata(&self, path: &str) -> Result<Metadata, Fault> {
        self.look(path).await.map(|found| self.mount.facts.metadata(&found))
    }

    /// The hash of [`Node::hash`], of what is at `path`.
    ///
    /// # Errors
    ///
    /// What the path says.
    pub async fn hash(&self, path: &str) -> Result<(u64, u64), Fault> {
        self.look(path).await.map(|found| self.mount.facts.hash(&found))
    }

    pub(super) async fn look(&self, path: &str) -> Result<Stat, Fault> {
        let found = async {
            let path = Path::read(path)?;
            self.with(Touch::Read, path, Spot::look).await
        };
        self.mount.witness("look", found.await)
    }

    /// Makes a folder.
    ///
    /// # Errors
    ///
    /// [`Fault::ReadOnly`], [`Fault::Quota`] with too many files, [`Fault::Exist`], and what the path says.
    pub async fn make_folder(&self, path: &str) -> Result<(), Fault> {
        let made = async {
            self.mount.check_writable()?;
            self.change(Touch::Write, Path::read(path)?, |change, spot| change.make_folder(&spot)).await
        };
        self.mount.witness("make a folder", made.await)
    }

    /// Removes a folder that is empty.
    ///
    /// # Errors
    ///
    /// [`Fault::ReadOnly`], [`Fault::NotEmpty`], [`Fault::NotDirectory`], and what the path says.
    pub async fn remove_folder(&self, path: &str) -> Result<(), Fault> {
        let removed = async {
            self.mount.check_writable()?;
            self.change(Touch::Write, Path::read(path)?, |change, spot| change.remove_folder(&spot)).await
        };
        self.mount.witness("remove a folder", removed.await)
    }

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// [`Fault::ReadOnly`], [`Fault::IsDirectory`], and what the path says.
    pub async fn remove_file(&self, path: &str) -> Result<(), Fault> {
        let removed = async {
            self.mount.check_writable()?;
            self.change(Touch::Write, Path::read(path)?, |change, spot| change.remove_file(&spot)).await
        };
        self.mount.witness("remove a file", removed.await)
    }

    /// Moves what is at `path` to `to_path` below `to`, in place of a file or an empty folder that is there.
    ///
    /// # Errors
    ///
    /// [`Fault::CrossDevice`] where `to` is not on the same mount, [`Fault::ReadOnly`], and what the paths say.
    pub async fn rename(&self, path: &str, to: &Self, to_path: &str) -> Result<(), Fault> {
        let renamed = async {
            self.mount.check_writable()?;
            to.mount.check_writable()?;
            if !Arc::ptr_eq(&self.mount, &to.mount) {
                return Err(Fault::CrossDevice);
            }
            let (path, to_path) = (Path::read(path)?, Path::read(to_path)?);
            let to = to.folder(&*to.mount.opened(Touch::Write).await?);
            self.change(Touch::Write, path, move |change, from| change.rename(&from, &Spot::find(&to, to_path)?)).await
        };
        self.mount.witness("rename", renamed.await)
    }

    /// Refuses to make a link, symbolic or hard, and has that recorded.
    ///
    /// # Errors
    ///
    /// [`Fault::Link`], always.
    pub fn refuse_link(&self) -> Result<(), Fault> {
        self.mount.witness("link", Err(Fault::Link))
    }

    /// Refuses to say where a link leads: it may name what lies outside of the volume.
    ///
    /// # Errors
    ///
    /// [`Fault::Link`] of a link, [`Fault::Invalid`] of anything else, and what the path says.
    pub async fn refuse_to_read_link(&self, path: &str) -> Result<(), Fault> {
        let is_link = Kind::of(&self.look(path).await?) == Kind::Link;
        self.mount.witness("read a link", Err(if is_link { Fault::Link } else { Fault::Invalid }))
    }

    /// Sets the times of what is at `path`.
    ///
    /// # Errors
    ///
    /// [`Fault::ReadOnly`], [`Fault::Overflow`] for a time that cannot be, and what the path says.
    pub async fn set_times(&self, path: &str, accessed: NewTime, modified: NewTime) -> Result<(), Fault> {
        let set = async {
            self.mount.check_writable()?;
            let times = timestamps(accessed, modified)?;
            let set = move |spot: &Spot| {
                spot.look()?;
                Ok(utimensat(&*spot.folder, spot.name(), &times, AtFlags::SYMLINK_NOFOLLOW)?)
            };
            self.with(Touch::Write, Path::read(path)?, set).await
        };
        self.mount.witness("set times", set.await)
    }

    /// Waits until what was made, moved and removed in it is on the disk.
    ///
    /// # Errors
    ///
    /// [`Fault::Io`]
    pub async fn sync(&self) -> Result<(), Fault> {
        if !self.is_writable() {
            return Ok(());
        }
        self.with(Touch::Write, Path::read(".")?, |spot| Ok(spot.folder.open(".")?.sync_all()?)).await
    }

    /// What is in it.
    ///
    /// # Errors
    ///
    /// [`Fault::Quota`] with too much open.
    pub async fn list(&self) -> Result<Listing, Fault> {
        let handle = self.mount.handles.take()?;
        let entries = self.with(Touch::Read, Path::read(".")?, |spot| Ok(spot.folder.entries()?)).await?;
        let opened = self.mount.opened(Touch::Read).await?;
        Ok(Listing { opened, entries: Some(entries), ready: VecDeque::new(), _handle: handle })
    }

    fn folder(&self, opened: &Opened) -> Arc<Dir> {
        Arc::clone(self.held.as_ref().map_or(&opened.root, |held| &held.folder))
    }

    /// Does `work` where `path` leads, changing nothing that is counted.
    async fn with<T: Send + 'static>(
        &self,
        access: Touch,
        path: Path,
        work: impl FnOnce(&Spot) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let opened = self.mount.opened(access).await?;
        let folder = self.folder(&opened);
        opened.space.blocking(move || work(&Spot::find(&folder, path)?)).await
    }

    /// Does `work` where `path` leads, in the volume's turn.
    async fn change<T: Send + 'static>(
        &self,
        access: Touch,
        path: Path,
        work: impl FnOnce(&Change, Spot) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let opened = self.mount.opened(access).await?;
        let folder = self.folder(&opened);
        let turn = opened.space.turn().await;
        let space = Arc::clone(&opened.space);
        let change = Change { mount: Arc::clone(&self.mount), quota: self.mount.quota(), opened, turn };
        space.blocking(move || work(&change, Spot::find(&folder, path)?)).await
    }
}

/// One thing in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

/// What is in a folder, read as it is asked for. Counts as something open.
pub struct Listing {
    opened: Arc<Opened>,
    entries: Option<ReadDir>,
    ready: VecDeque<Entry>,
    _handle: Handle,
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").field("ready", &self.ready).finish_non_exhaustive()
    }
}

impl Listing {
    /// The next entry, in no particular order. Names that are not text are left out: no guest made them or could name
    /// them.
    ///
    /// # Errors
    ///
    /// [`Fault::Io`]; the listing ends there.
    pub async fn next(&mut self) -> Result<Option<Entry>, Fault> {
        while self.ready.is_empty() {
            let Some(mut entries) = self.entries.take() else { return Ok(None) };
            let read = move || {
                let mut read = VecDeque::new();
                for entry in entries.by_ref().take(LISTED_AT_ONCE) {
                    let entry = entry?;
                    let kind = match entry.file_type()? {
                        kind if kind.is_file() => Kind::File,
                        kind if kind.is_dir() => Kind::Folder,
                        kind if kind.is_symlink() => Kind::Link,
                        _ => Kind::Other,
                    };
                    read.extend(entry.file_name().into_string().ok().map(|name| Entry { kind, name }));
                }
                Ok((read, entries))
            };
            let (read, rest) = self.opened.space.blocking(read).await?;
            if !read.is_empty() {
                self.entries = Some(rest);
            }
            self.ready = read;
        }
        Ok(self.ready.pop_front())
    }
}
