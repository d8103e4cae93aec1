//! Proofs over a log's tiles: that an entry is in a tree, that a tree is the beginning of another.

mod tiles;
mod verified;

pub use tiles::{Tiles, fetch};
pub use verified::VerifiedTiles;
pub(crate) use verified::hash_at;

use tlog_tiles::Hash;

use crate::error::{Error, Result};
use crate::tree::TreeHead;

/// Hashes in a proof: a tree has no more levels of nodes than bits in its size.
pub const PROOF_HASHES_MAX: usize = 63;

/// The proof that the entry at `index` is in the tree of `head`: hashes from the leaf's sibling up. Fails where a tile
/// is missing or is not the tree's, naming it.
pub fn prove_inclusion(tiles: &(impl Tiles + ?Sized), head: TreeHead, index: u64) -> Result<Vec<Hash>> {
    VerifiedTiles::new(tiles, head)?.prove_inclusion(index)
}

/// The proof that the tree of `old` entries is the beginning of that of `new`, as RFC 6962 has it. Empty where `old` is
/// 0 or all of `new`. Fails where a tile is missing or is not the tree's, naming it, or where `old` is the larger.
pub fn prove_consistency(tiles: &(impl Tiles + ?Sized), old: u64, new: TreeHead) -> Result<Vec<Hash>> {
    VerifiedTiles::new(tiles, new)?.prove_consistency(old)
}

/// Checks that the entry with this hash is at `index` in the tree of `head`.
pub fn check_inclusion(proof: &[Hash], head: TreeHead, index: u64, leaf: Hash) -> Result<()> {
    let bad = || Error::BadProof { why: format!("entry {index} is not shown to be in the tree of {}", head.size) };
    if proof.len() > PROOF_HASHES_MAX {
        return Err(bad());
    }
    tlog_tiles::check_record(&proof.to_vec(), head.size, head.root, index, leaf).map_err(|_| bad())
}

/// Checks that the tree of `old` is the beginning of that of `new`.
pub fn check_consistency(proof: &[Hash], old: TreeHead, new: TreeHead) -> Result<()> {
    let bad = || Error::BadProof {
        why: format!("the tree of {} is not shown to be the beginning of that of {}", old.size, new.size),
    };
    if proof.len() > PROOF_HASHES_MAX {
        return Err(bad());
    }
    if old.size == 0 {
        // Everything begins with nothing.
        return if proof.is_empty() && old.root == tlog_tiles::EMPTY_HASH { Ok(()) } else { Err(bad()) };
    }
    tlog_tiles::check_tree(&proof.to_vec(), new.size, new.root, old.size, old.root).map_err(|_| bad())
}
