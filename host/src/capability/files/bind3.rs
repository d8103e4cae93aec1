//! `wasi:filesystem` 0.3, types and preopens: the volumes of 0.2, whose reads and writes are streams of the component
//! model. No call of a component of 0.3 has a tape, so nothing here is recorded.

mod stream;
mod words;

use tokio::sync::oneshot;
use wasmtime::component::{Access, Accessor, FutureReader, Linker, Resource, StreamReader};
use wasmtime_wasi::p3::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p3::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p3::filesystem::{FilesystemError, FilesystemResult};

use self::stream::{DirectoryProducer, FileConsumer, FileProducer};
use super::bind::{HasFiles, Held, trap};
use super::{Fault, FilesView, Folder, Node, OpenFile};

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
type Done = FutureReader<Result<(), ErrorCode>>;

impl From<Fault> for FilesystemError {
    fn from(fault: Fault) -> Self {
        match words::error_code(&fault) {
            Some(code) => code.into(),
            None => Self::trap(trap(fault)),
        }
    }
}

/// What handles lead to, for what goes on while others use the store.
trait Nodes {
    fn node(&self, handle: &Descriptor) -> Result<Node, Fault>;

    fn folder(&self, handle: &Descriptor) -> Result<Folder, Fault> {
        match self.node(handle)? {
            Node::Folder(folder) => Ok(folder),
            Node::File(_) => Err(Fault::NotDirectory),
        }
    }

    fn file(&self, handle: &Descriptor, otherwise: Fault) -> Result<OpenFile, Fault> {
        match self.node(handle)? {
            Node::File(file) => Ok(file),
            Node::Folder(_) => Err(otherwise),
        }
    }
}

impl<T> Nodes for Accessor<T, HasFiles> {
    fn node(&self, handle: &Descriptor) -> Result<Node, Fault> {
        self.with(|mut store| store.get().node(handle).cloned())
    }
}

impl preopens::Host for FilesView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Descriptor, String)>> {
        let mut given = Vec::new();
        for (folder, place) in self.call.mounts() {
            let node: Held<Node> = Some(Node::Folder(folder));
            given.push((Resource::new_own(self.table.push(node)?.rep()), place));
        }
        Ok(given)
    }
}

impl types::Host for FilesView<'_> {
    fn convert_error_code(&mut self, error: FilesystemError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }
}

impl types::HostDescriptor for FilesView<'_> {
    fn drop(&mut self, handle: Descriptor) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Held<Node>>::new_own(handle.rep()))?;
        Ok(())
    }
}

/// A future that is settled already, or a stop.
fn settled<T>(store: &mut Access<'_, T, HasFiles>, fault: Fault) -> wasmtime::Result<Done> {
    let code = words::error_code(&fault);
    let code = code.ok_or_else(|| trap(fault))?;
    FutureReader::new(store, async move { wasmtime::error::Ok(Err(code)) })
}

/// A file of the handle that can be used as `usable` says.
fn opened<T>(
    store: &mut Access<'_, T, HasFiles>,
    handle: &Descriptor,
    otherwise: Fault,
    usable: fn(&OpenFile) -> bool,
) -> Result<OpenFile, Fault> {
    match store.get().node(handle)? {
        Node::File(file) if usable(file) => Ok(file.clone()),
        Node::File(_) => Err(Fault::BadDescriptor),
        Node::Folder(_) => Err(otherwise),
    }
}

fn write<T>(
    mut store: Access<'_, T, HasFiles>,
    handle: &Descriptor,
    mut data: StreamReader<u8>,
    offset: Option<u64>,
) -> wasmtime::Result<Done> {
    match opened(&mut store, handle, Fault::BadDescriptor, OpenFile::is_writable) {
        Ok(file) => {
            let (done, is_done) = oneshot::channel();
            data.pipe(&mut store, FileConsumer::new(file, offset, done))?;
            FutureReader::new(&mut store, is_done)
        }
        Err(fault) => {
            data.close(&mut store)?;
            settled(&mut store, fault)
        }
    }
}

