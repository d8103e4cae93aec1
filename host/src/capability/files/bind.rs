//! `wasi:filesystem` 0.2, types and preopens.
//!
//! The generated traits are `wasmtime-wasi`'s, and so are the types that they name handles by; what the handles lead to
//! in the call's table is this module's own.

mod stream;
pub(super) mod words;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

pub(super) use self::stream::trap;
use self::stream::{FileReader, FileWriter};
use super::{Fault, FilesCall, Folder, Listing, Node, OpenFile};
use crate::capability::tape::{Line, ask, ask_now, question};

/// The call's share of the host as `wasi:filesystem` wants it.
#[derive(Debug)]
pub struct FilesView<'a> {
    /// The call's handles.
    pub table: &'a mut ResourceTable,
    /// The call's volumes.
    pub call: &'a mut FilesCall,
    /// The call's tape, where it has one: every answer about a volume is on it.
    pub line: Option<&'a Line>,
}

pub(super) struct HasFiles;

impl HasData for HasFiles {
    type Data<'a> = FilesView<'a>;
}

/// Links the two interfaces.
///
/// # Errors
///
/// Where one of them is linked already.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> FilesView<'_>,
) -> wasmtime::Result<()> {
    types::add_to_linker::<T, HasFiles>(linker, get)?;
    preopens::add_to_linker::<T, HasFiles>(linker, get)
}

type Descriptor = Resource<types::Descriptor>;
type EntryStream = Resource<types::DirectoryEntryStream>;

/// What a handle leads to. In a replay that is nothing: what it led to is told by the tape.
pub(super) type Held<T> = Option<T>;

/// A handle by the interface's type of it, as one by ours.
pub(super) fn own<T: 'static, U: 'static>(handle: &Resource<U>) -> Resource<T> {
    Resource::new_borrow(handle.rep())
}

impl FilesView<'_> {
    fn add(&mut self, node: Held<Node>) -> FsResult<Descriptor> {
        Ok(Resource::new_own(self.table.push(node)?.rep()))
    }

    pub(super) fn node<T: 'static>(&self, handle: &Resource<T>) -> Result<&Node, Fault> {
        self.table.get(&own::<Held<Node>, _>(handle))?.as_ref().ok_or(Fault::BadDescriptor)
    }

    fn folder(&self, handle: &Descriptor) -> Result<&Folder, Fault> {
        match self.node(handle)? {
            Node::Folder(folder) => Ok(folder),
            Node::File(_) => Err(Fault::NotDirectory),
        }
    }

    fn file(&self, handle: &Descriptor, otherwise: Fault) -> Result<&OpenFile, Fault> {
        match self.node(handle)? {
            Node::File(file) => Ok(file),
            Node::Folder(_) => Err(otherwise),
        }
    }

    /// A line of its own for a stream.
    fn stream_line(&self) -> Option<Line> {
        self.line.map(|line| line.tape().line())
    }
}

impl From<Fault> for FsError {
    fn from(fault: Fault) -> Self {
        match words::error_code(&fault) {
            Some(code) => code.into(),
            None => Self::trap(trap(fault)),
        }
    }
}

impl preopens::Host for FilesView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Descriptor, String)>> {
        let is_replay = self.line.is_some_and(|line| line.tape().is_replay());
        let folders: Vec<(Held<Node>, String)> = if is_replay {
            self.call.places().map(|place| (None, place.to_owned())).collect()
        } else {
            self.call.mounts().into_iter().map(|(folder, place)| (Some(Node::Folder(folder)), place)).collect()
        };
        let mut given = Vec::new();
        for (node, place) in folders {
            given.push((Resource::new_own(self.table.push(node)?.rep()), place));
        }
        Ok(given)
    }
}

impl types::Host for FilesView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<types::ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<types::ErrorCode>> {
        Ok(self.table.get(&error)?.downcast_ref::<Fault>().and_then(words::error_code))
    }
}

