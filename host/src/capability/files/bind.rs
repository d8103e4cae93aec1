//! `wasi:filesystem` 0.2, types and preopens.
//!
//! The generated traits are `wasmtime-wasi`'s, and so are the types that they name handles by; what the handles lead to
//! in the call's table is this module's own.

mod stream;
mod words;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use self::stream::{FileReader, FileWriter};
use super::{Fault, FilesCall, Folder, Listing, Node, OpenFile};

/// The call's share of the host as `wasi:filesystem` wants it.
#[derive(Debug)]
pub struct FilesView<'a> {
    /// The call's handles.
    pub table: &'a mut ResourceTable,
    /// The call's volumes.
    pub call: &'a mut FilesCall,
}

struct HasFiles;

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

/// A handle by the interface's type of it, as one by ours.
fn own<T: 'static, U: 'static>(handle: &Resource<U>) -> Resource<T> {
    Resource::new_borrow(handle.rep())
}

impl FilesView<'_> {
    fn add(&mut self, node: Node) -> FsResult<Descriptor> {
        Ok(Resource::new_own(self.table.push(node)?.rep()))
    }

    fn node(&self, handle: &Descriptor) -> FsResult<&Node> {
        Ok(self.table.get(&own(handle))?)
    }

    fn folder(&self, handle: &Descriptor) -> FsResult<&Folder> {
        match self.node(handle)? {
            Node::Folder(folder) => Ok(folder),
            Node::File(_) => Err(types::ErrorCode::NotDirectory.into()),
        }
    }

    fn file(&self, handle: &Descriptor, otherwise: types::ErrorCode) -> FsResult<&OpenFile> {
        match self.node(handle)? {
            Node::File(file) => Ok(file),
            Node::Folder(_) => Err(otherwise.into()),
        }
    }
}

impl From<Fault> for FsError {
    fn from(fault: Fault) -> Self {
        match words::error_code(&fault) {
            Some(code) => code.into(),
            None => Self::trap(stream::trap(fault)),
        }
    }
}

impl preopens::Host for FilesView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Descriptor, String)>> {
        let mut given = Vec::new();
        for (folder, place) in self.call.mounts() {
            let handle = self.table.push(Node::Folder(folder))?;
            given.push((Resource::new_own(handle.rep()), place));
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
        let file = self.file(&handle, types::ErrorCode::IsDirectory)?;
        if !file.is_readable() {
            return Err(types::ErrorCode::BadDescriptor.into());
        }
        let stream: DynInputStream = Box::new(FileReader::new(file.clone(), offset));
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
        self.file(&handle, types::ErrorCode::BadDescriptor)?;
        Ok(())
    }

    async fn sync_data(&mut self, handle: Descriptor) -> FsResult<()> {
        match self.node(&handle)? {
            Node::File(file) => file.sync(false).await?,
            Node::Folder(folder) => folder.sync().await?,
        }
        Ok(())
    }

    async fn sync(&mut self, handle: Descriptor) -> FsResult<()> {
        match self.node(&handle)? {
            Node::File(file) => file.sync(true).await?,
            Node::Folder(folder) => folder.sync().await?,
        }
        Ok(())
    }

    async fn get_flags(&mut self, handle: Descriptor) -> FsResult<types::DescriptorFlags> {
        Ok(match self.node(&handle)? {
            Node::File(file) => words::flags(file.is_readable(), file.is_writable(), false),
            Node::Folder(folder) => words::flags(true, false, folder.is_writable()),
        })
    }

    async fn get_type(&mut self, handle: Descriptor) -> FsResult<types::DescriptorType> {
        Ok(match self.node(&handle)? {
            Node::File(_) => types::DescriptorType::RegularFile,
            Node::Folder(_) => types::DescriptorType::Directory,
        })
    }

    async fn set_size(&mut self, handle: Descriptor, size: u64) -> FsResult<()> {
        Ok(self.file(&handle, types::ErrorCode::BadDescriptor)?.set_size(size).await?)
    }

    async fn set_times(
        &mut self,
        handle: Descriptor,
        accessed: types::NewTimestamp,
        modified: types::NewTimestamp,
    ) -> FsResult<()> {
        let (accessed, modified) = (words::new_time(accessed)?, words::new_time(modified)?);
        match self.node(&handle)? {
            Node::File(file) => file.set_times(accessed, modified).await?,
            Node::Folder(folder) => folder.set_times(".", accessed, modified).await?,
        }
        Ok(())
    }

    async fn read(&mut self, handle: Descriptor, length: u64, offset: u64) -> FsResult<(Vec<u8>, bool)> {
        let bytes = self.file(&handle, types::ErrorCode::BadDescriptor)?.read(length, offset).await?;
        let is_end = bytes.is_empty() && length > 0;
        Ok((bytes, is_end))
    }

