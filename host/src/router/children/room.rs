//! Room for calls that calls make: apart from that of other calls, and by level.
//!
//! A call that waits for one which it made holds its own place meanwhile. If both stood in one queue, a full host would
//! wait for itself. So calls of a level wait for places of that level alone, and those at the bottom for nobody: whoever
//! holds a place gives it back in the end, whatever stands above it.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::engine::child_places;
use crate::id::TenantId;

/// Tenants of one level whose shares are kept although none of their calls is there.
const IDLE_MAX: usize = 10_000;

/// Places of every level.
#[derive(Debug)]
pub(in crate::router) struct ChildRoom {
    levels: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    places: Arc<Semaphore>,
    /// A tenant's share: half of the level, so that two take turns.
    share: usize,
    tenants: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

/// Room for one call, given back when dropped.
#[derive(Debug)]
pub(in crate::router) struct ChildPass {
    _share: Option<OwnedSemaphorePermit>,
    _place: Option<OwnedSemaphorePermit>,
}

impl ChildRoom {
    /// For so many calls in all, more of them on the upper levels.
    pub(in crate::router) fn new(child_calls_max: u32) -> Self {
        let level = |places: u32| Level {
            places: Arc::new(Semaphore::new(places as usize)),
            share: (places as usize / 2).max(1),
            tenants: Mutex::default(),
        };
        Self { levels: child_places(child_calls_max).map(level).collect() }
    }

    /// Waits for room for a call of `tenant` that has so many calls above it. Whoever waits has a deadline.
    pub(in crate::router) async fn enter(&self, tenant: &TenantId, level: usize) -> ChildPass {
        // Policy has no deeper ones; and the semaphores are never closed.
        let Some(level) = self.levels.get(level.saturating_sub(1)).or(self.levels.last()) else {
            return ChildPass { _share: None, _place: None };
        };
        let share = level.share_of(tenant);
        let share = share.acquire_owned().await.ok();
        let place = Arc::clone(&level.places).acquire_owned().await.ok();
        ChildPass { _share: share, _place: place }
    }
}

impl Level {
    fn share_of(&self, tenant: &TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock();
        if let Some(share) = tenants.get(tenant) {
            return Arc::clone(share);
        }
        if tenants.len() >= IDLE_MAX {
            // Whoever waits for a share, or has of it, holds it too.
            tenants.retain(|_, share| Arc::strong_count(share) > 1);
        }
        Arc::clone(tenants.entry(tenant.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.share))))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_full_level_keeps_no_deeper_one_from_going_on() {
        let room = ChildRoom::new(16);
        let (a, b): (TenantId, TenantId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let share = room.levels[0].share;
        let mut held = Vec::new();
        for _ in 0..share {
            held.push(room.enter(&a, 1).await);
        }
        assert!(room.enter(&a, 1).now_or_never().is_none(), "the tenant has its share");
        for level in 2..=8 {
            held.push(room.enter(&a, level).await);
        }
        // Another tenant finds the other half.
        for _ in 0..share {
            held.push(room.enter(&b, 1).await);
        }
        assert!(room.enter(&"c".parse().unwrap(), 1).now_or_never().is_none(), "the level is full");
        held.clear();
        drop(room.enter(&a, 1).await);
    }

    #[tokio::test]
    async fn tenants_whose_calls_are_gone_are_forgotten_and_no_others() {
        let room = ChildRoom::new(16);
        let held: TenantId = "held".parse().unwrap();
        let mut passes = Vec::new();
        for _ in 0..room.levels[0].share {
            passes.push(room.enter(&held, 1).await);
        }
        for number in 0..IDLE_MAX {
            drop(room.enter(&format!("t{number}").parse().unwrap(), 1).await);
        }
        assert!(room.levels[0].tenants.lock().len() <= IDLE_MAX);
        // It has no second share by that.
        assert!(room.enter(&held, 1).now_or_never().is_none());
        passes.clear();
        drop(room.enter(&held, 1).await);
    }
}
