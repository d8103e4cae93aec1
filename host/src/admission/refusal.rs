//! Why a call that asked for room got none, and when to come again.

use std::time::Duration;

use super::AdmissionSettings;
use super::lane::Lane;
use crate::error::{Code, Error};

/// What stands against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// As many calls of the tenant wait as may.
    QueueFull,
    /// As many of its calls run as its plan lets, and none ended in time.
    PlanFull,
    /// As many calls wait on this host as may.
    HostFull,
    /// The host did not get to it in time.
    HostBusy,
    /// The host is stopping.
    Draining,
}

/// A call that is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) why: Why,
    maximum: u32,
    running: u32,
    waiting: usize,
    /// How long it takes until those that wait have started.
    pub(super) retry_after: Duration,
}

impl Refusal {
    pub(super) fn of<T>(why: Why, lane: &Lane<T>, settings: &AdmissionSettings, now: Duration) -> Self {
        let maximum = match why {
            Why::QueueFull => lane.plan.queue_calls,
            Why::PlanFull => lane.plan.concurrent_calls,
            Why::HostFull => settings.waiting_max,
            Why::HostBusy | Why::Draining => settings.live_calls_max,
        };
        let retry_after = lane.drained(settings, now);
        Self { why, maximum, running: lane.running, waiting: lane.waiting(), retry_after }
    }

    pub(super) const fn draining() -> Self {
        Self { why: Why::Draining, maximum: 0, running: 0, waiting: 0, retry_after: Duration::from_secs(1) }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let Refusal { why, maximum, running, waiting, retry_after } = refusal;
        let (code, limit, message, next) = match why {
            Why::QueueFull => (
                Code::Throttled,
                "queue_calls",
                format!("{waiting} calls of this tenant wait, as many as may"),
                "wait as long as retry-after says, and have fewer calls open at once",
            ),
            Why::PlanFull => (
                Code::Throttled,
                "concurrent_calls",
                format!("{running} calls of this tenant run, as many as may at once, and none ended in time"),
                "wait as long as retry-after says, and have fewer calls open at once",
            ),
            Why::HostFull => (
                Code::Overloaded,
                "waiting_calls",
                "as many calls wait on this host as may".to_owned(),
                "wait as long as retry-after says",
            ),
            Why::HostBusy => (
                Code::Overloaded,
                "live_calls",
                format!("the host is busy and did not get to this call in time; {running} of the tenant run"),
                "wait as long as retry-after says",
            ),
            Why::Draining => {
                return Self::new(Code::Unavailable, "this host is stopping")
                    .next("send the call again")
                    .fact("retry_after_ms", 1_000);
            }
        };
        Self::new(code, message)
            .next(next)
            .fact("limit", limit)
            .fact("maximum", maximum)
            .fact("running", running)
            .fact("waiting", waiting)
            .fact("left", 0)
            .fact("retry_after_ms", u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX))
    }
}
