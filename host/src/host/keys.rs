//! The host's own keys, replaced while no host runs: those that wrap tenants' keys for secrets and for payloads.

use std::path::Path;

use crate::audit;
use crate::audit::entry::{Event, HostKeysRotated};
use crate::error::{Error, Result};
use crate::id::{ChangeId, TenantId};
use crate::storage::{DataFolder, OutboxRow, Rotation, SecretsKey, Store};

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct RotatedKeys {
    /// Tenants' keys for secrets that were wrapped anew.
    pub secrets: u64,
    /// Tenants' keys for payloads that were.
    pub payloads: u64,
}

/// Replaces the host's own keys in a data folder. The keys, all that they wrap and the entry in the platform's record are
/// one change: a crash leaves all of it or nothing. The entry is appended at the next start.
///
/// # Errors
///
/// `not-found` without a data folder; `conflict` while a host has it; `unavailable` when a key cannot be used or is not
/// the one in force; `invalid-request` when the new key for secrets is the one before.
pub async fn rotate_keys(data: &Path, from: &SecretsKey, to: &SecretsKey) -> Result<RotatedKeys> {
    let folder = DataFolder::existing(data).ok_or_else(|| Error::not_found("data folder", data.display()))?;
    let _alone = audit::lock(&folder.journal())?;
    let store = Store::open(&folder.database()).await?;
    let rotated = rotate(&folder, &store, from, to).await;
    store.close().await;
    rotated
}

async fn rotate(folder: &DataFolder, store: &Store, from: &SecretsKey, to: &SecretsKey) -> Result<RotatedKeys> {
    let mut rotation = Rotation::begin(folder, store, from, to).await?;
    let Rotation { secrets, payloads, .. } = rotation;
    let change = ChangeId::new();
    let event: Event = HostKeysRotated { change, payloads, secrets }.into();
    let event = serde_json::to_string(&event).map_err(Error::internal)?;
    rotation.change.record(&OutboxRow { change, tenant: TenantId::platform(), principal: None, event }).await?;
    rotation.commit().await?;
    Ok(RotatedKeys { secrets, payloads })
}
