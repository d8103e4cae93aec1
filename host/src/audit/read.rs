//! Reading a journal: one tenant's log, one call, or everything behind a place. Works on files that are being written.
//!
//! A reader holds one group in memory, whatever the segments' length. In the writer's own process it stops at what is
//! durable ([`super::Audit::read`]); elsewhere it syncs what it read before it hands it out, so that it never shows
//! what a crash could still undo.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::entry::time::micros;
use super::entry::{Entry, Event};
use super::format::{Position, Record, SegmentHeader};
use super::segment::{self, Groups, Segment, Step, corrupt};
use crate::error::Result;
use crate::id::{CallId, TenantId};

/// How far the clock is taken to have stepped between a call's id and its entries.
const CLOCK_STEP: Duration = Duration::from_secs(60);
/// From a call's id to its decision at most: the longest that a call can wait and run, with much to spare.
const CALL_SPAN: Duration = Duration::from_secs(3_600);

/// A tenant's entries from index `from` on, in order. The iterator ends after the first error.
pub fn read(dir: &Path, tenant: &TenantId, from: u64) -> Result<impl Iterator<Item = Result<Entry>> + use<>> {
    read_until(dir, tenant, from, None)
}

/// Everything that is recorded of a call, in order: its decision, denials, its end; nothing when it is not this
/// tenant's. Reads the segments written about the time that is in the id.
pub fn find_call(dir: &Path, tenant: &TenantId, call: CallId) -> Result<Vec<Entry>> {
    find_call_until(dir, tenant, call, None)
}

/// Calls `each` with every entry of every tenant behind `from`, in the order of the journal; the place it came to.
pub fn fold(dir: &Path, from: Position, each: impl FnMut(Position, Entry) -> Result<()>) -> Result<Position> {
    fold_until(dir, from, None, each)
}

pub(super) fn read_until(
    dir: &Path,
    tenant: &TenantId,
    from: u64,
    until: Option<Position>,
) -> Result<impl Iterator<Item = Result<Entry>> + use<>> {
    let begins = |header: &SegmentHeader| header.tenants.get(tenant.as_str()).is_none_or(|tip| tip.next <= from);
    Ok(entries(Reader::open(dir, until, begins)?, tenant, from, |_| true))
}

/// A tenant's entries from the time `since` on, in order, behind some from before it: where the segment begins that it
/// is in. Ends before the first group whose time `goes_on` does not take: what a tenant that is rarely there has to be
/// looked for in is everybody's.
pub(super) fn read_since_until<F: Fn(SystemTime) -> bool>(
    dir: &Path,
    tenant: &TenantId,
    since: SystemTime,
    until: Option<Position>,
    goes_on: F,
) -> Result<impl Iterator<Item = Result<Entry>> + use<F>> {
    let since_us = micros(since.checked_sub(CLOCK_STEP).unwrap_or(SystemTime::UNIX_EPOCH));
    let reader = Reader::open(dir, until, |header| header.created_us <= since_us)?;
    Ok(entries(reader, tenant, 0, move |group_us| goes_on(SystemTime::UNIX_EPOCH + Duration::from_micros(group_us))))
}

fn entries<F: Fn(u64) -> bool>(
    mut reader: Reader,
    tenant: &TenantId,
    from: u64,
    goes_on: F,
) -> impl Iterator<Item = Result<Entry>> + use<F> {
    let tenant = tenant.clone();
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let sought = |_, record: &Record<'_>| record.tenant == tenant.as_str() && record.index >= from;
        let found = reader.find_while(&goes_on, sought);
        done = !matches!(found, Ok(Some(_)));
        found.map(|found| found.map(|(_, entry)| entry)).transpose()
    })
}

pub(super) fn find_call_until(
    dir: &Path,
    tenant: &TenantId,
    call: CallId,
    until: Option<Position>,
) -> Result<Vec<Entry>> {
    let id = call.as_bytes();
    let made_ms = id[..6].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte));
    let span_us = |span: Duration| span.as_micros() as u64;
    let begun_us = (made_ms * 1_000).saturating_sub(span_us(CLOCK_STEP));
    let over_us = made_ms * 1_000 + span_us(CALL_SPAN + CLOCK_STEP);
    let mut reader = Reader::open(dir, until, |header| header.created_us <= begun_us)?;
    let text = call.to_string();
    let mut entries = Vec::new();
    loop {
        // A call that a crash interrupted is ended by the next start, whenever that is: an open one is followed to the
        // end of the journal. One that is not found is given up behind its time.
        let open = !entries.is_empty();
        let found = reader.find_while(
            |group_us| open || group_us <= over_us,
            |_, record| record.tenant == tenant.as_str() && contains(record.entry, text.as_bytes()),
        )?;
        let Some((_, entry)) = found else { return Ok(entries) };
        if entry.event.call() == Some(call) {
            let last = matches!(entry.event, Event::CallEnded(_) | Event::CallRefused(_));
            entries.push(entry);
            if last {
                return Ok(entries);
            }
        }
    }
}

pub(super) fn fold_until(
    dir: &Path,
    from: Position,
    until: Option<Position>,
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

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == text[0]) {
        rest = &rest[at..];
        if rest.starts_with(text) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// Goes through records across segments.
struct Reader {
    /// Nothing where there is no segment.
    groups: Option<Groups>,
    dir: std::path::PathBuf,
    until: Option<Position>,
    /// Where in the present group the next record begins.
    at: usize,
    group_us: u64,
    /// Entries before the next record.
    passed: u64,
}

impl Reader {
    /// Starts with the newest segment that `fits` says all sought is in or behind, else with the oldest.
    fn open(dir: &Path, until: Option<Position>, fits: impl Fn(&SegmentHeader) -> bool) -> Result<Self> {
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
        let groups = chosen.map(|segment| Groups::new(segment, until.is_none()));
        Ok(Self { groups, dir: dir.to_owned(), until, at: 0, group_us: 0, passed })
    }

    /// The next record that is sought.
    fn find(&mut self, sought: impl FnMut(Position, &Record<'_>) -> bool) -> Result<Option<(Position, Entry)>> {
        self.find_while(|_| true, sought)
    }

    /// The same, as long as groups are of a time that will do.
    fn find_while(
        &mut self,
        goes_on: impl Fn(u64) -> bool,
        mut sought: impl FnMut(Position, &Record<'_>) -> bool,
    ) -> Result<Option<(Position, Entry)>> {
        loop {
            let Some(groups) = &self.groups else { return Ok(None) };
            let offset = groups.records_offset();
            let bytes = groups.records();
            while self.at < bytes.len() {
                if self.until.is_some_and(|until| self.passed >= until.0) {
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
            if !self.next_group()? || !goes_on(self.group_us) {
                return Ok(None);
            }
        }
    }

    /// Goes on to the next group, in the next segment if need be; false at the journal's end.
    fn next_group(&mut self) -> Result<bool> {
        if self.until.is_some_and(|until| self.passed >= until.0) {
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
                (self.at, self.group_us) = (0, group.time_us);
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
            *groups = Groups::new(segment, self.until.is_none());
            self.at = 0;
            refreshed = false;
        }
    }
}
