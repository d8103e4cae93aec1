//! Changing a volume, in its turn: each looks first, counts what will be there, and then does it. Waits for the disk.

use std::sync::Arc;

use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::fs::{AtFlags, Dir as Entries, Mode, OFlags, Stat, fstat, openat, statat};

use super::file::OpenFile;
use super::folder::{Folder, OpenHow};
use super::mount::{Mount, Opened};
use super::path::{PATH_BYTES_MAX, Path};
use super::space::{Quota, Turn};
use super::{Fault, Handle, Kind, Node};

/// Files are for the host's user alone.
const FILE_MODE: u32 = 0o600;
/// Folders too.
const FOLDER_MODE: u32 = 0o700;
/// A link that came after the look is an error, and nothing that is opened can make a thread wait (a pipe would).
const OPEN_FLAGS: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK);

/// Where a path leads: a name in a folder, and the folder is open.
pub(super) struct Spot {
    pub(super) folder: Arc<Dir>,
    /// Absent: the folder itself.
    name: Option<String>,
    /// Only a folder will do.
    is_folder: bool,
}

impl Spot {
    /// Goes along `path` from `folder`.
    pub(super) fn find(folder: &Arc<Dir>, path: Path) -> Result<Self, Fault> {
        let folder = if path.parent.is_empty() { Arc::clone(folder) } else { Arc::new(folder.open_dir(path.parent)?) };
        Ok(Self { folder, name: path.name, is_folder: path.is_folder })
    }

