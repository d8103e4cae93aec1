//! Whether each call that ended was decided upon before, and ended once.

use std::collections::{HashMap, HashSet, VecDeque};

use uuid::Uuid;

use super::findings::Findings;
use super::{Code, Finding};

/// Calls that are open at once and kept: a host lets some thousands run. Whether calls that end behind further ones were
/// decided upon is not told, as where entries were lost (with 24 bytes a call, some 40 MB).
const OPEN_KEPT_MAX: usize = 1 << 20;

/// Calls that ended are remembered so long, to tell one that ends twice from one that was never decided upon. Either is
/// found; a log of any length is checked in bounded memory (with 16 bytes a call, some 40 MB).
const ENDED_KEPT_MAX: usize = 1 << 20;

/// Calls without a decision that are kept, until it is known whether entries were lost: far more than are told.
const UNDECIDED_KEPT_MAX: usize = 10_000;

/// The calls so far.
#[derive(Debug)]
pub(super) struct Calls {
    /// [`OPEN_KEPT_MAX`], fewer in tests.
    open_max: usize,
    /// Decided upon and not ended, with the place of the decision, as far as they are kept.
    open: HashMap<Uuid, u64>,
    /// Those that are not kept and, as far as can be told, have not ended.
    open_more: u64,
    ended: HashSet<Uuid>,
    /// The same, oldest first.
    ended_in_order: VecDeque<Uuid>,
    /// Calls that ended without a decision, as far as they are kept: where, and which.
    undecided: Vec<(u64, Uuid)>,
    /// From here on entries were lost, and the decision of a call may have been among them.
    gap: Option<u64>,
}

impl Default for Calls {
    fn default() -> Self {
        Self::keeping(OPEN_KEPT_MAX)
    }
}

impl Calls {
    fn keeping(open_max: usize) -> Self {
        Self {
            open_max,
            open: HashMap::new(),
            open_more: 0,
            ended: HashSet::new(),
            ended_in_order: VecDeque::new(),
            undecided: Vec::new(),
            gap: None,
        }
    }

    /// An entry about a call.
    pub(super) fn see(&mut self, place: u64, kind: &str, call: Uuid, findings: &mut Findings) {
        match kind {
            "call.decided" => {
                if let Some(before) = self.open.get(&call) {
                    let message = format!("call {call} is decided upon again; it was at entry {before}");
                    findings.add(Finding::at(Code::CallDecidedTwice, place, message));
                } else if self.ended.contains(&call) {
                    let message = format!("call {call} is decided upon again, and has ended");
                    findings.add(Finding::at(Code::CallDecidedTwice, place, message));
                }
                if self.open.len() < self.open_max || self.open.contains_key(&call) {
                    self.open.insert(call, place);
                } else {
                    self.open_more += 1;
                    self.lose(place);
                }
            }
            "call.ended" => {
                if self.open.remove(&call).is_some() {
                    self.end(call);
                } else if self.ended.contains(&call) {
                    let message = format!("call {call} ends again");
                    findings.add(Finding::at(Code::CallEndedTwice, place, message));
                } else {
                    self.end(call);
                    self.open_more = self.open_more.saturating_sub(1);
                    if self.undecided.len() < UNDECIDED_KEPT_MAX {
                        self.undecided.push((place, call));
                    }
                }
            }
            _ => {}
        }
    }

    /// Entries were lost here.
    pub(super) fn lose(&mut self, place: u64) {
        self.gap = Some(self.gap.map_or(place, |gap| gap.min(place)));
    }

    /// Names the calls that ended without a decision, but for those whose decision may have been lost.
    pub(super) fn finish(&mut self, findings: &mut Findings) {
        for (place, call) in self.undecided.drain(..).filter(|(place, _)| self.gap.is_none_or(|gap| *place < gap)) {
            let message = format!("call {call} ends, and there is no decision before");
            findings.add(Finding::at(Code::CallEndedUndecided, place, message));
        }
    }

    /// How many were decided upon and have not ended.
    pub(super) fn open(&self) -> u64 {
        self.open.len() as u64 + self.open_more
    }

    fn end(&mut self, call: Uuid) {
        if self.ended.insert(call) {
            self.ended_in_order.push_back(call);
        }
        if self.ended.len() > ENDED_KEPT_MAX
            && let Some(oldest) = self.ended_in_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_of_calls_that_never_end_takes_no_more_memory_and_no_blame() {
        let call = |number: u64| Uuid::from_u64_pair(7, number);
        let (mut calls, mut findings) = (Calls::keeping(100), Findings::new(100));
        calls.see(0, "call.ended", call(1_000), &mut findings);
        for number in 0..500 {
            calls.see(number + 1, "call.decided", call(number), &mut findings);
        }
        assert_eq!((calls.open.len(), calls.open()), (100, 500));
        // Those that are not kept may end; that nobody decided upon one is not told any more.
        for number in 300..500 {
            calls.see(number + 300, "call.ended", call(number), &mut findings);
        }
        calls.see(900, "call.ended", call(2_000), &mut findings);
        assert_eq!(calls.open(), 299);
        calls.finish(&mut findings);
        let (found, more) = findings.into_parts();
        // Before there were too many, it is.
        assert_eq!(found.iter().map(|finding| finding.entry).collect::<Vec<_>>(), [Some(0)]);
        assert_eq!(more, 0);
    }
}