impl<T: Send> types::HostDescriptorWithStore<T> for HasFiles {
    fn read_via_stream(
        mut store: Access<'_, T, Self>,
        handle: Descriptor,
        offset: u64,
    ) -> wasmtime::Result<(StreamReader<u8>, Done)> {
        match opened(&mut store, &handle, Fault::IsDirectory, OpenFile::is_readable) {
            Ok(file) => {
                let (done, is_done) = oneshot::channel();
                let stream = StreamReader::new(&mut store, FileProducer::new(file, offset, done))?;
                Ok((stream, FutureReader::new(&mut store, is_done)?))
            }
            Err(fault) => {
                let stream = StreamReader::new(&mut store, std::iter::empty())?;
                Ok((stream, settled(&mut store, fault)?))
            }
        }
    }

    fn write_via_stream(
        store: Access<'_, T, Self>,
        handle: Descriptor,
        data: StreamReader<u8>,
        offset: u64,
    ) -> wasmtime::Result<Done> {
        write(store, &handle, data, Some(offset))
    }

    fn append_via_stream(
        store: Access<'_, T, Self>,
        handle: Descriptor,
        data: StreamReader<u8>,
    ) -> wasmtime::Result<Done> {
        write(store, &handle, data, None)
    }

    fn read_directory(
        mut store: Access<'_, T, Self>,
        handle: Descriptor,
    ) -> wasmtime::Result<(StreamReader<types::DirectoryEntry>, Done)> {
        let folder = match store.get().node(&handle) {
            Ok(Node::Folder(folder)) => Ok(folder.clone()),
            Ok(Node::File(_)) => Err(Fault::NotDirectory),
            Err(fault) => Err(fault),
        };
        match folder {
            Ok(folder) => {
                let (done, is_done) = oneshot::channel();
                let stream = StreamReader::new(&mut store, DirectoryProducer::new(folder, done))?;
                Ok((stream, FutureReader::new(&mut store, is_done)?))
            }
            Err(fault) => {
                let stream = StreamReader::new(&mut store, std::iter::empty())?;
                Ok((stream, settled(&mut store, fault)?))
            }
        }
    }

    async fn advise(
        store: &Accessor<T, Self>,
        handle: Descriptor,
        _: u64,
        _: u64,
        _: types::Advice,
    ) -> FilesystemResult<()> {
        // Advice that nobody follows: the page cache is every tenant's.
        Ok(store.file(&handle, Fault::BadDescriptor).map(drop)?)
    }

    async fn sync_data(store: &Accessor<T, Self>, handle: Descriptor) -> FilesystemResult<()> {
        Ok(match store.node(&handle)? {
            Node::File(file) => file.sync(false).await,
            Node::Folder(folder) => folder.sync().await,
        }?)
    }

    async fn sync(store: &Accessor<T, Self>, handle: Descriptor) -> FilesystemResult<()> {
        Ok(match store.node(&handle)? {
            Node::File(file) => file.sync(true).await,
            Node::Folder(folder) => folder.sync().await,
        }?)
    }

    async fn get_flags(store: &Accessor<T, Self>, handle: Descriptor) -> FilesystemResult<types::DescriptorFlags> {
        Ok(match store.node(&handle)? {
            Node::File(file) => words::flags(file.is_readable(), file.is_writable(), false),
            Node::Folder(folder) => words::flags(true, false, folder.is_writable()),
        })
    }

    async fn get_type(store: &Accessor<T, Self>, handle: Descriptor) -> FilesystemResult<types::DescriptorType> {
        Ok(match store.node(&handle)? {
            Node::File(_) => types::DescriptorType::RegularFile,
            Node::Folder(_) => types::DescriptorType::Directory,
        })
    }

    async fn set_size(store: &Accessor<T, Self>, handle: Descriptor, size: u64) -> FilesystemResult<()> {
        Ok(store.file(&handle, Fault::BadDescriptor)?.set_size(size).await?)
    }

    async fn set_times(
        store: &Accessor<T, Self>,
        handle: Descriptor,
        accessed: types::NewTimestamp,
        modified: types::NewTimestamp,
    ) -> FilesystemResult<()> {
        let (accessed, modified) = (words::new_time(accessed)?, words::new_time(modified)?);
        Ok(match store.node(&handle)? {
            Node::File(file) => file.set_times(accessed, modified).await,
            Node::Folder(folder) => folder.set_times(".", accessed, modified).await,
        }?)
    }

