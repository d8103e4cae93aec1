//! Writes on their way to the one task that does them. Each tenant has a queue of its own, and queues are served in
//! turn, one write each: whatever one tenant writes, another's write waits for one of its own kind from each of them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use sqlx::SqlitePool;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

use super::write::{Write, commit};
use super::{Bucket, KvError};
use crate::error::{Code, Error, Result};
use crate::id::TenantId;

/// Writes in one transaction.
const GROUP_MAX: usize = 128;
/// Their work together, in rows: bounds how long whoever comes next waits. A write that is more goes alone.
const GROUP_WORK_MAX: usize = 1_000;
/// Bytes that are as much work as a row.
const ROW_BYTES: usize = 4 << 10;
/// A tenant's writes that wait; behind them, its callers wait for a place.
const TENANT_WAITING_MAX: usize = 256;

/// A write and who waits for it. The number is the counter's value, or 0.
struct Job {
    bucket: Bucket,
    write: Write,
    answer: oneshot::Sender<Result<i128, KvError>>,
    _place: OwnedSemaphorePermit,
}

/// The way to the task, which ends when the last of these goes.
#[derive(Debug, Clone)]
pub(super) struct Writer(Arc<Door>);

#[derive(Debug)]
struct Door(Arc<Shared>);

impl Drop for Door {
    fn drop(&mut self) {
        self.0.state.lock().stopping = true;
        self.0.work.notify_one();
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work: Notify,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    tenants: HashMap<TenantId, Queue>,
    /// Tenants with a write that waits, each once, in their order.
    turns: VecDeque<TenantId>,
    stopping: bool,
    ended: bool,
}

struct Queue {
    jobs: VecDeque<Job>,
    places: Arc<Semaphore>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { jobs: VecDeque::new(), places: Arc::new(Semaphore::new(TENANT_WAITING_MAX)) }
    }
}

impl Writer {
    /// Starts the task on the present runtime.
    pub(super) fn start(pool: SqlitePool) -> Self {
        let shared = Arc::<Shared>::default();
        tokio::spawn(run(pool, Serving(Arc::clone(&shared))));
        Self(Arc::new(Door(shared)))
    }

    pub(super) async fn write(&self, bucket: &Bucket, write: Write) -> Result<i128, KvError> {
        let stopped = || KvError::Store(Error::new(Code::Unavailable, "the host is stopping").next("try again"));
        let shared = &self.0.0;
        let places = Arc::clone(&shared.state.lock().tenants.entry(bucket.tenant.clone()).or_default().places);
        let place = places.acquire_owned().await.map_err(|_| stopped())?;
        let (answer, answered) = oneshot::channel();
        if !shared.state.lock().push(Job { bucket: bucket.clone(), write, answer, _place: place }) {
            return Err(stopped());
        }
        shared.work.notify_one();
        answered.await.map_err(|_| stopped())?
    }
}

impl State {
    /// Whether somebody is there to do it.
    fn push(&mut self, job: Job) -> bool {
        if self.ended {
            return false;
        }
        let tenant = job.bucket.tenant.clone();
        let queue = self.tenants.entry(tenant.clone()).or_default();
        if queue.jobs.is_empty() {
            self.turns.push_back(tenant);
        }
        queue.jobs.push_back(job);
        true
    }

    /// What the next transaction does.
    fn group(&mut self) -> Vec<Job> {
        let (mut group, mut work) = (Vec::new(), 0);
        while group.len() < GROUP_MAX
            && let Some(tenant) = self.turns.front()
            && let Some(queue) = self.tenants.get_mut(tenant)
        {
            // Who no longer waits was dropped before its write began: it never happened.
            while queue.jobs.pop_front_if(|job| job.answer.is_closed()).is_some() {}
            if let Some(job) = queue.jobs.front() {
                let more = job.write.work(ROW_BYTES);
                if !group.is_empty() && work + more > GROUP_WORK_MAX {
                    break;
                }
                work += more;
            }
            group.extend(queue.jobs.pop_front());
            let is_done = queue.jobs.is_empty();
            if let Some(tenant) = self.turns.pop_front().filter(|_| !is_done) {
                self.turns.push_back(tenant);
            }
        }
        if group.is_empty() {
            // A place is held from before a write waits until it is answered.
            self.tenants.retain(|_, queue| Arc::strong_count(&queue.places) > 1);
        }
        group
    }
}

