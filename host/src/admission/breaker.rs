//! Breakers: a route's choice that fails, or is slow, gets no calls for a time, then one, and how that ends decides.
//!
//! Each tenant's, route's and choice's is its own: what fails in one place is closed off there and nowhere else. What is
//! locked is locked for a few additions, never while anything is waited for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use crate::id::{RouteName, TenantId};
use crate::policy::route::ChoiceKey;
use crate::routed::{BreakerSettings, Health, WHOLE_PPM};

/// Breakers that are kept of one tenant: more than a policy has choices, so that only names of former ones go.
const BREAKERS_MAX: usize = 2_000;
/// Parts that a window is counted in: the oldest goes as a whole.
const SLOTS: u32 = 10;

/// All breakers of a host, by tenant, route and choice.
#[derive(Debug, Default)]
pub struct Breakers(RwLock<HashMap<TenantId, HashMap<BreakerKey, Arc<Breaker>>>>);

/// Which breaker of a tenant's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BreakerKey {
    /// The route.
    pub route: RouteName,
    /// The choice.
    pub choice: ChoiceKey,
}

/// One choice's breaker.
#[derive(Debug, Default)]
struct Breaker(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: State,
    /// Grows with each change of the state: a call that began under another one says nothing of this.
    epoch: u64,
}

#[derive(Debug)]
enum State {
    Closed(Window),
    Open { until: Instant },
    HalfOpen { probing: bool },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed(Window::default())
    }
}

/// A call that a breaker let through. Dropped before its end, it was given up: that says nothing but how long it ran, and
/// makes room for another.
#[derive(Debug)]
pub struct Trial {
    breaker: Arc<Breaker>,
    settings: BreakerSettings,
    began: Instant,
    epoch: u64,
    is_probe: bool,
    ended: bool,
}

impl Breakers {
    /// What the breaker says now. One of which nothing is known lets calls through.
    pub fn health(&self, tenant: &TenantId, key: &BreakerKey, now: Instant) -> Health {
        self.find(tenant, key).map_or(Health::Closed, |breaker| breaker.health(now))
    }

    /// Lets a call through; nothing where it does not. Between [`Breakers::health`] and this another call can have been
    /// the one.
    pub fn begin(&self, tenant: &TenantId, key: &BreakerKey, settings: BreakerSettings, now: Instant) -> Option<Trial> {
        let breaker = self.find(tenant, key).unwrap_or_else(|| self.add(tenant, key));
        let (epoch, is_probe) = breaker.0.lock().begin(now)?;
        Some(Trial { breaker, settings, began: now, epoch, is_probe, ended: false })
    }

    fn find(&self, tenant: &TenantId, key: &BreakerKey) -> Option<Arc<Breaker>> {
        self.0.read().get(tenant)?.get(key).cloned()
    }

    fn add(&self, tenant: &TenantId, key: &BreakerKey) -> Arc<Breaker> {
        let mut all = self.0.write();
        let own = all.entry(tenant.clone()).or_default();
        if own.len() >= BREAKERS_MAX && !own.contains_key(key) {
            own.retain(|_, breaker| !matches!(breaker.0.lock().state, State::Closed(_)));
            if own.len() >= BREAKERS_MAX {
                own.clear();
            }
        }
        Arc::clone(own.entry(key.clone()).or_default())
    }
}

impl Breaker {
    fn health(&self, now: Instant) -> Health {
        match self.0.lock().state {
            State::Closed(_) => Health::Closed,
            State::Open { until } if now < until => Health::Open,
            State::Open { .. } | State::HalfOpen { probing: false } => Health::HalfOpen,
            State::HalfOpen { probing: true } => Health::Probing,
        }
    }
}

impl Inner {
    /// The epoch that a call begins in and whether it is the one to see by; nothing where it may not begin.
    fn begin(&mut self, now: Instant) -> Option<(u64, bool)> {
        match &mut self.state {
            State::Closed(_) => Some((self.epoch, false)),
            State::Open { until } if now < *until => None,
            State::Open { .. } => {
                self.change(State::HalfOpen { probing: true });
                Some((self.epoch, true))
            }
            State::HalfOpen { probing: true } => None,
            State::HalfOpen { probing } => {
                *probing = true;
                Some((self.epoch, true))
            }
        }
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
    }
}

