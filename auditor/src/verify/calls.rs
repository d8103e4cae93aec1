//! Whether each call that ended was decided upon before, and ended once.

use std::collections::{HashMap, HashSet, VecDeque};

use uuid::Uuid;

use super::findings::Findings;
use super::{Code, Finding};

/// Calls that ended are remembered so long, to tell one that ends twice from one that was never decided upon. Either is
/// found; a log of any length is checked in bounded memory (with 16 bytes a call, some 40 MB).
const ENDED_KEPT_MAX: usize = 1 << 20;

/// Calls without a decision that are kept, until it is known whether entries were lost: far more than are told.
const UNDECIDED_KEPT_MAX: usize = 10_000;

/// The calls so far.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Decided upon and not ended, with the place of the decision.
    open: HashMap<Uuid, u64>,
    ended: HashSet<Uuid>,
    /// The same, oldest first.
    ended_in_order: VecDeque<Uuid>,
    /// Calls that ended without a decision, as far as they are kept: where, and which.
    undecided: Vec<(u64, Uuid)>,
    /// From here on entries were lost, and the decision of a call may have been among them.
    gap: Option<u64>,
}

impl Calls {
    /// An entry about a call.
    pub(super) fn see(&mut self, place: u64, kind: &str, call: Uuid, findings: &mut Findings) {
        match kind {
            "call.decided" => {
                if let Some(before) = self.open.insert(call, place) {
                    let message = format!("call {call} is decided upon again; it was at entry {before}");
                    findings.add(Finding::at(Code::CallDecidedTwice, place, message));
                } else if self.ended.contains(&call) {
                    let message = format!("call {call} is decided upon again, and has ended");
                    findings.add(Finding::at(Code::CallDecidedTwice, place, message));
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
        self.open.len() as u64
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
