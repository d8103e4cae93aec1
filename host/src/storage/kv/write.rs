//! Writes to buckets, as they are done: many in one transaction, which share its sync.

use sqlx::{Sqlite, SqlitePool, Transaction};

use super::{BUCKETS_MAX, Bucket, KvError};
use crate::error::Result;

/// What is to be done to a bucket.
#[derive(Debug)]
pub(super) enum Write {
    Set(Vec<(String, Vec<u8>)>),
    Delete(Vec<String>),
    /// A counter, what is added to it, and the least and the most that it can be.
    Add(String, i128, i128, i128),
    /// A value, in the place of the one of this version.
    Swap {
        key: String,
        version: Option<u64>,
        value: Vec<u8>,
    },
}

impl Write {
    /// How much it is to do, in rows; so many bytes of values are as much as one more.
    pub(super) fn work(&self, row_bytes: usize) -> usize {
        let value = |value: &[u8]| 1 + value.len() / row_bytes;
        match self {
            Self::Set(pairs) => pairs.iter().map(|(_, written)| value(written)).sum(),
            Self::Delete(keys) => keys.len(),
            Self::Add(..) => 1,
            Self::Swap { value: written, .. } => value(written),
        }
    }
}

/// Does them all in one transaction. An error means that none of them happened.
pub(super) async fn commit(
    pool: &SqlitePool,
    writes: &[(Bucket, Write)],
    results: &mut Vec<Result<i128, KvError>>,
) -> Result<(), KvError> {
    if writes.is_empty() {
        return Ok(());
    }
    let mut within = pool.begin_with("begin immediate").await?;
    for (bucket, write) in writes {
        sqlx::query("savepoint one").execute(&mut *within).await?;
        let result = apply(&mut within, bucket, write).await;
        match &result {
            Ok(_) => {}
            // The store is in trouble: the whole group fails, rather than half of it in a state that nobody knows.
            Err(KvError::Store(_)) => return result.map(drop),
            Err(_) => {
                sqlx::query("rollback to one").execute(&mut *within).await?;
            }
        }
        sqlx::query("release one").execute(&mut *within).await?;
        results.push(result);
    }
    Ok(within.commit().await?)
}

/// A bucket and its sums, as they are within the transaction.
struct Sums {
    id: i64,
    bytes: i64,
    keys: i64,
    sequence: i64,
}

async fn apply(within: &mut Transaction<'static, Sqlite>, bucket: &Bucket, write: &Write) -> Result<i128, KvError> {
    let found = find(within, bucket).await?;
    let before = match (found, write) {
        (Some(sums), _) => sums,
        (None, Write::Delete(_)) => return Ok(0),
        (None, Write::Swap { version: Some(_), .. }) => return Err(KvError::Changed),
        (None, Write::Set(pairs)) if pairs.is_empty() => return Ok(0),
        (None, _) => create(within, bucket).await?,
    };
    let mut after = Sums { ..before };
    let mut answer = 0;
    match write {
        Write::Set(pairs) => {
            for (key, value) in pairs {
                set(within, &mut after, key, value).await?;
            }
        }
        Write::Delete(keys) => {
            for key in keys {
                delete(within, &mut after, key).await?;
            }
        }
        Write::Add(key, delta, least, most) => {
            let range = *least..=*most;
            let before = counter(within, &after, key).await?;
            if !range.contains(&before) {
                return Err(KvError::NotACounter);
            }
            answer = Some(before + delta).filter(|sum| range.contains(sum)).ok_or(KvError::Overflow)?;
            set(within, &mut after, key, answer.to_string().as_bytes()).await?;
        }
        Write::Swap { key, version, value } => {
            if version_of(within, after.id, key).await? != *version {
                return Err(KvError::Changed);
            }
            set(within, &mut after, key, value).await?;
        }
    }
    settle(within, bucket, &before, &after).await?;
    Ok(answer)
}

async fn find(within: &mut Transaction<'static, Sqlite>, bucket: &Bucket) -> Result<Option<Sums>, KvError> {
    let query = sqlx::query_as("select id, bytes, keys, sequence from buckets where tenant = ? and name = ?");
    let row = query.bind(bucket.tenant.as_str()).bind(&bucket.name).fetch_optional(&mut **within).await?;
    Ok(row.map(|(id, bytes, keys, sequence)| Sums { id, bytes, keys, sequence }))
}