impl Trial {
    /// The call ended: whether it failed, and how long it ran.
    pub fn end(mut self, failed: bool, took: Duration, now: Instant) {
        self.count(failed, took, now);
        self.ended = true;
    }

    /// The call ended in a way that says nothing of the choice, or never began.
    pub fn forget(mut self) {
        self.make_room();
        self.ended = true;
    }

    /// Lets another call be the one that shows whether it is well again, where this one was to be that.
    fn make_room(&self) {
        let mut inner = self.breaker.0.lock();
        if self.is_probe && inner.epoch == self.epoch {
            inner.state = State::HalfOpen { probing: false };
        }
    }

    fn count(&self, failed: bool, took: Duration, now: Instant) {
        let slow = took >= self.settings.slow;
        let mut inner = self.breaker.0.lock();
        if inner.epoch != self.epoch {
            return;
        }
        let opens = match &mut inner.state {
            State::Closed(window) => {
                window.add(failed, slow, &self.settings, now);
                window.opens(&self.settings)
            }
            State::HalfOpen { .. } if self.is_probe && !(failed || slow) => {
                inner.change(State::default());
                return;
            }
            State::HalfOpen { .. } => self.is_probe,
            State::Open { .. } => false,
        };
        if opens {
            inner.change(State::Open { until: now + self.settings.open });
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let now = Instant::now();
        let took = now.saturating_duration_since(self.began);
        // Callers that leave before a slow call ends are no way for it to stay unseen.
        match took >= self.settings.slow {
            true => self.count(false, took, now),
            false => self.make_room(),
        }
    }
}

/// Calls that ended lately, in slots of equal length.
#[derive(Debug, Default)]
struct Window {
    slots: [Slot; SLOTS as usize],
    /// When the first slot began, and how long each is; absent before the first call.
    since: Option<(Instant, Duration)>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Slot {
    calls: u32,
    failed: u32,
    slow: u32,
}

impl Window {
    fn add(&mut self, failed: bool, slow: bool, settings: &BreakerSettings, now: Instant) {
        let width = settings.window / SLOTS;
        match &mut self.since {
            Some((began, known)) if *known == width => {
                let passed = now.saturating_duration_since(*began).as_nanos() / width.as_nanos().max(1);
                let passed = usize::try_from(passed).unwrap_or(usize::MAX);
                if passed >= self.slots.len() {
                    *self = Self { since: Some((now, width)), ..Self::default() };
                } else if passed > 0 {
                    *began += width * u32::try_from(passed).unwrap_or(SLOTS);
                    self.slots.rotate_right(passed);
                    self.slots[..passed].fill(Slot::default());
                }
            }
            // The first call, or the first under another policy.
            _ => *self = Self { since: Some((now, width)), ..Self::default() },
        }
        let slot = &mut self.slots[0];
        slot.calls = slot.calls.saturating_add(1);
        slot.failed = slot.failed.saturating_add(u32::from(failed));
        slot.slow = slot.slow.saturating_add(u32::from(slow));
    }

    fn opens(&self, settings: &BreakerSettings) -> bool {
        let sum = |of: fn(&Slot) -> u32| self.slots.iter().map(|slot| u64::from(of(slot))).sum::<u64>();
        let (calls, failed, slow) = (sum(|slot| slot.calls), sum(|slot| slot.failed), sum(|slot| slot.slow));
        let reaches = |part: u64, rate_ppm: u32| part * u64::from(WHOLE_PPM) >= calls * u64::from(rate_ppm);
        calls >= u64::from(settings.calls_min)
            && (reaches(failed, settings.failure_rate_ppm) || reaches(slow, settings.slow_rate_ppm))
    }
}

#[cfg(test)]
mod tests;
