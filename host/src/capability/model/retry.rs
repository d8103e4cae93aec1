//! What came of an attempt that gave nothing: whether another may give more, and when.

use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};

use super::ModelFault;
use crate::capability::effects::Stop;
use crate::capability::http::Fault;

/// Between the first two attempts; it doubles from then on, and a random part of as much is added.
const FIRST: Duration = Duration::from_millis(200);
/// Between any two. A provider that wants more time is not waited for.
const MOST: Duration = Duration::from_secs(10);

/// An attempt that gave nothing, or broke off.
#[derive(Debug)]
pub(super) struct Failure {
    /// Why, in words that hold nothing of what the provider said.
    pub(super) why: String,
    /// Whether to try again, and after how much time at least.
    pub(super) again: Option<Duration>,
    /// Bytes of an answer that had come.
    pub(super) bytes: u64,
    /// What the provider had said by then of the tokens of request and answer.
    pub(super) reported: [Option<u64>; 2],
    /// The provider may have worked on it, and may have it paid.
    pub(super) has_reached: bool,
    /// The call ends here.
    pub(super) stop: Option<Stop>,
}

impl Failure {
    /// One that would come again.
    pub(super) fn lasting(why: impl Into<String>) -> Self {
        Self { why: why.into(), again: None, bytes: 0, reported: [None; 2], has_reached: false, stop: None }
    }

    /// One that may not.
    pub(super) fn passing(why: impl Into<String>) -> Self {
        Self { again: Some(Duration::ZERO), ..Self::lasting(why) }
    }

    /// Of a response that is no answer.
    pub(super) fn of_status(status: StatusCode, fields: &HeaderMap) -> Self {
        let why = format!("it answered with status {}", status.as_u16());
        let passes = matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504 | 529);
        let wait = fields.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(wait).unwrap_or_default();
        match passes && wait <= MOST {
            true => Self { again: Some(wait), ..Self::lasting(why) },
            false => Self::lasting(why),
        }
    }

    /// Of a request that came to no response, or of a response that broke off.
    pub(super) fn of_fault(fault: Fault) -> Self {
        let broke_off =
            matches!(fault, Fault::Terminated | Fault::ResponseTimeout | Fault::ReadTimeout | Fault::Incomplete);
        // What is said in answer, and cannot be read or may not be given, is an answer all the same.
        let has_reached = broke_off
            || matches!(
                fault,
                Fault::Protocol | Fault::Upgrade | Fault::Encoded | Fault::ReceivedHead(_) | Fault::ReceivedBytes(_)
            );
        let passes = broke_off
            || matches!(
                fault,
                Fault::ConnectionLimit
                    | Fault::Dns
                    | Fault::DnsTimeout
                    | Fault::Unroutable
                    | Fault::Refused
                    | Fault::Unavailable
                    | Fault::ConnectTimeout
            );
        match fault {
            Fault::AuditUnavailable(error) => {
                Self { stop: Some(Stop::AuditUnavailable(error)), ..Self::lasting("the record cannot be written") }
            }
            Fault::Credential => Self::lasting("the platform's key for it is not set"),
            // Bounds of the host's own: those that faults name are for guests' requests.
            Fault::ReceivedBytes(_) | Fault::ReceivedHead(_) => {
                Self { has_reached, ..Self::lasting("its answer is too long") }
            }
            fault if passes => Self { has_reached, ..Self::passing(fault.to_string()) },
            fault => Self { has_reached, ..Self::lasting(fault.to_string()) },
        }
    }

    /// The same, of a request that was answered.
    pub(super) fn reached(self) -> Self {
        Self { has_reached: true, ..self }
    }

    /// The same, after so much of an answer, which can be nothing yet.
    pub(super) fn after(self, bytes: u64, reported: [Option<u64>; 2]) -> Self {
        Self { bytes, reported, has_reached: true, ..self }
    }

    /// What a guest sees of one that came in the middle of an answer.
    pub(super) fn into_fault(self, name: &str) -> ModelFault {
        match self.stop {
            Some(stop) => ModelFault::Stop(stop),
            None => ModelFault::Unavailable(format!("{name}: {}", self.why)),
        }
    }
}

/// What `Retry-After` says, in either of its forms.
fn wait(text: &str) -> Option<Duration> {
    match text.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).ok(),
    }
}

/// How long to wait before attempt `attempt`, the second being 2; `least` is what the provider said. The rest comes on top
/// of that: those whom it tells the same do not come back together.
pub(super) fn pause(attempt: u32, least: Duration) -> Duration {
    let times = ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(FIRST)
        .with_max_delay(MOST)
        .with_max_times(usize::MAX)
        .build();
    let nth = usize::try_from(attempt.saturating_sub(2)).unwrap_or(0);
    least.saturating_add(times.into_iter().nth(nth).unwrap_or(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, after: Option<&str>) -> Option<Duration> {
        let mut fields = HeaderMap::new();
        if let Some(after) = after {
            fields.insert(RETRY_AFTER, after.parse().unwrap());
        }
        Failure::of_status(StatusCode::from_u16(status).unwrap(), &fields).again
    }

    #[test]
    fn what_may_pass_is_tried_again_and_a_provider_is_waited_for_within_reason() {
        for status in [408, 429, 500, 502, 503, 504, 529] {
            assert_eq!(of(status, None), Some(Duration::ZERO), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 413, 501] {
            assert_eq!(of(status, None), None, "{status}");
        }
        assert_eq!(of(429, Some("3")), Some(Duration::from_secs(3)));
        assert_eq!(of(429, Some("3600")), None);
        assert_eq!(of(429, Some("nonsense")), Some(Duration::ZERO));
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(5));
        assert!(of(503, Some(&soon)).is_some_and(|wait| wait > Duration::from_secs(2)));
    }

    #[test]
    fn what_a_provider_may_have_worked_on_is_told_from_what_never_reached_it() {
        for (fault, has_reached, passes) in [
            (Fault::ResponseTimeout, true, true),
            (Fault::Incomplete, true, true),
            (Fault::Protocol, true, false),
            (Fault::ReceivedHead(9), true, false),
            (Fault::Refused, false, true),
            (Fault::ConnectTimeout, false, true),
            (Fault::AddressProhibited, false, false),
            (Fault::Certificate, false, false),
            (Fault::Congested(3), false, false),
        ] {
            let failure = Failure::of_fault(fault.clone());
            assert_eq!((failure.has_reached, failure.again.is_some()), (has_reached, passes), "{fault}");
            assert!(!failure.why.contains("limits."), "{}", failure.why);
        }
        assert!(Failure::lasting("x").after(0, [None; 2]).has_reached);
    }

    #[test]
    fn pauses_double_and_differ() {
        for (attempt, least, most) in [(2, 200, 400), (3, 400, 800), (4, 800, 1_600), (20, 10_000, 20_000)] {
            let pause = pause(attempt, Duration::ZERO).as_millis();
            assert!((least..=most).contains(&pause), "attempt {attempt}: {pause} ms");
        }
        for least in [Duration::ZERO, Duration::from_secs(7)] {
            let all: std::collections::BTreeSet<_> = (0..20).map(|_| pause(2, least)).collect();
            assert!(all.len() > 1, "nothing is random in it");
            assert!(all.iter().all(|pause| *pause >= least + FIRST && *pause <= least + FIRST * 2), "{all:?}");
        }
    }
}
