//! What came of a replay: the same, or the first thing that is another, or why nothing can be said.

use std::fmt::Display;

use crate::audit::entry::{CallEnded, Mac, Outcome, ReplayOutcome};
use crate::capability::tape::{Departure, Tape};
use crate::error::Code;

/// What is said of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) outcome: ReplayOutcome,
    pub(super) difference: Option<String>,
}

impl Verdict {
    pub(super) fn unknown(why: impl Into<String>) -> Self {
        Self { outcome: ReplayOutcome::NotComparable, difference: Some(why.into()) }
    }

    pub(super) fn differs(what: impl Display, was: impl Display, is: impl Display) -> Self {
        Self { outcome: ReplayOutcome::Differs, difference: Some(format!("{what} was {was}, is {is}")) }
    }

    const SAME: Self = Self { outcome: ReplayOutcome::Same, difference: None };
}

/// How a replay ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ran {
    pub(super) outcome: Outcome,
    pub(super) result: Option<Mac>,
    pub(super) fuel: u64,
    /// Another component may do the same for another price.
    pub(super) is_same_component: bool,
}

/// Compares in the order in which things happen: host calls, outcome, result, fuel.
pub(super) fn compare(was: &CallEnded, ran: &Ran, tape: &Tape) -> Verdict {
    let came_to_its_end = by_chance(ran.outcome).is_none();
    match tape.departure(came_to_its_end) {
        Some(Departure::Unknown(why)) => return Verdict::unknown(why),
        Some(Departure::HostCall { number, was, is }) => {
            return Verdict::differs(format_args!("host call {number}"), was, is);
        }
        None => {}
    }
    if let Some(code) = by_chance(ran.outcome) {
        return Verdict::unknown(format!("the replay ended as {code}: try again"));
    }
    if ran.outcome != was.outcome {
        return Verdict::differs("the outcome", was.outcome, ran.outcome);
    }
    if ran.result != was.result {
        let words = |result: Option<Mac>| result.map_or_else(|| "absent".to_owned(), |mac| mac.to_string());
        return Verdict::differs("the result's digest", words(was.result), words(ran.result));
    }
    if ran.is_same_component && ran.fuel != was.fuel {
        return Verdict::differs("the fuel", was.fuel, ran.fuel);
    }
    Verdict::SAME
}

/// The code of an end that does not follow from what a call runs with: it may end otherwise another time. What a tool
/// itself says of its failure does.
pub(super) fn by_chance(outcome: Outcome) -> Option<Code> {
    let Outcome::Failed(code) = outcome else { return None };
    let is_chance = matches!(
        code,
        Code::DeadlineExceeded
            | Code::Throttled
            | Code::BudgetExceeded
            | Code::Overloaded
            | Code::Cancelled
            | Code::Interrupted
            | Code::AuditUnavailable
            | Code::Internal
    );
    is_chance.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::CallId;

    fn ended() -> CallEnded {
        CallEnded {
            duration_us: 310,
            fuel: 12_000,
            kv_operations: 1,
            memory_bytes: 1 << 20,
            result: Some(Mac::from_bytes([9; 32])),
            result_bytes: 44,
            ..CallEnded::of(CallId::new(), Outcome::Ok)
        }
    }

    fn ran(was: &CallEnded) -> Ran {
        Ran { outcome: was.outcome, result: was.result, fuel: was.fuel, is_same_component: true }
    }

    #[test]
    fn the_first_difference_is_named_and_chance_is_none() {
        let was = ended();
        let bare = Tape::replaying(None);
        let same = ran(&was);
        let failed = Ran { outcome: Outcome::Failed(Code::ToolFailed), result: None, fuel: 1, ..same };
        let result = Ran { result: Some(Mac::from_bytes([8; 32])), fuel: 1, ..same };
        let fuel = Ran { fuel: 1, ..same };
        let late = Ran { outcome: Outcome::Failed(Code::DeadlineExceeded), ..same };
        for (ran, outcome, words) in [
            (same, ReplayOutcome::Same, ""),
            (Ran { is_same_component: false, ..fuel }, ReplayOutcome::Same, ""),
            (failed, ReplayOutcome::Differs, "the outcome was ok, is tool-failed"),
            (result, ReplayOutcome::Differs, "the result's digest was 0909"),
            (fuel, ReplayOutcome::Differs, "the fuel was 12000, is 1"),
            (late, ReplayOutcome::NotComparable, "the replay ended as deadline-exceeded"),
        ] {
            let verdict = compare(&was, &ran, &bare);
            let difference = verdict.difference.unwrap_or_default();
            assert!(verdict.outcome == outcome && difference.starts_with(words), "{ran:?}: {difference}");
        }
    }
}