    /// The name, for what takes one.
    pub(super) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(".")
    }

    /// What is there, be it a link.
    pub(super) fn look(&self) -> Result<Stat, Fault> {
        let found = statat(&*self.folder, self.name(), AtFlags::SYMLINK_NOFOLLOW)?;
        if self.is_folder && Kind::of(&found) != Kind::Folder {
            return Err(Fault::NotDirectory);
        }
        Ok(found)
    }

    /// The same, or nothing.
    fn look_for(&self) -> Result<Option<Stat>, Fault> {
        match self.look() {
            Ok(found) => Ok(Some(found)),
            Err(Fault::NoEntry) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The name, for what cannot be done to a folder through itself.
    fn own_name(&self) -> Result<&str, Fault> {
        self.name.as_deref().ok_or(Fault::Invalid)
    }
}

/// A change of a volume.
pub(super) struct Change {
    pub(super) mount: Arc<Mount>,
    pub(super) opened: Arc<Opened>,
    pub(super) turn: Turn,
    pub(super) quota: Quota,
}

impl Change {
    pub(super) fn open(&self, spot: &Spot, how: OpenHow, handle: Handle) -> Result<Node, Fault> {
        let Some(found) = spot.look_for()? else {
            return if how.create { self.create(spot, how, handle) } else { Err(Fault::NoEntry) };
        };
        if how.exclusive && how.create {
            return Err(Fault::Exist);
        }
        match Kind::of(&found) {
            Kind::Folder if how.create || how.truncate || how.write => Err(Fault::IsDirectory),
            Kind::Folder => {
                let folder = match &spot.name {
                    Some(name) => Arc::new(spot.folder.open_dir(name)?),
                    None => Arc::clone(&spot.folder),
                };
                Ok(Node::Folder(Folder::below(Arc::clone(&self.mount), folder, handle)))
            }
            Kind::File if how.folder => Err(Fault::NotDirectory),
            Kind::File => {
                let file = self.open_file(spot, how, handle, false)?;
                if how.truncate {
                    file.resize(&self.turn, &self.quota, 0)?;
                }
                Ok(Node::File(file))
            }
            Kind::Link => Err(Fault::Loop),
            Kind::Other => Err(Fault::NotPermitted),
        }
    }

    fn create(&self, spot: &Spot, how: OpenHow, handle: Handle) -> Result<Node, Fault> {
        if spot.is_folder {
            return Err(Fault::IsDirectory);
        }
        self.check_room(spot)?;
        let space = &self.opened.space;
        space.add_file(&self.turn, &self.quota)?;
        let made = self.open_file(spot, how, handle, true);
        if made.is_err() {
            space.remove_file(&self.turn);
        }
        made.map(Node::File)
    }

    fn open_file(&self, spot: &Spot, how: OpenHow, handle: Handle, is_new: bool) -> Result<OpenFile, Fault> {
        let mut options = OpenOptions::new();
        // What a truncation or a creation needs of the host is not what the guest asked for.
        options.read(how.read || !how.write).write(how.write || how.truncate || is_new).create_new(is_new);
        options.mode(FILE_MODE).custom_flags(OPEN_FLAGS.bits().cast_signed());
        let file = spot.folder.open_with(spot.own_name()?, &options)?.into_std();
        let found = fstat(&file)?;
        if Kind::of(&found) != Kind::File {
            return Err(Fault::NotPermitted);
        }
        let (mount, space) = (Arc::clone(&self.mount), Arc::clone(&self.opened.space));
        Ok(OpenFile::new(mount, space, &self.turn, file, found.st_ino, how, handle))
    }

    pub(super) fn make_folder(&self, spot: &Spot) -> Result<(), Fault> {
        // As where it names anything else that there is.
        let name = spot.name.as_deref().ok_or(Fault::Exist)?;
        self.check_room(spot)?;
        let space = &self.opened.space;
        space.add_file(&self.turn, &self.quota)?;
        let mut builder = DirBuilder::new();
        let made = spot.folder.create_dir_with(name, builder.mode(FOLDER_MODE));
        if made.is_err() {
            space.remove_file(&self.turn);
        }
        Ok(made?)
    }

    pub(super) fn remove_folder(&self, spot: &Spot) -> Result<(), Fault> {
        spot.folder.remove_dir(spot.own_name()?)?;
        self.opened.space.remove_file(&self.turn);
        Ok(())
    }

    pub(super) fn remove_file(&self, spot: &Spot) -> Result<(), Fault> {
        let found = spot.look()?;
        if Kind::of(&found) == Kind::Folder {
            return Err(Fault::IsDirectory);
        }
        spot.folder.remove_file(spot.own_name()?)?;
        self.opened.space.removed(&self.turn, &found);
        Ok(())
    }

    pub(super) fn rename(&self, from: &Spot, to: &Spot) -> Result<(), Fault> {
        let (name, to_name) = (from.own_name()?, to.own_name()?);
        let found = from.look()?;
        let is_folder = Kind::of(&found) == Kind::Folder;
        if to.is_folder && !is_folder {
            return Err(Fault::NotDirectory);
        }
        let replaced = to.look_for()?;
        if let Some(replaced) = &replaced {
            if (replaced.st_dev, replaced.st_ino) == (found.st_dev, found.st_ino) {
                return Ok(());
            }
            match (is_folder, Kind::of(replaced) == Kind::Folder) {
                (true, false) => return Err(Fault::NotDirectory),
                (false, true) => return Err(Fault::IsDirectory),
                _ => {}
            }
        }
        let below = if is_folder { longest_path_bytes(from)? } else { 0 };
        self.check_path(to, below)?;
        from.folder.rename(name, &to.folder, to_name)?;
        match &replaced {
            // It was empty, else the rename would have failed.
            Some(_) if is_folder => self.opened.space.remove_file(&self.turn),
            Some(replaced) => self.opened.space.removed(&self.turn, replaced),
            None => {}
        }
        Ok(())
    }

    /// Whether something new may be at `spot`.
    fn check_room(&self, spot: &Spot) -> Result<(), Fault> {
        self.check_path(spot, 0)
    }

    /// Whether what is at `spot`, with paths of `below` bytes in it, is still within [`PATH_BYTES_MAX`].
    fn check_path(&self, spot: &Spot, below: usize) -> Result<(), Fault> {
        let bytes = self.opened.path_bytes(&spot.folder)? + 1 + spot.name().len() + below;
        if bytes > PATH_BYTES_MAX { Err(Fault::NameTooLong) } else { Ok(()) }
    }
}

/// The longest path below the folder at `spot`, in bytes, a slash before each name. Bounded by the volume's files and
/// by the length of paths, which is what it is here to keep.
fn longest_path_bytes(spot: &Spot) -> Result<usize, Fault> {
    let mut longest = 0;
    let mut ahead = vec![(String::from(spot.name()), 0)];
    while let Some((path, bytes)) = ahead.pop() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = openat(&*spot.folder, &path, flags, Mode::empty())?;
        for entry in Entries::new(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy();
            if matches!(&*name, "." | "..") {
                continue;
            }
            let bytes = bytes + 1 + entry.file_name().to_bytes().len();
            longest = longest.max(bytes);
            if entry.file_type().is_dir() {
                ahead.push((format!("{path}/{name}"), bytes));
            }
        }
    }
    Ok(longest)
}
