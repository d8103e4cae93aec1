//! Who is served next. What workers of the front door do for a connection, from reading a request to writing its answer,
//! is dealt out between tenants like a guest's time: by weight, and in measured nanoseconds.
//!
//! A runtime serves connections in the order in which something came. There a tenant that sends a thousand requests at
//! once is a thousand requests before everybody else's. Here it is one lane of several. A connection belongs to its
//! address until a key says whose it is, and then to that tenant, until another key comes over it.

use std::cell::Cell;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_task::{FallibleTask, Runnable};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::id::TenantId;
use crate::turns::{self, FairQueue, Slice};

/// How long a worker goes on before it looks whether more has come: what that costs is little beside it.
const ROUND: Duration = Duration::from_micros(100);

/// Serves connections on the workers of a runtime. Cheap to clone; the last clone ends it.
#[derive(Debug, Clone)]
pub struct Scheduler {
    shared: Arc<Shared>,
    _workers: Arc<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    work: Notify,
}

#[derive(Debug)]
struct State {
    queue: FairQueue<Lane, Runnable<Seat>>,
    running: usize,
}

/// Whose time it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Lane {
    /// Nobody's yet that could be told from others at this address.
    Address(IpAddr),
    Tenant(TenantId),
}

/// In whose lane work waits, and how much that weighs. Clones are the same seat.
#[derive(Debug, Clone)]
pub(super) struct Seat(Arc<Mutex<(Lane, u32)>>);

impl Seat {
    /// Of a connection that has not shown a key.
    pub(super) fn of_address(address: IpAddr) -> Self {
        Self::new(Lane::Address(address), 1)
    }

    /// Of work that is known to be a tenant's.
    pub(super) fn of_tenant(tenant: &TenantId, weight: u32) -> Self {
        Self::new(Lane::Tenant(tenant.clone()), weight)
    }

    fn new(lane: Lane, weight: u32) -> Self {
        Self(Arc::new(Mutex::new((lane, weight))))
    }

    /// From its next turn on it is `tenant`'s.
    pub(super) fn change(&self, tenant: &TenantId, weight: u32) {
        let mut seat = self.0.lock();
        if !matches!(&seat.0, Lane::Tenant(own) if own == tenant) {
            seat.0 = Lane::Tenant(tenant.clone());
        }
        seat.1 = weight;
    }
}

impl Scheduler {
    /// With as many workers as the runtime has that this is called in.
    pub fn start() -> Self {
        let state = State { queue: FairQueue::new(), running: 0 };
        let shared = Arc::new(Shared { state: Mutex::new(state), work: Notify::new() });
        let mut workers = JoinSet::new();
        for _ in 0..tokio::runtime::Handle::current().metrics().num_workers() {
            workers.spawn(Arc::clone(&shared).serve());
        }
        Self { shared, _workers: Arc::new(workers) }
    }

    /// Runs `work` in the turns of its seat. Dropping the task gives it up; it comes to nothing where it panics.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        seat: Seat,
        work: impl Future<Output = T> + Send + 'static,
    ) -> FallibleTask<T, Seat> {
        let shared = Arc::clone(&self.shared);
        let schedule = move |runnable| shared.push(runnable);
        let (runnable, task) = async_task::Builder::new().metadata(seat).spawn(move |_| work, schedule);
        runnable.schedule();
        task.fallible()
    }
}

impl Shared {
    fn push(&self, runnable: Runnable<Seat>) {
        {
            let seat = runnable.metadata().clone();
            let seat = seat.0.lock();
            self.state.lock().queue.push(&seat.0, seat.1, runnable);
        }
        self.work.notify_one();
    }

    async fn serve(self: Arc<Self>) {
        loop {
            on_worker();
            let mut ran = Duration::ZERO;
            // A worker has a budget of what it may take from sockets; without one, nothing gets on.
            while ran < ROUND && tokio::task::coop::has_budget_remaining() {
                let Some(slice) = self.serve_one() else { break };
                ran += slice;
            }
            let is_idle = self.state.lock().is_idle();
            if is_idle {
                self.work.notified().await;
            } else {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Does the next piece of work, where there is one; how long it took.
    fn serve_one(&self) -> Option<Duration> {
        let (lane, runnable) = {
            let mut state = self.state.lock();
            let next = state.queue.pop()?;
            state.running += 1;
            next
        };
        let slice = Slice::begin();
        // A defect must cost its connection, not a worker.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| runnable.run()));
        let slice = slice.end();
        let mut state = self.state.lock();
        state.running -= 1;
        state.queue.charge(&lane, slice);
        Some(slice)
    }
}

/// Has this worker served in short turns, the first time: which of them a task is on is the runtime's to say.
fn on_worker() {
    thread_local! {
        static IS_KNOWN: Cell<bool> = const { Cell::new(false) };
    }
    if !IS_KNOWN.replace(true) {
        turns::brief(turns::SERVING);
    }
}

impl State {
    /// Whether nothing waits. Where nothing runs either, nobody owes anything.
    fn is_idle(&mut self) -> bool {
        let is_idle = self.queue.is_empty();
        if is_idle && self.running == 0 {
            self.queue.forget_idle();
        }
        is_idle
    }
}

#[cfg(test)]
mod tests;
