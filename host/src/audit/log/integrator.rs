//! The integrator: a thread that makes each tenant's log from the journal, and signs it when somebody asks.
//!
//! The life of an entry, once it is durable: the integrator reads it from the journal and adds it to its tenant's
//! frontier; with each 256th one, a bundle of entries and a tile of hashes are full and are written, once and for all.
//! Now and then, and before a segment of the journal may go, the frontiers are kept with the journal's position in one
//! transaction; a start goes on from there and writes the same tiles again, if any.
//!
//! Everything can be made again from the journal. So whatever fails, the integrator forgets what it has in memory and
//! begins again from what was kept; only a log that does not go on from what was signed is an end.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::key::SigningKey;

use super::due::Due;
use super::keeper::Keeper;
use super::live::Live;
use super::witness::{Unwitnessed, Witnesses};
use super::{Ask, Shared, Stop, Tiles, View};
use crate::audit::Audit;
use crate::audit::follow::Follower;
use crate::audit::format::Position;
use crate::error::{Error, Result};
use crate::turns;

/// How long the journal is left alone when nobody asks for anything.
const PAUSE: Duration = Duration::from_millis(200);
/// Its work grows with everybody's calls, and nobody's call waits for it: what serves them gets three times as much of a
/// processor. More than guests get, or the logs would fall behind what they are made from.
const NICE: i32 = 5;
/// After something failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Between two times that the frontiers are kept: what a start has to read of the journal at most.
const KEEP_EVERY: Duration = Duration::from_secs(60);
/// So many entries are integrated at a time, so that who asks for something does not wait for all of a long journal.
const ENTRIES_AT_ONCE: u64 = 10_000;

pub(super) struct Integrator {
    audit: Audit,
    keeper: Keeper,
    follower: Option<Follower>,
    live: HashMap<String, Live>,
    kept: Instant,
    /// The journal's segment that it was in then.
    kept_in: u64,
    /// Those that are to be signed, once they are kept.
    due: Due,
    /// Where checkpoints go to be witnessed.
    witnesses: Witnesses,
}

impl Integrator {
    pub(super) fn new(audit: Audit, keeper: Keeper, witnesses: Witnesses) -> Self {
        let (live, kept, due) = (HashMap::new(), Instant::now(), Due::default());
        Self { audit, keeper, follower: None, live, kept, kept_in: 0, due, witnesses }
    }

    /// Runs until it is told to close, then keeps what there is.
    pub(super) fn run(mut self, shared: &Shared, asks: &Receiver<Ask>) {
        turns::give_way(NICE);
        let _ending = Ending { shared, audit: self.audit.clone() };
        let mut pause = Duration::ZERO;
        let keeps = loop {
            let ask = match asks.recv_timeout(pause) {
                Ok(Ask::Close(keep)) => break keep,
                Err(RecvTimeoutError::Disconnected) => break false,
                Ok(ask) => Some(ask),
                Err(RecvTimeoutError::Timeout) => None,
            };
            let done = self.turn(ask, shared);
            pause = match &done {
                Ok(true) => Duration::ZERO,
                Ok(false) => PAUSE,
                Err(_) => PAUSE_AFTER_FAILURE,
            };
            let stop = done.err();
            shared.tell(stop.clone());
            if let Some(Stop::Final(error)) = stop {
                return refuse(asks, &error);
            }
        };
        if !keeps {
            return;
        }
        if let Err(stop) = self.close(shared) {
            let error = stop.error();
            tracing::warn!(%error, detail = error.operator_detail(), "the logs are not kept; the next start makes them");
        }
    }

    /// Takes in what is left, and keeps it; whoever reads the files alone finds all of it signed.
    fn close(&mut self, shared: &Shared) -> Result<(), Stop> {
        self.integrate(shared, u64::MAX)?;
        self.keep(shared, false)?;
        while let Some(tenant) = self.due.take_any() {
            self.sign(&tenant)?;
        }
        Ok(())
    }

    /// Takes in what is new, answers, and keeps or signs what is due. Whether there is more to do.
    fn turn(&mut self, ask: Option<Ask>, shared: &Shared) -> Result<bool, Stop> {
        // Who asks gets all that was durable when it asked.
        let most = if ask.is_some() { u64::MAX } else { ENTRIES_AT_ONCE };
        let taken = self.integrate(shared, most).inspect_err(|_| self.forget());
        match (ask, &taken) {
            (Some(ask), Ok(_)) => self.answer(ask).inspect_err(|_| self.forget())?,
            (Some(ask), Err(stop)) => ask.fail(stop.error()),
            (None, _) => {}
        }
        let more = taken?;
        // With each segment that is passed, so that it may go.
        let moved = self.follower.as_ref().is_some_and(|follower| follower.segment() != self.kept_in);
        if moved || self.kept.elapsed() >= KEEP_EVERY {
            self.keep(shared, more).inspect_err(|_| self.forget())?;
        }
        // What was published before a start may be of entries that are still to come.
        if !more && let Some(tenant) = self.due.take(Instant::now()) {
            self.sign(&tenant).inspect_err(|_| {
                self.due.add(&tenant, Instant::now());
                self.forget();
            })?;
        }
        Ok(more || self.due.is_any(Instant::now()))
    }

    fn sign(&mut self, tenant: &str) -> Result<(), Stop> {
        signed(log(&mut self.live, &self.keeper, tenant)?, &self.keeper, &self.witnesses, true).map(drop)
    }

