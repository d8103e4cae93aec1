//! Who starts next, as plain data: deficit round robin over tenants, in nanoseconds of processor time that their calls
//! take, as often as their plan weighs.
//!
//! What a call costs is known once it has ended. Until then it is taken to cost what calls of its tool cost lately, and the
//! difference is settled afterwards: so a tenant cannot get more by calling what is dear.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::AdmissionSettings;
use super::lane::{Asked, LEAST, Lane, Ticket, Waiter};
use super::refusal::{Refusal, Why};
use crate::id::{TenantId, ToolName};

/// What a tenant of weight 1 may start before the next one has its turn.
const QUANTUM: Duration = Duration::from_millis(1);
/// The deepest debt that is remembered: a call may cost a minute.
const DEBT_MAX: Duration = Duration::from_secs(60);

/// What waits and what runs. `T` is whatever stands for a call that waits. Times are since the host's start.
#[derive(Debug)]
pub(super) struct Schedule<T> {
    settings: AdmissionSettings,
    lanes: HashMap<TenantId, Lane<T>>,
    /// Tenants with calls that wait and may start, in the order of their turns.
    turns: VecDeque<TenantId>,
    live: u32,
    waiting: u32,
    tickets: u64,
    /// Counts how often nobody waited: what was owed before that does not matter any more.
    contest: u64,
    is_draining: bool,
}

/// A call that runs, for its end.
#[derive(Debug, Clone)]
pub(super) struct Started {
    pub(super) tenant: TenantId,
    tool: ToolName,
    estimate: Duration,
    contest: u64,
}

/// What is done about a call that waited.
#[derive(Debug)]
pub(super) enum Turn<T> {
    /// It starts.
    Start(T, Started),
    /// It is given up.
    Refuse(T, Refusal),
}

impl<T> Schedule<T> {
    pub(super) fn new(settings: AdmissionSettings) -> Self {
        Self {
            settings,
            lanes: HashMap::new(),
            turns: VecDeque::new(),
            live: 0,
            waiting: 0,
            tickets: 0,
            contest: 0,
            is_draining: false,
        }
    }

    pub(super) fn live(&self) -> u32 {
        self.live
    }

    pub(super) fn waiting(&self) -> u32 {
        self.waiting
    }

    /// How much of what it may have running at once a tenant has in use, in millionths.
    pub(super) fn load_ppm(&self, tenant: &TenantId) -> u32 {
        self.lanes.get(tenant).map_or(0, Lane::load_ppm)
    }

    /// Starts a call at once, where nobody waits that would be before it.
    pub(super) fn start(&mut self, asked: &Asked, now: Duration) -> Option<Started> {
        let has_room = self.live < self.settings.live_calls_max && self.turns.is_empty() && !self.is_draining;
        let lane = self.lane(asked, now);
        if !has_room || lane.is_full() || lane.waiting() > 0 {
            return None;
        }
        Some(self.begin(&asked.tenant, asked.tool.clone()))
    }

    /// Has a call wait. In a full line one that matters less gives its place up, on a full host the end of the longest line does;
    /// `turns` tells whose.
    ///
    /// # Errors
    ///
    /// Why it may not wait.
    pub(super) fn wait(
        &mut self,
        asked: &Asked,
        payload: T,
        now: Duration,
        turns: &mut Vec<Turn<T>>,
    ) -> Result<Ticket, Refusal> {
        if self.is_draining {
            return Err(Refusal::draining());
        }
        let own = self.lane(asked, now).waiting() as u64 >= u64::from(asked.plan.queue_calls);
        let full = own || self.waiting >= self.settings.waiting_max;
        if full {
            let why = if own { Why::QueueFull } else { Why::HostFull };
            let Some(lane) = self.lanes.get_mut(&asked.tenant) else { return Err(Refusal::draining()) };
            let refusal = Refusal::of(why, lane, &self.settings, now);
            match lane.pop_below(asked.priority) {
                Some(given_up) => {
                    self.waiting -= 1;
                    turns.push(Turn::Refuse(given_up, refusal));
                }
                None if !own && self.shorten(&asked.tenant, now, turns) => {}
                None => return Err(refusal),
            }
        }
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.waiting += 1;
        let lane = self.lane(asked, now);
        lane.push(ticket, asked.priority, Waiter { tool: asked.tool.clone(), since: now, payload });
        self.shed(&asked.tenant, now, turns);
        self.take_turn(&asked.tenant);
        Ok(ticket)
    }

