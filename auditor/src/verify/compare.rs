//! Entries against the hashes that they should have, over the bounds of bundles: what was edited, taken out, put in.
//!
//! As long as each entry has its hash, nothing is kept. From the first that has not, the entries and hashes that are not
//! matched are lined up: the longest run of entries in their order are the ones that stayed. What is left over at the
//! end of a bundle waits for the next one, so that one entry taken out is one finding, not one in each bundle behind it.

use std::collections::{BTreeSet, HashMap, VecDeque};

use tlog_tiles::Hash;

use super::findings::Findings;
use super::tree::Tree;
use super::{Code, Finding};
use crate::entry::Entry;
use crate::error::Result;
use crate::source::Source;

/// Entries without their hash that are kept to be named; what is beyond is one finding.
const LEFT_OVER_MAX: usize = 10_000;
/// Entries and hashes that wait for the next bundle: more than a bundle, so that what moved over its bounds is matched.
const WAITING_MAX: usize = 1_024;

/// An entry as it was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) place: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) hash: Hash,
}

/// Hashes without an entry and entries without a hash that stand between the same two entries that match.
#[derive(Debug, Default)]
struct Gap {
    lost: Vec<u64>,
    strange: Vec<Found>,
}

/// The comparison so far.
#[derive(Debug, Default)]
pub(super) struct Compare {
    found: VecDeque<Found>,
    wanted: VecDeque<(u64, Hash)>,
    gaps: Vec<Gap>,
    left_over: usize,
    /// Whether there were more than are kept: from which place on.
    beyond: Option<u64>,
}

