//! Following a journal as it grows, from some place on: what the logs are made from.
//!
//! Reads the files that the writer of this process writes, and stops at what is durable; memory is one group.

use std::path::{Path, PathBuf};

use super::format::{Position, Record};
use super::segment::{self, Groups, Segment, Step, corrupt};
use crate::error::Result;

/// A place in a journal, and the file that it is in.
#[derive(Debug)]
pub(super) struct Follower {
    dir: PathBuf,
    groups: Groups,
    /// Where in the present group the next record begins.
    at: usize,
    /// Entries before the next record.
    passed: u64,
}

impl Follower {
    /// Stands behind the entry at `from`; there must be a journal.
    pub(super) fn open(dir: &Path, from: Position) -> Result<Self> {
        let mut segments = segment::list(dir)?.into_iter().rev();
        let newest = segments.next().ok_or_else(|| corrupt(dir, 0, "there is no segment"))?;
        let mut segment = Segment::open(dir, newest)?;
        for sequence in segments {
            if segment.header.first <= from {
                break;
            }
            segment = Segment::open(dir, sequence)?;
        }
        if segment.header.first > from {
            return Err(corrupt(&segment.path, 0, format_args!("entries behind the {}th are missing", from.0)));
        }
        let passed = segment.header.first.0;
        let mut follower = Self { dir: dir.to_owned(), groups: Groups::new(segment, false), at: 0, passed };
        follower.follow(from, |_| Ok(()))?;
        Ok(follower)
    }

    /// The entries that were passed.
    pub(super) fn position(&self) -> Position {
        Position(self.passed)
    }

    /// The segment that it stands in.
    pub(super) fn segment(&self) -> u64 {
        self.groups.segment.header.sequence
    }

    /// Calls `each` with every record behind the present place up to `until`, which must be durable. After an error the
    /// place is not to be relied on.
    pub(super) fn follow(&mut self, until: Position, mut each: impl FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        while self.passed < until.0 {
            let bytes = self.groups.records();
            if self.at == bytes.len() {
                self.next_group()?;
                continue;
            }
            let Some((record, length)) = Record::decode(&bytes[self.at..]) else {
                let here = self.groups.records_offset() + self.at as u64;
                return Err(corrupt(&self.groups.segment.path, here, "these bytes are not a record"));
            };
            each(&record)?;
            self.at += length;
            self.passed += 1;
        }
        Ok(())
    }

    /// Goes on to a group that is known to be there.
    fn next_group(&mut self) -> Result<()> {
        // What was read ahead may be older than the group: then it is read again, once.
        for again in [false, true] {
            if again {
                self.groups.refresh();
            }
            let offset = self.groups.offset;
            match self.groups.step()? {
                Step::Group(group) if group.first == self.passed => {
                    self.at = 0;
                    return Ok(());
                }
                Step::Group(_) => {
                    let path = &self.groups.segment.path;
                    return Err(corrupt(path, offset, "groups are missing before this one"));
                }
                Step::Bad(what) if again => return Err(corrupt(&self.groups.segment.path, offset, what)),
                Step::End | Step::Bad(_) => {}
            }
        }
        let next = Segment::open(&self.dir, self.groups.segment.header.sequence + 1)?;
        if next.header.first.0 != self.passed {
            return Err(corrupt(&next.path, 0, "the end of the segment before it is missing"));
        }
        self.groups = Groups::new(next, false);
        self.at = 0;
        Ok(())
    }
}
