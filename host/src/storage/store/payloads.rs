//! What the payloads keep here: tenants' keys, wrapped, and what was erased. Here, because an erasure and its entry for
//! the record are one change.

use std::time::SystemTime;

use super::{Change, Store, failed, time};
use crate::error::Result;
use crate::id::{CallId, TenantId};
use crate::storage::seal::WrappedKey;
use crate::storage::sqlite;

/// Every method fails when the store does, or holds what is not well-formed.
impl Store {
    /// The key of `tenant`, where it has one.
    pub async fn payload_key(&self, tenant: &TenantId) -> Result<Option<WrappedKey>> {
        let query = sqlx::query_as::<_, (String, Vec<u8>)>("select id, wrapped from payload_keys where tenant = ?");
        let row = query.bind(tenant.to_string()).fetch_optional(&self.readers).await.map_err(failed)?;
        Ok(row.map(|(id, wrapped)| WrappedKey { id, wrapped }))
    }

    /// Some tenant's key, where there is any.
    pub async fn some_payload_key(&self) -> Result<Option<(TenantId, WrappedKey)>> {
        let query =
            sqlx::query_as::<_, (String, String, Vec<u8>)>("select tenant, id, wrapped from payload_keys limit 1");
        let row = query.fetch_optional(&self.readers).await.map_err(failed)?;
        let read =
            |(tenant, id, wrapped): (String, _, _)| Ok((tenant.parse().map_err(failed)?, WrappedKey { id, wrapped }));
        row.map(read).transpose()
    }

    /// Keeps a key, unless the tenant has one.
    pub async fn add_payload_key(&self, tenant: &TenantId, row: &WrappedKey) -> Result<()> {
        let query = "insert or ignore into payload_keys (tenant, id, wrapped, since) values (?, ?, ?, ?)";
        let query = sqlx::query(query).bind(tenant.to_string()).bind(&row.id).bind(&row.wrapped);
        query.bind(time::to_micros(SystemTime::now())).execute(&self.writer).await.map(drop).map_err(failed)
    }

    /// When the payload of a call was erased, and when all of the tenant's were last.
    pub async fn payload_erasures(&self, tenant: &TenantId, call: CallId) -> Result<[Option<SystemTime>; 2]> {
        let mut found = [None, None];
        for (erased, call) in found.iter_mut().zip([call.to_string(), String::new()]) {
            let query = sqlx::query_scalar::<_, i64>("select at from payload_erasures where tenant = ? and call = ?");
            let query = query.bind(tenant.to_string()).bind(call);
            *erased = query.fetch_optional(&self.readers).await.map_err(failed)?.map(time::from_micros);
        }
        Ok(found)
    }

    /// Erasures that may not be done: of a call, or of all that a tenant had.
    pub async fn open_payload_erasures(&self) -> Result<Vec<(TenantId, Option<CallId>)>> {
        let query = "select tenant, call from payload_erasures where done = 0";
        let rows = sqlx::query_as::<_, (String, String)>(query).fetch_all(&self.readers).await.map_err(failed)?;
        let read = |(tenant, call): (String, String)| {
            let call = if call.is_empty() { None } else { Some(call.parse().map_err(failed)?) };
            Ok((tenant.parse().map_err(failed)?, call))
        };
        rows.into_iter().map(read).collect()
    }

    /// Nothing is left of what was erased.
    pub async fn close_payload_erasure(&self, tenant: &TenantId, call: Option<CallId>) -> Result<()> {
        let query = sqlx::query("update payload_erasures set done = 1 where tenant = ? and call = ?");
        let query = query.bind(tenant.to_string()).bind(name(call));
        query.execute(&self.writer).await.map(drop).map_err(failed)
    }

    /// Takes what was deleted out of the store's files, too; whether that could be done now.
    pub async fn forget_deleted(&self) -> Result<bool> {
        sqlite::truncate_log(&self.writer).await
    }
}

impl Change {
    /// Forgets all tenants' keys: nothing is kept that they sealed.
    pub async fn forget_payload_keys(&mut self) -> Result<()> {
        self.run(sqlx::query("delete from payload_keys")).await
    }

    /// Erases the payload of a call, or all that the tenant has, with the key that sealed it.
    pub async fn erase_payloads(&mut self, tenant: &TenantId, call: Option<CallId>) -> Result<()> {
        if call.is_none() {
            let query = sqlx::query("delete from payload_keys where tenant = ?").bind(tenant.to_string());
            self.run(query).await?;
        }
        let query = "insert or replace into payload_erasures (tenant, call, at) values (?, ?, ?)";
        let query = sqlx::query(query).bind(tenant.to_string()).bind(name(call));
        self.run(query.bind(time::to_micros(SystemTime::now()))).await
    }
}

/// A call's name in the table, or the one for all of them.
fn name(call: Option<CallId>) -> String {
    call.map(|call| call.to_string()).unwrap_or_default()
}
