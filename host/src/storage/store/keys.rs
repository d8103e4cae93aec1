//! Tenants' keys as they are kept, wrapped by the host's own.

use std::fmt;

use super::{Change, Store, failed};
use crate::error::Result;
use crate::id::TenantId;
use crate::storage::seal::WrappedKey;

/// What the keys are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::storage) enum WrappedKeys {
    Secrets,
    Payloads,
}

impl fmt::Display for WrappedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secrets => "secrets",
            Self::Payloads => "payloads",
        })
    }
}

/// Every method fails when the store does, or holds what is not well-formed.
impl Store {
    /// All keys of a kind, with whose they are.
    pub(in crate::storage) async fn wrapped_keys(&self, kind: WrappedKeys) -> Result<Vec<(TenantId, WrappedKey)>> {
        let query = match kind {
            WrappedKeys::Secrets => "select tenant, id, wrapped from secret_keys",
            WrappedKeys::Payloads => "select tenant, id, wrapped from payload_keys",
        };
        let rows =
            sqlx::query_as::<_, (String, String, Vec<u8>)>(query).fetch_all(&self.readers).await.map_err(failed)?;
        let read =
            |(tenant, id, wrapped): (String, _, _)| Ok((tenant.parse().map_err(failed)?, WrappedKey { id, wrapped }));
        rows.into_iter().map(read).collect()
    }
}

impl Change {
    /// A key that there is, wrapped anew.
    pub(in crate::storage) async fn put_wrapped_key(
        &mut self,
        kind: WrappedKeys,
        tenant: &TenantId,
        key: &WrappedKey,
    ) -> Result<()> {
        let query = match kind {
            WrappedKeys::Secrets => "update secret_keys set wrapped = ? where tenant = ? and id = ?",
            WrappedKeys::Payloads => "update payload_keys set wrapped = ? where tenant = ? and id = ?",
        };
        let query = sqlx::query(query).bind(key.wrapped.clone()).bind(tenant.to_string());
        self.run(query.bind(key.id.clone())).await
    }
}