impl types::HostDescriptor for FilesView<'_> {
    fn read_via_stream(&mut self, handle: Descriptor, offset: u64) -> FsResult<Resource<DynInputStream>> {
        let mut opened = None;
        let question = question(self.line, "files.read-via-stream", &handle.rep());
        ask_now(question, || {
            let file = self.file(&handle, Fault::IsDirectory)?;
            opened = Some(file).filter(|file| file.is_readable()).cloned();
            if opened.is_some() { Ok(()) } else { Err(Fault::BadDescriptor) }
        })
        .map_err(Fault::from)??;
        let stream: DynInputStream = Box::new(FileReader::new(opened, offset, self.stream_line()));
        Ok(self.table.push(stream)?)
    }

    fn write_via_stream(&mut self, handle: Descriptor, offset: u64) -> FsResult<Resource<DynOutputStream>> {
        self.writer(&handle, Some(offset))
    }

    fn append_via_stream(&mut self, handle: Descriptor) -> FsResult<Resource<DynOutputStream>> {
        self.writer(&handle, None)
    }

    async fn advise(&mut self, handle: Descriptor, _: u64, _: u64, _: types::Advice) -> FsResult<()> {
        // Advice that nobody follows: the page cache is every tenant's.
        let question = question(self.line, "files.advise", &handle.rep());
        let file = self.file(&handle, Fault::BadDescriptor).map(drop);
        Ok(ask(question, async { file }).await?)
    }

    async fn sync_data(&mut self, handle: Descriptor) -> FsResult<()> {
        let question = question(self.line, "files.sync-data", &handle.rep());
        let node = self.node(&handle);
        let sync = async {
            match node? {
                Node::File(file) => file.sync(false).await,
                Node::Folder(folder) => folder.sync().await,
            }
        };
        Ok(ask(question, sync).await?)
    }

    async fn sync(&mut self, handle: Descriptor) -> FsResult<()> {
        let question = question(self.line, "files.sync", &handle.rep());
        let node = self.node(&handle);
        let sync = async {
            match node? {
                Node::File(file) => file.sync(true).await,
                Node::Folder(folder) => folder.sync().await,
            }
        };
        Ok(ask(question, sync).await?)
    }

    async fn get_flags(&mut self, handle: Descriptor) -> FsResult<types::DescriptorFlags> {
        let question = question(self.line, "files.get-flags", &handle.rep());
        let node = self.node(&handle);
        let look = async {
            Ok::<_, Fault>(match node? {
                Node::File(file) => (file.is_readable(), file.is_writable(), false),
                Node::Folder(folder) => (true, false, folder.is_writable()),
            })
        };
        let (read, write, change) = ask(question, look).await?;
        Ok(words::flags(read, write, change))
    }

    async fn get_type(&mut self, handle: Descriptor) -> FsResult<types::DescriptorType> {
        let question = question(self.line, "files.get-type", &handle.rep());
        let node = self.node(&handle);
        let look = async { node.map(|node| matches!(node, Node::File(_))) };
        let is_file = ask(question, look).await?;
        Ok(if is_file { types::DescriptorType::RegularFile } else { types::DescriptorType::Directory })
    }

    async fn set_size(&mut self, handle: Descriptor, size: u64) -> FsResult<()> {
        let question = question(self.line, "files.set-size", &(handle.rep(), size));
        let file = self.file(&handle, Fault::BadDescriptor);
        Ok(ask(question, async { file?.set_size(size).await }).await?)
    }

    async fn set_times(
        &mut self,
        handle: Descriptor,
        accessed: types::NewTimestamp,
        modified: types::NewTimestamp,
    ) -> FsResult<()> {
        let (accessed, modified) = (words::new_time(accessed)?, words::new_time(modified)?);
        let question = question(self.line, "files.set-times", &(handle.rep(), accessed, modified));
        let node = self.node(&handle);
        let set = async {
            match node? {
                Node::File(file) => file.set_times(accessed, modified).await,
                Node::Folder(folder) => folder.set_times(".", accessed, modified).await,
            }
        };
        Ok(ask(question, set).await?)
    }

    async fn read(&mut self, handle: Descriptor, length: u64, offset: u64) -> FsResult<(Vec<u8>, bool)> {
        let question = question(self.line, "files.read", &(handle.rep(), length, offset));
        let file = self.file(&handle, Fault::BadDescriptor);
        let read = async { file?.read(length, offset).await };
        let bytes = ask(question, read).await?;
        let is_end = bytes.is_empty() && length > 0;
        Ok((bytes, is_end))
    }

    async fn write(&mut self, handle: Descriptor, bytes: Vec<u8>, offset: u64) -> FsResult<u64> {
        let question = question(self.line, "files.write", &(handle.rep(), &bytes, offset));
        let file = self.file(&handle, Fault::BadDescriptor);
        let write = async { file?.write(bytes.into(), Some(offset)).await };
        Ok(ask(question, write).await?)
    }

    async fn read_directory(&mut self, handle: Descriptor) -> FsResult<EntryStream> {
        let question = question(self.line, "files.read-directory", &handle.rep());
        let mut listing: Held<Listing> = None;
        let folder = self.folder(&handle);
        let list = async {
            listing = Some(folder?.list().await?);
            Ok::<_, Fault>(())
        };
        ask(question, list).await?;
        Ok(Resource::new_own(self.table.push(listing)?.rep()))
    }

    async fn create_directory_at(&mut self, handle: Descriptor, path: String) -> FsResult<()> {
        let question = question(self.line, "files.create-directory", &(handle.rep(), &path));
        let folder = self.folder(&handle);
        Ok(ask(question, async { folder?.make_folder(&path).await }).await?)
    }

    async fn stat(&mut self, handle: Descriptor) -> FsResult<types::DescriptorStat> {
        let question = question(self.line, "files.stat", &handle.rep());
        let node = self.node(&handle);
        let look = async {
            match node? {
                Node::File(file) => file.metadata(),
                Node::Folder(folder) => folder.metadata(".").await,
            }
        };
        Ok(words::stat(&ask(question, look).await?))
    }

    async fn stat_at(
        &mut self,
        handle: Descriptor,
        _: types::PathFlags,
        path: String,
    ) -> FsResult<types::DescriptorStat> {
        let question = question(self.line, "files.stat-at", &(handle.rep(), &path));
        let folder = self.folder(&handle);
        Ok(words::stat(&ask(question, async { folder?.metadata(&path).await }).await?))
    }

    async fn set_times_at(
        &mut self,
        handle: Descriptor,
        _: types::PathFlags,
        path: String,
        accessed: types::NewTimestamp,
        modified: types::NewTimestamp,
    ) -> FsResult<()> {
        let (accessed, modified) = (words::new_time(accessed)?, words::new_time(modified)?);
        let question = question(self.line, "files.set-times-at", &(handle.rep(), &path, accessed, modified));
        let folder = self.folder(&handle);
        Ok(ask(question, async { folder?.set_times(&path, accessed, modified).await }).await?)
    }

    async fn link_at(
        &mut self,
        handle: Descriptor,
        _: types::PathFlags,
        _: String,
        to: Descriptor,
        _: String,
    ) -> FsResult<()> {
        let question = question(self.line, "files.link", &(handle.rep(), to.rep()));
        let (from, to) = (self.folder(&handle), self.folder(&to));
        let link = async {
            to?;
            from?.refuse_link()
        };
        Ok(ask(question, link).await?)
    }

    async fn open_at(
        &mut self,
        handle: Descriptor,
        _: types::PathFlags,
        path: String,
        flags: types::OpenFlags,
        access: types::DescriptorFlags,
    ) -> FsResult<Descriptor> {
        let how = words::open_how(flags, access)?;
        let question = question(self.line, "files.open", &(handle.rep(), &path, how));
        let mut opened: Held<Node> = None;
        let folder = self.folder(&handle);
        let open = async {
            opened = Some(folder?.open(&path, how).await?);
            Ok::<_, Fault>(())
        };
        ask(question, open).await?;
        self.add(opened)
    }

    async fn readlink_at(&mut self, handle: Descriptor, path: String) -> FsResult<String> {
        let question = question(self.line, "files.read-link", &(handle.rep(), &path));
        let folder = self.folder(&handle);
        ask(question, async { folder?.refuse_to_read_link(&path).await }).await?;
        Err(types::ErrorCode::NotPermitted.into())
    }

    async fn remove_directory_at(&mut self, handle: Descriptor, path: String) -> FsResult<()> {
        let question = question(self.line, "files.remove-directory", &(handle.rep(), &path));
        let folder = self.folder(&handle);
        Ok(ask(question, async { folder?.remove_folder(&path).await }).await?)
    }

    async fn rename_at(&mut self, handle: Descriptor, path: String, to: Descriptor, to_path: String) -> FsResult<()> {
        let question = question(self.line, "files.rename", &(handle.rep(), &path, to.rep(), &to_path));
        let (from, to) = (self.folder(&handle), self.folder(&to));
        let rename = async {
            let to = to?;
            from?.rename(&path, to, &to_path).await
        };
        Ok(ask(question, rename).await?)
    }

    async fn symlink_at(&mut self, handle: Descriptor, _: String, _: String) -> FsResult<()> {
        let question = question(self.line, "files.link", &handle.rep());
        let folder = self.folder(&handle);
        Ok(ask(question, async { folder?.refuse_link() }).await?)
    }

    async fn unlink_file_at(&mut self, handle: Descriptor, path: String) -> FsResult<()> {
        let question = question(self.line, "files.remove-file", &(handle.rep(), &path));
        let folder = self.folder(&handle);
        Ok(ask(question, async { folder?.remove_file(&path).await }).await?)
    }

    async fn is_same_object(&mut self, one: Descriptor, other: Descriptor) -> wasmtime::Result<bool> {
        let question = question(self.line, "files.is-same", &(one.rep(), other.rep()));
        let (one, other) = (self.node(&one), self.node(&other));
        let same = ask(question, async { one?.is_same(other?).await }).await;
        // There is no error to say that one of them cannot be looked at.
        same.or_else(|fault| match fault {
            Fault::Stop(stop) => Err(stop.into()),
            _ => Ok(false),
        })
    }

    async fn metadata_hash(&mut self, handle: Descriptor) -> FsResult<types::MetadataHashValue> {
        let question = question(self.line, "files.metadata-hash", &handle.rep());
        let node = self.node(&handle);
        Ok(words::hash(ask(question, async { node?.hash().await }).await?))
    }

    async fn metadata_hash_at(
        &mut self,
        handle: Descriptor,
        _: types::PathFlags,
        path: String,
    ) -> FsResult<types::MetadataHashValue> {
        let question = question(self.line, "files.metadata-hash-at", &(handle.rep(), &path));
        let folder = self.folder(&handle);
        Ok(words::hash(ask(question, async { folder?.hash(&path).await }).await?))
    }

    fn drop(&mut self, handle: Descriptor) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Held<Node>>::new_own(handle.rep()))?;
        Ok(())
    }
}

