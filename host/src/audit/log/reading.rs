//! How many read the logs at once.
//!
//! Whoever reads a log holds a thread of the runtime's and waits on it for files, which the object store reads in further
//! threads of the same kind. There are 512 of them: were they all readers', each would wait for a thread that none of them
//! gives back, and the integrator, which waits for files too, with them.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Logs;
use crate::error::{Error, Result};
use crate::id::TenantId;

/// Readers of all tenants at once; an eighth of the runtime's threads for such work.
const READERS_MAX: usize = 64;
/// Readers of one tenant at once, so that none keeps the others from theirs.
const TENANT_READERS_MAX: usize = 8;

/// Deals out leave to read.
#[derive(Debug)]
pub(super) struct Readers {
    all: Arc<Semaphore>,
    /// Those of tenants that read now, or wait for it.
    tenants: Mutex<HashMap<TenantId, Weak<Semaphore>>>,
}

/// Leave to read a tenant's log; given back when dropped.
#[derive(Debug)]
pub(super) struct Pass {
    _of_tenant: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Default for Readers {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(READERS_MAX)), tenants: Mutex::default() }
    }
}

impl Readers {
    /// Waits for leave. The tenant's comes first, so that who waits for it keeps nothing from others.
    pub(super) async fn pass(&self, tenant: &TenantId) -> Result<Pass> {
        let of_tenant = self.of(tenant).acquire_owned().await.map_err(Error::internal)?;
        let of_all = Arc::clone(&self.all).acquire_owned().await.map_err(Error::internal)?;
        Ok(Pass { _of_tenant: of_tenant, _of_all: of_all })
    }

    fn of(&self, tenant: &TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock();
        if let Some(semaphore) = tenants.get(tenant).and_then(Weak::upgrade) {
            return semaphore;
        }
        tenants.retain(|_, semaphore| semaphore.strong_count() > 0);
        let semaphore = Arc::new(Semaphore::new(TENANT_READERS_MAX));
        tenants.insert(tenant.clone(), Arc::downgrade(&semaphore));
        semaphore
    }
}

#[cfg(test)]
impl Readers {
    /// Tenants that are kept in mind.
    pub(super) fn tenants(&self) -> usize {
        self.tenants.lock().len()
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