    /// Has the line that is longest for its weight give up its end, where `tenant`'s would still be shorter: a host that is full
    /// of some tenants' calls has room for another's. Whether it did.
    fn shorten(&mut self, tenant: &TenantId, now: Duration, turns: &mut Vec<Turn<T>>) -> bool {
        /// So many at most, so that not for each call that comes all lines are compared.
        const AT_ONCE: usize = 64;
        let length =
            |lane: &Lane<T>, more: usize| (lane.waiting() + more) as u64 * 1_000 / u64::from(lane.plan.weight.max(1));
        let own = self.lanes.get(tenant).map_or(0, |lane| length(lane, 1));
        let Some(longest) = self.lanes.values_mut().max_by_key(|lane| length(lane, 0)) else { return false };
        // What is over the middle of both stays theirs to share.
        let over = length(longest, 0).saturating_sub(own) * u64::from(longest.plan.weight.max(1)) / 2_000;
        let many = usize::try_from(over).unwrap_or(AT_ONCE).min(AT_ONCE);
        let refusal = Refusal::of(Why::HostFull, longest, &self.settings, now);
        for given_up in std::iter::from_fn(|| longest.pop_last()).take(many) {
            self.waiting -= 1;
            turns.push(Turn::Refuse(given_up, refusal.clone()));
        }
        many > 0
    }

    /// Takes a call out of the line, and says why it is not let in; nothing where it does not wait any more.
    pub(super) fn leave(&mut self, tenant: &TenantId, ticket: Ticket, now: Duration) -> Option<(T, Refusal)> {
        let lane = self.lanes.get_mut(tenant)?;
        let payload = lane.remove(ticket)?;
        self.waiting -= 1;
        let why = if lane.is_at_plan() { Why::PlanFull } else { Why::HostBusy };
        let refusal = Refusal::of(why, lane, &self.settings, now);
        self.tidy(tenant);
        Some((payload, refusal))
    }

    /// A call has ended that took `cost` of a processor's time, and whose slices waited `delay` for one on average.
    pub(super) fn end(
        &mut self,
        started: &Started,
        cost: Duration,
        delay: Option<Duration>,
        now: Duration,
        turns: &mut Vec<Turn<T>>,
    ) {
        self.live -= 1;
        let Some(lane) = self.lanes.get_mut(&started.tenant) else { return };
        lane.running -= 1;
        let ran = !cost.is_zero() || delay.is_some();
        let cost = cost.max(LEAST);
        // One that was refused behind its turn says nothing of its tool, nor of how well processors keep up.
        if ran {
            lane.learn(&started.tool, cost);
            // What never waited for a processor waited for nothing.
            lane.follow(&self.settings, delay.unwrap_or_default(), now);
        }
        if lane.contest == started.contest && started.contest == self.contest {
            lane.deficit = owing(lane.deficit + nanoseconds(started.estimate) - nanoseconds(cost));
        }
        self.shed(&started.tenant, now, turns);
        self.take_turn(&started.tenant);
        self.tidy(&started.tenant);
    }

    /// Starts what there is room for, and gives up what has waited too long.
    pub(super) fn turns(&mut self, now: Duration, turns: &mut Vec<Turn<T>>) {
        let was_contested = !self.turns.is_empty();
        while self.live < self.settings.live_calls_max
            && let Some(tenant) = self.next(now, turns)
        {
            let Some(lane) = self.lanes.get_mut(&tenant) else { continue };
            let Some(waiter) = lane.pop() else { continue };
            self.waiting -= 1;
            lane.started(now);
            let started = self.begin(&tenant, waiter.tool);
            turns.push(Turn::Start(waiter.payload, started));
        }
        if was_contested && self.turns.is_empty() {
            self.contest += 1;
        }
    }

    /// Lets nobody in any more, and gives up all that wait.
    pub(super) fn drain(&mut self) -> Vec<(T, Refusal)> {
        self.is_draining = true;
        self.turns.clear();
        self.waiting = 0;
        let all = self.lanes.values_mut().flat_map(Lane::drain);
        all.map(|payload| (payload, Refusal::draining())).collect()
    }