impl FilesView<'_> {
    fn writer(&mut self, handle: &Descriptor, offset: Option<u64>) -> FsResult<Resource<DynOutputStream>> {
        let mut opened = None;
        let question = question(self.line, "files.write-via-stream", &handle.rep());
        ask_now(question, || {
            let file = self.file(handle, Fault::BadDescriptor)?;
            opened = Some(file).filter(|file| file.is_writable()).cloned();
            if opened.is_some() { Ok(()) } else { Err(Fault::BadDescriptor) }
        })
        .map_err(Fault::from)??;
        let stream: DynOutputStream = Box::new(FileWriter::new(opened, offset, self.stream_line()));
        Ok(self.table.push(stream)?)
    }
}

impl types::HostDirectoryEntryStream for FilesView<'_> {
    async fn read_directory_entry(&mut self, stream: EntryStream) -> FsResult<Option<types::DirectoryEntry>> {
        let question = question(self.line, "files.read-directory-entry", &stream.rep());
        let listing = self.table.get_mut(&own::<Held<Listing>, _>(&stream))?;
        let next = async {
            match listing {
                Some(listing) => listing.next().await,
                None => Ok(None),
            }
        };
        Ok(ask(question, next).await?.map(words::entry))
    }

    fn drop(&mut self, stream: EntryStream) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Held<Listing>>::new_own(stream.rep()))?;
        Ok(())
    }
}
