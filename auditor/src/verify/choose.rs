//! An entry bundle and its tile: where they differ, which of them is the tree's.

use tlog_tiles::{Hash, Tile};

use super::tree::{Above, Claim};
use crate::tile::TilePath;

/// Which hashes of a bundle are the tree's, and what that says of the others.
pub(super) struct Choice {
    pub(super) of: Of,
    pub(super) is_tile_wrong: bool,
    /// Neither are what the tiles above, which lead to the root, have.
    pub(super) is_rewritten: bool,
}

pub(super) enum Of {
    /// The tile's: the entries are compared with them.
    Tile,
    /// The entries' own.
    Entries,
    /// One of them, which the root shows once it is reached.
    Either,
}

/// Judges by the tile above, and by whether the tile leads to the root.
pub(super) fn choose(path: &TilePath, entries: &[Hash], tile: Option<&[Hash]>, claim: &Claim, above: Above) -> Choice {
    let choice = |of, is_tile_wrong, is_rewritten| Choice { of, is_tile_wrong, is_rewritten };
    let is_whole = entries.len() == path.width as usize;
    let fits_above = || is_whole && above.says(subtree(entries));
    match tile {
        // The edge's own tiles are judged with the edge.
        None => choice(Of::Entries, path.is_full(), above.is_proved() && !fits_above()),
        Some(_) if claim.is_proved => choice(Of::Tile, false, false),
        Some(tile) if tile == entries => choice(Of::Entries, false, above.is_proved()),
        Some(_) if !path.is_full() && is_whole => choice(Of::Either, false, false),
        Some(_) if path.is_full() && fits_above() => choice(Of::Entries, true, false),
        Some(_) => choice(Of::Tile, above.is_proved(), false),
    }
}

fn subtree(hashes: &[Hash]) -> Hash {
    Tile::subtree_hash(&hashes.iter().flat_map(|hash| hash.0).collect::<Vec<_>>())
}
