//! Buckets of tenants, for `wasi:keyvalue`. A file of its own, so that tools do not wait behind administration.
//!
//! Reads run beside each other. Writes go through one task, which puts many that wait into one transaction, each under
//! a savepoint of its own: many tools share one sync, and a write that is refused takes back only itself. Tenants are
//! served in turn. A write is durable once it is answered.

mod queue;
mod write;

#[cfg(test)]
mod tests;

use std::path::Path;

use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;

use self::queue::Writer;
use self::write::Write;
use super::{failed, sqlite};
use crate::error::Result;
use crate::id::TenantId;

/// Keys that one listing gives; the rest comes by cursor.
pub const LISTED_KEYS_MAX: usize = 1_000;
/// Buckets of one tenant: a policy can grant every name, and empty ones cost no bytes of a quota.
pub const BUCKETS_MAX: u64 = 10_000;

/// Connections that read.
const READERS: u32 = 4;
/// The schema: the file that makes it, then each step from the one before.
const MIGRATIONS: &[&str] = &[include_str!("migrations/kv-1.sql")];

/// A bucket of one tenant, with what it may grow to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Keys and values together, in bytes.
    pub bytes_max: u64,
    /// Keys.
    pub keys_max: u64,
    /// All buckets of the tenant together, in bytes.
    pub tenant_bytes_max: u64,
}

/// Why a bucket was not read or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KvError {
    /// The bucket, or all of the tenant's together, would grow past a quota. Nothing of the write was done.
    #[error("quota: {whose} may hold {maximum} {what}")]
    Quota {
        /// `the bucket` or `the tenant`.
        whose: &'static str,
        /// `bytes`, `keys` or `buckets`.
        what: &'static str,
        /// How many.
        maximum: u64,
    },
    /// `increment` on a value that is not a counter.
    #[error("the value is not a counter: a counter is the text of an unsigned 64-bit number, or of a signed one")]
    NotACounter,
    /// The counter would pass 2^64 - 1, or what a signed one can be.
    #[error("the counter would overflow")]
    Overflow,
    /// `swap` of a value that is not there any more. Nothing was done.
    #[error("the value has changed since it was looked at")]
    Changed,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] crate::Error),
}

impl From<sqlx::Error> for KvError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(failed(error))
    }
}

/// A page of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPage {
    /// In the order in which they came.
    pub keys: Vec<String>,
    /// Where to go on; absent at the end.
    pub cursor: Option<u64>,
}

/// A value and its version, which grows with each write to the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The value.
    pub value: Vec<u8>,
    /// Never the same for two writes to one bucket.
    pub version: u64,
}

/// Every tenant's buckets. Cheap to clone. A bucket that was never written to is empty.
#[derive(Debug, Clone)]
pub struct KvStore {
    readers: SqlitePool,
    writer: Writer,
}

/// The bucket's number, in a statement whose first two parameters are tenant and name.
macro_rules! in_bucket {
    ($before:literal, $after:literal) => {
        concat!($before, " bucket = (select id from buckets where tenant = ? and name = ?) ", $after)
    };
}