async fn create(within: &mut Transaction<'static, Sqlite>, bucket: &Bucket) -> Result<Sums, KvError> {
    let query = sqlx::query_scalar::<_, i64>(
        "insert into tenants (tenant, buckets) values (?, 1)
         on conflict do update set buckets = buckets + 1 returning buckets",
    );
    let buckets = query.bind(bucket.tenant.as_str()).fetch_one(&mut **within).await?;
    if buckets.cast_unsigned() > BUCKETS_MAX {
        return Err(KvError::Quota { whose: "the tenant", what: "buckets", maximum: BUCKETS_MAX });
    }
    let query = sqlx::query_scalar("insert into buckets (tenant, name) values (?, ?) returning id");
    let id = query.bind(bucket.tenant.as_str()).bind(&bucket.name).fetch_one(&mut **within).await?;
    Ok(Sums { id, bytes: 0, keys: 0, sequence: 0 })
}

async fn set(
    within: &mut Transaction<'static, Sqlite>,
    sums: &mut Sums,
    key: &str,
    value: &[u8],
) -> Result<(), KvError> {
    let old = length_of(within, sums.id, key).await?;
    sums.sequence += 1;
    let query = sqlx::query(
        "insert into items (bucket, key, place, version, value) values (?1, ?2, ?3, ?3, ?4)
         on conflict (bucket, key) do update set value = excluded.value, version = excluded.version",
    );
    query.bind(sums.id).bind(key).bind(sums.sequence).bind(value).execute(&mut **within).await?;
    match old {
        Some(old) => sums.bytes += length(value.len()) - old,
        None => {
            sums.bytes += length(key.len() + value.len());
            sums.keys += 1;
        }
    }
    Ok(())
}

async fn delete(within: &mut Transaction<'static, Sqlite>, sums: &mut Sums, key: &str) -> Result<(), KvError> {
    let query = sqlx::query_scalar::<_, i64>("delete from items where bucket = ? and key = ? returning length(value)");
    if let Some(old) = query.bind(sums.id).bind(key).fetch_optional(&mut **within).await? {
        sums.bytes -= old + length(key.len());
        sums.keys -= 1;
    }
    Ok(())
}

async fn counter(within: &mut Transaction<'static, Sqlite>, sums: &Sums, key: &str) -> Result<i128, KvError> {
    // A counter has twenty digits at most: a value that is longer is not read at all.
    match length_of(within, sums.id, key).await? {
        None => return Ok(0),
        Some(1..=20) => {}
        Some(_) => return Err(KvError::NotACounter),
    }
    let query = sqlx::query_scalar::<_, Vec<u8>>("select value from items where bucket = ? and key = ?");
    let value = query.bind(sums.id).bind(key).fetch_one(&mut **within).await?;
    let text = std::str::from_utf8(&value).map_err(|_| KvError::NotACounter)?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let number = Some(text).filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
    number.and_then(|text| text.parse().ok()).ok_or(KvError::NotACounter)
}

async fn version_of(within: &mut Transaction<'static, Sqlite>, id: i64, key: &str) -> Result<Option<u64>, KvError> {
    let query = sqlx::query_scalar::<_, i64>("select version from items where bucket = ? and key = ?");
    Ok(query.bind(id).bind(key).fetch_optional(&mut **within).await?.map(i64::cast_unsigned))
}

/// SQLite knows a value's length without reading it.
async fn length_of(within: &mut Transaction<'static, Sqlite>, id: i64, key: &str) -> Result<Option<i64>, KvError> {
    let query = sqlx::query_scalar("select length(value) from items where bucket = ? and key = ?");
    Ok(query.bind(id).bind(key).fetch_optional(&mut **within).await?)
}

/// Keeps the new sums, unless they grew past a quota: what is over one already, because it was lowered, may shrink.
async fn settle(
    within: &mut Transaction<'static, Sqlite>,
    bucket: &Bucket,
    before: &Sums,
    after: &Sums,
) -> Result<(), KvError> {
    let past = |before: i64, after: i64, maximum: u64| after > before && after.cast_unsigned() > maximum;
    let quota = |whose, what, maximum| Err(KvError::Quota { whose, what, maximum });
    if past(before.bytes, after.bytes, bucket.bytes_max) {
        return quota("the bucket", "bytes", bucket.bytes_max);
    }
    if past(before.keys, after.keys, bucket.keys_max) {
        return quota("the bucket", "keys", bucket.keys_max);
    }
    let query = sqlx::query("update buckets set bytes = ?, keys = ?, sequence = ? where id = ?");
    let query = query.bind(after.bytes).bind(after.keys).bind(after.sequence).bind(after.id);
    query.execute(&mut **within).await?;
    let grown = after.bytes - before.bytes;
    let query = sqlx::query_scalar::<_, i64>("update tenants set bytes = bytes + ? where tenant = ? returning bytes");
    let whole = query.bind(grown).bind(bucket.tenant.as_str()).fetch_one(&mut **within).await?;
    if past(whole - grown, whole, bucket.tenant_bytes_max) {
        return quota("the tenant", "bytes", bucket.tenant_bytes_max);
    }
    Ok(())
}

fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
