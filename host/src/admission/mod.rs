//! Who may start a call now, who waits, and who is told to come again; and what calls may use together.
//!
//! A live call holds a stack and memory whether it computes or waits, so what is counted is live calls: on the host, and
//! by tenant. A tenant's calls wait in a line of their own. Whose turn it is when the host has room for another one is
//! decided by `schedule`, as plain data under one short lock; nobody waits while holding it. How many of a tenant's
//! calls run at once follows from how long their slices wait for a processor, which is the tenant's own doing: processors
//! are dealt out fairly below.

mod breaker;
pub mod budget;
mod lane;
mod ledger;
mod pairs;
mod refusal;
mod schedule;
mod usage;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

pub use self::breaker::{BreakerKey, Breakers, Trial};
pub use self::lane::Asked;
pub use self::ledger::Ledger;
pub use self::usage::{UsageBook, UsageKey, Used, day_of};

use self::lane::Ticket;
use self::refusal::Refusal;
use self::schedule::{Schedule, Started, Turn};
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::policy::{Plan, Priority};

/// Sizes of admission.
#[derive(Debug, Clone)]
pub struct AdmissionSettings {
    /// Live calls on this host; not more than the engine has room for.
    pub live_calls_max: u32,
    /// Live calls of one tenant, where its plan says nothing.
    pub tenant_calls_max: u32,
    /// Calls of one tenant that wait, where its plan says nothing; a further one is refused at once.
    pub tenant_waiting_max: u32,
    /// Calls of all tenants that wait.
    pub waiting_max: u32,
    /// How long a call waits for its turn before it is refused.
    pub wait_max: Duration,
    /// A tenant's oldest call is late once it has waited longer than this for the host.
    pub delay_target: Duration,
    /// After so long with a late call, those that have waited too long are given up.
    pub delay_interval: Duration,
    /// How long a slice of a call may wait for a processor before fewer of the tenant's calls run at once.
    pub slice_target: Duration,
    /// Between two times that they get fewer.
    pub slice_interval: Duration,
    /// How many run at once at least.
    pub pace_min: u32,
}

impl Default for AdmissionSettings {
    fn default() -> Self {
        Self {
            live_calls_max: 1_000,
            tenant_calls_max: 256,
            tenant_waiting_max: 1_024,
            waiting_max: 16_384,
            wait_max: Duration::from_secs(2),
            delay_target: Duration::from_millis(100),
            delay_interval: Duration::from_millis(500),
            slice_target: Duration::from_millis(5),
            slice_interval: Duration::from_millis(50),
            pace_min: 4,
        }
    }
}

impl AdmissionSettings {
    /// What a tenant has where no plan names it.
    pub fn plan(&self) -> Plan {
        Plan { weight: 1, concurrent_calls: self.tenant_calls_max, queue_calls: self.tenant_waiting_max }
    }

    /// How long a call of this priority waits while the host is late; nothing: as long as any.
    fn patience(&self, priority: Priority) -> Option<Duration> {
        match priority {
            Priority::Low => Some(self.delay_target),
            Priority::Normal => Some(self.delay_target * 2),
            Priority::High => None,
        }
    }
}

/// Deals out room for calls. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: AdmissionSettings,
    began: Instant,
    schedule: Mutex<Schedule<Answer>>,
}

/// Tells a call that waits what came of it.
type Answer = oneshot::Sender<Result<Pass, Refusal>>;

/// Room for one call, given back when dropped.
#[derive(Debug)]
pub struct Pass {
    shared: Arc<Shared>,
    /// Nothing once it was given back.
    started: Option<Started>,
    cost: Duration,
    delay: Option<Duration>,
}

impl Admission {
    /// Nobody in yet.
    pub fn new(settings: AdmissionSettings) -> Self {
        let schedule = Mutex::new(Schedule::new(settings.clone()));
        Self(Arc::new(Shared { settings, began: Instant::now(), schedule }))
    }

    /// What a tenant has where no plan names it.
    pub fn default_plan(&self) -> Plan {
        self.0.settings.plan()
    }