impl KvStore {
    /// Opens the store in the file at `path`, making it where there is none. Writes run on the present runtime.
    ///
    /// # Errors
    /// When the file cannot be used, is damaged, or was written by a newer host.
    pub async fn open(path: &Path) -> Result<Self> {
        let connections = sqlite::open(path, MIGRATIONS, READERS).await?;
        Ok(Self { readers: connections.readers, writer: Writer::start(connections.writer) })
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// [`KvError::Store`], as for every method that reads.
    pub async fn get(&self, bucket: &Bucket, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        Ok(self.get_versioned(bucket, key).await?.map(|found| found.value))
    }

    /// The value of `key` with its version.
    pub async fn get_versioned(&self, bucket: &Bucket, key: &str) -> Result<Option<Versioned>, KvError> {
        let query =
            sqlx::query_as::<_, (Vec<u8>, i64)>(in_bucket!("select value, version from items where", "and key = ?"));
        let row = query.bind(bucket.tenant.as_str()).bind(&bucket.name).bind(key).fetch_optional(&self.readers).await?;
        Ok(row.map(|(value, version)| Versioned { value, version: version.cast_unsigned() }))
    }

    /// The version of the value of `key`.
    pub async fn version(&self, bucket: &Bucket, key: &str) -> Result<Option<u64>, KvError> {
        let query = sqlx::query_scalar::<_, i64>(in_bucket!("select version from items where", "and key = ?"));
        let query = query.bind(bucket.tenant.as_str()).bind(&bucket.name).bind(key);
        Ok(query.fetch_optional(&self.readers).await?.map(i64::cast_unsigned))
    }

    /// Whether there is such a key.
    pub async fn exists(&self, bucket: &Bucket, key: &str) -> Result<bool, KvError> {
        let query = sqlx::query_scalar::<_, i64>(in_bucket!("select 1 from items where", "and key = ?"));
        let query = query.bind(bucket.tenant.as_str()).bind(&bucket.name).bind(key);
        Ok(query.fetch_optional(&self.readers).await?.is_some())
    }

    /// At most [`LISTED_KEYS_MAX`] keys behind `cursor`. Pages that follow each other give each key that is there all
    /// the time once, whatever comes and goes meanwhile.
    pub async fn list(&self, bucket: &Bucket, cursor: Option<u64>) -> Result<KeyPage, KvError> {
        let query = sqlx::query_as::<_, (String, i64)>(in_bucket!(
            "select key, place from items where",
            "and place > ? order by place limit ?"
        ));
        let behind = i64::try_from(cursor.unwrap_or(0)).unwrap_or(i64::MAX);
        let query = query.bind(bucket.tenant.as_str()).bind(&bucket.name).bind(behind);
        let mut rows = query.bind(LISTED_KEYS_MAX as i64 + 1).fetch_all(&self.readers).await?;
        let more = rows.len() > LISTED_KEYS_MAX;
        rows.truncate(LISTED_KEYS_MAX);
        let cursor = rows.last().filter(|_| more).map(|(_, place)| place.cast_unsigned());
        Ok(KeyPage { keys: rows.into_iter().map(|(key, _)| key).collect(), cursor })
    }

    /// Sets every pair, in their order, or none.
    ///
    /// # Errors
    /// [`KvError::Quota`] or [`KvError::Store`].
    pub async fn set_many(&self, bucket: &Bucket, pairs: Vec<(String, Vec<u8>)>) -> Result<(), KvError> {
        self.writer.write(bucket, Write::Set(pairs)).await.map(drop)
    }

    /// Deletes those of `keys` that are there, all or none.
    ///
    /// # Errors
    /// [`KvError::Store`].
    pub async fn delete_many(&self, bucket: &Bucket, keys: Vec<String>) -> Result<(), KvError> {
        self.writer.write(bucket, Write::Delete(keys)).await.map(drop)
    }

    /// Adds `delta` to the counter at `key`, 0 where there is none, and gives what it is then. A counter is kept as
    /// the text of its number.
    ///
    /// # Errors
    /// [`KvError::NotACounter`], [`KvError::Overflow`], [`KvError::Quota`] or [`KvError::Store`].
    pub async fn increment(&self, bucket: &Bucket, key: String, delta: u64) -> Result<u64, KvError> {
        let counted = self.writer.write(bucket, Write::Add(key, delta.into(), 0, u64::MAX.into())).await?;
        u64::try_from(counted).map_err(|_| KvError::Overflow)
    }

    /// The same for a signed counter.
    ///
    /// # Errors
    /// As for [`KvStore::increment`].
    pub async fn add(&self, bucket: &Bucket, key: String, delta: i64) -> Result<i64, KvError> {
        let write = Write::Add(key, delta.into(), i64::MIN.into(), i64::MAX.into());
        i64::try_from(self.writer.write(bucket, write).await?).map_err(|_| KvError::Overflow)
    }

    /// Sets `key` if its value has this version still; `None`: if there is none still.
    ///
    /// # Errors
    /// [`KvError::Changed`] where it has not; [`KvError::Quota`] or [`KvError::Store`].
    pub async fn swap(
        &self,
        bucket: &Bucket,
        key: String,
        version: Option<u64>,
        value: Vec<u8>,
    ) -> Result<(), KvError> {
        self.writer.write(bucket, Write::Swap { key, version, value }).await.map(drop)
    }
}
