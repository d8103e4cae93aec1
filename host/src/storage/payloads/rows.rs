//! Sealed payloads in their file: one row a piece.

use std::path::Path;
use std::time::SystemTime;

use sqlx::{Row as _, SqlitePool};

use super::PayloadKind;
use crate::error::Result;
use crate::id::{CallId, TenantId};
use crate::storage::{failed, sqlite, time};

const MIGRATIONS: &[&str] = &[include_str!("../migrations/payloads-1.sql")];

/// Connections that read.
const READERS: u32 = 2;

/// A piece as it lies there.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) kind: PayloadKind,
    /// The id of the key that sealed it.
    pub(super) key: String,
    pub(super) kept: SystemTime,
    pub(super) until: SystemTime,
    /// Absent: there was no room for it.
    pub(super) sealed: Option<Vec<u8>>,
}

/// The file. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Rows {
    pub(super) async fn open(path: &Path) -> Result<Self> {
        let sqlite::Connections { writer, readers } = sqlite::open(path, MIGRATIONS, READERS).await?;
        // The one connection that writes keeps this: what is deleted is overwritten.
        sqlx::raw_sql("pragma secure_delete = on").execute(&writer).await.map_err(failed)?;
        Ok(Self { writer, readers })
    }

    pub(super) async fn of_call(&self, tenant: &TenantId, call: CallId) -> Result<Vec<Row>> {
        let query = sqlx::query("select kind, key, kept, until, sealed from payloads where tenant = ? and call = ?");
        let query = query.bind(tenant.as_str()).bind(call.to_string());
        let rows = query.fetch_all(&self.readers).await.map_err(failed)?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            let kind: String = row.try_get("kind").map_err(failed)?;
            Ok(Row {
                kind: PayloadKind::parse(&kind).ok_or_else(|| failed("a payload of a kind that there is not"))?,
                key: row.try_get("key").map_err(failed)?,
                kept: time::from_micros(row.try_get("kept").map_err(failed)?),
                until: time::from_micros(row.try_get("until").map_err(failed)?),
                sealed: row.try_get("sealed").map_err(failed)?,
            })
        };
        rows.iter().map(read).collect()
    }

    pub(super) async fn delete_call(&self, tenant: &TenantId, call: CallId) -> Result<()> {
        let query = sqlx::query("delete from payloads where tenant = ? and call = ?");
        let query = query.bind(tenant.as_str()).bind(call.to_string());
        query.execute(&self.writer).await.map(drop).map_err(failed)
    }

    /// What other keys than `present` sealed.
    pub(super) async fn delete_other_keys(&self, tenant: &TenantId, present: &str) -> Result<u64> {
        let query = sqlx::query("delete from payloads where tenant = ? and key <> ?");
        let done = query.bind(tenant.as_str()).bind(present).execute(&self.writer).await.map_err(failed)?;
        Ok(done.rows_affected())
    }

    /// What was kept up to `oldest`.
    pub(super) async fn delete_older(&self, tenant: &TenantId, oldest: SystemTime) -> Result<u64> {
        let query = sqlx::query("delete from payloads where tenant = ? and kept <= ?");
        let query = query.bind(tenant.as_str()).bind(time::to_micros(oldest));
        Ok(query.execute(&self.writer).await.map_err(failed)?.rows_affected())
    }

    /// What is past its own time.
    pub(super) async fn delete_ended(&self, now: SystemTime) -> Result<u64> {
        let query = sqlx::query("delete from payloads where until <= ?").bind(time::to_micros(now));
        Ok(query.execute(&self.writer).await.map_err(failed)?.rows_affected())
    }

    /// Tenants that have had a payload.
    pub(super) async fn tenants(&self) -> Result<Vec<TenantId>> {
        let query = sqlx::query_scalar::<_, String>("select tenant from tenants");
        let names = query.fetch_all(&self.readers).await.map_err(failed)?;
        names.iter().map(|name| name.parse().map_err(failed)).collect()
    }

    /// Whether nothing is kept.
    pub(super) async fn is_empty(&self) -> Result<bool> {
        let query = sqlx::query_scalar::<_, i64>("select exists (select 1 from payloads)");
        Ok(query.fetch_one(&self.readers).await.map_err(failed)? == 0)
    }

    pub(super) async fn bytes(&self, tenant: &TenantId) -> Result<u64> {
        let query = sqlx::query_scalar::<_, i64>("select bytes from tenants where tenant = ?");
        let found = query.bind(tenant.as_str()).fetch_optional(&self.readers).await.map_err(failed)?;
        Ok(found.unwrap_or(0).cast_unsigned())
    }

    /// Takes what was deleted out of the files, too; whether that could be done now.
    pub(super) async fn forget_deleted(&self) -> Result<bool> {
        sqlite::truncate_log(&self.writer).await
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// What is there now, for as long as the transaction goes on.
    #[cfg(test)]
    pub(super) async fn begin_reading(&self) -> sqlx::Transaction<'static, sqlx::Sqlite> {
        let mut reading = self.readers.begin().await.unwrap();
        sqlx::query("select count(*) from payloads").execute(&mut *reading).await.unwrap();
        reading
    }

    /// The connection that writes.
    pub(super) fn writer(&self) -> &SqlitePool {
        &self.writer
    }
}