    /// The tenant whose call starts next.
    fn next(&mut self, now: Duration, turns: &mut Vec<Turn<T>>) -> Option<TenantId> {
        let mut behind = 0;
        loop {
            let tenant = self.turns.front()?.clone();
            self.shed(&tenant, now, turns);
            let Some(lane) = self.lanes.get_mut(&tenant).filter(|lane| lane.waiting() > 0 && !lane.is_full()) else {
                // Its turn comes back with a call that ends, or with another that asks.
                self.miss_turn();
                continue;
            };
            if lane.contest != self.contest {
                (lane.contest, lane.deficit) = (self.contest, 0);
            }
            if lane.deficit > 0 {
                return Some(tenant);
            }
            if behind == self.turns.len() {
                // All of them owe: as many rounds at once as the first to have paid needs.
                self.pay();
                behind = 0;
                continue;
            }
            lane.deficit += share(lane.plan.weight);
            if lane.deficit <= 0 {
                self.turns.rotate_left(1);
                behind += 1;
            }
        }
    }

    /// Gives every tenant in turn as many rounds as the one needs that is nearest to having paid.
    fn pay(&mut self) {
        let rounds = |lane: &Lane<T>| (-lane.deficit) / share(lane.plan.weight);
        let least = self.turns.iter().filter_map(|tenant| self.lanes.get(tenant)).map(rounds).min().unwrap_or(0);
        for tenant in &self.turns {
            if let Some(lane) = self.lanes.get_mut(tenant) {
                lane.deficit += least * share(lane.plan.weight);
            }
        }
    }

    fn begin(&mut self, tenant: &TenantId, tool: ToolName) -> Started {
        self.live += 1;
        let is_contested = !self.turns.is_empty();
        let mut estimate = Duration::ZERO;
        if let Some(lane) = self.lanes.get_mut(tenant) {
            lane.running += 1;
            estimate = lane.estimate(&tool);
            if is_contested {
                lane.deficit = owing(lane.deficit - nanoseconds(estimate));
                let (is_over, waits) = (lane.deficit <= 0, lane.waiting() > 0);
                if !waits {
                    // Credit is for those that wait; what is owed stays.
                    lane.deficit = lane.deficit.min(0);
                    self.miss_turn();
                } else if is_over {
                    self.turns.rotate_left(1);
                }
            }
        }
        Started { tenant: tenant.clone(), tool, estimate, contest: if is_contested { self.contest } else { u64::MAX } }
    }

    /// Gives up what has waited too long.
    fn shed(&mut self, tenant: &TenantId, now: Duration, turns: &mut Vec<Turn<T>>) {
        let Some(lane) = self.lanes.get_mut(tenant) else { return };
        let shed = lane.shed(&self.settings, now);
        if shed.is_empty() {
            return;
        }
        self.waiting -= u32::try_from(shed.len()).unwrap_or(u32::MAX);
        let refusal = Refusal::of(Why::HostBusy, lane, &self.settings, now);
        turns.extend(shed.into_iter().map(|payload| Turn::Refuse(payload, refusal.clone())));
    }

    fn lane(&mut self, asked: &Asked, now: Duration) -> &mut Lane<T> {
        let lane = self.lanes.entry(asked.tenant.clone()).or_insert_with(|| Lane::new(asked.plan, now));
        if lane.plan != asked.plan {
            lane.change(asked.plan);
        }
        lane
    }

    /// Puts a tenant behind the others, where it has calls that wait and may start.
    fn take_turn(&mut self, tenant: &TenantId) {
        let Some(lane) = self.lanes.get_mut(tenant) else { return };
        if lane.waiting() > 0 && !lane.is_full() && !lane.in_turn {
            lane.in_turn = true;
            self.turns.push_back(tenant.clone());
        }
    }

    /// Takes the tenant at the front out of turn.
    fn miss_turn(&mut self) {
        let front = self.turns.pop_front();
        if let Some(lane) = front.and_then(|tenant| self.lanes.get_mut(&tenant)) {
            lane.in_turn = false;
        }
    }

    /// Takes a tenant without calls that wait out of turn, and forgets idle ones where there are many.
    fn tidy(&mut self, tenant: &TenantId) {
        /// What idle tenants' tools cost is remembered of so many.
        const IDLE_MAX: usize = 10_000;
        if let Some(lane) = self.lanes.get_mut(tenant)
            && lane.in_turn
            && lane.waiting() == 0
        {
            lane.in_turn = false;
            self.turns.retain(|other| other != tenant);
        }
        if self.lanes.len() > IDLE_MAX {
            self.lanes.retain(|_, lane| !lane.is_idle());
        }
    }
}

fn share(weight: u32) -> i64 {
    nanoseconds(QUANTUM).saturating_mul(i64::from(weight.max(1)))
}

fn owing(deficit: i64) -> i64 {
    deficit.max(-nanoseconds(DEBT_MAX))
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
