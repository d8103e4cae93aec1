//! One tenant's log while it grows: its frontier, what was published of it, and the keys that sign it.

use std::time::{Duration, Instant};

use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::handover;
use cofferdam_auditor::key::SigningKey;
use cofferdam_auditor::tree::Frontier;

use super::Stop;
use super::keeper::{Keeper, Kept};
use crate::error::Error;
use crate::id::TenantId;

/// From one checkpoint of a log to the next at least: each is a signature and a write.
pub(super) const CHECKPOINT_PAUSE: Duration = Duration::from_millis(100);

/// From one checkpoint of a log to the next that nobody asks for: a log that nobody follows is signed so often while it
/// grows.
const PUBLISH_EVERY: Duration = Duration::from_secs(600);

/// A log that is in memory because something came to it, or was asked of it, lately.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) tenant: TenantId,
    pub(super) kept: Kept,
    /// Whether it grew since it was kept.
    pub(super) grew: bool,
    /// Whether anything happened to it since the logs were kept.
    pub(super) used: bool,
    /// Whether somebody asked for a checkpoint since it was last due.
    followed: bool,
    keys: Vec<SigningKey>,
    published: Option<(Checkpoint, Instant)>,
}

impl Live {
    /// The log as it was kept; a new one where there is none.
    pub(super) fn open(keeper: &Keeper, tenant: &str) -> Result<Self, Stop> {
        let tenant: TenantId = tenant.parse().map_err(Error::from)?;
        let kept = keeper.kept(&tenant)?;
        let keys = keeper.keys(&tenant)?;
        let published = keeper.published(&tenant)?.map(|checkpoint| (checkpoint, Instant::now()));
        let live = Self { tenant, kept, grew: false, used: true, followed: false, keys, published };
        live.agrees()?;
        Ok(live)
    }

    pub(super) fn frontier(&self) -> &Frontier {
        &self.kept.frontier
    }

    /// The keys so far, oldest first; the last one signs.
    pub(super) fn keys(&self) -> Result<&[SigningKey], Stop> {
        self.keys.get(..=self.kept.generation).ok_or_else(|| {
            let (tenant, before) = (&self.tenant, self.kept.generation);
            Stop::fork(format_args!("{tenant}: its key was handed over {before} times, and the last one is gone"))
        })
    }

    /// Adds the entry at `index`, which is the next one: a log and its place in the journal are kept together.
    pub(super) fn push(&mut self, index: u64, entry: &[u8], keeper: &Keeper) -> Result<(), Stop> {
        self.used = true;
        let size = self.frontier().size();
        if index != size {
            let tenant = &self.tenant;
            return Err(Stop::fork(format_args!(
                "{tenant}: the journal goes on with entry {index}, the log has {size}"
            )));
        }
        let mut closed = Vec::new();
        self.kept.frontier.push(entry, &mut |path, bytes| closed.push((path, bytes))).map_err(Stop::fork)?;
        self.grew = true;
        for (path, bytes) in closed {
            keeper.create(&self.tenant, &path.to_string(), bytes)?;
        }
        self.agrees()?;
        if handover::rotation(entry).is_some() {
            self.hand_over(keeper)?;
        }
        Ok(())
    }

    /// Where the log is as long as its published checkpoint, it has to be that log.
    fn agrees(&self) -> Result<(), Stop> {
        let Some((checkpoint, _)) = &self.published else { return Ok(()) };
        let (signed, head) = (checkpoint.head(), self.frontier().head());
        if signed.size != head.size || signed == head {
            return Ok(());
        }
        let (tenant, size) = (&self.tenant, head.size);
        Err(Stop::fork(format_args!("{tenant}: the first {size} entries are others than those that were signed")))
    }

    /// The entry just added names the next key: what comes behind it is signed by that one.
    fn hand_over(&mut self, keeper: &Keeper) -> Result<(), Stop> {
        let next = self.kept.generation + 1;
        if self.keys.len() <= next {
            self.keys = keeper.keys(&self.tenant)?;
        }
        let (Some(before), Some(after)) = (self.keys.get(next - 1), self.keys.get(next)) else {
            return Err(Stop::fork(format_args!("{}: the key that the log was handed over to is gone", self.tenant)));
        };
        let mut checkpoint = Checkpoint::sign(before, self.frontier().head());
        checkpoint.add_signature(after);
        keeper.create(&self.tenant, &format!("handover/{next}"), checkpoint.to_string().into_bytes())?;
        self.kept.generation = next;
        Ok(())
    }

    /// By when it is to be signed though nobody asks: at once where somebody did lately, or it never was.
    pub(super) fn due(&mut self) -> Instant {
        let followed = std::mem::take(&mut self.followed);
        match &self.published {
            Some((_, at)) if !followed => *at + PUBLISH_EVERY,
            _ => Instant::now(),
        }
    }

    /// The newest checkpoint: signed anew where the log grew, unless the last one is only just signed and this need not be
    /// at once. And whether it was.
    pub(super) fn checkpoint(&mut self, keeper: &Keeper, at_once: bool) -> Result<(Checkpoint, bool), Stop> {
        self.used = true;
        self.followed |= !at_once;
        let size = self.frontier().size();
        if let Some((checkpoint, at)) = &self.published {
            let signed = checkpoint.head().size;
            if signed > size {
                let tenant = &self.tenant;
                return Err(Stop::fork(format_args!("{tenant}: {signed} entries were signed, the journal has {size}")));
            }
            if signed == size || (!at_once && at.elapsed() < CHECKPOINT_PAUSE) {
                return Ok((checkpoint.clone(), false));
            }
        }
        let key = self.keys()?.last().ok_or_else(|| Error::internal("a log has no key"))?;
        let checkpoint = Checkpoint::sign(key, self.frontier().head());
        // What is handed out is durable first, so that a start finds what was promised.
        keeper.publish(&self.tenant, &checkpoint)?;
        self.published = Some((checkpoint.clone(), Instant::now()));
        Ok((checkpoint, true))
    }

    /// Adds what a witness signed, where the checkpoint is the last one still.
    pub(super) fn cosigned(&mut self, checkpoint: &Checkpoint, lines: &str, keeper: &Keeper) -> Result<(), Stop> {
        if let Some((last, _)) = &mut self.published
            && last.head() == checkpoint.head()
        {
            let mut cosigned = last.clone();
            cosigned.add_signature_lines(lines).map_err(super::files::failed)?;
            let cosigned = cosigned.with_one_signature_a_key();
            // What a start would not read must not be published, whoever sent it.
            if let Err(error) = Checkpoint::parse(cosigned.to_string().as_bytes()) {
                tracing::warn!(tenant = %self.tenant, %error, "a witness's lines are left out");
                return Ok(());
            }
            keeper.publish(&self.tenant, &cosigned)?;
            *last = cosigned;
        }
        Ok(())
    }
}
