//! What a call really used of its grants, gathered as it happens: each use once, bounded, and nothing is allocated before
//! the first.

use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

use crate::policy::{Clock, LogLevel};
use crate::uses::CapabilityUse;

/// Uses of one call that are told, those without a name (clock, random, log) included. With
/// [`USES_BYTES_MAX`] it bounds how much of the record one call can fill.
pub const USES_MAX: usize = 64;
/// What they take as JSON, in bytes. The journal keeps room for so much with every call that it lets in.
pub const USES_BYTES_MAX: usize = 3_000;
/// Uses without a name: a clock, random bytes, a level of the log.
const NAMELESS_MAX: usize = 3;
/// What these take at most, as JSON.
const NAMELESS_BYTES_MAX: usize = 128;

/// What a call used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsedInCall {
    /// Each use once, in order; at most [`USES_MAX`].
    pub uses: Vec<CapabilityUse>,
    /// How often something was used that the list has no room for.
    pub left_out: u64,
}

/// Gathers.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// Those that are words alone, so that a guest which asks for the time in a loop takes no lock.
    nameless: AtomicU32,
    named: Mutex<Named>,
}

#[derive(Debug, Default)]
struct Named {
    uses: Vec<Noted>,
    bytes: usize,
    left_out: u64,
}

#[derive(Debug)]
struct Noted {
    used: CapabilityUse,
    /// Whether it is settled that it was granted: then nothing takes it back.
    settled: bool,
}

/// Bits of `nameless`: clocks, random, then levels of the log from the least severe on.
const CLOCK_COARSE: u32 = 1;
const CLOCK_REAL: u32 = 1 << 1;
const RANDOM: u32 = 1 << 2;
const LOG: u32 = 1 << 3;

impl Uses {
    /// Notes a use with a name: `made`, unless there is one that `is` the same.
    pub(super) fn note(&self, is: impl Fn(&CapabilityUse) -> bool, made: impl FnOnce() -> CapabilityUse) {
        let mut named = self.named.lock();
        match named.uses.iter_mut().find(|noted| is(&noted.used)) {
            Some(noted) => noted.settled = true,
            None => named.left_out += u64::from(!named.add(made(), true)),
        }
    }

    /// Notes a use that can still turn out to be denied.
    pub(super) fn begin(&self, used: &CapabilityUse) {
        let mut named = self.named.lock();
        if !named.uses.iter().any(|noted| noted.used == *used) {
            // Where there is no room, that is counted once it is settled.
            named.add(used.clone(), false);
        }
    }

    /// Keeps a use that had begun, or takes it back. The same use may have begun more than once: once granted, it stays.
    pub(super) fn settle(&self, used: &CapabilityUse, granted: bool) {
        if granted {
            return self.note(|known| known == used, || used.clone());
        }
        self.named.lock().uses.retain(|noted| noted.settled || noted.used != *used);
    }

    pub(super) fn note_clock(&self, shows: Clock) {
        match shows {
            Clock::Frozen => {}
            Clock::Coarse => self.set(CLOCK_COARSE),
            Clock::Real => self.set(CLOCK_REAL),
        }
    }

    pub(super) fn note_random(&self) {
        self.set(RANDOM);
    }

    pub(super) fn note_log(&self, level: LogLevel) {
        self.set(LOG << level as u32);
    }

    fn set(&self, bit: u32) {
        // Looked at first: a load is cheaper than a write that changes nothing.
        if self.nameless.load(Ordering::Relaxed) & bit == 0 {
            self.nameless.fetch_or(bit, Ordering::Relaxed);
        }
    }

    pub(super) fn all(&self) -> UsedInCall {
        let bits = self.nameless.load(Ordering::Relaxed);
        let (mut uses, left_out) = {
            let named = self.named.lock();
            (named.uses.iter().map(|noted| noted.used.clone()).collect::<Vec<_>>(), named.left_out)
        };
        let clock = match bits {
            bits if bits & CLOCK_REAL != 0 => Some(Clock::Real),
            bits if bits & CLOCK_COARSE != 0 => Some(Clock::Coarse),
            _ => None,
        };
        uses.extend(clock.map(|shows| CapabilityUse::Clock { shows }));
        uses.extend((bits & RANDOM != 0).then_some(CapabilityUse::Random {}));
        let level = LogLevel::ALL.into_iter().find(|level| bits & LOG << *level as u32 != 0);
        uses.extend(level.map(|level| CapabilityUse::Log { level }));
        uses.sort_unstable();
        UsedInCall { uses, left_out }
    }
}

impl Named {
    /// Adds it where there is room.
    fn add(&mut self, used: CapabilityUse, settled: bool) -> bool {
        // What stands between two of them counts, too.
        let bytes = self.bytes + 1 + serde_json::to_string(&used).map_or(USES_BYTES_MAX, |json| json.len());
        let fits = self.uses.len() < USES_MAX - NAMELESS_MAX && bytes <= USES_BYTES_MAX - NAMELESS_BYTES_MAX;
        if fits {
            self.bytes = bytes;
            self.uses.push(Noted { used, settled });
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uses::Touch;

    fn bucket(uses: &Uses, bucket: &str) {
        let made = CapabilityUse::Kv { access: Touch::Write, bucket: bucket.to_owned() };
        uses.note(|use_| *use_ == made, || made.clone());
    }

    #[test]
    fn each_use_is_told_once_and_in_order() {
        let uses = Uses::default();
        assert_eq!(uses.all(), UsedInCall::default());
        assert_eq!(uses.named.lock().uses.capacity(), 0, "nothing is allocated");
        for name in ["b", "a", "b"] {
            bucket(&uses, name);
        }
        uses.note_random();
        for level in [LogLevel::Error, LogLevel::Warn, LogLevel::Critical] {
            uses.note_log(level);
        }
        uses.note_clock(Clock::Frozen);
        uses.note_clock(Clock::Real);
        let words: Vec<_> = uses.all().uses.iter().map(ToString::to_string).collect();
        let expected = [
            "see the time (real)",
            "write bucket \"a\"",
            "write bucket \"b\"",
            "have log lines kept from warn on",
            "have random bytes that cannot be foreseen",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn what_was_denied_after_all_is_no_use_unless_it_was_granted_too() {
        let used = CapabilityUse::Config { key: "a".to_owned() };
        let uses = Uses::default();
        let told = || uses.all().uses.len();
        uses.begin(&used);
        assert_eq!(told(), 1, "it may have been noticed");
        uses.settle(&used, false);
        assert_eq!(told(), 0);
        uses.begin(&used);
        uses.begin(&used);
        uses.settle(&used, true);
        uses.settle(&used, false);
        assert_eq!(told(), 1, "one of two was granted");
    }

    #[test]
    fn a_guest_cannot_fill_the_record_with_uses() {
        for name_bytes in [1, 40, 2_000, 100_000] {
            let uses = Uses::default();
            uses.note_random();
            uses.note_clock(Clock::Coarse);
            uses.note_log(LogLevel::Critical);
            for number in 0..200 {
                bucket(&uses, &format!("{number}{}", "x".repeat(name_bytes)));
            }
            let told = uses.all();
            assert!(told.uses.len() <= USES_MAX && told.uses.is_sorted(), "{}", told.uses.len());
            let json = serde_json::to_string(&told.uses).unwrap();
            assert!(json.len() <= USES_BYTES_MAX, "{}", json.len());
            assert_eq!(told.uses.len() as u64 + told.left_out, 203);
        }
    }
}
