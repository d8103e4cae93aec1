//! The metadata store: who there is, what was published, what is in force. SQLite; every change is a transaction that
//! carries its own entries for the record.

mod change;
mod keys;
mod logs;
mod payloads;
mod read;
mod rows;
mod secrets;
mod trust;

use std::path::Path;

use sqlx::SqlitePool;

pub use self::change::Change;
pub(super) use self::keys::WrappedKeys;
pub use self::logs::{KeptLogs, LogKeyRow, LogRow};
pub use self::rows::{
    ComponentRow, OutboxRow, PackageRow, PolicyKind, PolicyRow, PrincipalRow, RecallRow, SecretRow, SubmissionRow,
    SubmissionState, TenantRow, TenantRows, VersionRow,
};

use super::sqlite::{self, Connections};
use super::{failed, time};
use crate::error::Result;
use crate::id::ChangeId;

/// The schema: the file that makes it, then each step from the one before.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/host-1.sql"),
    include_str!("migrations/host-2.sql"),
    include_str!("migrations/host-3.sql"),
    include_str!("migrations/host-4.sql"),
    include_str!("migrations/host-5.sql"),
    include_str!("migrations/host-6.sql"),
];

/// Connections that read. Calls read the snapshot, so that only administration is here.
const READERS: u32 = 2;

/// The metadata store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    /// Opens the store in the file at `path`, making it where there is none.
    ///
    /// # Errors
    /// When the file cannot be used, is damaged, or was written by a newer host.
    pub async fn open(path: &Path) -> Result<Self> {
        let Connections { writer, readers } = sqlite::open(path, MIGRATIONS, READERS).await?;
        // The one connection that writes keeps this: an erased key is overwritten.
        sqlx::raw_sql("pragma secure_delete = on").execute(&writer).await.map_err(failed)?;
        Ok(Self { writer, readers })
    }

    /// Opens a store that is there only to read it; a host may be writing to it.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub async fn open_to_read(path: &Path) -> Result<Self> {
        let readers = sqlite::open_to_read(path, READERS).await?;
        Ok(Self { writer: readers.clone(), readers })
    }

    /// Begins a change, when the ones before it are over. Nothing of it is seen before it is committed; dropped, it
    /// leaves nothing.
    ///
    /// # Errors
    /// When the store fails, or its turn does not come.
    pub async fn change(&self) -> Result<Change> {
        self.writer.begin_with("begin immediate").await.map(Change::new).map_err(failed)
    }

    /// Forgets an entry of the outbox: it is durable in the journal. Forgetting it again changes nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn clear_outbox(&self, change: ChangeId) -> Result<()> {
        let query = sqlx::query("delete from outbox where change = ?").bind(change.to_string());
        query.execute(&self.writer).await.map(drop).map_err(failed)
    }

    /// Keeps the fold over the journal up to `position`, in place of the one kept before.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn save_usage(&self, position: u64, json: &str) -> Result<()> {
        let query = sqlx::query("insert or replace into usage (one, position, book) values (1, ?, ?)");
        query.bind(position.cast_signed()).bind(json).execute(&self.writer).await.map(drop).map_err(failed)
    }

    /// The fold over the journal that was kept last, and the position that it goes up to.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load_usage(&self) -> Result<Option<(u64, String)>> {
        let query = sqlx::query_as::<_, (i64, String)>("select position, book from usage");
        let row = query.fetch_optional(&self.readers).await.map_err(failed)?;
        Ok(row.map(|(position, json)| (position.cast_unsigned(), json)))
    }

    /// Writes everything into the one file and closes it.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests;
