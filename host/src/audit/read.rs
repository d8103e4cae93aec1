//! Reading a journal behind a place, in the writer's own process: as far as it is durable, while it is being written.
//!
//! A reader holds one group in memory, whatever the segments' length.

use std::path::Path;

use super::entry::Entry;
use super::format::{Position, Record, SegmentHeader};
use super::segment::{self, Groups, Segment, Step, corrupt};
use crate::error::Result;

/// Calls `each` with every entry of every tenant behind `from`, up to `until`, in the order of the journal; the place it
/// came to.
pub(super) fn fold(
    dir: &Path,
    from: Position,
    until: Position,
    mut each: impl FnMut(Position, Entry) -> Result<()>,
) -> Result<Position> {
    let mut reader = Reader::open(dir, until, |header| header.first <= from)?;
    let mut came_to = from;
    while let Some((position, entry)) = reader.find(|position, _| position > from)? {
        each(position, entry)?;
        came_to = position;
    }
    Ok(came_to)
}

/// A tenant's entries from index `from` on, in order, as far as segments that hold them were not let go. The iterator ends
/// after the first error.
#[cfg(test)]
pub(crate) fn read(
    audit: &super::Audit,
    tenant: &crate::id::TenantId,
    from: u64,
) -> Result<impl Iterator<Item = Result<Entry>> + use<>> {
    let begins = |header: &SegmentHeader| header.tenants.get(tenant.as_str()).is_none_or(|tip| tip.next <= from);
    let mut reader = Reader::open(audit.dir(), audit.position(), begins)?;
    let tenant = tenant.clone();
    let mut done = false;
    Ok(std::iter::from_fn(move || {
        if done {
            return None;
        }
        let found = reader.find(|_, record| record.tenant == tenant.as_str() && record.index >= from);
        done = !matches!(found, Ok(Some(_)));
        found.map(|found| found.map(|(_, entry)| entry)).transpose()
    }))
}

/// Goes through records across segments.
struct Reader {
    /// Nothing where there is no segment.
    groups: Option<Groups>,
    dir: std::path::PathBuf,
    until: Position,
    /// Where in the present group the next record begins.
    at: usize,
    /// Entries before the next record.
    passed: u64,
}

impl Reader {
    /// Starts with the newest segment that `fits` says all sought is in or behind, else with the oldest.
    fn open(dir: &Path, until: Position, fits: impl Fn(&SegmentHeader) -> bool) -> Result<Self> {
        let mut chosen = None;
        for sequence in segment::list(dir)?.into_iter().rev() {
            let segment = Segment::open(dir, sequence)?;
            let fit = fits(&segment.header);
            chosen = Some(segment);
            if fit {
                break;
            }
        }
        let passed = chosen.as_ref().map_or(0, |segment| segment.header.first.0);
        let groups = chosen.map(|segment| Groups::new(segment, false));
        Ok(Self { groups, dir: dir.to_owned(), until, at: 0, passed })
    }

    /// The next record that is sought.
    fn find(&mut self, mut sought: impl FnMut(Position, &Record<'_>) -> bool) -> Result<Option<(Position, Entry)>> {
        loop {
            let Some(groups) = &self.groups else { return Ok(None) };
            let offset = groups.records_offset();
            let bytes = groups.records();
            while self.at < bytes.len() {
                if self.passed >= self.until.0 {
                    return Ok(None);
                }
                let here = offset + self.at as u64;
                let Some((record, length)) = Record::decode(&bytes[self.at..]) else {
                    return Err(corrupt(&groups.segment.path, here, "these bytes are not a record"));
                };
                self.at += length;
                self.passed += 1;
                let position = Position(self.passed);
                if sought(position, &record) {
                    let entry = Entry::from_json(record.entry).map_err(|error| {
                        corrupt(&groups.segment.path, here, format_args!("the entry does not parse: {error}"))
                    })?;
                    return Ok(Some((position, entry)));
                }
            }
            if !self.next_group()? {
                return Ok(None);
            }
        }
    }

    /// Goes on to the next group, in the next segment if need be; false at the journal's end.
    fn next_group(&mut self) -> Result<bool> {
        if self.passed >= self.until.0 {
            return Ok(false);
        }
        // Once more when the present place turned out to be no end after all: a writer was quicker.
        let mut refreshed = false;
        loop {
            let Some(groups) = &mut self.groups else { return Ok(false) };
            let offset = groups.offset;
            let step = groups.step()?;
            if let Step::Group(group) = step {
                if group.first != self.passed {
                    return Err(corrupt(&groups.segment.path, offset, "groups are missing before this one"));
                }
                self.at = 0;
                return Ok(true);
            }
            let next = groups.segment.header.sequence + 1;
            let ends = segment::path(&self.dir, next).exists();
            let later = groups.find_later(offset)?;
            if !ends && later.is_none() {
                return Ok(false);
            }
            if !refreshed || (matches!(step, Step::End) && later.is_some_and(|(later, _)| later == offset)) {
                refreshed = true;
                groups.refresh();
                continue;
            }
            match step {
                Step::Bad(what) => return Err(corrupt(&groups.segment.path, offset, what)),
                _ if later.is_some() => return Err(corrupt(&groups.segment.path, offset, "a group is blank")),
                _ => {}
            }
            let segment = Segment::open(&self.dir, next)?;
            if segment.header.first.0 != self.passed {
                return Err(corrupt(&groups.segment.path, offset, "the segment's end is missing"));
            }
            *groups = Groups::new(segment, false);
            self.at = 0;
            refreshed = false;
        }
    }
}