/// The task's own end: whoever waits when it goes is told, also when it breaks down.
struct Serving(Arc<Shared>);

impl Drop for Serving {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.ended = true;
        state.tenants.clear();
    }
}

async fn run(pool: SqlitePool, serving: Serving) {
    let shared = &serving.0;
    loop {
        let (group, stopping) = {
            let mut state = shared.state.lock();
            (state.group(), state.stopping)
        };
        if group.is_empty() {
            if stopping {
                return;
            }
            shared.work.notified().await;
            continue;
        }
        let mut answers = Vec::with_capacity(group.len());
        let mut writes = Vec::with_capacity(group.len());
        for Job { bucket, write, answer, _place: place } in group {
            answers.push((answer, place));
            writes.push((bucket, write));
        }
        let mut results = Vec::with_capacity(writes.len());
        let failure = commit(&pool, &writes, &mut results).await.err();
        for (index, (answer, _place)) in answers.into_iter().enumerate() {
            let result = match &failure {
                Some(failure) => Err(failure.clone()),
                None => {
                    results.get(index).cloned().unwrap_or_else(|| Err(KvError::Store(Error::internal("no result"))))
                }
            };
            // Whoever left meanwhile is told nothing; the write stands.
            let _ = answer.send(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(tenant: &str, rows: usize, bytes: usize) -> (Job, oneshot::Receiver<Result<i128, KvError>>) {
        let bucket = Bucket {
            tenant: tenant.parse().unwrap(),
            name: "b".into(),
            bytes_max: 1,
            keys_max: 1,
            tenant_bytes_max: 1,
        };
        let (answer, answered) = oneshot::channel();
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let write = Write::Set(vec![(String::new(), vec![0; bytes]); rows]);
        (Job { bucket, write, answer, _place: place }, answered)
    }

    fn tenants(group: &[Job]) -> Vec<&str> {
        group.iter().map(|job| job.bucket.tenant.as_str()).collect()
    }

    /// A tenant that floods the writer keeps another waiting for one of its writes, not for all of them.
    #[test]
    fn hostile_flood_of_large_writes() {
        let mut state = State::default();
        let mut waiting = Vec::new();
        let mut push = |state: &mut State, tenant, rows, bytes| {
            let (job, answered) = job(tenant, rows, bytes);
            waiting.push(answered);
            assert!(state.push(job));
        };
        for _ in 0..200 {
            push(&mut state, "a", 900, 0);
        }
        assert_eq!(tenants(&state.group()), ["a"], "one is work enough for a transaction");
        push(&mut state, "b", 1, 0);
        assert_eq!(tenants(&state.group()), ["a", "b"], "and the next one takes the other's along");
        // Bytes are work, too.
        push(&mut state, "c", 1, 8 << 20);
        assert_eq!(tenants(&state.group()), ["a"]);
        assert_eq!(tenants(&state.group()), ["c"], "alone, as it is more than a transaction does");
        // Small ones share a transaction, in turn.
        let mut state = State::default();
        for tenant in ["a", "a", "a", "b", "b", "c"] {
            push(&mut state, tenant, 1, 0);
        }
        assert_eq!(tenants(&state.group()), ["a", "b", "c", "a", "b", "a"]);
        assert!(state.group().is_empty() && state.turns.is_empty());
        assert!(state.tenants.is_empty(), "nothing is kept of who writes nothing");
    }

    #[test]
    fn who_left_takes_no_turn() {
        let mut state = State::default();
        let mut kept = Vec::new();
        for (tenant, stays) in [("a", false), ("b", true), ("a", false)] {
            let (job, answered) = job(tenant, 1, 0);
            assert!(state.push(job));
            kept.extend(stays.then_some(answered));
        }
        assert_eq!(tenants(&state.group()), ["b"]);
        assert!(state.group().is_empty());
    }

    #[test]
    fn who_waits_when_the_task_goes_is_told() {
        let shared = Arc::<Shared>::default();
        let (first, mut answered) = job("a", 1, 0);
        assert!(shared.state.lock().push(first));
        drop(Serving(Arc::clone(&shared)));
        assert!(answered.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Closed));
        assert!(!shared.state.lock().push(job("a", 1, 0).0));
    }
}
