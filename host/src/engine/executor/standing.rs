//! Who may run a first slice on a front-door worker: quick tools, of tenants that did not overrun lately.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;

use super::QUICK;
use crate::id::TenantId;

/// An inline slice that took longer than this is an overrun: it held a worker that others wait for.
const OVERRUN: Duration = Duration::from_millis(1);
/// How long a tenant that overran keeps to the guest threads; doubles with every further overrun.
const PENALTY: Duration = Duration::from_secs(60);
/// The longest such time.
const PENALTY_MAX: Duration = Duration::from_secs(3600);

/// How long the first slices of one tool took lately. Cheap to share and to clone.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Pace(Arc<AtomicU32>);

impl Default for Pace {
    /// Of a tool that has not run: not quick, so that its first call is measured on a guest thread.
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(u32::MAX)))
    }
}

impl Pace {
    pub(super) fn is_quick(&self) -> bool {
        u128::from(self.0.load(Ordering::Relaxed)) < QUICK.as_nanos()
    }

    /// Moves an eighth of the way to the slice just seen; the first one counts whole.
    pub(super) fn observe(&self, slice: Duration) {
        let slice = u32::try_from(slice.as_nanos()).unwrap_or(u32::MAX - 1);
        let before = self.0.load(Ordering::Relaxed);
        let after = if before == u32::MAX { slice } else { before - before / 8 + slice / 8 };
        // Lost updates between threads are harmless: the next slice corrects them.
        self.0.store(after, Ordering::Relaxed);
    }
}

/// The standing of every tenant seen since the start.
#[derive(Debug, Default)]
pub(super) struct Standings {
    tenants: RwLock<HashMap<TenantId, Arc<Standing>>>,
}

/// One tenant's.
#[derive(Debug)]
pub(super) struct Standing {
    since: Instant,
    /// Until when it keeps to the guest threads, in milliseconds after `since`; 0: it is in good standing.
    until_ms: AtomicU64,
    overruns: AtomicU32,
}

impl Standings {
    pub(super) fn is_good(&self, tenant: &TenantId) -> bool {
        self.tenants.read().get(tenant).is_none_or(|standing| standing.is_good())
    }

    pub(super) fn observe(&self, tenant: &TenantId, slice: Duration) {
        if slice > OVERRUN {
            self.of(tenant).overran();
        }
    }

    fn of(&self, tenant: &TenantId) -> Arc<Standing> {
        let mut tenants = self.tenants.write();
        Arc::clone(tenants.entry(tenant.clone()).or_insert_with(|| {
            Arc::new(Standing { since: Instant::now(), until_ms: AtomicU64::new(0), overruns: AtomicU32::new(0) })
        }))
    }
}

impl Standing {
    fn is_good(&self) -> bool {
        milliseconds(self.since.elapsed()) >= self.until_ms.load(Ordering::Relaxed)
    }

    fn overran(&self) {
        let before = self.overruns.fetch_add(1, Ordering::Relaxed);
        let penalty = PENALTY.saturating_mul(1 << before.min(16)).min(PENALTY_MAX);
        self.until_ms.store(milliseconds(self.since.elapsed() + penalty), Ordering::Relaxed);
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_quick_once_seen_to_be_and_stops_being_when_it_is_not() {
        let pace = Pace::default();
        assert!(!pace.is_quick());
        pace.observe(Duration::from_micros(20));
        assert!(pace.is_quick());
        pace.observe(Duration::from_millis(5));
        assert!(!pace.is_quick());
        for _ in 0..64 {
            pace.observe(Duration::from_micros(20));
        }
        assert!(pace.is_quick());
    }

    #[test]
    fn an_overrun_costs_its_tenant_the_inline_path_and_nobody_else() {
        let standings = Standings::default();
        let (a, b): (TenantId, TenantId) = ("a".parse().unwrap(), "b".parse().unwrap());
        standings.observe(&a, Duration::from_micros(900));
        assert!(standings.is_good(&a));
        standings.observe(&a, Duration::from_millis(3));
        assert!(!standings.is_good(&a));
        assert!(standings.is_good(&b));
        let once = standings.of(&a).until_ms.load(Ordering::Relaxed);
        standings.observe(&a, Duration::from_millis(3));
        assert!(standings.of(&a).until_ms.load(Ordering::Relaxed) >= once + milliseconds(PENALTY) - 1);
    }
}
