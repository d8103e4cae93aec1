//! The journal's front: entries get their place under a short lock, a thread of its own makes them durable in groups.
//!
//! The life of an entry: its bytes are spelt by whoever appends it; under the lock it gets the next index of its
//! tenant, and its record goes into the buffer; the journal thread takes the whole buffer, chains and checksums it,
//! writes it in one go and syncs; whoever waits for it is woken. While a sync runs the next buffer fills, so the group
//! grows with the load and nobody waits for a clock. Nothing waits longer than [`SYNC_DELAY`] for a sync to begin.
//!
//! A write or a sync that fails is never tried again: after it nobody knows what is on disk. The journal then stays
//! unhealthy, every append and every waiter gets `audit-unavailable`, and [`Settings::on_failure`] is called so that
//! the host ends; the next start reads what is really there.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::disk::{Disk, SystemDisk};
use super::entry::encode::Unplaced;
use super::entry::{Entry, Event};
use super::format::{
    GROUP_HEADER_BYTES, OpenCall, Position, RECORD_BYTES_MAX, RECORD_HEADER_BYTES, Record, SegmentHeader,
};
use super::room::Room;
use super::state::{Batch, Effect, Shared, State, unavailable};
use super::{read, recover, spare, writer};
use crate::error::{Error, Result};
use crate::id::{CallId, ChangeId, PrincipalId, TenantId};
use crate::turns;

/// From an append that nobody waits for to the sync that makes it durable.
pub const SYNC_DELAY: Duration = Duration::from_millis(5);

/// A write and its sync take milliseconds; while one takes longer than this, no further call is let in. Whoever waits for
/// it goes on waiting, and all goes on by itself when it is over.
pub const STALL_MAX: Duration = Duration::from_secs(5);

/// Kept for the outcome of each call that was decided upon: more than the longest record of one, of which what the call
/// used takes the most.
pub(super) const OUTCOME_BYTES: u64 = 5_120;

/// What is done when the journal has failed.
pub(super) type OnFailure = Arc<dyn Fn(&Error) + Send + Sync>;

/// How a journal is kept.
#[derive(Clone)]
pub struct Settings {
    /// A segment's length; default 64 MiB, at least 256 KiB.
    pub segment_bytes: u64,
    /// Called once, from the journal's thread, when a write or a sync failed. The host must end: default nothing.
    pub on_failure: Option<OnFailure>,
    /// Where appends go.
    pub(super) disk: Arc<dyn Disk>,
}

impl Settings {
    /// The least that a segment may take: a few of the longest records must fit.
    pub const SEGMENT_BYTES_MIN: u64 = 256 << 10;
}

impl Default for Settings {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, on_failure: None, disk: Arc::new(SystemDisk) }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("segment_bytes", &self.segment_bytes).finish_non_exhaustive()
    }
}

/// What opening a journal found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Calls that were decided upon and did not end, oldest first. Close each with `call.ended`, outcome
    /// `interrupted`, before serving.
    pub open_calls: Vec<OpenCall>,
    /// Whether a torn tail was cut off: a write that no sync had covered, so that nobody relied on it.
    pub cut: bool,
    /// The administrative changes that are recorded, the last 1,024 at most: do not append these again.
    pub changes: HashSet<ChangeId>,
    /// Whether the journal was empty, and so was begun.
    pub begun: bool,
    /// The last entry's place.
    pub position: Position,
}

/// The journal of this host. Cheap to clone; all clones write to the same.
#[derive(Clone)]
pub struct Audit(Arc<Handle>);

