//! One tenant's log while it grows: its frontier, what was published of it, and the keys that sign it.

use std::time::{Duration, Instant};

use cofferdam_auditor::{Checkpoint, Frontier, Origin, SigningKey};

use super::Stop;
use super::files::Files;
use super::keeper::Keeper;
use crate::error::{Error, Result};
use crate::id::TenantId;

/// From one checkpoint of a log to the next at least: a signature and a write each.
const CHECKPOINT_PAUSE: Duration = Duration::from_millis(100);

/// A log that is in memory because something was asked of it or came to it lately.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) tenant: TenantId,
    pub(super) frontier: Frontier,
    /// Whether it grew since it was kept.
    pub(super) grew: bool,
    /// Whether anything happened to it since the logs were kept.
    pub(super) used: bool,
    keys: Vec<SigningKey>,
    published: Option<Published>,
}

/// The last checkpoint.
#[derive(Debug)]
struct Published {
    checkpoint: Checkpoint,
    text: String,
    at: Instant,
}

impl Live {
    /// The log as it was kept; a new one where there is none.
    pub(super) fn open(keeper: &Keeper, tenant: &str) -> Result<Self, Stop> {
        let tenant: TenantId = tenant.parse().map_err(Error::from)?;
        let frontier = keeper.frontier(&tenant)?;
        let keys = keeper.keys(&tenant)?;
        let published = match keeper.published(&tenant)? {
            None => None,
            Some(text) => {
                let at = Instant::now();
                let checkpoint = Checkpoint::unverified(&text).map_err(|error| Stop::fork(&error))?;
                Some(Published { checkpoint, text, at })
            }
        };
        let live = Self { tenant, frontier, grew: false, used: true, keys, published };
        live.agrees()?;
        Ok(live)
    }

    /// Adds the entry at `index`; one that is there already is passed over.
    pub(super) fn push(&mut self, index: u64, entry: &[u8], keeper: &Keeper) -> Result<(), Stop> {
        self.used = true;
        let size = self.frontier.size();
        if index < size {
            return Ok(());
        }
        if index > size {
            return Err(Stop::fork(format_args!("{}: entry {size} is missing, {index} is there", self.tenant)));
        }
        let full = self.frontier.push(entry).map_err(|error| Stop::fork(&error))?;
        for (path, bytes) in full {
            keeper.create(&self.tenant, &path.to_string(), bytes)?;
        }
        self.grew = true;
        self.agrees()
    }

    /// Where the log is as long as its published checkpoint, it has to be that log.
    fn agrees(&self) -> Result<(), Stop> {
        match &self.published {
            Some(published)
                if published.checkpoint.size == self.frontier.size()
                    && published.checkpoint.root != self.frontier.root() =>
            {
                let size = published.checkpoint.size;
                Err(Stop::fork(format_args!("{}: the first {size} entries are others than those signed", self.tenant)))
            }
            _ => Ok(()),
        }
    }

    /// The newest checkpoint: signed anew where the log grew, unless the last one is only just signed.
    pub(super) fn checkpoint(&mut self, keeper: &Keeper) -> Result<(Checkpoint, String), Stop> {
        self.used = true;
        let size = self.frontier.size();
        if let Some(published) = &self.published {
            if published.checkpoint.size > size {
                return Err(Stop::fork(format_args!(
                    "{}: {} entries were signed, and the journal has {size}",
                    self.tenant, published.checkpoint.size
                )));
            }
            if published.checkpoint.size == size || published.at.elapsed() < CHECKPOINT_PAUSE {
                return Ok((published.checkpoint.clone(), published.text.clone()));
            }
        }
        self.publish(keeper)
    }

    /// Signs the log as it is. What is handed out is durable first, so that a start finds what was promised.
    fn publish(&mut self, keeper: &Keeper) -> Result<(Checkpoint, String), Stop> {
        let checkpoint = Checkpoint::new(self.origin(keeper), self.frontier.size(), self.frontier.root());
        let text = self.signing_key(keeper)?.sign(&checkpoint);
        keeper.publish(&self.tenant, &text)?;
        self.published = Some(Published { checkpoint: checkpoint.clone(), text: text.clone(), at: Instant::now() });
        Ok((checkpoint, text))
    }
}
