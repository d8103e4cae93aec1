//! The platform's first key: made at the first start, and made anew until somebody has seen it.

use crate::control::{Control, NewKey};
use crate::error::Result;
use crate::id::TenantId;
use crate::snapshot::Snapshot;
use crate::storage::Store;

/// The mark that says that the key was shown.
const SHOWN: &str = "platform-key-shown";

/// The platform's first key. Say [`FirstKey::shown`] once somebody can have read it: a host that stopped before that
/// gives a new secret at its next start.
#[derive(Debug)]
pub struct FirstKey {
    key: NewKey,
    store: Store,
}

impl FirstKey {
    /// Its text.
    pub fn expose(&self) -> &str {
        self.key.text.expose()
    }

    /// Never to be shown again.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn shown(self) -> Result<()> {
        let mut change = self.store.change().await?;
        change.put_mark(SHOWN, "yes").await?;
        change.commit().await
    }
}

/// Makes the platform's own tenant where there is none, and its first key until that was shown.
pub(super) async fn ensure(control: &Control, snapshot: &Snapshot, store: &Store) -> Result<Option<FirstKey>> {
    let key = if snapshot.tenant(&TenantId::platform()).is_none() {
        control.create_platform().await?
    } else if store.mark(SHOWN).await?.is_none() {
        control.renew_platform_key().await?
    } else {
        return Ok(None);
    };
    Ok(Some(FirstKey { key, store: store.clone() }))
}
