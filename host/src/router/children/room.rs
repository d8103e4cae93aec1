//! Room for calls that calls make: apart from that of other calls, and by level.
//!
//! A call that waits for one which it made holds its own place meanwhile. If both stood in one queue, a full host would
//! wait for itself. So calls of a level wait for places of that level alone, and those at the bottom for nobody: whoever
//! holds a place gives it back in the end, whatever stands above it.

use crate::engine::child_places;
use crate::id::TenantId;
use crate::shares::{Bulkhead, Permit};

/// Room on every level.
#[derive(Debug)]
pub(in crate::router) struct ChildRoom {
    levels: Vec<Bulkhead>,
}

/// Room for one call, given back when dropped.
#[derive(Debug)]
pub(in crate::router) struct ChildPass {
    _permit: Option<Permit>,
}

impl ChildRoom {
    /// For so many calls in all, more of them on the upper levels.
    pub(in crate::router) fn new(child_calls_max: u32) -> Self {
        // Half of a level for a tenant, so that two take turns.
        let level = |places: u32| Bulkhead::new((places as usize / 2).max(1), places as usize);
        Self { levels: child_places(child_calls_max).map(level).collect() }
    }

    /// Waits for room for a call of `tenant` that has so many calls above it. Whoever waits has a deadline.
    pub(in crate::router) async fn enter(&self, tenant: &TenantId, level: usize) -> ChildPass {
        // Policy has no deeper ones; and nobody closes a bulkhead.
        let Some(level) = self.levels.get(level.saturating_sub(1)).or(self.levels.last()) else {
            return ChildPass { _permit: None };
        };
        ChildPass { _permit: level.enter(tenant).await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// All that a tenant can have of the first level.
    fn share_of(room: &ChildRoom, tenant: &TenantId) -> Vec<ChildPass> {
        std::iter::from_fn(|| room.enter(tenant, 1).now_or_never()).collect()
    }

    #[tokio::test]
    async fn a_full_level_keeps_no_deeper_one_from_going_on() {
        let room = ChildRoom::new(16);
        let (a, b): (TenantId, TenantId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let mut held = share_of(&room, &a);
        let share = held.len();
        assert!(room.enter(&a, 1).now_or_never().is_none(), "the tenant has its share");
        for level in 2..=8 {
            held.push(room.enter(&a, level).await);
        }
        let others = share_of(&room, &b);
        assert_eq!(others.len(), share, "another tenant finds the other half");
        held.extend(others);
        assert!(room.enter(&"c".parse().unwrap(), 1).now_or_never().is_none(), "the level is full");
        held.clear();
        drop(room.enter(&a, 1).await);
    }

    #[tokio::test]
    async fn tenants_whose_calls_are_gone_are_forgotten_and_no_others() {
        let room = ChildRoom::new(16);
        let held: TenantId = "held".parse().unwrap();
        let mut passes = share_of(&room, &held);
        for number in 0..100 {
            drop(room.enter(&format!("t{number}").parse().unwrap(), 1).await);
        }
        assert_eq!(room.levels[0].tenants(), 2, "the one that is there, and the last that was");
        // It has no second share by that.
        assert!(room.enter(&held, 1).now_or_never().is_none());
        passes.clear();
        drop(room.enter(&held, 1).await);
    }
}
