//! The journal thread: takes what was appended, chains it, writes it in groups, syncs each, and wakes who waits.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use parking_lot::MutexGuard;

use super::disk::Disk;
use super::entry::time::micros;
use super::format::{
    CHANGES_MAX, GROUP_BYTES_MAX, GROUP_HEADER_BYTES, GroupHeader, OpenCall, Position, RECORD_HEAD, Record, Salt,
    SegmentHeader, Tip,
};
use super::journal::SYNC_DELAY;
use super::segment;
use super::spare::{self, Spare};
use super::state::{Batch, Effect, Shared};
use crate::error::{Error, Result};
use crate::id::{CallId, ChangeId};

/// The writing end of a journal.
#[derive(Debug)]
pub(super) struct Writer {
    /// Held for as long as the journal is open: one writer only.
    pub(super) _lock: File,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) salt: Salt,
    pub(super) sequence: u64,
    /// Where the next group goes.
    pub(super) offset: u64,
    /// The segment's length.
    pub(super) end: u64,
    /// The next group's number.
    pub(super) number: u32,
    /// Entries written.
    pub(super) written: u64,
    pub(super) tips: HashMap<String, Tip>,
    pub(super) open: HashMap<CallId, OpenCall>,
    pub(super) changes: VecDeque<ChangeId>,
}

/// Runs until the journal closes or fails.
pub(super) fn run(shared: &Shared, mut writer: Writer) {
    let mut ending = Ending { shared, error: None };
    let mut batch = Batch::new();
    let ended = loop {
        match take(shared, &mut batch) {
            true => {
                if let Err(error) = writer.write(shared, &mut batch) {
                    break Err(error);
                }
                batch.clear();
                shared.state.lock().writing = None;
            }
            // A group without records: a reader then knows that the group before it was whole.
            false => break writer.put(&mut [0; GROUP_HEADER_BYTES], 0),
        }
    };
    ending.error = ended.err();
}

/// What is told when the thread ends, also where it panicked: else all would wait for it.
struct Ending<'a> {
    shared: &'a Shared,
    error: Option<Error>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.error = Some(Error::internal("the journal's thread panicked"));
        }
        let waiters = {
            let mut state = self.shared.state.lock();
            if let Some(error) = &self.error {
                state.failure = Some(error.clone());
            }
            std::mem::take(&mut state.waiters)
        };
        self.shared.spare.notify_all();
        let Some(error) = &self.error else { return };
        tracing::error!(%error, detail = error.operator_detail(), "the record failed; the host must end");
        for (_, waiter) in waiters {
            let _ = waiter.send(Err(error.clone()));
        }
        if let Some(on_failure) = &self.shared.settings.on_failure {
            on_failure(error);
        }
    }
}

/// Waits until there is something to sync, and takes it; false when the journal closes and all of it is written.
fn take(shared: &Shared, batch: &mut Batch) -> bool {
    let mut state = shared.state.lock();
    let mut yielded = false;
    loop {
        if state.batch.is_empty() {
            if state.closing {
                return false;
            }
            if state.looks {
                state.looks = !shared.work.wait_for(&mut state, SYNC_DELAY).timed_out();
            } else {
                shared.work.wait(&mut state);
            }
            continue;
        }
        let due = state.batch.since + SYNC_DELAY;
        if state.closing || state.wanted > shared.durable.load(Ordering::Relaxed) || Instant::now() >= due {
            // Whoever is about to append may do so first: where the processors are busy, groups grow in place of switches
            // of threads; where they are not, this costs nothing.
            if !yielded {
                yielded = true;
                MutexGuard::unlocked(&mut state, std::thread::yield_now);
                continue;
            }
            std::mem::swap(&mut state.batch, batch);
            state.writing = Some(Instant::now());
            // Where something came, more will come: being woken for each would take its processor from whoever appends.
            state.looks = true;
            return true;
        }
        shared.work.wait_until(&mut state, due);
    }
}

impl Writer {
    /// What is left of the segment.
    pub(super) fn remaining(&self) -> u64 {
        self.end.saturating_sub(self.offset)
    }

    /// Writes a batch: one group as a rule, more where it is very long or the segment ends.
    fn write(&mut self, shared: &Shared, batch: &mut Batch) -> Result<()> {
        let bytes = &mut batch.bytes;
        let mut effects = batch.effects.drain(..).peekable();
        // A group's header goes before its records: for the first into the room kept for it, for a later one over the
        // end of the group before, which is written.
        let (mut start, mut at, mut records) = (GROUP_HEADER_BYTES, GROUP_HEADER_BYTES, 0);
        while at < bytes.len() {
            let damaged = || Error::internal("a record in memory is damaged");
            let length = Record::length(&bytes[at..]).ok_or_else(damaged)?;
            let group_bytes = at + length - start;
            if group_bytes > GROUP_BYTES_MAX || (GROUP_HEADER_BYTES + group_bytes) as u64 > self.remaining() {
                self.group(shared, &mut bytes[start - GROUP_HEADER_BYTES..at], records)?;
                (start, records) = (at, 0);
                if (GROUP_HEADER_BYTES + length) as u64 > self.remaining() {
                    self.roll(shared)?;
                }
            }
            let (record, _) = Record::decode(&bytes[at..]).ok_or_else(damaged)?;
            let head = match self.tips.get_mut(record.tenant) {
                Some(tip) => {
                    *tip = Tip { head: tip.head.then(record.entry), next: record.index + 1 };
                    tip.head
                }
                None => {
                    let tip = Tip { head: Tip::EMPTY.head.then(record.entry), next: record.index + 1 };
                    self.tips.insert(record.tenant.to_owned(), tip);
                    tip.head
                }
            };
            bytes[at..][RECORD_HEAD].copy_from_slice(head.as_bytes());
            records += 1;
            at += length;
            let place = self.written + u64::from(records);
            while let Some((_, effect)) = effects.next_if(|(position, _)| *position == place) {
                self.apply(effect);
            }
        }
        self.group(shared, &mut bytes[start - GROUP_HEADER_BYTES..], records)
    }

