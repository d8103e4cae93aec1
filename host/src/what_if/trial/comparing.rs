//! The trial under way: each recorded call is held against what would be decided of it, and what differs is counted.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::next::Next;
use super::{Change, ChangeKind, ChangedLimit, NotCompared, Trial};
use crate::audit::entry::DecidedLimits;
use crate::id::{CallId, Digest};
use crate::snapshot::PackageVersion;
use crate::uses::CapabilityUse;
use crate::what_if::again::Incomparable;
use crate::what_if::history::{Decided, Ended, Recorded};

/// Different changes that are told; what is more is counted.
const CHANGES_MAX: usize = 1_000;
/// Tools that one change names.
const TOOLS_MAX: usize = 20;

/// The trial under way.
pub(super) struct Trying<'a> {
    next: Next<'a>,
    room: CallRoom,
    trial: Trial,
    /// Where in the list each change is.
    places: HashMap<What, usize>,
}

/// What makes two changes one.
type What = (ChangeKind, String, Option<(&'static str, u64, u64)>, Option<CapabilityUse>);

impl<'a> Trying<'a> {
    /// Of the text with this digest. Each change names up to `each_max` calls, all together up to `calls_max`.
    pub(super) fn new(next: Next<'a>, digest: Digest, (each_max, calls_max): (usize, usize)) -> Self {
        let trial = Trial {
            digest,
            decisions: 0,
            same: 0,
            changed: 0,
            changes: Vec::new(),
            changes_left_out: 0,
            not_compared: Vec::new(),
            uses_unknown: 0,
        };
        Self { next, room: CallRoom { each_max, left: calls_max }, trial, places: HashMap::new() }
    }

    /// Takes a recorded call in, with the version that it was of; or why it cannot be compared.
    pub(super) fn take(&mut self, recorded: &Recorded, version: Result<Arc<PackageVersion>, Incomparable>) {
        self.trial.decisions += 1;
        match version {
            Ok(version) => self.compare(recorded, &version),
            Err(reason) => self.skip(recorded.call, reason),
        }
    }

    fn compare(&mut self, recorded: &Recorded, version: &Arc<PackageVersion>) {
        if let Some((kind, rule)) = self.next.routed(recorded, version) {
            self.note(recorded, (kind, rule, None, None), false);
            self.trial.changed += 1;
            return;
        }
        let next = self.next.decide(recorded, version);
        let mut changed = false;
        match (&recorded.decided, &*next) {
            (Decided::Denied { .. }, Decided::Denied { .. }) => {}
            (Decided::Allowed { .. }, Decided::Denied { rule }) => {
                self.note(recorded, (ChangeKind::Denied, rule.clone(), None, None), false);
                changed = true;
            }
            (Decided::Denied { .. }, Decided::Allowed { rule, .. }) => {
                self.note(recorded, (ChangeKind::Allowed, rule.clone(), None, None), false);
                changed = true;
            }
            (Decided::Allowed { limits: before, .. }, Decided::Allowed { limits: after, .. }) => {
                changed |= self.limits(recorded, version, before, after);
                changed |= self.uses(recorded, version);
                changed |= self.waits(recorded, version);
            }
        }
        match changed {
            true => self.trial.changed += 1,
            false => self.trial.same += 1,
        }
    }

    fn limits(
        &mut self,
        recorded: &Recorded,
        version: &PackageVersion,
        before: &DecidedLimits,
        after: &DecidedLimits,
    ) -> bool {
        let took = |of: fn(&Ended) -> u64| recorded.ended.as_ref().map_or(0, of);
        let limits = [
            ("fuel", before.fuel, after.fuel, took(|ended| ended.fuel)),
            ("memory_bytes", before.memory_bytes, after.memory_bytes, took(|ended| ended.memory_bytes)),
            ("deadline", before.deadline_ms, after.deadline_ms, took(|ended| ended.duration_us / 1_000)),
        ];
        let mut changed = false;
        for (limit, before, after, took) in limits.into_iter().filter(|(_, before, after, _)| before != after) {
            let rule = self.next.limit_rule(&recorded.tool.package, version, limit);
            self.note(recorded, (ChangeKind::Limited, rule, Some((limit, before, after)), None), took > after);
            changed = true;
        }
        changed
    }

    fn uses(&mut self, recorded: &Recorded, version: &PackageVersion) -> bool {
        let Some(uses) = recorded.ended.as_ref().and_then(|ended| ended.uses.as_ref()) else {
            self.trial.uses_unknown += 1;
            return false;
        };
        let mut changed = false;
        for used in uses {
            let Some(lost) = self.next.lost(&recorded.tool.package, version, used) else { continue };
            let kind = if lost.certain { ChangeKind::UseDenied } else { ChangeKind::UseUncertain };
            self.note(recorded, (kind, lost.rule, None, Some(used.clone())), false);
            changed = true;
        }
        changed
    }

    /// Rules that would have had it approved first, which nobody did.
    fn waits(&mut self, recorded: &Recorded, version: &PackageVersion) -> bool {
        if recorded.approved {
            return false;
        }
        let rules = self.next.waits(recorded, version);
        for rule in &rules {
            self.note(recorded, (ChangeKind::Waits, rule.clone(), None, None), false);
        }
        !rules.is_empty()
    }

    /// Counts a call in a change.
    fn note(&mut self, recorded: &Recorded, what: What, exceeded: bool) {
        let place = match self.places.get(&what) {
            Some(place) => *place,
            None if self.trial.changes.len() >= CHANGES_MAX => {
                self.trial.changes_left_out += 1;
                return;
            }
            None => {
                let (kind, rule, limit, used) = what.clone();
                let limit = limit.map(|(limit, before, after)| ChangedLimit {
                    limit: limit.to_owned(),
                    before,
                    after,
                    exceeded: 0,
                });
                let (tools, calls) = (BTreeSet::new(), Vec::new());
                self.trial.changes.push(Change { kind, rule, limit, used, tools, count: 0, calls, calls_left_out: 0 });
                self.places.insert(what, self.trial.changes.len() - 1);
                self.trial.changes.len() - 1
            }
        };
        let Some(change) = self.trial.changes.get_mut(place) else { return };
        change.count += 1;
        if let Some(limit) = &mut change.limit {
            limit.exceeded += u64::from(exceeded);
        }
        if change.tools.len() < TOOLS_MAX {
            change.tools.insert(recorded.tool.clone());
        }
        self.room.list(recorded.call, &mut change.calls, &mut change.calls_left_out);
    }

    fn skip(&mut self, call: CallId, reason: Incomparable) {
        let known = self.trial.not_compared.iter().position(|one| one.reason == reason);
        let place = known.unwrap_or_else(|| {
            let (words, calls) = (reason.to_string(), Vec::new());
            self.trial.not_compared.push(NotCompared { reason, words, count: 0, calls, calls_left_out: 0 });
            self.trial.not_compared.len() - 1
        });
        let Some(skipped) = self.trial.not_compared.get_mut(place) else { return };
        skipped.count += 1;
        self.room.list(call, &mut skipped.calls, &mut skipped.calls_left_out);
    }

    /// What came of it.
    pub(super) fn done(self) -> Trial {
        let mut trial = self.trial;
        trial
            .changes
            .sort_by(|one, other| (one.kind, other.count, &one.rule).cmp(&(other.kind, one.count, &other.rule)));
        trial.not_compared.sort_by_key(|one| one.reason);
        trial
    }
}

/// How many calls can still be named.
struct CallRoom {
    each_max: usize,
    left: usize,
}

impl CallRoom {
    fn list(&mut self, call: CallId, calls: &mut Vec<CallId>, left_out: &mut u64) {
        if calls.len() < self.each_max && self.left > 0 {
            self.left -= 1;
            calls.push(call);
        } else {
            *left_out += 1;
        }
    }
}
