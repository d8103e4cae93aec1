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
/// Overruns are made up for with a hundred times as long on the guest threads: a tenant's take a hundredth of a worker at most.
const PENALTY: u32 = 100;
/// What a tenant may have to make up for and stay where it is. A machine that stands still for some milliseconds now and then is
/// nobody's doing, and its processor's time counts it to whoever ran.
const FORGIVEN: Duration = Duration::from_millis(500);
/// The longest that anything is remembered.
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

    /// Moves an eighth of the way to the slice just seen; the first one counts whole. One counts as no more than four times what
    /// is quick, so that a tool which is quick otherwise stays so when the machine stands still in the middle of a slice.
    pub(super) fn observe(&self, slice: Duration) {
        let slice = u32::try_from(slice.min(QUICK * 4).as_nanos()).unwrap_or(u32::MAX - 1);
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
    /// When everything is made up for, in milliseconds after `since`.
    until_ms: AtomicU64,
}

impl Standings {
    pub(super) fn is_good(&self, tenant: &TenantId) -> bool {
        self.tenants.read().get(tenant).is_none_or(|standing| standing.is_good())
    }

    pub(super) fn observe(&self, tenant: &TenantId, slice: Duration) {
        if slice > OVERRUN {
            self.of(tenant).overran(slice);
        }
    }

    fn of(&self, tenant: &TenantId) -> Arc<Standing> {
        let mut tenants = self.tenants.write();
        Arc::clone(
            tenants
                .entry(tenant.clone())
                .or_insert_with(|| Arc::new(Standing { since: Instant::now(), until_ms: AtomicU64::new(0) })),
        )
    }
}

impl Standing {
    fn is_good(&self) -> bool {
        self.until_ms.load(Ordering::Relaxed) <= self.now_ms() + milliseconds(FORGIVEN)
    }

    fn overran(&self, slice: Duration) {
        let now = self.now_ms();
        let more = |until: u64| until.max(now).saturating_add(milliseconds(slice.saturating_mul(PENALTY)));
        self.until_ms
            .update(Ordering::Relaxed, Ordering::Relaxed, |until| more(until).min(now + milliseconds(PENALTY_MAX)));
    }

    fn now_ms(&self) -> u64 {
        milliseconds(self.since.elapsed())
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
        assert!(pace.is_quick(), "one slice can be long because of the machine");
        for _ in 0..2 {
            pace.observe(Duration::from_millis(5));
        }
        assert!(!pace.is_quick());
        for _ in 0..64 {
            pace.observe(Duration::from_micros(20));
        }
        assert!(pace.is_quick());
    }

    #[test]
    fn overruns_cost_their_tenant_the_inline_path_and_nobody_else() {
        let standings = Standings::default();
        let (a, b): (TenantId, TenantId) = ("a".parse().unwrap(), "b".parse().unwrap());
        standings.observe(&a, Duration::from_micros(900));
        standings.observe(&a, Duration::from_millis(3));
        assert!(standings.is_good(&a), "one of them can be the machine's");
        standings.observe(&a, Duration::from_millis(30));
        assert!(!standings.is_good(&a));
        assert!(standings.is_good(&b));
    }

    #[test]
    fn overruns_take_a_hundredth_of_a_worker_however_they_come() {
        for slice in [2, 7, 40, 900].map(Duration::from_millis) {
            let standing = Standing { since: Instant::now(), until_ms: AtomicU64::new(0) };
            let mut taken = Duration::ZERO;
            while standing.is_good() {
                standing.overran(slice);
                taken += slice;
            }
            let away = Duration::from_millis(standing.until_ms.load(Ordering::Relaxed));
            assert!(away >= taken * PENALTY && taken <= FORGIVEN / PENALTY + slice, "{slice:?}: {away:?}, {taken:?}");
        }
        let standing = Standing { since: Instant::now(), until_ms: AtomicU64::new(0) };
        (0..100).for_each(|_| standing.overran(Duration::from_secs(60)));
        let until = standing.until_ms.load(Ordering::Relaxed);
        assert!(until <= milliseconds(PENALTY_MAX) + standing.now_ms(), "{until}");
    }

    #[test]
    fn what_is_forgiven_and_what_is_made_up_for_leave_a_tenant_in_good_standing() {
        // So long ago that the moments which this test takes do not matter.
        let ago = Duration::from_secs(600);
        let since = Instant::now().checked_sub(ago).unwrap();
        let owing = |more: Duration| Standing { since, until_ms: AtomicU64::new(milliseconds(ago + more)) };
        assert!(owing(FORGIVEN).is_good());
        assert!(!owing(FORGIVEN + Duration::from_secs(60)).is_good());
        // What was made up for is no part of what comes after.
        let paid = Standing { since, until_ms: AtomicU64::new(milliseconds(ago / 2)) };
        paid.overran(FORGIVEN / PENALTY);
        assert!(paid.is_good());
        paid.overran(Duration::from_secs(1));
        assert!(!paid.is_good());
    }
}
