//! What the tiles say, and whether the tiles above bear it out.

use std::collections::HashMap;
use std::rc::Rc;

use tlog_tiles::{Hash, Tile};

use crate::error::{Error, Result};
use crate::proof::{VerifiedTiles, fetch, hash_at};
use crate::source::Source;
use crate::tile::{self, TILE_WIDTH, TileKind, TilePath};
use crate::tree::{TreeHead, edge_root};

/// Tiles kept in memory: those above the bundle that is read, many times over.
const TILES_KEPT_MAX: usize = 64;

/// A tile as it was found.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    /// Its bytes; none where it is missing or not as long as it must be.
    pub(super) bytes: Option<Rc<[u8]>>,
    /// Whether there is a file.
    pub(super) is_there: bool,
    /// Whether it leads to the checkpoint's root.
    pub(super) is_proved: bool,
}

/// What the tile above says that a full tile's root is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Above {
    /// And it leads to the checkpoint's root.
    Proved(Hash),
    /// But it does not lead there itself.
    Claimed(Hash),
    /// There is no such tile, or it is the edge.
    Unknown,
}

impl Above {
    pub(super) fn says(self, root: Hash) -> bool {
        matches!(self, Self::Proved(hash) | Self::Claimed(hash) if hash == root)
    }

    pub(super) const fn is_proved(self) -> bool {
        matches!(self, Self::Proved(_))
    }
}

/// The tree of a checkpoint, as its tiles have it.
pub(super) struct Tree<'s, S: ?Sized> {
    source: &'s S,
    pub(super) head: TreeHead,
    edge: HashMap<TilePath, Claim>,
    kept: HashMap<TilePath, Claim>,
}

impl<'s, S: Source + ?Sized> Tree<'s, S> {
    /// Reads the right edge.
    pub(super) fn new(source: &'s S, head: TreeHead) -> Result<Self> {
        let mut tree = Self { source, head, edge: HashMap::new(), kept: HashMap::new() };
        let paths = tile::edge(head.size);
        let mut claims = paths.iter().map(|path| tree.read(path)).collect::<Result<Vec<_>>>()?;
        let is_whole = claims.iter().all(|claim| claim.bytes.is_some());
        if is_whole && edge_root(claims.iter().filter_map(|claim| claim.bytes.as_deref())) == head.root {
            claims.iter_mut().for_each(|claim| claim.is_proved = true);
        }
        tree.edge = paths.into_iter().zip(claims).collect();
        Ok(tree)
    }

    /// Whether the right edge makes up the root.
    pub(super) fn is_edge_proved(&self) -> bool {
        self.edge.values().all(|claim| claim.is_proved)
            && (self.head.size > 0 || edge_root([].into_iter()) == self.head.root)
    }

    /// The tile at this place of the tree.
    pub(super) fn tile(&mut self, level: u8, number: u64) -> Result<Claim> {
        let Some(path) = TilePath::in_tree(TileKind::Hashes(level), number, self.head.size) else {
            return Ok(Claim { bytes: None, is_there: false, is_proved: false });
        };
        if let Some(claim) = self.edge.get(&path).or_else(|| self.kept.get(&path)) {
            return Ok(claim.clone());
        }
        let above = self.above(level, number)?;
        let mut claim = self.read(&path)?;
        let root = claim.bytes.as_deref().map(Tile::subtree_hash);
        claim.is_proved = above.is_proved() && root.is_some_and(|root| above.says(root));
        if self.kept.len() >= TILES_KEPT_MAX {
            self.kept.clear();
        }
        self.kept.insert(path, claim.clone());
        Ok(claim)
    }

    /// What the tile above says of the full tile at this place.
    pub(super) fn above(&mut self, level: u8, number: u64) -> Result<Above> {
        let parent = self.tile(level + 1, number / u64::from(TILE_WIDTH))?;
        let place = (number % u64::from(TILE_WIDTH)) as usize;
        Ok(match parent.bytes {
            Some(bytes) if bytes.len() > 32 * place => {
                let hash = hash_at(&bytes, place);
                if parent.is_proved { Above::Proved(hash) } else { Above::Claimed(hash) }
            }
            _ => Above::Unknown,
        })
    }

    /// The hash of an entry, where its tile leads to the root.
    pub(super) fn proved_leaf(&mut self, index: u64) -> Result<Option<Hash>> {
        if index >= self.head.size {
            return Ok(None);
        }
        let claim = self.tile(0, index / u64::from(TILE_WIDTH))?;
        let bytes = claim.bytes.filter(|_| claim.is_proved);
        Ok(bytes.map(|bytes| hash_at(&bytes, (index % u64::from(TILE_WIDTH)) as usize)))
    }

    /// The bundle of this number, or none where it is missing.
    pub(super) fn bundle(&self, number: u64) -> Result<Option<Vec<u8>>> {
        match TilePath::in_tree(TileKind::Entries, number, self.head.size) {
            Some(path) => fetch(self.source, &path),
            None => Ok(None),
        }
    }

    /// The root that the tree had at a smaller size; none where a tile that it takes is missing or altered.
    pub(super) fn root_at(&self, size: u64) -> Result<Option<Hash>> {
        match VerifiedTiles::new(self.source, self.head).and_then(|tiles| tiles.root_at(size)) {
            Ok(root) => Ok(Some(root)),
            Err(error @ Error::Read { .. }) => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn read(&self, path: &TilePath) -> Result<Claim> {
        let found = fetch(self.source, path)?;
        let is_there = found.is_some();
        let bytes = found.filter(|bytes| bytes.len() == path.bytes_max()).map(Rc::from);
        Ok(Claim { bytes, is_there, is_proved: false })
    }
}
