//! Folders of one call alone: empty when it first looks, gone when it ends. After a crash the next start removes them.
//!
//! What is in them counts among what the tenant's volumes hold for as long as it is there: many calls at once fill no disk
//! that one call could not.

use std::path::PathBuf;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::Fault;
use super::space::{Files, Space, failed};
use crate::id::TenantId;

/// A scratch folder on the disk. Dropping it removes it, on a thread that may wait for the disk.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    space: Arc<Space>,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let (path, space) = (std::mem::take(&mut self.path), Arc::clone(&self.space));
        let remove = move || {
            if let Err(error) = std::fs::remove_dir_all(&path) {
                tracing::error!(%error, "a call's scratch folder stays until the next start");
                return;
            }
            space.let_go();
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                let space = Arc::clone(&self.space);
                let remove = move || {
                    remove();
                    Ok(())
                };
                drop(runtime.spawn(async move { space.blocking(remove).await }));
            }
            Err(_) => remove(),
        }
    }
}

impl Files {
    /// A new one of `tenant`'s, and what counts what is in it.
    pub(super) async fn scratch(&self, tenant: &TenantId) -> Result<(Arc<Space>, Dir, Scratch), Fault> {
        let space = self.space_of_call(tenant);
        self.measure(tenant, &space).await?;
        let (volumes, own) = (self.volumes().clone(), Arc::clone(&space));
        own.blocking(move || {
            let path = volumes.make_scratch().map_err(|error| failed(&error))?;
            let scratch = Scratch { path, space: Arc::clone(&space) };
            let folder = Dir::open_ambient_dir(&scratch.path, ambient_authority())?;
            Ok((space, folder, scratch))
        })
        .await
    }
}
