//! Opening a journal: one writer, a sound last segment, a torn tail cut, and what was open when it stopped.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::entry::Entry;
use super::format::{GROUP_HEADER_BYTES, Position, SegmentHeader, Tip};
use super::journal::{Recovered, Settings};
use super::segment::{self, Groups, Segment, Step, corrupt, unreadable};
use super::spare;
use super::state::Effect;
use super::writer::Writer;
use crate::error::{Code, Error, Result};

/// How long the lock of a host that has ended may stay: a program that it was about to start has it, too, until it runs.
const GIVEN_BACK_MAX: Duration = Duration::from_millis(500);

/// Opens the journal in `dir` for writing.
pub(super) fn open(dir: &Path, settings: &Settings) -> Result<(Writer, Recovered)> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| spare::refused(dir, &error))?;
    let lock = lock(dir)?;
    spare::remove(dir)?;
    let segments = segment::list(dir)?;
    for pair in segments.windows(2) {
        if pair[0] + 1 != pair[1] {
            return Err(corrupt(&segment::path(dir, pair[0] + 1), 0, "the segment is missing"));
        }
    }
    match segments.last() {
        None => begin(dir, settings, lock),
        Some(last) => recover(dir, *last, settings, lock),
    }
}

/// Takes the journal in the folder `dir` for this process, for as long as the file is open.
///
/// # Errors
///
/// `conflict` while another process has it; `unavailable` when the folder cannot be used.
pub fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(&path).map_err(|error| spare::refused(&path, &error))?;
    let end = Instant::now() + GIVEN_BACK_MAX;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
            Err(TryLockError::WouldBlock) => {
                let message = format!("another host writes the journal in {}", dir.display());
                return Err(Error::new(Code::Conflict, message)
                    .next("stop that one, or give this one a data folder of its own"));
            }
            Err(TryLockError::Error(error)) => return Err(spare::refused(&path, &error)),
        }
    }
}

/// The first segment of a journal.
fn begin(dir: &Path, settings: &Settings, lock: File) -> Result<(Writer, Recovered)> {
    let spare = spare::make(dir, 0, spare::bytes(settings, SegmentHeader::bytes_max(0, 0)))?;
    let mut writer = Writer {
        _lock: lock,
        disk: Arc::clone(&settings.disk),
        dir: dir.to_owned(),
        file: spare.file.try_clone().map_err(|error| spare::refused(dir, &error))?,
        path: spare.path.clone(),
        salt: [0; 8],
        sequence: 0,
        offset: 0,
        end: 0,
        number: 0,
        written: 0,
        tips: HashMap::new(),
        open: HashMap::new(),
        changes: VecDeque::new(),
    };
    writer.begin(spare)?;
    // The folder itself may be new too.
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        settings.disk.sync_dir(parent).map_err(|error| spare::refused(parent, &error))?;
    }
    let recovered = Recovered {
        open_calls: Vec::new(),
        cut: false,
        changes: std::collections::HashSet::new(),
        begun: true,
        position: Position::START,
    };
    Ok((writer, recovered))
}

