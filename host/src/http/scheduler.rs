//! Who is served next. What workers of the front door do for a connection, from reading a request to writing its answer,
//! is dealt out between tenants like a guest's time: by weight, and in measured nanoseconds.
//!
//! A runtime serves connections in the order in which something came. There a tenant that sends a thousand requests at
//! once is a thousand requests before everybody else's. Here it is one lane of several. A connection belongs to its
//! address until a key says whose it is, and then to that tenant, until another key comes over it.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_task::{FallibleTask, Runnable};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::id::TenantId;
use crate::turns::{FairQueue, Slice};

/// How long a worker goes on before it looks whether more has come: what that costs is little beside it.
const ROUND: Duration = Duration::from_micros(100);

/// After so long without a pause all workers make one: guests come behind what serves everybody, and a flood of that would leave
/// them nothing.
const BUSY_MAX: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_millis(1);

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
    /// Since when there was always something to do, and no pause.
    busy_since: Option<Instant>,
}

/// What a worker does behind a round.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// There is more to do.
    GoOn,
    Pause(Instant),
    /// There is nothing to do.
    Wait,
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
        let state = State { queue: FairQueue::new(), running: 0, busy_since: None };
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
            let mut ran = Duration::ZERO;
            // A worker has a budget of what it may take from sockets; without one, nothing gets on.
            while ran < ROUND && tokio::task::coop::has_budget_remaining() {
                let Some(slice) = self.serve_one() else { break };
                ran += slice;
            }
            let next = self.state.lock().next(Instant::now());
            match next {
                Next::GoOn => tokio::task::yield_now().await,
                Next::Pause(until) => tokio::time::sleep_until(until.into()).await,
                Next::Wait => self.work.notified().await,
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

impl State {
    fn next(&mut self, now: Instant) -> Next {
        if self.queue.is_empty() {
            if self.running == 0 {
                self.queue.forget_idle();
            }
            self.busy_since = None;
            return Next::Wait;
        }
        let tired = *self.busy_since.get_or_insert(now) + BUSY_MAX;
        if now < tired {
            return Next::GoOn;
        }
        // The same pause for all of them: while some go on there is none.
        if now < tired + PAUSE {
            return Next::Pause(tired + PAUSE);
        }
        self.busy_since = Some(now);
        Next::GoOn
    }
}

#[cfg(test)]
mod tests;