impl Compare {
    /// The next entries, and the hashes that they should have from the place `first` on. Gives those that match, with
    /// the place that they belong to.
    pub(super) fn next(&mut self, found: Vec<Found>, first: u64, wanted: &[Hash]) -> Vec<(u64, Vec<u8>)> {
        let is_same = found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, hash)| found.hash == *hash);
        if is_same && self.found.is_empty() && self.wanted.is_empty() {
            return found.into_iter().map(|found| (found.place, found.bytes)).collect();
        }
        self.found.extend(found);
        self.wanted.extend((first..).zip(wanted.iter().copied()));
        self.line_up()
    }

    /// The same where the bundle is missing: what waits may be of it. What of it is not there is not named again.
    pub(super) fn skip(&mut self, first: u64, wanted: &[Hash]) -> Vec<(u64, Vec<u8>)> {
        if self.found.is_empty() {
            return Vec::new();
        }
        let matched = self.next(Vec::new(), first, wanted);
        self.wanted.retain(|(place, _)| *place < first);
        matched
    }

    /// Whether something waits for what comes next, or was found.
    pub(super) fn is_disturbed(&self) -> bool {
        !self.gaps.is_empty() || !self.found.is_empty() || !self.wanted.is_empty()
    }

    /// Matches what can be, up to the last that does.
    fn line_up(&mut self) -> Vec<(u64, Vec<u8>)> {
        let places: HashMap<[u8; 32], usize> = self.wanted.iter().map(|(_, hash)| hash.0).zip(0..).collect();
        let candidates =
            self.found.iter().enumerate().filter_map(|(at, found)| Some((at, *places.get(&found.hash.0)?)));
        let pairs = longest_rising(&candidates.collect::<Vec<_>>());
        let mut matched = Vec::with_capacity(pairs.len());
        let (mut found_done, mut wanted_done) = (0, 0);
        for (found_at, wanted_at) in pairs {
            self.gap(found_at - found_done, wanted_at - wanted_done);
            (found_done, wanted_done) = (found_at + 1, wanted_at + 1);
            if let (Some(found), Some((place, _))) = (self.found.pop_front(), self.wanted.pop_front()) {
                matched.push((place, found.bytes));
            }
        }
        // Where nothing matches for long, nothing will: what is read must not pile up.
        let (found, wanted) = (self.found.len(), self.wanted.len());
        self.gap(found.saturating_sub(WAITING_MAX), wanted.saturating_sub(WAITING_MAX));
        matched
    }

    /// Takes so many from the front of each, as a gap.
    fn gap(&mut self, found: usize, wanted: usize) {
        if found == 0 && wanted == 0 {
            return;
        }
        let strange: Vec<_> = self.found.drain(..found).collect();
        let lost: Vec<_> = self.wanted.drain(..wanted).map(|(place, _)| place).collect();
        self.left_over += found + wanted;
        if self.left_over > LEFT_OVER_MAX {
            let first = lost.first().copied().or(strange.first().map(|found| found.place));
            self.beyond = self.beyond.or(first);
        } else {
            self.gaps.push(Gap { lost, strange });
        }
    }

    /// There are no more: names what was left over.
    pub(super) fn finish(mut self, tree: &mut Tree<'_, impl Source + ?Sized>, findings: &mut Findings) -> Result<()> {
        self.gap(self.found.len(), self.wanted.len());
        let mut lost: BTreeSet<u64> = self.gaps.iter().flat_map(|gap| gap.lost.iter().copied()).collect();
        let mut moved: Option<(u64, u64, u64)> = None;
        for gap in &mut self.gaps {
            // An entry whose own place in the tree has its hash is a true one, in the wrong place.
            let mut strange = Vec::new();
            for found in std::mem::take(&mut gap.strange) {
                let own = own_place(&found, tree)?;
                match own {
                    Some(own) if lost.remove(&own) => {
                        let (_, _, count) = moved.get_or_insert((found.place, own, 0));
                        *count += 1;
                    }
                    Some(own) => {
                        let message = format!("entry {own} stands here again");
                        findings.add(Finding::at(Code::EntryRepeated, found.place, message));
                    }
                    None => strange.push(found),
                }
            }
            gap.strange = strange;
        }
        for gap in self.gaps {
            let mut strange = gap.strange.into_iter();
            for place in gap.lost.into_iter().filter(|place| lost.contains(place)) {
                let (code, message) = match strange.next() {
                    Some(_) => (Code::EntryEdited, "its bytes are not those that the tree was signed with"),
                    None => (Code::EntryDeleted, "the tree has an entry here that is not in the bundles"),
                };
                findings.add(Finding::at(code, place, message));
            }
            for found in strange {
                let message = "the tree has no such entry";
                findings.add(Finding::at(Code::EntryInserted, found.place, message));
            }
        }
        if let Some((first, own, count)) = moved {
            let message = moved_message(own, count);
            findings.add(Finding::at(Code::EntriesReordered, first, message));
        }
        if let Some(first) = self.beyond {
            let message = "from here on too many entries are not those of the tree for each to be named";
            findings.add(Finding::at(Code::EntriesRewritten, first, message));
        }
        Ok(())
    }
}

/// That entries were moved: the first of them, and how many.
pub(super) fn moved_message(first: u64, count: u64) -> String {
    let others = match count {
        0 | 1 => String::new(),
        2 => ", and another is in a wrong place too".to_owned(),
        count => format!(", and {} others are in wrong places too", count - 1),
    };
    format!("entry {first} stands here{others}")
}

/// The place that an entry says it has, where the tree has it there.
fn own_place(found: &Found, tree: &mut Tree<'_, impl Source + ?Sized>) -> Result<Option<u64>> {
    let Ok(entry) = Entry::parse(&found.bytes) else { return Ok(None) };
    Ok(tree.proved_leaf(entry.index)?.filter(|hash| *hash == found.hash).map(|_| entry.index))
}

/// Of pairs with rising first members, the most that rise in the second too.
fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // Of all runs of a length, the one that ends lowest; and for each pair the one before it in its run.
    let mut ends: Vec<usize> = Vec::new();
    let mut before = vec![None; pairs.len()];
    for (at, (_, second)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|&end| pairs[end].1 < *second);
        before[at] = length.checked_sub(1).map(|length| ends[length]);
        if length == ends.len() {
            ends.push(at);
        } else {
            ends[length] = at;
        }
    }
    let mut run: Vec<_> = std::iter::successors(ends.last().copied(), |&at| before[at]).map(|at| pairs[at]).collect();
    run.reverse();
    run
}