    async fn create_directory_at(store: &Accessor<T, Self>, handle: Descriptor, path: String) -> FilesystemResult<()> {
        Ok(store.folder(&handle)?.make_folder(&path).await?)
    }

    async fn stat(store: &Accessor<T, Self>, handle: Descriptor) -> FilesystemResult<types::DescriptorStat> {
        Ok(words::stat(&match store.node(&handle)? {
            Node::File(file) => file.metadata(),
            Node::Folder(folder) => folder.metadata(".").await,
        }?))
    }

    async fn stat_at(
        store: &Accessor<T, Self>,
        handle: Descriptor,
        _: types::PathFlags,
        path: String,
    ) -> FilesystemResult<types::DescriptorStat> {
        Ok(words::stat(&store.folder(&handle)?.metadata(&path).await?))
    }

    async fn set_times_at(
        store: &Accessor<T, Self>,
        handle: Descriptor,
        _: types::PathFlags,
        path: String,
        accessed: types::NewTimestamp,
        modified: types::NewTimestamp,
    ) -> FilesystemResult<()> {
        let (accessed, modified) = (words::new_time(accessed)?, words::new_time(modified)?);
        Ok(store.folder(&handle)?.set_times(&path, accessed, modified).await?)
    }

    async fn link_at(
        store: &Accessor<T, Self>,
        handle: Descriptor,
        _: types::PathFlags,
        _: String,
        to: Descriptor,
        _: String,
    ) -> FilesystemResult<()> {
        store.folder(&to)?;
        Ok(store.folder(&handle)?.refuse_link()?)
    }

    async fn open_at(
        store: &Accessor<T, Self>,
        handle: Descriptor,
        _: types::PathFlags,
        path: String,
        flags: types::OpenFlags,
        access: types::DescriptorFlags,
    ) -> FilesystemResult<Descriptor> {
        let how = words::open_how(flags, access)?;
        let node: Held<Node> = Some(store.folder(&handle)?.open(&path, how).await?);
        let pushed = store.with(|mut store| store.get().table.push(node)).map_err(Fault::from)?;
        Ok(Resource::new_own(pushed.rep()))
    }

    async fn readlink_at(store: &Accessor<T, Self>, handle: Descriptor, path: String) -> FilesystemResult<String> {
        store.folder(&handle)?.refuse_to_read_link(&path).await?;
        Err(ErrorCode::NotPermitted.into())
    }

    async fn remove_directory_at(store: &Accessor<T, Self>, handle: Descriptor, path: String) -> FilesystemResult<()> {
        Ok(store.folder(&handle)?.remove_folder(&path).await?)
    }

    async fn rename_at(
        store: &Accessor<T, Self>,
        handle: Descriptor,
        path: String,
        to: Descriptor,
        to_path: String,
    ) -> FilesystemResult<()> {
        let to = store.folder(&to)?;
        Ok(store.folder(&handle)?.rename(&path, &to, &to_path).await?)
    }

    async fn symlink_at(store: &Accessor<T, Self>, handle: Descriptor, _: String, _: String) -> FilesystemResult<()> {
        Ok(store.folder(&handle)?.refuse_link()?)
    }

    async fn unlink_file_at(store: &Accessor<T, Self>, handle: Descriptor, path: String) -> FilesystemResult<()> {
        Ok(store.folder(&handle)?.remove_file(&path).await?)
    }

    async fn is_same_object(store: &Accessor<T, Self>, one: Descriptor, other: Descriptor) -> wasmtime::Result<bool> {
        let same = async { store.node(&one)?.is_same(&store.node(&other)?).await };
        // There is no error to say that one of them cannot be looked at.
        same.await.or_else(|fault| match fault {
            Fault::Stop(stop) => Err(stop.into()),
            _ => Ok(false),
        })
    }

    async fn metadata_hash(
        store: &Accessor<T, Self>,
        handle: Descriptor,
    ) -> FilesystemResult<types::MetadataHashValue> {
        Ok(words::hash(store.node(&handle)?.hash().await?))
    }

    async fn metadata_hash_at(
        store: &Accessor<T, Self>,
        handle: Descriptor,
        _: types::PathFlags,
        path: String,
    ) -> FilesystemResult<types::MetadataHashValue> {
        Ok(words::hash(store.folder(&handle)?.hash(&path).await?))
    }
}
