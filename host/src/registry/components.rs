//! Components as they were uploaded, by tenant and digest, in the object store: what an artefact is made from again.

use std::path::Path;
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::buffered::BufWriter;
use object_store::{GetOptions, ObjectStore};

use tokio::io::AsyncWriteExt;

use crate::error::{Error, Result};
use crate::id::{Digest, TenantId};

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Components(Arc<dyn ObjectStore>);

fn location(tenant: &TenantId, digest: &Digest) -> object_store::path::Path {
    object_store::path::Path::from_iter(["components", tenant.as_str(), &digest.hex()])
}

impl Components {
    pub(super) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self(store)
    }

    /// Keeps the component in the file `from`, durably. Keeping it again changes nothing.
    pub(super) async fn keep(&self, tenant: &TenantId, digest: &Digest, from: &Path) -> Result<()> {
        let copy = async {
            let mut from = tokio::fs::File::open(from).await?;
            let mut to = BufWriter::new(Arc::clone(&self.0), location(tenant, digest));
            tokio::io::copy(&mut from, &mut to).await?;
            to.shutdown().await
        };
        copy.await.map_err(|error| Error::internal(format_args!("component {digest} cannot be kept: {error}")))
    }

    /// The bytes as a stream; whoever reads it checks the digest.
    pub(super) async fn fetch(
        &self,
        tenant: &TenantId,
        digest: &Digest,
    ) -> Result<impl futures::Stream<Item = Result<bytes::Bytes>> + use<>> {
        let digest = *digest;
        let broken = move |error| Error::internal(format_args!("component {digest} cannot be read: {error}"));
        match self.0.get_opts(&location(tenant, &digest), GetOptions::default()).await {
            Ok(found) => Ok(found.into_stream().map_err(broken)),
            Err(object_store::Error::NotFound { .. }) => Err(Error::not_found("component", digest)),
            Err(error) => Err(broken(error)),
        }
    }
}