/// Ends the threads when the last clone goes.
struct Handle {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Audit {
    /// Opens the journal in `dir`, beginning one where there is none. Cuts a torn tail; refuses with the file, the
    /// place and what to do when what is there is damaged (`audit-unavailable`), or has a writer (`conflict`).
    pub fn open(dir: &Path, settings: Settings) -> Result<(Self, Recovered)> {
        let settings = Settings { segment_bytes: settings.segment_bytes.max(Settings::SEGMENT_BYTES_MIN), ..settings };
        let (writer, recovered) = recover::open(dir, &settings)?;
        let next = writer.tips.iter().filter_map(|(tenant, tip)| Some((tenant.parse().ok()?, tip.next))).collect();
        let open: HashSet<_> = recovered.open_calls.iter().map(|open| open.call).collect();
        let room = Room::new(writer.remaining(), open.len() as u64 * OUTCOME_BYTES);
        let header_bytes = SegmentHeader::bytes_max(writer.tips.len(), open.len());
        // Made here, not by the thread: who opens a journal learns at once that the disk is full or not to be written.
        let ready = VecDeque::from([spare::make(dir, 0, spare::bytes(&settings, header_bytes))?]);
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            settings,
            state: Mutex::new(State {
                next,
                open,
                batch: Batch::new(),
                appended: recovered.position.0,
                room,
                ready,
                used: VecDeque::new(),
                spares: 0,
                spare_failure: None,
                wanted: 0,
                waiters: Vec::new(),
                looks: false,
                writing: None,
                failure: None,
                closing: false,
            }),
            work: Condvar::new(),
            spare: Condvar::new(),
            durable: AtomicU64::new(recovered.position.0),
            sequence: AtomicU64::new(writer.sequence),
        });
        let threads = [
            std::thread::Builder::new().name("journal".to_owned()).spawn({
                let shared = shared.clone();
                move || {
                    turns::brief(turns::SERVING);
                    writer::run(&shared, writer);
                }
            }),
            std::thread::Builder::new().name("journal-spare".to_owned()).spawn({
                let shared = shared.clone();
                move || spare::keep(&shared)
            }),
        ];
        let handle = Handle { shared, threads: Mutex::new(Vec::new()) };
        for thread in threads {
            // A thread that did start is ended by the handle's drop.
            handle.threads.lock().push(thread.map_err(Error::internal)?);
        }
        Ok((Self(Arc::new(handle)), recovered))
    }

    /// Gives the entry its place in its tenant's log. Quick, never waits for the disk; it is durable once
    /// [`Self::durable`] says so for the position returned, and at the latest [`SYNC_DELAY`] and one sync later if the
    /// host lives. A `call.decided` keeps room for its outcome, so that the matching `call.ended` is never refused for
    /// want of room. Fails with `audit-unavailable` when the journal failed, is closed, or the disk is full.
    pub fn append(&self, tenant: &TenantId, principal: Option<PrincipalId>, event: &Event) -> Result<Position> {
        let shared = &*self.0.shared;
        let time = SystemTime::now();
        let unplaced = Unplaced::new(time, tenant, principal.as_ref(), event)?;
        let bytes = (GROUP_HEADER_BYTES + RECORD_HEADER_BYTES + tenant.as_str().len() + unplaced.bytes_max()) as u64;
        let mut state = shared.state.lock();
        let state = &mut *state;
        state.healthy()?;
        let new_tenant = !state.next.contains_key(tenant);
        let header_bytes =
            state.header_bytes(usize::from(new_tenant), usize::from(matches!(event, Event::CallDecided(_))));
        match event {
            Event::CallDecided(decided) => {
                state.answering()?;
                state.room.take(bytes, OUTCOME_BYTES, state.spare_room(header_bytes)).map_err(|()| state.full())?;
                if !state.open.insert(decided.call) {
                    state.room.unreserve(OUTCOME_BYTES);
                }
            }
            Event::CallEnded(ended) if state.open.remove(&ended.call) => state.room.take_reserved(bytes, OUTCOME_BYTES),
            _ => state.room.take(bytes, 0, state.spare_room(header_bytes)).map_err(|()| state.full())?,
        }
        let index = match state.next.get_mut(tenant) {
            Some(next) => {
                *next += 1;
                *next - 1
            }
            None => {
                state.next.insert(tenant.clone(), 1);
                0
            }
        };
        state.appended += 1;
        let first = state.batch.is_empty();
        if first {
            state.batch.since = Instant::now();
        }
        let before = state.batch.bytes.len();
        Record::place(&mut state.batch.bytes, tenant, index, |buffer| unplaced.place(index, buffer));
        // An index has fewer digits than were reckoned with.
        let placed = GROUP_HEADER_BYTES + state.batch.bytes.len() - before;
        state.room.give_back(bytes - placed as u64);
        if let Some(effect) = Effect::of(tenant, principal, time, event, state.appended) {
            state.batch.effects.push((state.appended, effect));
        }
        if first && !state.looks {
            // It wakes to look at the clock: the sync begins when somebody waits, or when the delay is over.
            shared.work.notify_one();
        }
        Ok(Position(state.appended))
    }

    /// Waits until everything up to `position` is on disk. Fails with `audit-unavailable` when the journal failed
    /// before that; then whether it is there will be known at the next start.
    pub async fn durable(&self, position: Position) -> Result<()> {
        let shared = &*self.0.shared;
        if shared.durable.load(Ordering::Acquire) >= position.0 {
            return Ok(());
        }
        let receiver = {
            let mut state = shared.state.lock();
            if shared.durable.load(Ordering::Acquire) >= position.0 {
                return Ok(());
            }
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            let (sender, receiver) = oneshot::channel();
            state.waiters.push((position.0, sender));
            if position.0 > state.wanted {
                state.wanted = position.0;
                shared.work.notify_one();
            }
            receiver
        };
        receiver.await.unwrap_or_else(|_| Err(unavailable("the record was closed")))
    }

    /// Whether a call could be recorded now; the reason when not. For readiness.
    pub fn health(&self) -> Result<()> {
        let state = self.0.shared.state.lock();
        state.healthy()?;
        state.answering()?;
        let spare = state.spare_room(state.header_bytes(1, 1));
        if state.room.has(RECORD_BYTES_MAX as u64 + OUTCOME_BYTES, spare) { Ok(()) } else { Err(state.full()) }
    }

    /// The last place that is durable.
    pub fn position(&self) -> Position {
        Position(self.0.shared.durable.load(Ordering::Acquire))
    }

    /// The segment that is being written, counted from 1.
    pub fn segment(&self) -> u64 {
        self.0.shared.sequence.load(Ordering::Acquire)
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// Whether a call was decided upon and has not ended.
    pub(super) fn is_open(&self, call: CallId) -> bool {
        self.0.shared.state.lock().open.contains(&call)
    }

    /// The folder that it is kept in.
    pub fn dir(&self) -> &Path {
        &self.0.shared.dir
    }

    /// Calls `each` with every entry of every tenant behind `from`, in order, as far as it is durable; the place it came to.
    /// Reads files: not on an async thread.
    pub fn fold(&self, from: Position, each: impl FnMut(Position, Entry) -> Result<()>) -> Result<Position> {
        read::fold(self.dir(), from, self.position(), each)
    }

    /// Bytes of the disk that are promised to entries, and kept for outcomes.
    #[cfg(test)]
    pub(super) fn promised(&self) -> (u64, u64) {
        self.0.shared.state.lock().room.promised()
    }

    /// Makes everything durable and closes the journal; other clones then get `audit-unavailable`. A journal closed so
    /// has no tail that could be taken for a torn one.
    pub fn close(self) -> Result<()> {
        self.0.end();
        match &self.0.shared.state.lock().failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("dir", &self.0.shared.dir).field("position", &self.position()).finish()
    }
}

impl Handle {
    /// Asks the threads to finish what is there, and waits for them: for one sync at most.
    fn end(&self) {
        self.shared.state.lock().closing = true;
        self.shared.work.notify_all();
        self.shared.spare.notify_all();
        for thread in self.threads.lock().drain(..) {
            // A thread that panicked has nothing to say here: its waiters were let go, which tells them.
            let _ = thread.join();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end();
    }
}
