//! The one task that puts payloads in: what waits goes into one transaction and shares its sync, tenants in turn.

use std::collections::{HashMap, VecDeque};

use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::rows::Row;
use crate::error::{Code, Error, Result};
use crate::id::{CallId, TenantId};
use crate::storage::{failed, time};

/// Payloads in one transaction: bounds how long the first of them waits for the last.
const GROUP_MAX: usize = 64;
/// What they hold together, sealed: the same for long ones. One that is longer goes by itself.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// A call's pieces on their way in, and who waits for them.
struct Job {
    tenant: TenantId,
    call: CallId,
    rows: Vec<Row>,
    /// What all of the tenant's payloads together may hold, in bytes.
    bytes_max: u64,
    answer: oneshot::Sender<Result<()>>,
}

impl Job {
    fn bytes(&self) -> usize {
        self.rows.iter().filter_map(|row| row.sealed.as_ref()).map(Vec::len).sum()
    }
}

/// The way to the task, which ends when the last of these goes. As many wait as there are calls that end: each waits for
/// its own.
#[derive(Debug, Clone)]
pub(super) struct Writer(mpsc::UnboundedSender<Job>);

impl Writer {
    pub(super) fn start(pool: SqlitePool) -> Self {
        let (sender, jobs) = mpsc::unbounded_channel();
        tokio::spawn(run(pool, jobs));
        Self(sender)
    }

    /// Puts a call's pieces in, as far as the tenant has room: of what has none, only the row.
    pub(super) async fn insert(&self, tenant: &TenantId, call: CallId, rows: Vec<Row>, bytes_max: u64) -> Result<()> {
        let stopped = || Error::new(Code::Unavailable, "the host is stopping").next("try again");
        let (answer, answered) = oneshot::channel();
        let job = Job { tenant: tenant.clone(), call, rows, bytes_max, answer };
        self.0.send(job).map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

async fn run(pool: SqlitePool, mut jobs: mpsc::UnboundedReceiver<Job>) {
    let mut waiting = Waiting::default();
    loop {
        if waiting.turns.is_empty() {
            let Some(job) = jobs.recv().await else { return };
            waiting.add(job);
        }
        while let Ok(job) = jobs.try_recv() {
            waiting.add(job);
        }
        let group = waiting.group();
        let committed = commit(&pool, &group).await;
        for job in group {
            // Whoever left meanwhile is told nothing; what was kept is kept.
            let _ = job.answer.send(committed.clone());
        }
    }
}

/// What waits, by tenant: one whose payloads are many or long keeps its own calls waiting.
#[derive(Default)]
struct Waiting {
    jobs: HashMap<TenantId, VecDeque<Job>>,
    /// Tenants that have some, in the order of their turns.
    turns: VecDeque<TenantId>,
}

impl Waiting {
    fn add(&mut self, job: Job) {
        let jobs = self.jobs.entry(job.tenant.clone()).or_default();
        if jobs.is_empty() {
            self.turns.push_back(job.tenant.clone());
        }
        jobs.push_back(job);
    }

    /// The next transaction: one payload of each tenant in turn, until it is full.
    fn group(&mut self) -> Vec<Job> {
        let (mut group, mut bytes) = (Vec::new(), 0);
        while group.len() < GROUP_MAX
            && let Some(tenant) = self.turns.pop_front()
        {
            let Some(jobs) = self.jobs.get_mut(&tenant) else { continue };
            bytes += jobs.front().map_or(0, Job::bytes);
            if bytes > GROUP_BYTES_MAX && !group.is_empty() {
                self.turns.push_front(tenant);
                break;
            }
            group.extend(jobs.pop_front());
            match jobs.is_empty() {
                true => drop(self.jobs.remove(&tenant)),
                false => self.turns.push_back(tenant),
            }
        }
        group
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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::PayloadKind;
    use super::*;

    fn job(tenant: &str, bytes: usize) -> Job {
        let now = SystemTime::UNIX_EPOCH;
        let sealed = Some(vec![0; bytes]);
        let row = Row { kind: PayloadKind::Result, key: String::new(), kept: now, until: now, sealed };
        let (tenant, rows) = (tenant.parse().unwrap(), vec![row]);
        Job { tenant, call: CallId::new(), rows, bytes_max: u64::MAX, answer: oneshot::channel().0 }
    }

    fn names(group: &[Job]) -> Vec<(&str, usize)> {
        group.iter().map(|job| (job.tenant.as_str(), job.bytes())).collect()
    }

    /// One tenant's long results do not hold up another's short one for longer than a group takes.
    #[test]
    fn tenants_take_turns_and_a_group_is_bounded_in_bytes_and_in_number() {
        let mut waiting = Waiting::default();
        for _ in 0..100 {
            waiting.add(job("acme", 3 << 20));
        }
        waiting.add(job("globex", 10));
        waiting.add(job("globex", 20));
        let long = ("acme", 3 << 20);
        assert_eq!(names(&waiting.group()), [long, ("globex", 10), long, ("globex", 20)]);
        for _ in 0..49 {
            assert_eq!(names(&waiting.group()), [long, long]);
        }
        assert_eq!((waiting.turns.len(), waiting.jobs.len(), waiting.group().len()), (0, 0, 0));
        // Whatever is too long for any group goes by itself.
        waiting.add(job("acme", GROUP_BYTES_MAX + 1));
        (0..GROUP_MAX).for_each(|_| waiting.add(job("globex", 1)));
        assert_eq!(waiting.group().len(), 1);
        assert_eq!((waiting.group().len(), waiting.turns.len()), (GROUP_MAX, 0));
    }
}
