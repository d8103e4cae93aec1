//! What the journal's front and its threads share: where each log is, what is on its way to the disk, and who waits for it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::time::{Instant, SystemTime};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::entry::Event;
use super::format::{GROUP_HEADER_BYTES, OpenCall, Position, RECORD_BYTES_MAX, SegmentHeader};
use super::journal::{STALL_MAX, Settings};
use super::room::Room;
use super::spare::Spare;
use crate::error::{Code, Error, Result};
use crate::id::{CallId, ChangeId, PrincipalId, TenantId};

/// What the front and the threads share.
pub(super) struct Shared {
    pub(super) dir: PathBuf,
    pub(super) settings: Settings,
    pub(super) state: Mutex<State>,
    /// Signalled when the journal thread has something to do.
    pub(super) work: Condvar,
    /// Signalled when a spare segment is wanted, or was made.
    pub(super) spare: Condvar,
    /// Entries that are durable. Written under the lock, read without it.
    pub(super) durable: AtomicU64,
    /// The present segment.
    pub(super) sequence: AtomicU64,
}

/// What the lock guards: short to hold, never across I/O.
pub(super) struct State {
    /// Each tenant's next index.
    pub(super) next: HashMap<TenantId, u64>,
    pub(super) open: HashSet<CallId>,
    pub(super) batch: Batch,
    /// Entries appended so far.
    pub(super) appended: u64,
    pub(super) room: Room,
    /// The segments to go on with when the present one is full.
    pub(super) ready: VecDeque<Spare>,
    /// Files of segments that were let go, to be made ready in place of new ones.
    pub(super) used: VecDeque<Spare>,
    /// Spares that were named.
    pub(super) spares: u64,
    /// Why there are not as many ready as should be.
    pub(super) spare_failure: Option<String>,
    /// The furthest place that somebody waits for.
    pub(super) wanted: u64,
    pub(super) waiters: Vec<(u64, oneshot::Sender<Result<()>>)>,
    /// Whether the journal thread looks for new entries by itself, in time for those that nobody waits for.
    pub(super) looks: bool,
    /// Since when the journal thread is at a batch.
    pub(super) writing: Option<Instant>,
    pub(super) failure: Option<Error>,
    pub(super) closing: bool,
}

/// Records on their way to the disk.
#[derive(Debug)]
pub(super) struct Batch {
    /// Room for a group's header, then records.
    pub(super) bytes: Vec<u8>,
    /// What the records mean to the journal itself, by place.
    pub(super) effects: Vec<(u64, Effect)>,
    /// When the first of them came.
    pub(super) since: Instant,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; GROUP_HEADER_BYTES], effects: Vec::new(), since: Instant::now() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() == GROUP_HEADER_BYTES
    }

    pub(super) fn clear(&mut self) {
        /// A batch that grew past this gives its memory back.
        const KEEP_BYTES: usize = 4 << 20;
        if self.bytes.capacity() > KEEP_BYTES {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.bytes.resize(GROUP_HEADER_BYTES, 0);
        self.effects.clear();
    }
}

/// What an entry changes in what a segment's header carries.
#[derive(Debug)]
pub(super) enum Effect {
    Opened(Box<OpenCall>),
    Closed(CallId),
    Changed(ChangeId),
}

impl Effect {
    pub(super) fn of(
        tenant: &TenantId,
        principal: Option<PrincipalId>,
        time: SystemTime,
        event: &Event,
        position: u64,
    ) -> Option<Self> {
        match event {
            Event::CallDecided(event) => Some(Self::Opened(Box::new(OpenCall {
                call: event.call,
                decided: time,
                position: Position(position),
                principal,
                tenant: tenant.clone(),
                tool: event.tool.clone(),
            }))),
            Event::CallEnded(event) => Some(Self::Closed(event.call)),
            _ => event.change().map(Self::Changed),
        }
    }
}

impl State {
    /// The number for the next spare's name.
    pub(super) fn next_spare(&mut self) -> u64 {
        self.spares += 1;
        self.spares
    }

    pub(super) fn healthy(&self) -> Result<()> {
        match &self.failure {
            Some(failure) => Err(failure.clone()),
            None if self.closing => Err(unavailable("the record is closed")),
            None => Ok(()),
        }
    }

    /// Whether the disk answers.
    pub(super) fn answering(&self) -> Result<()> {
        let Some(waiting) = self.writing.map(|since| since.elapsed()).filter(|waiting| *waiting > STALL_MAX) else {
            return Ok(());
        };
        Err(unavailable("the disk that holds the record does not answer in time")
            .fact("waiting_ms", waiting.as_millis() as u64)
            .fact("maximum_ms", STALL_MAX.as_millis() as u64))
    }

    /// What the next segment's header may take, with so many more tenants and open calls.
    pub(super) fn header_bytes(&self, tenants: usize, open: usize) -> u64 {
        SegmentHeader::bytes_max(self.next.len() + tenants, self.open.len() + open)
    }

    /// What the spare segments can hold behind their headers. The end of each may stay empty: records do not span
    /// segments.
    pub(super) fn spare_room(&self, header_bytes: u64) -> u64 {
        let lost = header_bytes + RECORD_BYTES_MAX as u64;
        self.ready.iter().map(|spare| spare.bytes.saturating_sub(lost)).sum()
    }

    pub(super) fn full(&self) -> Error {
        let error = unavailable("the record has no room for this");
        let error = error.next("make room on the disk that holds the journal; the host goes on by itself then");
        match &self.spare_failure {
            Some(failure) => error.detail(failure),
            None => error,
        }
    }
}

/// The record cannot be written. Nobody knows for how long, so that it is worth asking again soon.
pub(super) fn unavailable(message: &str) -> Error {
    Error::new(Code::AuditUnavailable, message)
        .next("try again when the host is ready again")
        .fact("retry_after_ms", 1_000)
}
