//! What the secrets keep here: tenants' keys, wrapped, and the last value of each secret, sealed.

use std::time::SystemTime;

use super::rows::SecretRow;
use super::{Change, Store, failed, time};
use crate::error::Result;
use crate::id::{SecretName, TenantId};
use crate::storage::seal::WrappedKey;

/// Every method fails when the store does.
impl Store {
    /// The version that the secret of this name got last, removed or not; 0 where there never was one.
    pub async fn secret_version(&self, tenant: &TenantId, name: &SecretName) -> Result<u64> {
        let query = sqlx::query_scalar::<_, i64>("select version from secrets where tenant = ? and name = ?");
        let query = query.bind(tenant.to_string()).bind(name.to_string());
        Ok(query.fetch_optional(&self.readers).await.map_err(failed)?.unwrap_or(0).cast_unsigned())
    }
}

impl Change {
    /// The key that seals a tenant's secrets: its first.
    pub async fn insert_secret_key(&mut self, tenant: &TenantId, key: &WrappedKey) -> Result<()> {
        let query = sqlx::query("insert into secret_keys (tenant, id, wrapped, since) values (?, ?, ?, ?)");
        let query = query.bind(tenant.to_string()).bind(key.id.clone()).bind(key.wrapped.clone());
        self.run(query.bind(time::to_micros(time::now()))).await
    }

    /// A secret's new version, in the place of the one before.
    pub async fn put_secret(&mut self, tenant: &TenantId, row: &SecretRow) -> Result<()> {
        let query = "insert or replace into secrets (tenant, name, version, since, sealed) values (?, ?, ?, ?, ?)";
        let query = sqlx::query(query).bind(tenant.to_string()).bind(row.name.to_string());
        let query = query.bind(row.version.cast_signed()).bind(time::to_micros(row.since));
        self.run(query.bind(row.sealed.clone())).await
    }

    /// Removes a secret's value; what is left is which version it was.
    pub async fn remove_secret(&mut self, tenant: &TenantId, name: &SecretName) -> Result<()> {
        let query = sqlx::query("update secrets set sealed = null, since = ? where tenant = ? and name = ?");
        let query = query.bind(time::to_micros(SystemTime::now())).bind(tenant.to_string());
        self.run(query.bind(name.to_string())).await
    }
}
