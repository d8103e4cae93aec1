//! How long a slice held its thread, in time that the processor spent on it: being set aside by the operating system for
//! another thread is nobody's overrun.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Below this, the time on the clock is near enough: asking for the processor's own costs more than it tells.
const NEAR_ENOUGH: Duration = Duration::from_micros(50);

/// A slice under way on this thread.
#[derive(Debug)]
pub(crate) struct Slice {
    began: Instant,
    /// What the processor had spent on this thread.
    spent: Duration,
}

impl Slice {
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now(), spent: spent() }
    }

    pub(crate) fn end(self) -> Duration {
        let passed = self.began.elapsed();
        if passed < NEAR_ENOUGH { passed } else { spent().saturating_sub(self.spent).min(passed) }
    }
}

/// What the processor has spent on this thread.
fn spent() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (spent.tv_sec.max(0).cast_unsigned(), spent.tv_nsec.max(0).cast_unsigned());
    Duration::new(seconds, u32::try_from(nanoseconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_not_counted_and_work_is() {
        let slice = Slice::begin();
        std::thread::sleep(Duration::from_millis(20));
        assert!(slice.end() < Duration::from_millis(10));
        let slice = Slice::begin();
        let before = spent();
        while spent() - before < Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        assert!(slice.end() >= Duration::from_millis(2));
    }
}
