//! The one task that puts payloads in: what waits goes into one transaction and shares its sync.

use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::rows::Row;
use crate::error::{Code, Error, Result};
use crate::id::{CallId, TenantId};
use crate::storage::{failed, time};

/// Payloads in one transaction: bounds how long the first of them waits for the last.
const GROUP_MAX: usize = 64;
/// Payloads that wait; behind them, calls wait for a place.
const WAITING_MAX: usize = 256;

/// A call's pieces on their way in, and who waits for them.
struct Job {
    tenant: TenantId,
    call: CallId,
    rows: Vec<Row>,
    /// What all of the tenant's payloads together may hold, in bytes.
    bytes_max: u64,
    answer: oneshot::Sender<Result<()>>,
}

/// The way to the task, which ends when the last of these goes.
#[derive(Debug, Clone)]
pub(super) struct Writer(mpsc::Sender<Job>);

impl Writer {
    pub(super) fn start(pool: SqlitePool) -> Self {
        let (sender, jobs) = mpsc::channel(WAITING_MAX);
        tokio::spawn(run(pool, jobs));
        Self(sender)
    }

    /// Puts a call's pieces in, as far as the tenant has room: of what has none, only the row.
    pub(super) async fn insert(&self, tenant: &TenantId, call: CallId, rows: Vec<Row>, bytes_max: u64) -> Result<()> {
        let stopped = || Error::new(Code::Unavailable, "the host is stopping").next("try again");
        let (answer, answered) = oneshot::channel();
        let job = Job { tenant: tenant.clone(), call, rows, bytes_max, answer };
        self.0.send(job).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

async fn run(pool: SqlitePool, mut jobs: mpsc::Receiver<Job>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while jobs.recv_many(&mut group, GROUP_MAX).await > 0 {
        let committed = commit(&pool, &group).await;
        for job in group.drain(..) {
            // Whoever left meanwhile is told nothing; what was kept is kept.
            let _ = job.answer.send(committed.clone());
        }
    }
}

/// Puts all of them in, or none.
async fn commit(pool: &SqlitePool, jobs: &[Job]) -> Result<()> {
    let mut within = pool.begin_with("begin immediate").await.map_err(failed)?;
    for job in jobs {
        for row in &job.rows {
            insert(&mut within, job, row).await?;
        }
    }
    within.commit().await.map_err(failed)
}

async fn insert(within: &mut Transaction<'static, Sqlite>, job: &Job, row: &Row) -> Result<()> {
    let query = sqlx::query_scalar::<_, i64>("select bytes from tenants where tenant = ?");
    let found = query.bind(job.tenant.as_str()).fetch_optional(&mut **within).await.map_err(failed)?;
    let held = found.unwrap_or(0).cast_unsigned();
    let fits = |sealed: &&Vec<u8>| held.saturating_add(sealed.len() as u64) <= job.bytes_max;
    let query = sqlx::query(
        "insert into payloads (tenant, call, kind, key, kept, until, sealed)
         values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
    );
    let query = query.bind(job.tenant.as_str()).bind(job.call.to_string()).bind(row.kind.as_str()).bind(&row.key);
    let query = query.bind(time::to_micros(row.kept)).bind(time::to_micros(row.until));
    query.bind(row.sealed.as_ref().filter(fits)).execute(&mut **within).await.map(drop).map_err(failed)
}
