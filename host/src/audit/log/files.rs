//! Where a log's files lie in the blob store, and the one rule for them: a tile is created, never replaced.

use std::sync::Arc;

use bytes::Bytes;
use cofferdam_auditor::tile::BUNDLE_BYTES_MAX;
use object_store::path::Path as Location;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};

use super::Stop;
use crate::error::{Code, Error, Result};
use crate::id::TenantId;

/// The files of all logs of one journal. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Files {
    store: Arc<dyn ObjectStore>,
    incarnation: Arc<str>,
}

impl Files {
    pub(super) fn new(store: Arc<dyn ObjectStore>, incarnation: &str) -> Self {
        Self { store, incarnation: incarnation.into() }
    }

    /// `logs/<tenant>/<incarnation>/<name>`; a name may have slashes.
    fn location(&self, tenant: &TenantId, name: &str) -> Location {
        Location::from_iter(["logs", tenant.as_str(), &*self.incarnation].into_iter().chain(name.split('/')))
    }

    /// The file of this name; nothing where there is none.
    pub(super) async fn read(&self, tenant: &TenantId, name: &str) -> Result<Option<Bytes>> {
        let found = match self.store.get(&self.location(tenant, name)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        // No file of a log is longer than a bundle.
        if found.meta.size > BUNDLE_BYTES_MAX as u64 {
            return Err(failed(format_args!("{} is longer than a log's files are", found.meta.location)));
        }
        found.bytes().await.map(Some).map_err(failed)
    }

    /// Creates a file that never changes. Creating it again with the same bytes changes nothing.
    ///
    /// # Errors
    /// [`Stop::Final`] when other bytes are there: then there are two logs of the same name, and none is to grow.
    pub(super) async fn create(&self, tenant: &TenantId, name: &str, bytes: Vec<u8>) -> Result<(), Stop> {
        let at = self.location(tenant, name);
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let bytes = Bytes::from(bytes);
        match self.store.put_opts(&at, PutPayload::from(bytes.clone()), options).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => match self.read(tenant, name).await? {
                Some(there) if there == bytes => Ok(()),
                _ => Err(Stop::fork(format_args!("{at} holds other bytes than the journal gives"))),
            },
            Err(error) => Err(failed(error).into()),
        }
    }

    /// Writes a file in place of the one before.
    pub(super) async fn replace(&self, tenant: &TenantId, name: &str, text: String) -> Result<()> {
        let payload = PutPayload::from(text.into_bytes());
        self.store.put(&self.location(tenant, name), payload).await.map(drop).map_err(failed)
    }
}

/// A log's files cannot be read or written. The journal has everything, so that trying again loses nothing.
pub(super) fn failed(error: impl std::fmt::Display) -> Error {
    Error::new(Code::AuditUnavailable, "the log's files cannot be read or written")
        .next(
            "see that the disk which holds the data folder has room and may be written; the host tries again by itself",
        )
        .detail(error)
}