    /// Adds what is durable in the journal, at most `most` entries. Whether there is more.
    fn integrate(&mut self, shared: &Shared, most: u64) -> Result<bool, Stop> {
        let follower = match &mut self.follower {
            Some(follower) => follower,
            none => {
                let kept = self.keeper.runtime.block_on(self.keeper.store.logs_position())?;
                none.insert(Follower::open(self.audit.dir(), Position(kept))?)
            }
        };
        let durable = self.audit.position();
        let until = Position(durable.0.min(follower.position().0.saturating_add(most)));
        let (keeper, live) = (&self.keeper, &mut self.live);
        let mut stopped = None;
        let followed = follower.follow(until, |record| {
            let taken = log(live, keeper, record.tenant).and_then(|log| log.push(record.index, record.entry, keeper));
            taken.map_err(|stop| {
                let error = stop.error().clone();
                stopped = Some(stop);
                error
            })
        });
        match (stopped, followed) {
            (Some(stop), _) => return Err(stop),
            (None, Err(error)) => return Err(error.into()),
            (None, Ok(())) => {}
        }
        shared.integrated.store(until.0, Ordering::Release);
        Ok(until < durable)
    }

    fn answer(&mut self, ask: Ask) -> Result<(), Stop> {
        let keeper = &self.keeper;
        match ask {
            Ask::View(tenant, reply) => {
                let viewed = log(&mut self.live, keeper, tenant.as_str()).and_then(|log| {
                    let checkpoint = signed(log, keeper, &self.witnesses, false)?;
                    Ok(View { checkpoint, frontier: log.frontier().clone() })
                });
                answer(reply, viewed)
            }
            Ask::Frontier(tenant, reply) => {
                let frontier = log(&mut self.live, keeper, tenant.as_str()).map(|log| log.frontier().clone());
                answer(reply, frontier)
            }
            Ask::Partial(tenant, path, reply) => {
                let partial = log(&mut self.live, keeper, tenant.as_str()).map(|log| log.frontier().tile(&path));
                answer(reply, partial)
            }
            Ask::Close(_) => Ok(()),
            Ask::Cosigned(tenant, checkpoint, lines) => {
                log(&mut self.live, keeper, tenant.as_str())?.cosigned(&checkpoint, &lines, keeper)
            }
            Ask::Checkpoint(tenant, reply) => {
                let log = log(&mut self.live, keeper, tenant.as_str());
                answer(reply, log.and_then(|log| signed(log, keeper, &self.witnesses, false)))
            }
            Ask::Keys(tenant, reply) => {
                let keys = log(&mut self.live, keeper, tenant.as_str())
                    .and_then(|log| Ok((log.keys()?.iter().map(SigningKey::vkey).collect(), log.frontier().size())));
                answer(reply, keys)
            }
            #[cfg(test)]
            Ask::Panic => panic!("a test asked for it"),
        }
    }

    /// Keeps the frontiers. Where there is no `more` to take in, it says by when those that grew are to be signed, and lets
    /// go of those that nothing happened to since the last time.
    fn keep(&mut self, shared: &Shared, more: bool) -> Result<(), Stop> {
        let Some(follower) = &self.follower else { return Ok(()) };
        let grown = self.live.values().filter(|log| log.grew).map(|log| (&log.tenant, &log.kept));
        self.keeper.save(follower.position(), grown)?;
        shared.kept.store(follower.position().0, Ordering::Release);
        (self.kept, self.kept_in) = (Instant::now(), follower.segment());
        if more {
            return Ok(());
        }
        for log in self.live.values_mut().filter(|log| log.grew) {
            log.grew = false;
            let at = log.due();
            self.due.add(log.tenant.as_str(), at);
        }
        self.live.retain(|_, log| std::mem::take(&mut log.used));
        Ok(())
    }

    fn forget(&mut self) {
        self.follower = None;
        self.live.clear();
    }
}

/// Tells when the thread panics: else calls would be let in until the logs are far behind.
struct Ending<'a> {
    shared: &'a Shared,
    audit: Audit,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let stop = Stop::panicked();
        self.shared.tell(Some(stop.clone()));
        if let Some(on_failure) = &self.audit.shared().settings.on_failure {
            on_failure(stop.error());
        }
    }
}

/// A log that forks is the end of all of them: whoever asks is told so.
fn refuse(asks: &Receiver<Ask>, error: &Error) {
    while let Ok(ask) = asks.recv() {
        match ask {
            Ask::Close(_) => return,
            ask => ask.fail(error),
        }
    }
}

/// The log of a tenant, from memory or from what was kept.
fn log<'a>(live: &'a mut HashMap<String, Live>, keeper: &Keeper, tenant: &str) -> Result<&'a mut Live, Stop> {
    if !live.contains_key(tenant) {
        live.insert(tenant.to_owned(), Live::open(keeper, tenant)?);
    }
    live.get_mut(tenant).ok_or_else(|| Error::internal("a log is gone").into())
}

/// The log's newest checkpoint; a new one is sent to be witnessed.
fn signed(log: &mut Live, keeper: &Keeper, witnesses: &Witnesses, at_once: bool) -> Result<Checkpoint, Stop> {
    let (checkpoint, new) = log.checkpoint(keeper, at_once)?;
    if new && !witnesses.is_empty() {
        let tiles = Tiles { keeper: keeper.clone(), tenant: log.tenant.clone(), frontier: log.frontier().clone() };
        let (tenant, checkpoint) = (log.tenant.clone(), checkpoint.clone());
        witnesses.send(Unwitnessed { tenant, checkpoint, tiles });
    }
    Ok(checkpoint)
}

/// Sends what there is, or why there is nothing.
fn answer<T>(reply: super::Reply<T>, with: Result<T, Stop>) -> Result<(), Stop> {
    // Who asked may have left.
    match with {
        Ok(value) => {
            let _ = reply.send(Ok(value));
            Ok(())
        }
        Err(stop) => {
            let _ = reply.send(Err(stop.error().clone()));
            Err(stop)
        }
    }
}