    /// Waits for a call's turn. Dropping the future takes it out of the line.
    ///
    /// # Errors
    ///
    /// `throttled` when as many of the tenant's calls wait or run as its plan lets, `overloaded` when the host has no
    /// room or did not get to it in time; both say when to come again, by how fast the line moves. `unavailable` when the
    /// host is stopping.
    pub async fn enter(&self, asked: &Asked) -> Result<Pass> {
        let now = self.0.now();
        let mut turns = Vec::new();
        let placed = {
            let mut schedule = self.0.schedule.lock();
            if let Some(started) = schedule.start(asked, now) {
                return Ok(self.0.pass(started));
            }
            let (answer, receiver) = oneshot::channel();
            let placed = schedule.wait(asked, answer, now, &mut turns);
            schedule.turns(now, &mut turns);
            placed.map(|ticket| Waiting { shared: &self.0, tenant: &asked.tenant, ticket, receiver })
        };
        self.0.tell(turns);
        let mut waiting = placed?;
        match tokio::time::timeout(self.0.settings.wait_max, &mut waiting.receiver).await {
            Ok(answer) => waiting.answered(answer),
            // Its time is over; where it was called up meanwhile, the answer is there or about to be.
            Err(_) => match waiting.leave() {
                Some(refusal) => Err(refusal.into()),
                None => {
                    let answer = (&mut waiting.receiver).await;
                    waiting.answered(answer)
                }
            },
        }
    }

    /// Calls that are live now.
    pub fn live(&self) -> usize {
        self.0.schedule.lock().live() as usize
    }

    /// Calls that wait now.
    pub fn waiting(&self) -> usize {
        self.0.schedule.lock().waiting() as usize
    }

    /// How much of what it may have running at once `tenant` has in use, in millionths: calls that run or wait to.
    pub fn load_ppm(&self, tenant: &TenantId) -> u32 {
        self.0.schedule.lock().load_ppm(tenant)
    }

    /// Lets nobody in any more, and tells all that wait.
    pub fn drain(&self) {
        let waiting = self.0.schedule.lock().drain();
        for (answer, refusal) in waiting {
            // Who left meanwhile needs no answer.
            let _ = answer.send(Err(refusal));
        }
    }
}

impl Shared {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn pass(self: &Arc<Self>, started: Started) -> Pass {
        Pass { shared: Arc::clone(self), started: Some(started), cost: Duration::ZERO, delay: None }
    }

    /// Tells calls what came of them. Never under the lock: room that nobody wants any more comes back by it.
    fn tell(self: &Arc<Self>, turns: Vec<Turn<Answer>>) {
        let mut turns = VecDeque::from(turns);
        while let Some(turn) = turns.pop_front() {
            let unheard = match turn {
                Turn::Start(answer, started) => answer.send(Ok(self.pass(started))),
                Turn::Refuse(answer, refusal) => answer.send(Err(refusal)),
            };
            // Who left meanwhile gives the room to the next; here and not by its drop, which would be one within another.
            if let Err(Ok(mut pass)) = unheard {
                turns.extend(pass.give_back());
            }
        }
    }
}

impl Pass {
    /// Says what the call took: a processor's time, and how long its slices waited for one on average.
    pub fn spent(&mut self, cost: Duration, delay: Option<Duration>) {
        (self.cost, self.delay) = (cost, delay);
    }

    /// Gives the room back, once; what comes of that.
    fn give_back(&mut self) -> Vec<Turn<Answer>> {
        let (now, mut turns) = (self.shared.now(), Vec::new());
        if let Some(started) = self.started.take() {
            let mut schedule = self.shared.schedule.lock();
            schedule.end(&started, self.cost, self.delay, now, &mut turns);
            schedule.turns(now, &mut turns);
        }
        turns
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let turns = self.give_back();
        self.shared.tell(turns);
    }
}

/// A call in line. Dropped, it leaves.
struct Waiting<'a> {
    shared: &'a Arc<Shared>,
    tenant: &'a TenantId,
    ticket: Ticket,
    receiver: oneshot::Receiver<Result<Pass, Refusal>>,
}

impl Waiting<'_> {
    fn leave(&self) -> Option<Refusal> {
        let now = self.shared.now();
        self.shared.schedule.lock().leave(self.tenant, self.ticket, now).map(|(_, refusal)| refusal)
    }

    fn answered(&self, answer: Result<Result<Pass, Refusal>, oneshot::error::RecvError>) -> Result<Pass> {
        Ok(answer.map_err(Error::internal)??)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}
