//! Deficit round robin, in nanoseconds of running time and by weight: who runs next, as plain data.
//!
//! A unit of fuel takes from a fraction of a nanosecond to hundreds, so fairness is kept on measured time and fuel is
//! what is billed.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

/// What a tenant of weight 1 may run for before the next one has its turn. Several fuel slices, so that short work is not cut up,
/// and little enough that a waiting tenant does not notice.
const QUANTUM: Duration = Duration::from_micros(250);

/// The deepest debt that is remembered, so that one long host call does not shut a tenant out for seconds.
const DEBT_MAX: Duration = Duration::from_millis(20);

/// Work that waits for a thread, in a lane for each `K`: a tenant, or what stands for one.
#[derive(Debug)]
pub(crate) struct FairQueue<K, T> {
    lanes: HashMap<K, Lane<T>>,
    /// Tenants that have work waiting, in the order of their turns.
    turns: VecDeque<K>,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<T>,
    weight: u32,
    /// Nanoseconds that the tenant may still run for; negative: what it owes.
    deficit: i64,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), weight: 1, deficit: 0 }
    }
}

impl<K: Clone + Eq + Hash, T> FairQueue<K, T> {
    pub(crate) fn new() -> Self {
        Self { lanes: HashMap::new(), turns: VecDeque::new() }
    }

    /// Puts `work` at the end of its tenant's lane.
    pub(crate) fn push(&mut self, tenant: &K, weight: u32, work: T) {
        let lane = match self.lanes.get_mut(tenant) {
            Some(lane) => lane,
            None => self.lanes.entry(tenant.clone()).or_default(),
        };
        lane.weight = weight;
        if lane.waiting.is_empty() {
            // A tenant with one call has nothing waiting while that runs: it goes on with what is left of its turn,
            // or tenants with cheap slices would get less time than those with dear ones.
            if lane.deficit > 0 {
                self.turns.push_front(tenant.clone());
            } else {
                self.turns.push_back(tenant.clone());
            }
        }
        lane.waiting.push_back(work);
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// The next work in turn.
    pub(crate) fn pop(&mut self) -> Option<(K, T)> {
        loop {
            let tenant = self.turns.front()?;
            let lane = self.lanes.get_mut(tenant).expect("a tenant with a turn has a lane");
            if lane.deficit <= 0 {
                // Its turn begins: one quantum a turn, which may not be enough to pay what it owes.
                lane.deficit += nanoseconds(QUANTUM).saturating_mul(i64::from(lane.weight.max(1)));
                if lane.deficit <= 0 {
                    self.turns.rotate_left(1);
                    continue;
                }
            }
            let work = lane.waiting.pop_front().expect("a tenant with a turn has work");
            let tenant = if lane.waiting.is_empty() {
                self.turns.pop_front().expect("it is at the front")
            } else {
                tenant.clone()
            };
            return Some((tenant, work));
        }
    }

    /// Takes what `tenant` ran for off its deficit.
    pub(crate) fn charge(&mut self, tenant: &K, ran: Duration) {
        // The lane may be gone: then its tenant had nothing waiting, and keeps its debt in a new one.
        let lane = self.lanes.entry(tenant.clone()).or_default();
        lane.deficit = (lane.deficit - nanoseconds(ran)).max(-nanoseconds(DEBT_MAX));
        // A tenant that used up its turn while its only work was away waits behind the others.
        if lane.deficit <= 0 && self.turns.front() == Some(tenant) {
            self.turns.rotate_left(1);
        }
    }

    /// Forgets tenants that have nothing waiting: called when no work is left at all, when no debt matters.
    pub(crate) fn forget_idle(&mut self) {
        self.lanes.retain(|_, lane| !lane.waiting.is_empty());
    }
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TenantId;

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    /// Runs the queue for `rounds` pops, each piece of work costing what its tenant's `cost` says and coming back.
    fn shares(costs: &[(&str, u64)], rounds: usize) -> HashMap<TenantId, u64> {
        let costs: HashMap<TenantId, u64> = costs.iter().map(|(name, cost)| (tenant(name), *cost)).collect();
        let mut queue = FairQueue::new();
        for tenant in costs.keys() {
            queue.push(tenant, 1, ());
        }
        let mut ran = HashMap::new();
        for _ in 0..rounds {
            let (tenant, ()) = queue.pop().unwrap();
            let cost = costs[&tenant];
            *ran.entry(tenant.clone()).or_insert(0) += cost;
            queue.charge(&tenant, Duration::from_micros(cost));
            queue.push(&tenant, 1, ());
        }
        ran
    }

    #[test]
    fn time_is_shared_evenly_whatever_a_slice_costs() {
        let ran = shares(&[("cheap", 5), ("middle", 50), ("dear", 400)], 20_000);
        let (least, most) = (ran.values().min().unwrap(), ran.values().max().unwrap());
        assert!(*most as f64 / (*least as f64) < 1.05, "{ran:?}");
    }

    #[test]
    fn time_is_shared_by_weight() {
        let weights = [("one", 1, 300), ("two", 2, 5), ("five", 5, 60)];
        let mut queue = FairQueue::new();
        for (name, weight, _) in weights {
            queue.push(&tenant(name), weight, ());
        }
        let mut ran = HashMap::new();
        for _ in 0..50_000 {
            let (tenant, ()) = queue.pop().unwrap();
            let (_, weight, cost) = weights.into_iter().find(|(name, ..)| *name == tenant.as_str()).unwrap();
            *ran.entry(weight).or_insert(0.0) += cost as f64;
            queue.charge(&tenant, Duration::from_micros(cost));
            queue.push(&tenant, weight, ());
        }
        for (weight, time) in &ran {
            let share = time / f64::from(*weight) / ran[&1];
            assert!((0.95..1.05).contains(&share), "{ran:?}");
        }
    }

    #[test]
    fn a_flood_of_one_tenant_does_not_delay_another() {
        let (flood, quiet) = (tenant("flood"), tenant("quiet"));
        let mut queue = FairQueue::new();
        for _ in 0..10_000 {
            queue.push(&flood, 1, ());
        }
        // The flood has run a while and owes time; the quiet tenant comes in late.
        for _ in 0..100 {
            let (tenant, ()) = queue.pop().unwrap();
            queue.charge(&tenant, Duration::from_micros(100));
        }
        queue.push(&quiet, 1, ());
        let waited = (0..).take_while(|_| {
            let (tenant, ()) = queue.pop().unwrap();
            queue.charge(&tenant, Duration::from_micros(100));
            tenant != quiet
        });
        assert!(waited.count() <= 4);
    }

    #[test]
    fn nothing_is_lost_and_order_within_a_tenant_is_kept() {
        let mut queue = FairQueue::new();
        let (a, b) = (tenant("a"), tenant("b"));
        for number in 0..100 {
            queue.push(if number % 3 == 0 { &a } else { &b }, 1, number);
        }
        let mut seen = HashMap::<TenantId, Vec<i32>>::new();
        while let Some((tenant, number)) = queue.pop() {
            queue.charge(&tenant, Duration::from_micros(40));
            seen.entry(tenant).or_default().push(number);
        }
        assert_eq!(seen.values().map(Vec::len).sum::<usize>(), 100);
        assert!(seen.values().all(|numbers| numbers.is_sorted()));
        queue.forget_idle();
        assert!(queue.lanes.is_empty());
    }
}
