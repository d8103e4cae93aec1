//! Where guests run: a first slice on the worker that accepted the call, the rest on threads of their own, dealt out
//! fairly over tenants, so that no guest can starve the front door or another tenant.

mod standing;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_task::{Runnable, Task};
use parking_lot::{Condvar, Mutex};

pub(super) use self::standing::Pace;

use self::standing::Standings;
use super::call::Meter;
use crate::id::TenantId;
use crate::turns::{self, FairQueue, Slice};

/// What serves everybody comes before what computes. Where there is no end of that, guests still get a tenth of what it gets: of
/// each processor, so that a flood of requests which are refused does not keep those that were let in from their answer.
const GUEST_NICE: i32 = 10;

/// Guest threads and what waits for them.
#[derive(Debug)]
pub(super) struct Executor {
    shared: Arc<Shared>,
    standings: Standings,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Debug)]
struct State {
    queue: FairQueue<TenantId, Waiting>,
    running: usize,
    stopping: bool,
}

/// Whose work it is, and where what it takes is counted.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) tenant: TenantId,
    /// How many times as much as a tenant of weight 1 gets.
    pub(super) weight: u32,
    pub(super) meter: Arc<Meter>,
}

/// Work that waits for a guest thread, since when.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    runnable: Runnable<Arc<Meter>>,
}

impl Executor {
    /// Starts `threads` guest threads. Guests use timers and sockets of the runtime that this is called in.
    ///
    /// # Errors
    ///
    /// When the operating system gives no thread.
    pub(super) fn start(threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State { queue: FairQueue::new(), running: 0, stopping: false }),
            work: Condvar::new(),
        });
        let runtime = tokio::runtime::Handle::current();
        for number in 0..threads.max(1) {
            let (shared, runtime) = (Arc::clone(&shared), runtime.clone());
            std::thread::Builder::new().name(format!("guest-{number}")).spawn(move || {
                turns::give_way(GUEST_NICE);
                turns::brief(turns::GUEST);
                let _entered = runtime.enter();
                shared.serve();
            })?;
        }
        Ok(Self { shared, standings: Standings::default() })
    }

    /// Runs `work` of `tenant` to its end. Where the tenant is in good standing and `pace` says that the tool is quick,
    /// its first slice runs right here; what outlives that is handed to the guest threads as it is.
    ///
    /// Dropping the future cancels the work: a guest thread drops it at its next turn.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        turn: Turn,
        pace: &Pace,
        work: Pin<Box<dyn Future<Output = T> + Send>>,
    ) -> T {
        let mut work = work;
        if pace.is_quick() && self.standings.is_good(&turn.tenant) {
            let slice = Slice::begin();
            let first = futures::poll!(&mut work);
            let slice = slice.end();
            pace.observe(slice);
            self.standings.observe(&turn.tenant, slice);
            turn.meter.ran(slice);
            if let std::task::Poll::Ready(done) = first {
                return done;
            }
            // What it had here is part of its share there: or tools that begin with it would get more than those that do not.
            self.shared.state.lock().queue.charge(&turn.tenant, slice);
        } else {
            // Measured where it runs, so that a tool that has become quick is let back to the inline path.
            let (pace, mut first) = (pace.clone(), true);
            work = Box::pin(std::future::poll_fn(move |context| {
                let slice = first.then(Slice::begin);
                first = false;
                let polled = work.as_mut().poll(context);
                if let Some(slice) = slice {
                    pace.observe(slice.end());
                }
                polled
            }));
        }
        self.spawn(turn, work).await
    }

    fn spawn<T: Send + 'static>(
        &self,
        turn: Turn,
        work: Pin<Box<dyn Future<Output = T> + Send>>,
    ) -> Task<T, Arc<Meter>> {
        let (Turn { tenant, weight, meter }, shared) = (turn, Arc::clone(&self.shared));
        let schedule = move |runnable| shared.push(&tenant, weight, runnable);
        let (runnable, task) = async_task::Builder::new().metadata(meter).spawn(move |_| work, schedule);
        runnable.schedule();
        task
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.shared.state.lock().stopping = true;
        self.shared.work.notify_all();
    }
}

impl Shared {
    fn push(&self, tenant: &TenantId, weight: u32, runnable: Runnable<Arc<Meter>>) {
        let waiting = Waiting { since: Instant::now(), runnable };
        self.state.lock().queue.push(tenant, weight, waiting);
        self.work.notify_one();
    }

    fn serve(&self) {
        let mut state = self.state.lock();
        loop {
            let Some((tenant, Waiting { since, runnable })) = state.queue.pop() else {
                if state.stopping {
                    return;
                }
                if state.running == 0 {
                    state.queue.forget_idle();
                }
                self.work.wait(&mut state);
                continue;
            };
            state.running += 1;
            let ran = parking_lot::MutexGuard::unlocked(&mut state, || {
                let meter = Arc::clone(runnable.metadata());
                meter.waited(since.elapsed());
                let slice = Slice::begin();
                // A defect in a host function must cost its call, not a guest thread; whoever awaits the task sees it.
                let _ = std::panic::catch_unwind(AssertUnwindSafe(|| runnable.run()));
                let ran = slice.end();
                meter.ran(ran);
                // What serves everybody and was not to be let in when it woke, is now: the scheduler looks only then, and 250 times
                // a second.
                std::thread::yield_now();
                ran
            });
            state.running -= 1;
            state.queue.charge(&tenant, ran);
        }
    }
}

/// What is quick: a first slice below this is worth running where the call was accepted.
const QUICK: Duration = Duration::from_micros(200);
