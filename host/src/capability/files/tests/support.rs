//! Volumes and calls for the tests.

use std::path::PathBuf;

use bytes::Bytes;

use super::*;
use crate::capability::StorageQuotas;
use crate::capability::effects::tests::{Record, recorded};
use crate::policy::{Access, FilesGrant, Grant};
use crate::storage::{DataFolder, Volume, Volumes};

/// A host's volumes, and what its calls may do.
pub(super) struct World {
    data: tempfile::TempDir,
    pub(super) volumes: Volumes,
    pub(super) quotas: Arc<StorageQuotas>,
    pub(super) files: Files,
    pub(super) limits: CallLimits,
}

pub(super) struct Call {
    pub(super) record: Arc<Record>,
    pub(super) effects: Arc<Effects>,
    pub(super) files: FilesCall,
}

pub(super) fn grant(volume: &str, mount: &str, access: Access) -> FilesGrant {
    FilesGrant { volume: volume.to_owned(), mount: mount.to_owned(), access, bytes_max: 10_000, files_max: 100 }
}

impl World {
    pub(super) fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let volumes = Volumes::new(&DataFolder::open(data.path()).unwrap());
        let quotas = Arc::<StorageQuotas>::default();
        let files = Files::new(volumes.clone(), Arc::clone(&quotas));
        Self { data, volumes, quotas, files, limits: CallLimits::default() }
    }

    pub(super) fn call(&self, tenant: &str, grants: Vec<FilesGrant>) -> Call {
        let (record, effects) = recorded();
        let files = grants.into_iter().map(Grant::for_test).collect();
        let grants = Arc::new(Grants { files, ..Grants::none() });
        let (tenant, step) = (tenant.parse().unwrap(), Duration::from_secs(1));
        let files = FilesCall::new(Some(&self.files), &grants, &self.limits, &tenant, step, Arc::clone(&effects));
        Call { record, effects, files }
    }

    /// A call of acme with the volume `work` to write, and its folder.
    pub(super) fn writer(&self) -> (Call, Folder) {
        self.writer_of(grant("work", "/work", Access::ReadWrite))
    }

    pub(super) fn writer_of(&self, grant: FilesGrant) -> (Call, Folder) {
        let mut call = self.call("acme", vec![grant]);
        let root = call.root();
        (call, root)
    }

    /// The same volume, to read.
    pub(super) fn reader(&self) -> (Call, Folder) {
        self.writer_of(grant("work", "/work", Access::ReadOnly))
    }

    /// Where the host keeps a volume.
    pub(super) fn path(&self, tenant: &str, volume: &str) -> PathBuf {
        self.volumes.open(&tenant.parse().unwrap(), &volume.parse::<Volume>().unwrap()).unwrap()
    }

    /// Where the host keeps all volumes of a tenant, if it has any.
    pub(super) fn volumes_folder(&self, tenant: &str) -> PathBuf {
        DataFolder::open(self.data.path()).unwrap().volumes().join(tenant)
    }

    /// The data folder.
    pub(super) fn folder(&self) -> DataFolder {
        DataFolder::open(self.data.path()).unwrap()
    }

    /// Bytes and files that are really there.
    pub(super) fn measured(&self, tenant: &str, volume: &str) -> (u64, u64) {
        let usage = self.volumes.usage(&tenant.parse().unwrap(), &volume.parse().unwrap()).unwrap();
        (usage.bytes, usage.files)
    }
}

impl Call {
    pub(super) fn root(&mut self) -> Folder {
        self.files.mounts().swap_remove(0).0
    }

    pub(super) fn denials(&self) -> Vec<(String, String)> {
        self.record.denied.lock().iter().map(|denied| (denied.action.clone(), denied.rule.clone())).collect()
    }
}

pub(super) const READ: OpenHow =
    OpenHow { create: false, exclusive: false, folder: false, truncate: false, read: true, write: false };
pub(super) const WRITE: OpenHow = OpenHow { create: true, read: true, write: true, ..READ };

pub(super) async fn file(folder: &Folder, path: &str, how: OpenHow) -> Result<OpenFile, Fault> {
    match folder.open(path, how).await? {
        Node::File(file) => Ok(file),
        Node::Folder(_) => panic!("{path:?} is a folder"),
    }
}

pub(super) async fn folder(folder: &Folder, path: &str) -> Result<Folder, Fault> {
    match folder.open(path, READ).await? {
        Node::Folder(folder) => Ok(folder),
        Node::File(_) => panic!("{path:?} is a file"),
    }
}

/// Makes the file at `path`, or makes it longer, with these bytes at its beginning.
pub(super) async fn write(folder: &Folder, path: &str, bytes: &[u8]) -> Result<(), Fault> {
    file(folder, path, WRITE).await?.write(Bytes::copy_from_slice(bytes), Some(0)).await.map(drop)
}

pub(super) async fn read(folder: &Folder, path: &str) -> Result<Vec<u8>, Fault> {
    file(folder, path, READ).await?.read(1_000, 0).await
}

/// The names in a folder.
pub(super) async fn names(folder: &Folder) -> Vec<String> {
    let mut listing = folder.list().await.unwrap();
    let mut names = Vec::new();
    while let Some(entry) = listing.next().await.unwrap() {
        names.push(entry.name);
    }
    names.sort_unstable();
    names
}

/// What a fault is, by its name.
pub(super) fn fault<T>(done: Result<T, Fault>) -> String {
    match done {
        Ok(_) => "done".to_owned(),
        Err(fault) => format!("{fault:?}"),
    }
}
