//! One tenant's calls: those that wait, in the order of their turns, how many run, and how fast they go.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::AdmissionSettings;
use crate::id::{TenantId, ToolName};
use crate::policy::{Plan, Priority};
use crate::routed::WHOLE_PPM;

/// A place in line: later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(pub(super) u64);

/// A call that asks for room.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whose it is.
    pub tenant: TenantId,
    /// What it calls: how long that takes is estimated from what it took.
    pub tool: ToolName,
    /// How little it matters when it has to be given up.
    pub priority: Priority,
    /// The tenant's plan.
    pub plan: Plan,
}

/// A call that waits.
#[derive(Debug)]
pub(super) struct Waiter<T> {
    pub(super) tool: ToolName,
    pub(super) since: Duration,
    pub(super) payload: T,
}

/// What a tool is taken to cost before it ran: less than most.
const UNKNOWN: Duration = Duration::from_millis(1);
/// What a call costs at least: what is around it is work, too.
pub(super) const LEAST: Duration = Duration::from_micros(20);
/// Tools whose cost is remembered of one tenant; a full table is begun anew.
const TOOLS_MAX: usize = 1_024;
/// The longest time that a caller is told to wait.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// One tenant's calls. Times are since the host's start.
#[derive(Debug)]
pub(super) struct Lane<T> {
    waiting: [BTreeMap<Ticket, Waiter<T>>; Priority::ALL.len()],
    pub(super) plan: Plan,
    pub(super) running: u32,
    /// Calls at once that its share of the processors keeps up with.
    pace: f64,
    slowed: Duration,
    /// Nanoseconds that it may still start; negative: what it owes.
    pub(super) deficit: i64,
    /// Whether it is among those whose turn comes.
    pub(super) in_turn: bool,
    /// In which contest it owes that.
    pub(super) contest: u64,
    /// What calls of a tool cost lately.
    costs: HashMap<ToolName, Duration>,
    /// Since when the oldest has waited too long, without a break.
    late: Option<Duration>,
    /// Between two starts of calls that had waited.
    apart: Option<Duration>,
    started: Duration,
}

impl<T> Lane<T> {
    pub(super) fn new(plan: Plan, now: Duration) -> Self {
        Self {
            waiting: Default::default(),
            plan,
            running: 0,
            pace: f64::from(plan.concurrent_calls),
            slowed: now,
            deficit: 0,
            in_turn: false,
            contest: 0,
            costs: HashMap::new(),
            late: None,
            apart: None,
            started: now,
        }
    }

    /// Another plan is in force.
    pub(super) fn change(&mut self, plan: Plan) {
        let (before, most) = (f64::from(self.plan.concurrent_calls), f64::from(plan.concurrent_calls));
        self.pace = if self.pace < before { self.pace.min(most) } else { most };
        self.plan = plan;
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.iter().map(BTreeMap::len).sum()
    }

    /// Calls that run or wait, beside those that may run at once, in millionths: the whole at most.
    pub(super) fn load_ppm(&self) -> u32 {
        // Whole calls: a pace between two of them lets no further one start.
        let most = f64::from(self.plan.concurrent_calls).min(self.pace).max(1.0) as u64;
        let used = (u64::from(self.running) + self.waiting() as u64).min(most);
        u32::try_from(used * u64::from(WHOLE_PPM) / most).unwrap_or(WHOLE_PPM)
    }

    /// Nothing of it is left that matters to anyone, but for what its tools cost.
    pub(super) fn is_idle(&self) -> bool {
        self.running == 0 && self.waiting() == 0
    }

    /// Whether the plan lets no further call run, or the processors do not keep up.
    pub(super) fn is_full(&self) -> bool {
        self.is_at_plan() || f64::from(self.running) >= self.pace
    }

    /// Whether it is the plan that lets no further call run.
    pub(super) fn is_at_plan(&self) -> bool {
        self.running >= self.plan.concurrent_calls
    }

    pub(super) fn push(&mut self, ticket: Ticket, priority: Priority, waiter: Waiter<T>) {
        self.waiting[priority as usize].insert(ticket, waiter);
    }

    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<T> {
        self.waiting.iter_mut().find_map(|waiting| waiting.remove(&ticket)).map(|waiter| waiter.payload)
    }