    /// What an entry means to the next segment's header.
    pub(super) fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Opened(open) => {
                self.open.insert(open.call, *open);
            }
            Effect::Closed(call) => {
                self.open.remove(&call);
            }
            Effect::Changed(change) => {
                self.changes.push_back(change);
                if self.changes.len() > CHANGES_MAX {
                    self.changes.pop_front();
                }
            }
        }
    }

    /// Writes one group, syncs it, and tells who waits for it.
    fn group(&mut self, shared: &Shared, group: &mut [u8], records: u32) -> Result<()> {
        if records == 0 {
            return Ok(());
        }
        self.put(group, records)?;
        // As much as was promised: each record on its own.
        let promised = records as u64 * GROUP_HEADER_BYTES as u64 + (group.len() - GROUP_HEADER_BYTES) as u64;
        let mut woken = Vec::new();
        {
            let mut state = shared.state.lock();
            shared.durable.store(self.written, Ordering::Release);
            state.room.written(promised, self.remaining());
            let waiters = &mut state.waiters;
            let mut at = 0;
            while at < waiters.len() {
                if waiters[at].0 <= self.written {
                    woken.push(waiters.swap_remove(at).1);
                } else {
                    at += 1;
                }
            }
        }
        for waiter in woken {
            // Whoever gave up waiting does not mind.
            let _ = waiter.send(Ok(()));
        }
        Ok(())
    }

    /// Writes and syncs a group, header first, whose records are in their place.
    pub(super) fn put(&mut self, group: &mut [u8], records: u32) -> Result<()> {
        let header = GroupHeader {
            salt: self.salt,
            number: self.number,
            records,
            first: self.written,
            time_us: micros(SystemTime::now()),
            length: (group.len() - GROUP_HEADER_BYTES) as u32,
            crc: 0,
        };
        header.seal(group);
        if group.len() as u64 > self.remaining() {
            // The closing mark is not needed for what is recorded.
            return match records {
                0 => Ok(()),
                _ => Err(Error::internal("a group does not fit its segment although room was promised")),
            };
        }
        self.disk
            .write(&self.file, group, self.offset)
            .and_then(|()| self.disk.sync(&self.file))
            .map_err(|error| spare::refused(&self.path, &error))?;
        self.offset += group.len() as u64;
        self.number += 1;
        self.written += u64::from(records);
        Ok(())
    }

    /// Goes on in a spare segment.
    fn roll(&mut self, shared: &Shared) -> Result<()> {
        let needed = spare::needed(self.tips.len(), self.open.len());
        let spare = loop {
            // Entries are accepted only where a spare is there for them.
            let Some(spare) = shared.state.lock().ready.pop_front() else {
                return Err(Error::internal("no segment is ready although room was promised"));
            };
            // One that was made when headers were shorter was promised to nothing.
            if spare.bytes >= needed {
                break spare;
            }
            spare::discard(&spare);
        };
        self.begin(spare)?;
        shared.sequence.store(self.sequence, Ordering::Release);
        shared.state.lock().room.written(0, self.remaining());
        shared.spare.notify_all();
        Ok(())
    }

    /// Makes the spare the next segment: named only once its header is on disk, so that a segment always has one.
    pub(super) fn begin(&mut self, spare: Spare) -> Result<()> {
        let header = SegmentHeader {
            created_us: micros(SystemTime::now()),
            first: Position(self.written),
            changes: self.changes.iter().copied().collect(),
            open: self.open.values().cloned().collect(),
            salt: salt()?,
            sequence: self.sequence + 1,
            tenants: self.tips.iter().map(|(tenant, tip)| (tenant.clone(), *tip)).collect::<BTreeMap<_, _>>(),
        };
        let bytes = header.encode().map_err(Error::internal)?;
        let path = segment::path(&self.dir, header.sequence);
        let named = || -> io::Result<()> {
            self.disk.write(&spare.file, &bytes, 0)?;
            self.disk.sync(&spare.file)?;
            self.disk.rename(&spare.path, &path)?;
            self.disk.sync_dir(&self.dir)
        };
        named().map_err(|error| spare::refused(&path, &error))?;
        self.file = spare.file;
        self.path = path;
        self.salt = header.salt;
        self.sequence = header.sequence;
        self.offset = bytes.len() as u64;
        self.end = spare.bytes.max(self.offset);
        self.number = 0;
        Ok(())
    }
}

/// A salt that no text can hold: its first byte is in no UTF-8.
fn salt() -> Result<Salt> {
    let mut salt = Salt::default();
    getrandom::fill(&mut salt).map_err(Error::internal)?;
    salt[0] = 0xff;
    Ok(salt)
}
