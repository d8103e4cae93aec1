//! The hashes of a frontier: of each level of tiles, the one that is not yet full.

use tlog_tiles::{EMPTY_HASH, Hash, Tile, node_hash};

use crate::tile::{TILE_BYTES_MAX, TILE_HEIGHT, TILE_WIDTH, TilePath};

/// The incomplete tile of each level, as bytes; a level exists once it got a hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Levels {
    size: u64,
    tiles: Vec<Vec<u8>>,
}

impl Levels {
    /// The levels of a tree of `size` entries; none where `tiles` are not as wide as that size makes them.
    pub(super) fn from_tiles(size: u64, tiles: Vec<Vec<u8>>) -> Option<Self> {
        let is_right = tiles.iter().zip(0..).all(|(tile, level)| tile.len() == 32 * width(size, level) as usize);
        (is_right && tiles.len() == count(size)).then_some(Self { size, tiles })
    }

    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// The incomplete tiles' bytes, from level 0 up.
    pub(super) fn tiles(&self) -> &[Vec<u8>] {
        &self.tiles
    }

    /// Appends an entry's hash, and hands out each tile that it closes.
    pub(crate) fn push(&mut self, hash: Hash, closed: &mut impl FnMut(TilePath, Vec<u8>)) {
        self.size += 1;
        let mut hash = hash;
        for level in 0_u8.. {
            if self.tiles.len() == usize::from(level) {
                self.tiles.push(Vec::new());
            }
            let tile = &mut self.tiles[usize::from(level)];
            tile.extend_from_slice(&hash.0);
            if tile.len() < TILE_BYTES_MAX {
                return;
            }
            let tile = std::mem::take(tile);
            hash = Tile::subtree_hash(&tile);
            let number = (self.size >> (u32::from(TILE_HEIGHT) * (u32::from(level) + 1))) - 1;
            closed(TilePath::hashes(level, number, TILE_WIDTH), tile);
        }
    }

    /// The tree's root hash.
    pub(crate) fn root(&self) -> Hash {
        edge_root(self.tiles.iter().map(Vec::as_slice))
    }

    /// The partial tiles, from level 0 up.
    pub(crate) fn partial(&self) -> impl Iterator<Item = (TilePath, &[u8])> {
        self.tiles.iter().zip(0_u8..).filter(|(tile, _)| !tile.is_empty()).map(|(tile, level)| {
            let number = self.size >> (u32::from(TILE_HEIGHT) * (u32::from(level) + 1));
            (TilePath::hashes(level, number, (tile.len() / 32) as u32), tile.as_slice())
        })
    }
}

/// How many levels a tree of `size` entries has.
pub(super) fn count(size: u64) -> usize {
    if size == 0 { 0 } else { (size.ilog2() / u32::from(TILE_HEIGHT)) as usize + 1 }
}

/// How many hashes the incomplete tile of a level has.
pub(super) fn width(size: u64, level: u32) -> u32 {
    ((size >> (u32::from(TILE_HEIGHT) * level)) % u64::from(TILE_WIDTH)) as u32
}

/// The root of the tree whose right edge these tiles are, from level 0 up.
///
/// A tree is a row of full subtrees, the largest first, and its root joins them from the right. Each bit of a tile's
/// width is one of them.
pub(crate) fn edge_root<'a>(tiles: impl Iterator<Item = &'a [u8]>) -> Hash {
    let mut root: Option<Hash> = None;
    for tile in tiles {
        let mut rest = tile;
        while !rest.is_empty() {
            let hashes = rest.len() / 32;
            let (before, subtree) = rest.split_at(32 * (hashes & (hashes - 1)));
            let hash = Tile::subtree_hash(subtree);
            root = Some(root.map_or(hash, |right| node_hash(hash, right)));
            rest = before;
        }
    }
    root.unwrap_or(EMPTY_HASH)
}