    /// The next to start: of the most important, the one that has waited longest.
    pub(super) fn pop(&mut self) -> Option<Waiter<T>> {
        self.waiting.iter_mut().rev().find_map(BTreeMap::pop_first).map(|(_, waiter)| waiter)
    }

    /// One that matters less than `priority`: of the least important, the one that came last.
    pub(super) fn pop_below(&mut self, priority: Priority) -> Option<T> {
        let below = &mut self.waiting[..priority as usize];
        below.iter_mut().find_map(BTreeMap::pop_last).map(|(_, waiter)| waiter.payload)
    }

    /// Of the least important, the one that came last.
    pub(super) fn pop_last(&mut self) -> Option<T> {
        self.waiting.iter_mut().find_map(BTreeMap::pop_last).map(|(_, waiter)| waiter.payload)
    }

    /// Those that have waited too long to be worth starting, while the oldest has been late for a whole interval: the less
    /// important, the sooner. What waits because of the tenant's own plan is not late.
    pub(super) fn shed(&mut self, settings: &AdmissionSettings, now: Duration) -> Vec<T> {
        let oldest =
            self.waiting.iter().filter_map(|waiting| waiting.first_key_value()).map(|(_, waiter)| waiter.since);
        let delay = oldest.min().map_or(Duration::ZERO, |since| now.saturating_sub(since));
        if delay <= settings.delay_target || self.is_at_plan() {
            self.late = None;
            return Vec::new();
        }
        let since = *self.late.get_or_insert(now);
        if now.saturating_sub(since) < settings.delay_interval {
            return Vec::new();
        }
        let mut shed = Vec::new();
        for priority in Priority::ALL {
            let Some(patience) = settings.patience(priority) else { continue };
            let waiting = &mut self.waiting[priority as usize];
            while let Some(first) = waiting.first_entry()
                && now.saturating_sub(first.get().since) > patience
            {
                shed.push(first.remove().payload);
            }
        }
        shed
    }

    /// What a call of `tool` is taken to cost.
    pub(super) fn estimate(&self, tool: &ToolName) -> Duration {
        self.costs.get(tool).copied().unwrap_or(UNKNOWN)
    }

    /// Learns what one cost: an eighth of the way from what it was taken to.
    pub(super) fn learn(&mut self, tool: &ToolName, cost: Duration) {
        if self.costs.len() >= TOOLS_MAX && !self.costs.contains_key(tool) {
            self.costs.clear();
        }
        let known = self.costs.entry(tool.clone()).or_insert(cost);
        *known = (*known * 7 + cost) / 8;
    }

    /// Learns how long slices of a call waited for a processor: fewer calls at once where that was long, more where not.
    pub(super) fn follow(&mut self, settings: &AdmissionSettings, delay: Duration, now: Duration) {
        let most = f64::from(self.plan.concurrent_calls);
        if delay > settings.slice_target {
            // Calls that end together saw the same: once is enough for them.
            if now.saturating_sub(self.slowed) >= settings.slice_interval {
                self.slowed = now;
                let running = f64::from(self.running + 1);
                self.pace = (self.pace.min(running) * 0.85).max(f64::from(settings.pace_min)).min(most);
            }
        } else if self.waiting() > 0 || f64::from(self.running + 2) > self.pace {
            self.pace = (self.pace + 1.0).min(most);
        }
    }

    /// A call starts that has waited.
    pub(super) fn started(&mut self, now: Duration) {
        let apart = now.saturating_sub(self.started);
        self.apart = Some(self.apart.map_or(apart, |before| (before * 7 + apart) / 8));
        self.started = now;
    }

    /// How long it takes until all that wait have started, as fast as they do now.
    pub(super) fn drained(&self, settings: &AdmissionSettings, now: Duration) -> Duration {
        // Nothing has started for a while: that is the pace, then.
        let apart = self.apart.map(|apart| apart.max(now.saturating_sub(self.started)));
        let ahead = u32::try_from(self.waiting()).unwrap_or(u32::MAX).saturating_add(1);
        apart.map_or(settings.wait_max, |apart| apart.saturating_mul(ahead)).clamp(Duration::from_millis(1), RETRY_MAX)
    }

    pub(super) fn drain(&mut self) -> Vec<T> {
        self.in_turn = false;
        let all = self.waiting.iter_mut().flat_map(std::mem::take);
        all.map(|(_, waiter)| waiter.payload).collect()
    }
}
