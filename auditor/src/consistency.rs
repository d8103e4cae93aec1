//! Whether two checkpoints are of one log that only ever grew.

use std::fmt;

use serde::Serialize;

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::key::{Origin, VerifierKey};
use crate::log::Log;
use crate::source::{self, Source};

/// That the tree of `old` entries is the beginning of that of `new`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consistent {
    /// The log.
    pub origin: Origin,
    /// The older checkpoint's size, in entries.
    pub old: u64,
    /// The newer checkpoint's size, in entries.
    pub new: u64,
}

/// Checks two checkpoints by the tiles of `source`, as of its present checkpoint where that is the newer one still.
/// Fails with `forked` or `rolled-back` where they contradict each other, with what [`Checkpoint::verify`] says where
/// one is not signed by the log's keys, and naming a tile where that is missing or altered.
pub fn check(
    source: &(impl Source + ?Sized),
    old: &Checkpoint,
    new: &Checkpoint,
    key: &VerifierKey,
) -> Result<Consistent> {
    if old.size() > new.size() {
        return Err(Error::RolledBack { before: old.size(), now: new.size() });
    }
    // Partial tiles are kept for the present tree, and perhaps no longer for a smaller one.
    let present = source::checkpoint(source).ok().filter(|present| present.size() > new.size());
    let log = Log::open_at(source, present.unwrap_or_else(|| new.clone()), key)?;
    for checkpoint in [old, new] {
        checkpoint.verify(&log.chain.keys)?;
        agree(&log, checkpoint)?;
    }
    Ok(Consistent { origin: old.origin().clone(), old: old.size(), new: new.size() })
}

/// Checks that a checkpoint, whose signature is known to be good, is of a beginning of this log.
pub(crate) fn agree(log: &Log<'_, impl Source + ?Sized>, checkpoint: &Checkpoint) -> Result<()> {
    if log.tiles.root_at(checkpoint.size())? == checkpoint.head().root {
        return Ok(());
    }
    let (size, present) = (checkpoint.size(), log.checkpoint.size());
    Err(Error::Forked {
        why: format!("its first {size} entries in the tree of {present} are not those it was signed with"),
    })
}

impl fmt::Display for Consistent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: the first {} of its {} entries are the same in both", self.origin, self.old, self.new)
    }
}
