//! How many read the logs at once.
//!
//! Whoever reads a log holds a thread of the runtime's and waits on it for files, which the object store reads in further
//! threads of the same kind. There are 512 of them: were they all readers', each would wait for a thread that none of them
//! gives back, and the integrator, which waits for files too, with them.

use super::Logs;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::shares::{Bulkhead, Permit};

/// Readers of all tenants at once; an eighth of the runtime's threads for such work.
const READERS_MAX: usize = 64;
/// Readers of one tenant at once, so that none keeps the others from theirs.
const TENANT_READERS_MAX: usize = 8;

/// Deals out leave to read.
#[derive(Debug)]
pub(super) struct Readers(Bulkhead);

impl Default for Readers {
    fn default() -> Self {
        Self(Bulkhead::new(TENANT_READERS_MAX, READERS_MAX))
    }
}

impl Readers {
    /// Waits for leave to read a tenant's log.
    pub(super) async fn pass(&self, tenant: &TenantId) -> Result<Permit> {
        self.0.enter(tenant).await
    }

    /// Tenants that are kept in mind.
    #[cfg(test)]
    pub(super) fn tenants(&self) -> usize {
        self.0.tenants()
    }
}

/// A tenant's record, for whoever has leave to read it.
#[derive(Debug)]
pub struct LogReader {
    pub(super) logs: Logs,
    pub(super) tenant: TenantId,
}

impl Logs {
    /// Reads the tenant's record on a thread that may wait for files, when it is its turn. The thread goes on when whoever
    /// asked leaves.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn reading<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        read: impl FnOnce(&LogReader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let pass = self.0.readers.pass(tenant).await?;
        let reader = LogReader { logs: self.clone(), tenant: tenant.clone() };
        let read = move || {
            let read = read(&reader);
            drop(pass);
            read
        };
        tokio::task::spawn_blocking(read).await.map_err(Error::internal)?
    }
}
