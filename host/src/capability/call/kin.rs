//! What a call and those below it have in common: how many they are, and how much memory they hold together.
//!
//! A call's own limits hold for everything below it too, so each is counted at every call above.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::limits::CallLimits;

/// One call as those below it see it.
pub struct Kin {
    above: Option<Arc<Kin>>,
    calls_max: u64,
    parallel_max: u64,
    memory_bytes_max: u64,
    /// Calls below it that were made.
    calls: AtomicU64,
    /// Of these, those that are not in the record yet with all that they used.
    live: AtomicU64,
    /// Linear memory that it and those below it hold now.
    memory_bytes: AtomicU64,
    /// What calls below it used that have ended: fuel, and a processor's nanoseconds.
    fuel: AtomicU64,
    busy_ns: AtomicU64,
    gone: Notify,
}

impl fmt::Debug for Kin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kin").field("calls", &self.calls).field("live", &self.live).finish_non_exhaustive()
    }
}

/// What calls below one used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsedBelow {
    /// Units of fuel.
    pub fuel: u64,
    /// Time of a processor.
    pub busy: Duration,
}

/// Which limit keeps a call from being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// The limit, by its name in the policy.
    pub limit: &'static str,
    /// What it is.
    pub maximum: u64,
}

impl Kin {
    /// Of a call with these limits, which `above` made, or a key.
    pub fn new(limits: &CallLimits, above: Option<Arc<Self>>) -> Arc<Self> {
        let zero = || AtomicU64::new(0);
        Arc::new(Self {
            above,
            calls_max: limits.child_calls,
            parallel_max: limits.child_parallel,
            memory_bytes_max: limits.memory_bytes,
            calls: zero(),
            live: zero(),
            memory_bytes: zero(),
            fuel: zero(),
            busy_ns: zero(),
            gone: Notify::new(),
        })
    }

    fn line(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |kin| kin.above.as_deref())
    }

    /// A place for one more call below this one.
    ///
    /// # Errors
    ///
    /// When this call, or one above it, has as many as it may.
    pub fn place(self: &Arc<Self>) -> Result<Place, Full> {
        for (nth, kin) in self.line().enumerate() {
            let full = if !add(&kin.calls, 1, kin.calls_max) {
                Full { limit: "child_calls", maximum: kin.calls_max }
            } else if !add(&kin.live, 1, kin.parallel_max) {
                take(&kin.calls, 1);
                Full { limit: "child_parallel", maximum: kin.parallel_max }
            } else {
                continue;
            };
            for kin in self.line().take(nth) {
                take(&kin.calls, 1);
                take(&kin.live, 1);
            }
            return Err(full);
        }
        Ok(Place(Arc::clone(self)))
    }

    /// How many more calls below it could run now.
    pub fn free(&self) -> u64 {
        let free = |kin: &Self| kin.parallel_max.saturating_sub(kin.live.load(Ordering::Relaxed));
        self.line().map(free).min().unwrap_or(0)
    }

    /// Whether no call below it is live.
    pub fn is_alone(&self) -> bool {
        self.live.load(Ordering::Acquire) == 0
    }

    /// Waits until no call below it is live: each is in the record with all that it used.
    pub async fn alone(&self) {
        loop {
            let gone = self.gone.notified();
            if self.is_alone() {
                return;
            }
            gone.await;
        }
    }

    /// Calls below it that were made, refused ones too.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Acquire)
    }

    /// What calls below it used that have ended.
    pub fn used(&self) -> UsedBelow {
        let busy = Duration::from_nanos(self.busy_ns.load(Ordering::Acquire));
        UsedBelow { fuel: self.fuel.load(Ordering::Acquire), busy }
    }

    /// Takes memory, unless this call or one above it would hold more than it may.
    pub fn grow(&self, bytes: u64) -> bool {
        for (nth, kin) in self.line().enumerate() {
            if !add(&kin.memory_bytes, bytes, kin.memory_bytes_max) {
                self.line().take(nth).for_each(|kin| take(&kin.memory_bytes, bytes));
                return false;
            }
        }
        true
    }

    /// Gives memory back.
    pub fn shrink(&self, bytes: u64) {
        self.line().for_each(|kin| take(&kin.memory_bytes, bytes));
    }
}

/// Adds, unless that would be more than `max`.
fn add(counter: &AtomicU64, more: u64, max: u64) -> bool {
    let sum = |now: u64| now.checked_add(more).filter(|sum| *sum <= max);
    counter.fetch_update(Ordering::AcqRel, Ordering::Acquire, sum).is_ok()
}

fn take(counter: &AtomicU64, less: u64) {
    let before = counter.fetch_sub(less, Ordering::AcqRel);
    debug_assert!(before >= less, "more is given back than was taken");
}

/// The place of a call below another. Held until the call is in the record with all that it used.
#[derive(Debug)]
pub struct Place(Arc<Kin>);

impl Place {
    /// The call that it is below of.
    pub fn above(&self) -> &Arc<Kin> {
        &self.0
    }

    /// The call, with those below it, used so much.
    pub fn used(&self, UsedBelow { fuel, busy }: UsedBelow) {
        let busy_ns = u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX);
        self.0.fuel.fetch_add(fuel, Ordering::AcqRel);
        self.0.busy_ns.fetch_add(busy_ns, Ordering::AcqRel);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for kin in self.0.line() {
            take(&kin.live, 1);
            kin.gone.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(child_calls: u64, child_parallel: u64, memory_bytes: u64) -> CallLimits {
        CallLimits { child_calls, child_parallel, memory_bytes, ..CallLimits::default() }
    }

    #[test]
    fn a_limit_holds_for_everything_below() {
        let root = Kin::new(&limits(3, 2, 100), None);
        let first = root.place().unwrap();
        let below = Kin::new(&limits(100, 100, 100), Some(Arc::clone(&root)));
        let second = below.place().unwrap();
        assert_eq!(below.place().unwrap_err(), Full { limit: "child_parallel", maximum: 2 });
        assert_eq!((root.calls(), below.calls(), root.free(), below.free()), (2, 1, 0, 0));
        drop(second);
        assert!(below.is_alone() && !root.is_alone());
        drop(below.place().unwrap());
        assert_eq!(below.place().unwrap_err(), Full { limit: "child_calls", maximum: 3 });
        drop(first);
        assert_eq!((root.calls(), below.calls(), root.is_alone()), (3, 2, true));
    }

    #[test]
    fn memory_is_summed_over_everything_below() {
        let root = Kin::new(&limits(1, 1, 100), None);
        let below = Kin::new(&limits(1, 1, 60), Some(Arc::clone(&root)));
        assert!(root.grow(50) && below.grow(50));
        assert!(!below.grow(1), "the root has no more");
        root.shrink(50);
        assert!(!below.grow(11), "it has no more itself");
        assert!(below.grow(10) && root.grow(40) && !root.grow(1));
    }

    #[tokio::test]
    async fn whoever_waits_to_be_alone_comes_back_with_the_last() {
        let root = Kin::new(&limits(10, 10, 1), None);
        let places = [root.place().unwrap(), root.place().unwrap()];
        let waiting = tokio::spawn({
            let root = Arc::clone(&root);
            async move { root.alone().await }
        });
        for place in places {
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            place.used(UsedBelow { fuel: 7, busy: Duration::from_millis(2) });
            drop(place);
        }
        waiting.await.unwrap();
        assert_eq!(root.used(), UsedBelow { fuel: 14, busy: Duration::from_millis(4) });
    }
}
