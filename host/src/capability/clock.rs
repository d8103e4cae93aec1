//! What the guest's clocks show: the moment at which the call began, or the time as coarse or as fine as policy grants.
//!
//! Waiting is not reading: a guest with a frozen clock that sleeps does wait, bounded by the call's deadline, and sees
//! the same time afterwards. A virtual clock that moved by what was waited would show the same on every run too, but
//! it would show a time that never was, and programs that poll would wait less than they asked for.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

use super::effects::Effects;
use super::tape::{Line, ask_now, question};
use crate::policy::{Clock, Grant};

/// The step of a coarse clock: too long to time memory accesses with.
pub const COARSE_STEP: Duration = Duration::from_millis(1);

/// What the monotonic clock shows when the call begins. Not zero: the runtime of Go takes that for a clock that is broken.
const MONOTONIC_BEGIN: Duration = Duration::from_secs(1);

/// One call's clocks. The monotonic one begins at one second with the call.
#[derive(Debug, Clone)]
pub struct ClockCall {
    shows: Clock,
    frozen: SystemTime,
    began: Instant,
    effects: Arc<Effects>,
    line: Option<Line>,
}

impl ClockCall {
    /// What `grant` says, for a call that began at `frozen`.
    pub fn new(grant: &Grant<Clock>, frozen: SystemTime, effects: Arc<Effects>) -> Self {
        Self { shows: **grant, frozen, began: Instant::now(), effects, line: None }
    }

    /// The same, with what it shows on the call's tape. What a frozen one shows is in the record.
    #[must_use]
    pub(super) fn on(self, line: Option<&Line>) -> Self {
        Self { line: line.filter(|_| self.shows != Clock::Frozen).cloned(), ..self }
    }

    /// What is shown, which in a replay was shown before. Past the tape's end it stands still: the interface has no error.
    fn shown(&self, name: &'static str, now: impl FnOnce() -> Duration) -> Duration {
        ask_now(question(self.line.as_ref(), name, &()), now).unwrap_or_default()
    }

    /// How fine a time may be that the guest comes to see elsewhere: a file's, for one, which would else be the clock
    /// that was not granted.
    pub fn step(&self) -> Duration {
        match self.shows {
            Clock::Frozen => Duration::from_secs(1),
            Clock::Coarse => COARSE_STEP,
            Clock::Real => Duration::from_nanos(1),
        }
    }

    /// The time, since 1970.
    fn wall(&self) -> Duration {
        self.effects.used_clock(self.shows);
        let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default();
        match self.shows {
            Clock::Frozen => since(self.frozen),
            Clock::Coarse => self.shown("clock.wall", || floor(since(SystemTime::now()), COARSE_STEP)),
            Clock::Real => self.shown("clock.wall", || since(SystemTime::now())),
        }
    }

    /// The time since a second before the call began.
    fn monotonic(&self) -> Duration {
        self.effects.used_clock(self.shows);
        let since = match self.shows {
            Clock::Frozen => Duration::ZERO,
            Clock::Coarse => self.shown("clock.monotonic", || floor(self.began.elapsed(), COARSE_STEP)),
            Clock::Real => self.shown("clock.monotonic", || self.began.elapsed()),
        };
        MONOTONIC_BEGIN.saturating_add(since)
    }
}

/// `time` down to a whole number of steps.
pub(super) fn floor(time: Duration, step: Duration) -> Duration {
    // Whole seconds are whole steps: every step divides a second.
    let step = u32::try_from(step.as_nanos()).unwrap_or(1_000_000_000).max(1);
    Duration::new(time.as_secs(), time.subsec_nanos() / step * step)
}

impl HostWallClock for ClockCall {
    fn resolution(&self) -> Duration {
        self.step()
    }

    fn now(&self) -> Duration {
        self.wall()
    }
}

impl HostMonotonicClock for ClockCall {
    fn resolution(&self) -> u64 {
        nanoseconds(self.step())
    }

    fn now(&self) -> u64 {
        nanoseconds(self.monotonic())
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::effects::tests::recorded;
    use crate::uses::CapabilityUse;

    fn clock(shows: Clock) -> ClockCall {
        ClockCall {
            shows,
            frozen: UNIX_EPOCH + Duration::new(1_790_000_000, 123_456_789),
            // As if the call had been running for a while.
            began: Instant::now().checked_sub(Duration::from_micros(7_300)).unwrap(),
            effects: recorded().1,
            line: None,
        }
    }

    #[test]
    fn a_frozen_clock_shows_when_the_call_began_to_the_nanosecond() {
        let clock = clock(Clock::Frozen);
        assert_eq!(HostWallClock::now(&clock), Duration::new(1_790_000_000, 123_456_789));
        assert_eq!(HostMonotonicClock::now(&clock), 1_000_000_000);
    }

    #[test]
    fn a_coarse_clock_moves_by_the_millisecond() {
        let clock = clock(Clock::Coarse);
        let elapsed = HostMonotonicClock::now(&clock);
        assert!(elapsed >= 1_007_000_000 && elapsed.is_multiple_of(1_000_000), "{elapsed}");
        assert_eq!(HostWallClock::now(&clock).subsec_nanos() % 1_000_000, 0);
        assert_eq!(HostMonotonicClock::resolution(&clock), 1_000_000);
    }

    #[test]
    fn a_real_clock_is_the_host_s() {
        let clock = clock(Clock::Real);
        let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        assert!(HostWallClock::now(&clock) >= before);
        assert!(HostMonotonicClock::now(&clock) >= 1_007_300_000);
    }

    #[test]
    fn only_a_clock_that_moves_is_a_use_and_only_once_it_is_looked_at() {
        for shows in [Clock::Frozen, Clock::Coarse, Clock::Real] {
            let clock = clock(shows);
            HostMonotonicClock::resolution(&clock);
            assert_eq!(clock.effects.uses().uses, []);
            HostMonotonicClock::now(&clock);
            HostWallClock::now(&clock);
            let moves = (shows != Clock::Frozen).then_some(CapabilityUse::Clock { shows });
            assert_eq!(clock.effects.uses().uses, Vec::from_iter(moves));
        }
    }

    #[test]
    fn times_are_cut_and_never_rounded_up() {
        let time = Duration::new(5, 999_999_999);
        assert_eq!(floor(time, Duration::from_secs(1)), Duration::from_secs(5));
        assert_eq!(floor(time, COARSE_STEP), Duration::new(5, 999_000_000));
        assert_eq!(floor(time, Duration::from_nanos(1)), time);
    }
}
