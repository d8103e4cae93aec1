//! A log that was opened with one of its keys: its checkpoint is signed, and its tiles lead to the checkpoint's root.

use std::fmt;

use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::handover::{self, Chain};
use crate::key::VerifierKey;
use crate::proof::VerifiedTiles;
use crate::source::{self, Source};
use crate::tlog_proof::TlogProof;

/// The log, as of one checkpoint. What is read through it is verified.
pub struct Log<'s, S: ?Sized> {
    /// The checkpoint, with all its signatures.
    pub checkpoint: Checkpoint,
    /// The keys from the one that was held on.
    pub chain: Chain,
    /// The tree's tiles and entries.
    pub tiles: VerifiedTiles<'s, S>,
}

impl<'s, S: Source + ?Sized> Log<'s, S> {
    /// Reads the checkpoint and the handovers, verifies them, and reads the tiles at the tree's right edge.
    pub fn open(source: &'s S, held: &VerifierKey) -> Result<Self> {
        Self::open_at(source, source::checkpoint(source)?, held)
    }

    /// The same, as of a checkpoint that is already there.
    pub fn open_at(source: &'s S, checkpoint: Checkpoint, held: &VerifierKey) -> Result<Self> {
        let chain = handover::verify(source, &checkpoint, held)?;
        let tiles = VerifiedTiles::new(source, checkpoint.head())?;
        Ok(Self { checkpoint, chain, tiles })
    }

    /// Proves that the entry at `index` is in the log.
    pub fn prove(&self, index: u64) -> Result<TlogProof> {
        let hashes = self.tiles.prove_inclusion(index)?;
        Ok(TlogProof { index, hashes, checkpoint: self.checkpoint.clone() })
    }
}

impl<S: ?Sized> fmt::Debug for Log<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("checkpoint", &self.checkpoint).field("chain", &self.chain).finish_non_exhaustive()
    }
}