    async fn write(&mut self, handle: Descriptor, bytes: Vec<u8>, offset: u64) -> FsResult<u64> {
        Ok(self.file(&handle, types::ErrorCode::BadDescriptor)?.write(bytes.into(), Some(offset)).await?)
    }

    async fn read_directory(&mut self, handle: Descriptor) -> FsResult<EntryStream> {
        let listing = self.folder(&handle)?.list().await?;
        Ok(Resource::new_own(self.table.push(listing)?.rep()))
    }

    async fn create_directory_at(&mut self, handle: Descriptor, path: String) -> FsResult<()> {
        Ok(self.folder(&handle)?.make_folder(&path).await?)
    }

    async fn stat(&mut self, handle: Descriptor) -> FsResult<types::DescriptorStat> {
        let metadata = match self.node(&handle)? {
            Node::File(file) => file.metadata()?,
            Node::Folder(folder) => folder.metadata(".").await?,
        };
        Ok(words::stat(&metadata))
    }

    async fn stat_at(
        &mut self,
        handle: Descriptor,
        _: types::PathFlags,
        path: String,
    ) -> FsResult<types::DescriptorStat> {
        Ok(words::stat(&self.folder(&handle)?.metadata(&path).await?))
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
        Ok(self.folder(&handle)?.set_times(&path, accessed, modified).await?)
    }

    async fn link_at(
        &mut self,
        handle: Descriptor,
        _: types::PathFlags,
        _: String,
        to: Descriptor,
        _: String,
    ) -> FsResult<()> {
        self.folder(&to)?;
        Ok(self.folder(&handle)?.refuse_link()?)
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
        let node = self.folder(&handle)?.open(&path, how).await?;
        self.add(node)
    }

    async fn readlink_at(&mut self, handle: Descriptor, path: String) -> FsResult<String> {
        self.folder(&handle)?.refuse_to_read_link(&path).await?;
        Err(types::ErrorCode::NotPermitted.into())
    }

    async fn remove_directory_at(&mut self, handle: Descriptor, path: String) -> FsResult<()> {
        Ok(self.folder(&handle)?.remove_folder(&path).await?)
    }

    async fn rename_at(&mut self, handle: Descriptor, path: String, to: Descriptor, to_path: String) -> FsResult<()> {
        let to = self.folder(&to)?;
        Ok(self.folder(&handle)?.rename(&path, to, &to_path).await?)
    }

    async fn symlink_at(&mut self, handle: Descriptor, _: String, _: String) -> FsResult<()> {
        Ok(self.folder(&handle)?.refuse_link()?)
    }

    async fn unlink_file_at(&mut self, handle: Descriptor, path: String) -> FsResult<()> {
        Ok(self.folder(&handle)?.remove_file(&path).await?)
    }

    async fn is_same_object(&mut self, one: Descriptor, other: Descriptor) -> wasmtime::Result<bool> {
        let (one, other) = (self.table.get(&own::<Node, _>(&one))?, self.table.get(&own::<Node, _>(&other))?);
        // There is no error to say that one of them cannot be looked at.
        one.is_same(other).await.or_else(|fault| match fault {
            Fault::Stop(stop) => Err(stop.into()),
            _ => Ok(false),
        })
    }

    async fn metadata_hash(&mut self, handle: Descriptor) -> FsResult<types::MetadataHashValue> {
        Ok(words::hash(self.node(&handle)?.hash().await?))
    }

    async fn metadata_hash_at(
        &mut self,
        handle: Descriptor,
        _: types::PathFlags,
        path: String,
    ) -> FsResult<types::MetadataHashValue> {
        Ok(words::hash(self.folder(&handle)?.hash(&path).await?))
    }

    fn drop(&mut self, handle: Descriptor) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Node>::new_own(handle.rep()))?;
        Ok(())
    }
}

impl FilesView<'_> {
    fn writer(&mut self, handle: &Descriptor, offset: Option<u64>) -> FsResult<Resource<DynOutputStream>> {
        let file = self.file(handle, types::ErrorCode::BadDescriptor)?;
        if !file.is_writable() {
            return Err(types::ErrorCode::BadDescriptor.into());
        }
        let stream: DynOutputStream = Box::new(FileWriter::new(file.clone(), offset));
        Ok(self.table.push(stream)?)
    }
}

impl types::HostDirectoryEntryStream for FilesView<'_> {
    async fn read_directory_entry(&mut self, stream: EntryStream) -> FsResult<Option<types::DirectoryEntry>> {
        let listing = self.table.get_mut(&own::<Listing, _>(&stream))?;
        Ok(listing.next().await?.map(words::entry))
    }

    fn drop(&mut self, stream: EntryStream) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Listing>::new_own(stream.rep()))?;
        Ok(())
    }
}
