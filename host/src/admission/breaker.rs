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
    /// Calls that began in this epoch and have not ended.
    under_way: u32,
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

    /// Lets a call through. Between [`Breakers::health`] and this another call can have been the one. With `few`, no more are
    /// under way at once than would open it if they all failed: so as many fail as that takes, and none beside them.
    ///
    /// # Errors
    ///
    /// What it says, where it does not let it through.
    pub fn begin(
        &self,
        tenant: &TenantId,
        key: &BreakerKey,
        (settings, few): (BreakerSettings, bool),
        now: Instant,
    ) -> Result<Trial, Health> {
        let breaker = self.find(tenant, key).unwrap_or_else(|| self.add(tenant, key));
        let (epoch, is_probe) = breaker.0.lock().begin(&settings, few, now)?;
        Ok(Trial { breaker, settings, began: now, epoch, is_probe, ended: false })
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
    /// The epoch that a call begins in and whether it is the one to see by; or what it says where it may not begin.
    fn begin(&mut self, settings: &BreakerSettings, few: bool, now: Instant) -> Result<(u64, bool), Health> {
        let is_probe = match &mut self.state {
            State::Closed(window) if few => {
                window.turn(settings, now);
                if self.under_way >= window.failures_left(settings) {
                    return Err(Health::Unproven);
                }
                false
            }
            State::Closed(_) => false,
            State::Open { until } if now < *until => return Err(Health::Open),
            State::Open { .. } => {
                self.change(State::HalfOpen { probing: true });
                true
            }
            State::HalfOpen { probing: true } => return Err(Health::Probing),
            State::HalfOpen { probing } => {
                *probing = true;
                true
            }
        };
        self.under_way += 1;
        Ok((self.epoch, is_probe))
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
        self.under_way = 0;
    }

    /// A call of this epoch is not under way any more; false of one that began in another.
    fn ended(&mut self, epoch: u64) -> bool {
        let is_own = self.epoch == epoch;
        self.under_way = self.under_way.saturating_sub(u32::from(is_own));
        is_own
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
        if inner.ended(self.epoch) && self.is_probe {
            inner.state = State::HalfOpen { probing: false };
        }
    }

    fn count(&self, failed: bool, took: Duration, now: Instant) {
        let slow = took >= self.settings.slow;
        let mut inner = self.breaker.0.lock();
        if !inner.ended(self.epoch) {
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
        self.turn(settings, now);
        let slot = &mut self.slots[0];
        slot.calls = slot.calls.saturating_add(1);
        slot.failed = slot.failed.saturating_add(u32::from(failed));
        slot.slow = slot.slow.saturating_add(u32::from(slow));
    }

    /// Forgets what is behind the window.
    fn turn(&mut self, settings: &BreakerSettings, now: Instant) {
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
    }

    fn sum(&self, of: fn(&Slot) -> u32) -> u64 {
        self.slots.iter().map(|slot| u64::from(of(slot))).sum()
    }

    /// How many calls have to fail, one after the other, until it opens: one at least.
    fn failures_left(&self, settings: &BreakerSettings) -> u32 {
        let (calls, failed) = (self.sum(|slot| slot.calls), self.sum(|slot| slot.failed));
        let (rate, whole) = (u64::from(settings.failure_rate_ppm), u64::from(WHOLE_PPM));
        // With so many more the rate is that of all of them.
        let short = (calls * rate).saturating_sub(failed * whole);
        let by_rate = match whole.saturating_sub(rate) {
            0 if short > 0 => u64::MAX,
            0 => 0,
            rest => short.div_ceil(rest),
        };
        let by_calls = u64::from(settings.calls_min).saturating_sub(calls);
        u32::try_from(by_rate.max(by_calls).max(1)).unwrap_or(u32::MAX)
    }

    fn opens(&self, settings: &BreakerSettings) -> bool {
        let parts: [fn(&Slot) -> u32; 3] = [|slot| slot.calls, |slot| slot.failed, |slot| slot.slow];
        let [calls, failed, slow] = parts.map(|part| self.sum(part));
        let reaches = |part: u64, rate_ppm: u32| part * u64::from(WHOLE_PPM) >= calls * u64::from(rate_ppm);
        calls >= u64::from(settings.calls_min)
            && (reaches(failed, settings.failure_rate_ppm) || reaches(slow, settings.slow_rate_ppm))
    }
}

#[cfg(test)]
mod tests;
