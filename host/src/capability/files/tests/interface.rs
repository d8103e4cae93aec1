//! What a guest sees of it: the interface's words, its handles and its streams.

use bytes::Bytes;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host as _;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, Host as _, HostDescriptor, HostDirectoryEntryStream as _,
    OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsResult, StreamError};

use super::support::*;
use super::*;
use crate::policy::{Access, FilesGrant};

struct Guest {
    call: Call,
    table: ResourceTable,
}

impl Guest {
    fn new(world: &World, grants: Vec<FilesGrant>) -> Self {
        Self { call: world.call("acme", grants), table: ResourceTable::new() }
    }

    fn view(&mut self) -> FilesView<'_> {
        FilesView { table: &mut self.table, call: &mut self.call.files, line: None }
    }

    fn root(&mut self) -> Handle {
        let (root, _) = self.view().get_directories().unwrap().swap_remove(0);
        Handle(root.rep())
    }

    async fn open(&mut self, root: Handle, path: &str, flags: OpenFlags, access: DescriptorFlags) -> FsResult<Handle> {
        let opened = self.view().open_at(root.get(), PathFlags::empty(), path.into(), flags, access).await?;
        Ok(Handle(opened.rep()))
    }

    fn output(&mut self, stream: &Resource<DynOutputStream>) -> &mut DynOutputStream {
        self.table.get_mut(stream).unwrap()
    }

    fn input(&mut self, stream: &Resource<DynInputStream>) -> &mut DynInputStream {
        self.table.get_mut(stream).unwrap()
    }
}

/// A handle as the guest has it: a number.
#[derive(Clone, Copy)]
struct Handle(u32);

impl Handle {
    fn get(self) -> Resource<Descriptor> {
        Resource::new_borrow(self.0)
    }
}

fn code<T>(done: FsResult<T>) -> ErrorCode {
    match done {
        Ok(_) => panic!("done"),
        Err(error) => error.downcast().unwrap(),
    }
}

fn both() -> DescriptorFlags {
    DescriptorFlags::READ | DescriptorFlags::WRITE
}

#[tokio::test]
async fn faults_have_the_interface_s_words() {
    let world = World::new();
    let mut guest =
        Guest::new(&world, vec![grant("work", "/work", Access::ReadWrite), grant("work", "/r", Access::ReadOnly)]);
    let mounts = guest.view().get_directories().unwrap();
    let (root, read_only) = (Handle(mounts[0].0.rep()), Handle(mounts[1].0.rep()));
    let file = guest.open(root, "file", OpenFlags::CREATE, both()).await.unwrap();
    let none = OpenFlags::empty();
    assert_eq!(code(guest.open(root, "../x", none, DescriptorFlags::READ).await), ErrorCode::NotPermitted);
    assert_eq!(code(guest.open(root, "none", none, DescriptorFlags::READ).await), ErrorCode::NoEntry);
    assert_eq!(code(guest.open(file, "x", none, DescriptorFlags::READ).await), ErrorCode::NotDirectory);
    assert_eq!(
        code(guest.open(read_only, "file", OpenFlags::TRUNCATE, DescriptorFlags::READ).await),
        ErrorCode::ReadOnly
    );
    let sync = both() | DescriptorFlags::FILE_INTEGRITY_SYNC;
    assert_eq!(code(guest.open(root, "file", none, sync).await), ErrorCode::Unsupported);

    let mut view = guest.view();
    let link = view.link_at(root.get(), PathFlags::empty(), "file".into(), read_only.get(), "hard".into()).await;
    assert_eq!(code(link), ErrorCode::NotPermitted);
    assert_eq!(code(view.symlink_at(root.get(), "/etc".into(), "soft".into()).await), ErrorCode::NotPermitted);
    assert_eq!(code(view.readlink_at(root.get(), "file".into()).await), ErrorCode::Invalid);
    let moved = view.rename_at(root.get(), "file".into(), read_only.get(), "moved".into()).await;
    assert_eq!(code(moved), ErrorCode::ReadOnly);
    assert_eq!(code(view.read(root.get(), 1, 0).await), ErrorCode::BadDescriptor);
    assert_eq!(code(view.read_directory(file.get()).await), ErrorCode::NotDirectory);
    assert_eq!(code(view.set_size(file.get(), 1 << 40).await), ErrorCode::Quota);

    assert_eq!(view.get_flags(root.get()).await.unwrap(), DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY);
    assert_eq!(view.get_flags(read_only.get()).await.unwrap(), DescriptorFlags::READ);
    assert_eq!(view.get_flags(file.get()).await.unwrap(), both());
    assert_eq!(view.get_type(root.get()).await.unwrap(), DescriptorType::Directory);
    assert!(view.is_same_object(root.get(), read_only.get()).await.unwrap(), "two mounts of one volume");
    assert!(!view.is_same_object(root.get(), file.get()).await.unwrap());
}

#[tokio::test]
async fn a_handle_that_the_guest_has_not_is_a_trap_and_a_record_that_fails_a_stop() {
    let world = World::new();
    let mut guest = Guest::new(&world, vec![grant("work", "/work", Access::ReadWrite)]);
    let root = guest.root();
    assert!(guest.view().stat(Resource::new_borrow(77)).await.unwrap_err().downcast().is_err());
    guest.call.record.failures.store(1, Ordering::Relaxed);
    let stopped = guest.view().stat(root.get()).await.unwrap_err();
    let trap = guest.view().convert_error_code(stopped).unwrap_err();
    assert!(trap.is::<crate::capability::effects::Stop>(), "for the engine's verdict");
    let root = guest.view().get_directories().unwrap().swap_remove(0).0;
    let rep = root.rep();
    HostDescriptor::drop(&mut guest.view(), root).unwrap();
    assert!(guest.view().stat(Resource::new_borrow(rep)).await.unwrap_err().downcast().is_err());
}

