//! Whether the entries say of themselves that they stand where they stand.
//!
//! Each entry holds its index. Where the log was signed with entries missing, repeated or moved, the indexes still tell:
//! a look at the next one or two shows which it was.

use std::collections::VecDeque;

use super::compare::moved_message;
use super::findings::Findings;
use super::{Code, Finding};

/// Things out of order that are kept, of each sort: far more than are told.
const KEPT_MAX: usize = 10_000;

/// An entry's place in the log, and the index that it holds.
#[derive(Debug, Clone, Copy)]
struct Seen {
    place: u64,
    index: u64,
}

/// Entries that are missing, as their indexes have it.
#[derive(Debug)]
struct Missing {
    /// Where they should be.
    place: u64,
    first: i128,
    until: i128,
}

/// The order of the entries so far.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// By how much indexes run ahead of places since something went missing; behind since something came in.
    ahead: i128,
    /// Those not judged yet: each needs the next one to be.
    waiting: VecDeque<Seen>,
    missing: Vec<Missing>,
    /// Entries that came in between others; whether the log goes on from there.
    extra: Vec<(Seen, bool)>,
    /// Entries that stand where another should: with that one's index.
    moved: Vec<(Seen, i128)>,
}

impl Order {
    /// The next entry, at the place behind the last. Gives the place where entries are missing, once that is seen.
    pub(super) fn see(&mut self, place: u64, index: u64) -> Option<u64> {
        let gap = if self.waiting.len() == 2 { self.judge() } else { None };
        self.waiting.push_back(Seen { place, index });
        gap
    }

    /// Judges the rest, and names it all. Gives the place where entries are missing, if any are.
    pub(super) fn finish(&mut self, findings: &mut Findings) -> Option<u64> {
        let end = self.waiting.back().map(|last| last.place + 1);
        while !self.waiting.is_empty() {
            self.judge();
        }
        if let Some(end) = end {
            self.pair_up(end);
        }
        for missing in &self.missing {
            let what = if missing.until == missing.first + 1 {
                format!("entry {} was", missing.first)
            } else {
                format!("entries {} to {} were", missing.first, missing.until - 1)
            };
            let message = format!("{what} taken out here, before the log was signed");
            findings.add(Finding::at(Code::EntryDeleted, missing.place, message));
        }
        for (seen, goes_on) in &self.extra {
            let index = seen.index;
            let (code, message) = if *goes_on {
                (Code::EntryRepeated, format!("the log goes back here: entry {index} comes again"))
            } else if seen.index < seen.place {
                (Code::EntryRepeated, format!("an entry that says it is entry {index} stands here again"))
            } else {
                (Code::EntryInserted, format!("an entry that says it is entry {index} was put in here"))
            };
            findings.add(Finding::at(code, seen.place, message));
        }
        if let Some((first, _)) = self.moved.iter().min_by_key(|(seen, _)| seen.place) {
            let message = moved_message(first.index, self.moved.len() as u64);
            findings.add(Finding::at(Code::EntriesReordered, first.place, message));
        }
        self.missing.iter().map(|missing| missing.place).min()
    }

    /// An entry that is missing in one place, or at the end of the log, and came in at another was moved.
    fn pair_up(&mut self, end: u64) {
        let behind = i128::from(end) + self.ahead;
        self.missing.push(Missing { place: end, first: behind, until: behind + 1 });
        self.extra.retain(|(seen, goes_on)| {
            let index = i128::from(seen.index);
            let is_it = |missing: &Missing| missing.first == index && missing.until == index + 1;
            let hole = if *goes_on { None } else { self.missing.iter().position(is_it) };
            if let Some(hole) = hole {
                self.missing.swap_remove(hole);
                self.moved.push((*seen, index));
            }
            hole.is_none()
        });
        // What no entry was moved away from is simply the end.
        self.missing.retain(|missing| missing.place != end);
    }

    fn expected(&self, seen: Seen) -> i128 {
        i128::from(seen.place) + self.ahead
    }

    /// Judges the first that waits. Gives its place, where entries are missing before it.
    fn judge(&mut self) -> Option<u64> {
        let first = self.waiting.pop_front()?;
        let (index, expected) = (i128::from(first.index), self.expected(first));
        if index == expected {
            return None;
        }
        let Some(&next) = self.waiting.front() else {
            // Nothing follows to show what it is; if another stands in its place, it is the other half of that.
            if self.moved.iter().any(|(_, lost)| *lost == index) {
                self.keep_moved(first, expected);
                return None;
            }
            return self.jump(first, expected, false);
        };
        let (next_index, next_expected) = (i128::from(next.index), self.expected(next));
        if next_index == next_expected {
            self.keep_moved(first, expected);
        } else if index == next_expected && next_index == expected {
            self.waiting.pop_front();
            self.keep_moved(first, expected);
            self.keep_moved(next, next_expected);
        } else if next_index == expected {
            self.ahead -= 1;
            self.keep_extra(first, false);
        } else if next_index - index == i128::from(next.place) - i128::from(first.place) {
            return self.jump(first, expected, true);
        } else {
            self.keep_moved(first, expected);
        }
        None
    }

    /// Indexes go on from another number, or end with it.
    fn jump(&mut self, first: Seen, expected: i128, goes_on: bool) -> Option<u64> {
        let index = i128::from(first.index);
        self.ahead = index - i128::from(first.place);
        if index < expected {
            self.keep_extra(first, goes_on);
            return None;
        }
        if self.missing.len() < KEPT_MAX {
            self.missing.push(Missing { place: first.place, first: expected, until: index });
        }
        Some(first.place)
    }

    fn keep_extra(&mut self, seen: Seen, goes_on: bool) {
        if self.extra.len() < KEPT_MAX {
            self.extra.push((seen, goes_on));
        }
    }

    fn keep_moved(&mut self, seen: Seen, expected: i128) {
        if self.moved.len() < KEPT_MAX {
            self.moved.push((seen, expected));
        }
    }
}
