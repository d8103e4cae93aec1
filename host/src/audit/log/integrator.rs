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
use tokio::sync::mpsc::Sender;

use super::keeper::Keeper;
use super::live::Live;
use super::witness::Unwitnessed;
use super::{Ask, Shared, Stop, Tiles, View};
use crate::audit::Audit;
use crate::audit::follow::Follower;
use crate::audit::format::Position;
use crate::error::{Error, Result};

/// How long the journal is left alone when nobody asks for anything.
const PAUSE: Duration = Duration::from_millis(200);
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
    /// Where checkpoints go to be witnessed, if to anyone.
    unwitnessed: Option<Sender<Unwitnessed>>,
}

impl Integrator {
    pub(super) fn new(audit: Audit, keeper: Keeper, unwitnessed: Option<Sender<Unwitnessed>>) -> Self {
        Self { audit, keeper, follower: None, live: HashMap::new(), kept: Instant::now(), kept_in: 0, unwitnessed }
    }

    /// Runs until it is told to close, then keeps what there is.
    pub(super) fn run(mut self, shared: &Shared, asks: &Receiver<Ask>) {
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
            if let Some(Stop::Fork(error)) = stop {
                return refuse(asks, &error);
            }
        };
        if !keeps {
            return;
        }
        if let Err(stop) = self.integrate(shared, u64::MAX).and_then(|_| self.keep(shared, false)) {
            let error = stop.error();
            tracing::warn!(%error, detail = error.operator_detail(), "the logs are not kept; the next start makes them");
        }
    }

    /// Takes in what is new, answers, and keeps what is due. Whether there is more to take in.
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
        Ok(more)
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
                    let checkpoint = signed(log, keeper, &self.unwitnessed, false)?;
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
                answer(reply, log.and_then(|log| signed(log, keeper, &self.unwitnessed, false)))
            }
            Ask::Keys(tenant, reply) => {
                let keys = log(&mut self.live, keeper, tenant.as_str())
                    .map(|log| (log.keys().iter().map(SigningKey::vkey).collect(), log.frontier().size()));
                answer(reply, keys)
            }
        }
    }

    /// Keeps the frontiers, and lets go of those that nothing happened to since the last time. Where there is `more` to take
    /// in, nothing is signed: what was published before the start may be of entries that are still to come.
    fn keep(&mut self, shared: &Shared, more: bool) -> Result<(), Stop> {
        let Some(follower) = &self.follower else { return Ok(()) };
        for log in self.live.values_mut().filter(|log| log.grew && !more) {
            // Whoever reads the files alone finds them signed.
            signed(log, &self.keeper, &self.unwitnessed, true)?;
        }
        let grown = self.live.values().filter(|log| log.grew).map(|log| (&log.tenant, &log.kept));
        self.keeper.save(follower.position(), grown)?;
        shared.kept.store(follower.position().0, Ordering::Release);
        (self.kept, self.kept_in) = (Instant::now(), follower.segment());
        if !more {
            self.live.retain(|_, log| std::mem::take(&mut log.used));
            self.live.values_mut().for_each(|log| log.grew = false);
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.follower = None;
        self.live.clear();
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
fn signed(
    log: &mut Live,
    keeper: &Keeper,
    unwitnessed: &Option<Sender<Unwitnessed>>,
    at_once: bool,
) -> Result<Checkpoint, Stop> {
    let (checkpoint, new) = log.checkpoint(keeper, at_once)?;
    if let Some(unwitnessed) = unwitnessed.as_ref().filter(|_| new) {
        let tiles = Tiles { keeper: keeper.clone(), tenant: log.tenant.clone(), frontier: log.frontier().clone() };
        let (tenant, checkpoint) = (log.tenant.clone(), checkpoint.clone());
        // What finds no room is part of the next one.
        let _ = unwitnessed.try_send(Unwitnessed { tenant, checkpoint, tiles });
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
