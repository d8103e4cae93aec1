//! What the logs keep here: how far each has come, and the keys that sign them.

use std::time::SystemTime;

use sqlx::Sqlite;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;

use super::{Change, Store, failed, time};
use crate::error::Result;
use crate::id::TenantId;

/// The mark that holds the journal's position up to which the logs are kept.
const POSITION: &str = "logs-position";
/// The mark that names the present journal.
const INCARNATION: &str = "journal-incarnation";

/// A log as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// Whose.
    pub tenant: TenantId,
    /// How long it is and what is not yet in a full tile, as the logs spell it.
    pub frontier: Vec<u8>,
    /// Which of its keys signs.
    pub generation: u32,
}

/// A key that signs a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogKeyRow {
    /// From 0; the greatest one signs.
    pub generation: u32,
    /// The Ed25519 seed.
    pub seed: [u8; 32],
}

/// All that is kept of the logs, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptLogs {
    /// The journal that they are made from.
    pub incarnation: String,
    /// The place in it up to which they are kept.
    pub position: u64,
    /// Each of them.
    pub rows: Vec<LogRow>,
    /// Every key, by the origin of its log, oldest first.
    pub keys: Vec<(String, LogKeyRow)>,
}

impl KeptLogs {
    /// The seeds of the log of this origin, oldest first.
    pub fn keys_of(&self, origin: &str) -> impl Iterator<Item = &[u8; 32]> {
        self.keys.iter().filter(move |(of, _)| of == origin).map(|(_, key)| &key.seed)
    }
}

/// Every method fails when the store does, or holds what is not well-formed.
impl Store {
    /// The name of the present journal; nothing before it was given one.
    pub async fn incarnation(&self) -> Result<Option<String>> {
        self.mark(INCARNATION).await
    }

    /// Names a journal that was begun: what was kept of the logs of the one before is forgotten.
    pub async fn begin_incarnation(&self, name: &str) -> Result<()> {
        let mut writing = self.writer.begin_with("begin immediate").await.map_err(failed)?;
        sqlx::query("delete from logs").execute(&mut *writing).await.map_err(failed)?;
        for (mark, value) in [(INCARNATION, name), (POSITION, "0")] {
            let query = sqlx::query("insert or replace into marks (name, value) values (?, ?)");
            query.bind(mark).bind(value).execute(&mut *writing).await.map_err(failed)?;
        }
        writing.commit().await.map_err(failed)
    }

    /// The journal's position up to which the logs are kept.
    pub async fn logs_position(&self) -> Result<u64> {
        match self.mark(POSITION).await? {
            Some(text) => text.parse().map_err(failed),
            None => Ok(0),
        }
    }

    /// The log of `tenant` as it was kept last; nothing where it has none yet.
    pub async fn log(&self, tenant: &TenantId) -> Result<Option<LogRow>> {
        let query = sqlx::query_as::<_, (Vec<u8>, u32)>("select frontier, generation from logs where tenant = ?");
        let row = query.bind(tenant.to_string()).fetch_optional(&self.readers).await.map_err(failed)?;
        Ok(row.map(|(frontier, generation)| LogRow { tenant: tenant.clone(), frontier, generation }))
    }

    /// What is kept of all logs; nothing before there is a journal.
    pub async fn kept_logs(&self) -> Result<Option<KeptLogs>> {
        let mut reading = self.readers.begin().await.map_err(failed)?;
        let mark = |name| sqlx::query_scalar::<_, String>("select value from marks where name = ?").bind(name);
        let incarnation = mark(INCARNATION).fetch_optional(&mut *reading).await.map_err(failed)?;
        let position = mark(POSITION).fetch_optional(&mut *reading).await.map_err(failed)?;
        let Some(incarnation) = incarnation else { return Ok(None) };
        let query = sqlx::query_as::<_, (String, Vec<u8>, u32)>("select tenant, frontier, generation from logs");
        let rows = query.fetch_all(&mut *reading).await.map_err(failed)?;
        let row = |(tenant, frontier, generation): (String, _, _)| {
            Ok(LogRow { tenant: tenant.parse().map_err(failed)?, frontier, generation })
        };
        let query = "select origin, generation, seed from log_keys order by origin, generation";
        let keys = sqlx::query_as::<_, (String, i64, Vec<u8>)>(query).fetch_all(&mut *reading).await.map_err(failed)?;
        Ok(Some(KeptLogs {
            incarnation,
            position: position.map_or(Ok(0), |text| text.parse()).map_err(failed)?,
            rows: rows.into_iter().map(row).collect::<Result<_>>()?,
            keys: keys
                .into_iter()
                .map(|(origin, generation, seed)| Ok((origin, key(generation, seed)?)))
                .collect::<Result<_>>()?,
        }))
    }

    /// Keeps `rows`, all as of the journal's `position`: all of it or nothing.
    pub async fn save_logs(&self, position: u64, rows: &[LogRow]) -> Result<()> {
        let mut writing = self.writer.begin_with("begin immediate").await.map_err(failed)?;
        for row in rows {
            let query = sqlx::query("insert or replace into logs (tenant, frontier, generation) values (?, ?, ?)");
            let query = query.bind(row.tenant.to_string()).bind(&row.frontier).bind(row.generation);
            query.execute(&mut *writing).await.map_err(failed)?;
        }
        let query = sqlx::query("insert or replace into marks (name, value) values (?, ?)");
        query.bind(POSITION).bind(position.to_string()).execute(&mut *writing).await.map_err(failed)?;
        writing.commit().await.map_err(failed)
    }

    /// The keys of the log of this origin, oldest first.
    pub async fn log_keys(&self, origin: &str) -> Result<Vec<LogKeyRow>> {
        let query = "select generation, seed from log_keys where origin = ? order by generation";
        let query = sqlx::query_as::<_, (i64, Vec<u8>)>(query).bind(origin);
        let rows = query.fetch_all(&self.readers).await.map_err(failed)?;
        rows.into_iter().map(|(generation, seed)| key(generation, seed)).collect()
    }

    /// Keeps the first key of a log, unless it has one.
    pub async fn add_log_key(&self, origin: &str, key: &LogKeyRow) -> Result<()> {
        add_key(origin, key).execute(&self.writer).await.map(drop).map_err(failed)
    }
}

impl Change {
    /// Keeps a further key of a log.
    pub async fn add_log_key(&mut self, origin: &str, key: &LogKeyRow) -> Result<()> {
        self.run(add_key(origin, key)).await
    }
}

fn key(generation: i64, seed: Vec<u8>) -> Result<LogKeyRow> {
    let seed = seed.try_into().map_err(|_| failed("a log's key has another length"))?;
    Ok(LogKeyRow { generation: u32::try_from(generation).map_err(failed)?, seed })
}

fn add_key(origin: &str, key: &LogKeyRow) -> Query<'static, Sqlite, SqliteArguments> {
    // Where two make the first one at once, both go on with the one that stands.
    let query = "insert or ignore into log_keys (origin, generation, seed, since) values (?, ?, ?, ?)";
    let query = sqlx::query(query).bind(origin.to_owned()).bind(i64::from(key.generation)).bind(key.seed.to_vec());
    query.bind(time::to_micros(SystemTime::now()))
}