/// Reads the last segment, cuts what a crash tore, and makes durable what is relied on from now on.
fn recover(dir: &Path, sequence: u64, settings: &Settings, lock: File) -> Result<(Writer, Recovered)> {
    let segment = Segment::open(dir, sequence)?;
    let path = segment.path.clone();
    let file = OpenOptions::new().read(true).write(true).open(&path).map_err(|error| spare::refused(&path, &error))?;
    let header = segment.header.clone();
    let mut groups = Groups::new(segment, false);
    let mut writer = Writer {
        _lock: lock,
        disk: Arc::clone(&settings.disk),
        dir: dir.to_owned(),
        file,
        path,
        salt: header.salt,
        sequence,
        offset: groups.offset,
        end: 0,
        number: 0,
        written: header.first.0,
        tips: header.tenants.into_iter().collect(),
        open: header.open.into_iter().map(|open| (open.call, open)).collect(),
        changes: header.changes.into(),
    };
    let mut last_group = groups.offset;
    let torn = loop {
        let offset = groups.offset;
        match groups.step()? {
            Step::Group(group) => {
                if group.first != writer.written {
                    return Err(corrupt(&writer.path, offset, "groups are missing before this one"));
                }
                replay(&mut writer, &groups, group.records)?;
                last_group = offset;
            }
            Step::End => break None,
            Step::Bad(what) => break Some(what),
        }
    };
    writer.offset = groups.offset;
    writer.number = groups.number;
    if let Some((later, number)) = groups.find_later(groups.offset)? {
        let what = torn.unwrap_or("a group is blank");
        let what = format!("{what}, and group {number} at byte {later} is whole, so it is not a torn tail");
        return Err(corrupt(&writer.path, writer.offset, what));
    }
    settle(&mut writer, last_group, torn.is_some())?;
    let mut open_calls: Vec<_> = writer.open.values().cloned().collect();
    open_calls.sort_by_key(|open| open.position);
    let recovered = Recovered {
        open_calls,
        cut: torn.is_some(),
        changes: writer.changes.iter().copied().collect(),
        begun: false,
        position: Position(writer.written),
    };
    Ok((writer, recovered))
}

/// Goes through a group's entries: the chain must hold, and open calls and changes are kept in mind.
fn replay(writer: &mut Writer, groups: &Groups, records: u32) -> Result<()> {
    let mut seen = 0;
    for record in segment::records(groups.records()) {
        let (at, record) = record
            .map_err(|at| corrupt(&writer.path, groups.records_offset() + at as u64, "these bytes are not a record"))?;
        let wrong = |what: String| corrupt(&writer.path, groups.records_offset() + at as u64, what);
        let tip = writer.tips.get(record.tenant).copied().unwrap_or(Tip::EMPTY);
        let head = tip.head.then(record.entry);
        if record.index != tip.next || record.head != head {
            return Err(wrong(format!("the chain of tenant {} breaks at index {}", record.tenant, tip.next)));
        }
        let entry =
            Entry::from_json(record.entry).map_err(|error| wrong(format!("the entry does not parse: {error}")))?;
        writer.written += 1;
        seen += 1;
        let effect = Effect::of(&entry.tenant, entry.principal, entry.time, &entry.event, writer.written);
        if let Some(effect) = effect {
            writer.apply(effect);
        }
        let tip = Tip { head, next: record.index + 1 };
        match writer.tips.get_mut(record.tenant) {
            Some(known) => *known = tip,
            None => {
                writer.tips.insert(record.tenant.to_owned(), tip);
            }
        }
    }
    if seen == records {
        Ok(())
    } else {
        Err(corrupt(&writer.path, groups.records_offset(), "a group's count is wrong"))
    }
}

/// Cuts the tail where it is torn, and makes durable what stays. The last group is written again: if the process before
/// this one ended because a sync failed, the kernel may hold it in memory as clean although the disk never got it.
fn settle(writer: &mut Writer, last_group: u64, torn: bool) -> Result<()> {
    let failed = |error: std::io::Error| spare::refused(&writer.path, &error);
    writer.end = writer.file.metadata().map_err(failed)?.len();
    let mut again = vec![0; (writer.offset - last_group) as usize];
    writer.file.read_exact_at(&mut again, last_group).map_err(|error| unreadable(&writer.path, error))?;
    writer.file.write_all_at(&again, last_group).map_err(failed)?;
    if torn {
        // Without its header the rest of it is nothing of this segment.
        let header = GROUP_HEADER_BYTES.min(usize::try_from(writer.remaining()).unwrap_or(usize::MAX));
        writer.file.write_all_at(&[0; GROUP_HEADER_BYTES][..header], writer.offset).map_err(failed)?;
    }
    writer.file.sync_all().map_err(failed)?;
    writer.disk.sync_dir(&writer.dir).map_err(failed)
}