#[tokio::test]
async fn streams_write_in_turn_count_and_tell_what_went_wrong() {
    let world = World::new();
    let mut guest = Guest::new(&world, vec![FilesGrant { bytes_max: 10, ..grant("work", "/work", Access::ReadWrite) }]);
    let root = guest.root();
    let file = guest.open(root, "file", OpenFlags::CREATE, both()).await.unwrap();
    let at = guest.view().write_via_stream(file.get(), 2).unwrap();
    let end = guest.view().append_via_stream(file.get()).unwrap();

    let output = guest.output(&at);
    assert_eq!(output.check_write().unwrap(), WRITE_BYTES_MAX);
    output.write(Bytes::from_static(b"abc")).unwrap();
    assert_eq!(output.check_write().unwrap(), 0, "one at a time");
    assert!(matches!(output.write(Bytes::from_static(b"x")), Err(StreamError::Trap(_))));
    let output = guest.output(&at);
    output.ready().await;
    output.write(Bytes::from_static(b"de")).unwrap();
    output.ready().await;
    output.flush().unwrap();
    let output = guest.output(&end);
    output.write(Bytes::from_static(b"fgh")).unwrap();
    output.ready().await;
    assert_eq!(guest.view().read(file.get(), 100, 0).await.unwrap(), (b"\0\0abcdefgh".to_vec(), false));
    // The quota is full: the write is taken and fails, and the guest can ask why.
    let output = guest.output(&end);
    output.write(Bytes::from_static(b"i")).unwrap();
    output.ready().await;
    let Err(StreamError::LastOperationFailed(error)) = output.check_write() else { panic!("no error") };
    assert!(matches!(output.check_write(), Err(StreamError::Closed)));
    let error = guest.table.push(error).unwrap();
    assert_eq!(guest.view().filesystem_error_code(error).unwrap(), Some(ErrorCode::Quota));
    assert!(matches!(guest.output(&at).write(Bytes::from(vec![0; WRITE_BYTES_MAX + 1])), Err(StreamError::Trap(_))));
    assert_eq!(guest.call.effects.usage().files_bytes_written, 8);
}

#[tokio::test]
async fn a_stream_that_is_dropped_has_written_what_it_took() {
    let world = World::new();
    let mut guest = Guest::new(&world, vec![grant("work", "/work", Access::ReadWrite)]);
    let root = guest.root();
    let file = guest.open(root, "file", OpenFlags::CREATE, both()).await.unwrap();
    let stream = guest.view().append_via_stream(file.get()).unwrap();
    let output = guest.output(&stream);
    output.write(Bytes::from_static(b"abc")).unwrap();
    output.cancel().await;
    guest.table.delete(stream).unwrap();
    assert_eq!(guest.view().read(file.get(), 100, 0).await.unwrap().0, b"abc");
}

#[tokio::test]
async fn streams_read_to_the_end_and_close() {
    let world = World::new();
    let mut guest = Guest::new(&world, vec![grant("work", "/work", Access::ReadWrite)]);
    let root = guest.root();
    let file = guest.open(root, "file", OpenFlags::CREATE, both()).await.unwrap();
    guest.view().write(file.get(), b"0123456789".to_vec(), 0).await.unwrap();
    let stream = guest.view().read_via_stream(file.get(), 3).unwrap();
    let input = guest.input(&stream);
    assert_eq!(input.blocking_read(4).await.unwrap(), "3456");
    assert!(input.read(2).unwrap().is_empty(), "begun, not there yet");
    input.ready().await;
    assert_eq!(input.read(1).unwrap(), "7");
    assert_eq!(input.blocking_read(0).await.unwrap(), "");
    assert_eq!(input.blocking_read(100).await.unwrap(), "8", "what was begun comes first");
    assert_eq!(input.blocking_read(100).await.unwrap(), "9");
    assert!(matches!(input.blocking_read(1).await, Err(StreamError::Closed)));
    assert_eq!(guest.view().read(file.get(), 1, 10).await.unwrap(), (Vec::new(), true));

    let write_only = guest.open(root, "file", OpenFlags::empty(), DescriptorFlags::WRITE).await.unwrap();
    assert_eq!(code(guest.view().read_via_stream(write_only.get(), 0)), ErrorCode::BadDescriptor);
    let read_only = guest.open(root, "file", OpenFlags::empty(), DescriptorFlags::READ).await.unwrap();
    assert_eq!(code(guest.view().write_via_stream(read_only.get(), 0)), ErrorCode::BadDescriptor);
    assert_eq!(code(guest.view().append_via_stream(read_only.get())), ErrorCode::BadDescriptor);
    assert_eq!(code(guest.view().append_via_stream(root.get())), ErrorCode::BadDescriptor);
}

#[tokio::test]
async fn a_folder_is_listed_entry_by_entry() {
    let world = World::new();
    let mut guest = Guest::new(&world, vec![grant("work", "/work", Access::ReadWrite)]);
    let root = guest.root();
    guest.view().create_directory_at(root.get(), "sub".into()).await.unwrap();
    guest.open(root, "file", OpenFlags::CREATE, both()).await.unwrap();
    let listing = guest.view().read_directory(root.get()).await.unwrap();
    let mut found = Vec::new();
    while let Some(entry) = guest.view().read_directory_entry(Resource::new_borrow(listing.rep())).await.unwrap() {
        found.push((entry.name, entry.type_));
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(found, [("file".into(), DescriptorType::RegularFile), ("sub".into(), DescriptorType::Directory)]);
}
