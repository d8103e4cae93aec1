//! Opening a SQLite file: durable at each commit, one writer, a few readers beside it, its schema brought up to date.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::failed;
use crate::error::{Code, Error, Result};

/// How long a statement waits for another process that holds the file, such as a backup.
const BUSY_MAX: Duration = Duration::from_secs(10);
/// How long a request waits for its turn at a connection before it is given up.
const TURN_MAX: Duration = Duration::from_secs(30);

/// The connections to one file.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    /// One: SQLite has one writer, and a queue in front of it is fairer than its retries.
    pub(super) writer: SqlitePool,
    /// These cannot write.
    pub(super) readers: SqlitePool,
}

/// Opens the file at `path`, making it where there is none, and brings its schema up to the last of `migrations`: the
/// first makes it, each further one comes from the one before. How far a file has come is in its `user_version`.
///
/// # Errors
/// When the file cannot be used, is damaged, or was written by a newer host.
pub(super) async fn open(path: &Path, migrations: &[&'static str], readers: u32) -> Result<Connections> {
    let unusable = |error: sqlx::Error| failed(format_args!("{}: {error}", path.display()));
    // SQLite makes files that others may read; those beside this one get the mode of this one.
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(failed)?;
    let options = options(path);
    let writing = options.clone().journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let writer = pool().min_connections(1).max_connections(1).connect_with(writing).await.map_err(unusable)?;
    migrate(&writer, path, migrations).await?;
    let readers = pool().max_connections(readers).connect_with(options.read_only(true)).await.map_err(unusable)?;
    Ok(Connections { writer, readers })
}

/// Opens a file that is there, only to read it.
///
/// # Errors
/// When it cannot be read.
pub(super) async fn open_to_read(path: &Path, readers: u32) -> Result<SqlitePool> {
    let unusable = |error: sqlx::Error| {
        Error::new(Code::Unavailable, format!("{} cannot be read: {error}", path.display()))
            .next("do it as the user that the host runs as, on the machine that it runs on")
    };
    pool().max_connections(readers).connect_with(options(path).read_only(true)).await.map_err(unusable)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).foreign_keys(true).busy_timeout(BUSY_MAX)
}

fn pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .acquire_timeout(TURN_MAX)
        .idle_timeout(None)
        .max_lifetime(None)
        // A connection to a file in this process does not go away by itself.
        .test_before_acquire(false)
}

/// Writes all changes into the file itself and empties the log of them, where deleted bytes would still be; whether it could.
/// While somebody reads what was there before, such as a backup, it cannot, and a later one may.
pub(super) async fn truncate_log(writer: &SqlitePool) -> Result<bool> {
    let query = sqlx::query_as::<_, (i64, i64, i64)>("pragma wal_checkpoint(truncate)");
    let (busy, _, _) = query.fetch_one(writer).await.map_err(failed)?;
    Ok(busy == 0)
}

async fn migrate(writer: &SqlitePool, path: &Path, migrations: &[&'static str]) -> Result<()> {
    let mut writing = writer.begin_with("begin immediate").await.map_err(failed)?;
    let come: i64 = sqlx::query_scalar("pragma user_version").fetch_one(&mut *writing).await.map_err(failed)?;
    let Some(ahead) = usize::try_from(come).ok().and_then(|come| migrations.get(come..)) else {
        let (path, known) = (path.display(), migrations.len());
        return Err(Error::internal(format_args!(
            "{path} has schema {come} and this host knows up to {known}: start the newer host that wrote it"
        )));
    };
    for migration in ahead {
        sqlx::raw_sql(*migration).execute(&mut *writing).await.map_err(failed)?;
    }
    let version = sqlx::AssertSqlSafe(format!("pragma user_version = {}", migrations.len()));
    sqlx::raw_sql(version).execute(&mut *writing).await.map_err(failed)?;
    writing.commit().await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const FIRST: &str = "create table t (n integer not null) strict; insert into t values (1);";
    const SECOND: &str = "alter table t add column m integer; update t set m = n + 1;";

    #[tokio::test]
    async fn a_file_is_brought_up_to_date_once_and_a_newer_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        open(&path, &[FIRST], 1).await.unwrap();
        for _ in 0..2 {
            let connections = open(&path, &[FIRST, SECOND], 1).await.unwrap();
            let rows: Vec<(i64, i64)> =
                sqlx::query_as("select n, m from t").fetch_all(&connections.readers).await.unwrap();
            assert_eq!(rows, [(1, 2)]);
        }
        let error = open(&path, &[FIRST], 1).await.unwrap_err();
        assert!(error.operator_detail().unwrap().contains("newer host"), "{error:?}");
    }

    #[tokio::test]
    async fn a_migration_that_fails_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        open(&path, &[FIRST], 1).await.unwrap();
        open(&path, &[FIRST, "update t set n = 5; select nonsense"], 1).await.unwrap_err();
        let connections = open(&path, &[FIRST, SECOND], 1).await.unwrap();
        let m: i64 = sqlx::query_scalar("select m from t").fetch_one(&connections.readers).await.unwrap();
        assert_eq!(m, 2);
    }

    #[tokio::test]
    async fn commits_are_synced_readers_cannot_write_and_others_cannot_read() {
        let folder = tempfile::tempdir().unwrap();
        let connections = open(&folder.path().join("x.db"), &[FIRST], 1).await.unwrap();
        let pragma = |name: &'static str| {
            let writer = connections.writer.clone();
            async move { sqlx::query_scalar::<_, i64>(name).fetch_one(&writer).await.unwrap() }
        };
        assert_eq!((pragma("pragma synchronous").await, pragma("pragma foreign_keys").await), (2, 1));
        let mode: String = sqlx::query_scalar("pragma journal_mode").fetch_one(&connections.writer).await.unwrap();
        assert_eq!(mode, "wal");
        assert!(sqlx::query("delete from t").execute(&connections.readers).await.is_err());
        for name in ["x.db", "x.db-wal", "x.db-shm"] {
            let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{name}");
        }
    }
}
