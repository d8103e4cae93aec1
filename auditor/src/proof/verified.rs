//! Reads tiles and believes none: each is compared with the one above it, the topmost ones with the root.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use tlog_tiles::{EMPTY_HASH, Hash, HashReader, Tile, record_hash};

use super::tiles::{Tiles, fetch_whole};
use crate::entry;
use crate::error::{Error, Result};
use crate::tile::{self, TILE_HEIGHT, TILE_WIDTH, TREE_SIZE_MAX, TileKind, TilePath};
use crate::tree::{TreeHead, edge_root};

/// Tiles kept in memory, of 8 KiB each: more than one proof's paths need, and all that reading in order needs.
const TILES_KEPT_MAX: usize = 64;

/// The verified tiles of one tree. Not for sharing between threads.
pub struct VerifiedTiles<'t, T: ?Sized> {
    tiles: &'t T,
    head: TreeHead,
    edge: HashMap<TilePath, Rc<[u8]>>,
    kept: RefCell<HashMap<TilePath, Rc<[u8]>>>,
    /// What went wrong while tlog_tiles, whose errors name nothing, was reading.
    fault: RefCell<Option<Error>>,
}

impl<T: ?Sized> fmt::Debug for VerifiedTiles<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedTiles").field("head", &self.head).finish_non_exhaustive()
    }
}

impl<'t, T: Tiles + ?Sized> VerifiedTiles<'t, T> {
    /// Reads the tiles at the right edge of the tree of `head`, at most one of each level, and compares the root.
    pub fn new(tiles: &'t T, head: TreeHead) -> Result<Self> {
        if head.size > TREE_SIZE_MAX {
            return Err(Error::malformed("tree", "its size is not one that a tree can have"));
        }
        let paths = tile::edge(head.size);
        let read = paths.iter().map(|path| fetch_whole(tiles, path)).collect::<Result<Vec<_>>>()?;
        if edge_root(read.iter().map(Vec::as_slice)) != head.root {
            return Err(Error::RootMismatch { size: head.size, tiles: paths });
        }
        let edge = paths.into_iter().zip(read.into_iter().map(Rc::from)).collect();
        Ok(Self { tiles, head, edge, kept: RefCell::default(), fault: RefCell::default() })
    }

    /// The tree that is read.
    pub fn head(&self) -> TreeHead {
        self.head
    }

    /// The tile of hashes at this place of the tree.
    pub fn tile(&self, level: u8, number: u64) -> Result<Rc<[u8]>> {
        let path = TilePath::in_tree(TileKind::Hashes(level), number, self.head.size)
            .ok_or_else(|| Error::Missing { what: TilePath::hashes(level, number, TILE_WIDTH).to_string() })?;
        if let Some(tile) = self.edge.get(&path) {
            return Ok(Rc::clone(tile));
        }
        if let Some(tile) = self.kept.borrow().get(&path) {
            return Ok(Rc::clone(tile));
        }
        // Not at the edge: it is full, and the tile above has its root.
        let wanted = self.root_of(level, number)?;
        let read = fetch_whole(self.tiles, &path)?;
        self.keep(path, read, wanted)
    }

    /// The root of the full tile at this place, as the tile above it has it.
    pub fn root_of(&self, level: u8, number: u64) -> Result<Hash> {
        let above = self.tile(level + 1, number / u64::from(TILE_WIDTH))?;
        Ok(hash_at(&above, (number % u64::from(TILE_WIDTH)) as usize))
    }

    fn keep(&self, path: TilePath, read: Vec<u8>, wanted: Hash) -> Result<Rc<[u8]>> {
        if Tile::subtree_hash(&read) != wanted {
            return Err(Error::TileAltered { tile: path });
        }
        let tile: Rc<[u8]> = read.into();
        let mut kept = self.kept.borrow_mut();
        if kept.len() >= TILES_KEPT_MAX {
            kept.clear();
        }
        kept.insert(path, Rc::clone(&tile));
        Ok(tile)
    }

    /// The hash of the entry at this index.
    pub fn leaf(&self, index: u64) -> Result<Hash> {
        self.expect(index)?;
        let tile = self.tile(0, index / u64::from(TILE_WIDTH))?;
        Ok(hash_at(&tile, (index % u64::from(TILE_WIDTH)) as usize))
    }

    /// The entries of the bundle of this number, each compared with its hash.
    pub fn bundle(&self, number: u64) -> Result<Vec<Vec<u8>>> {
        let bytes = self.bundle_bytes(number)?;
        entry::bundle_entries(&bytes).map(|entry| entry.map(<[u8]>::to_vec)).collect()
    }

    /// The same as it lies in its file.
    pub fn bundle_bytes(&self, number: u64) -> Result<Vec<u8>> {
        let path = TilePath::in_tree(TileKind::Entries, number, self.head.size)
            .ok_or_else(|| Error::Missing { what: TilePath::entries(number, TILE_WIDTH).to_string() })?;
        let read = fetch_whole(self.tiles, &path)?;
        let hashes = self.tile(0, number)?;
        check_bundle(&path, &read, &hashes)?;
        Ok(read)
    }

    /// The entry at this index.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>> {
        self.expect(index)?;
        let mut entries = self.bundle(index / u64::from(TILE_WIDTH))?;
        Ok(entries.swap_remove((index % u64::from(TILE_WIDTH)) as usize))
    }

    /// See [`prove_inclusion`](super::prove_inclusion).
    pub fn prove_inclusion(&self, index: u64) -> Result<Vec<Hash>> {
        self.expect(index)?;
        self.named(tlog_tiles::prove_record(self.head.size, index, self))
    }

    /// See [`prove_consistency`](super::prove_consistency).
    pub fn prove_consistency(&self, old: u64) -> Result<Vec<Hash>> {
        if old > self.head.size {
            return Err(Error::RolledBack { before: old, now: self.head.size });
        }
        if old == 0 {
            return Ok(Vec::new());
        }
        self.named(tlog_tiles::prove_tree(self.head.size, old, self))
    }

    /// The root that this tree had at a smaller size.
    pub fn root_at(&self, size: u64) -> Result<Hash> {
        if size > self.head.size {
            return Err(Error::RolledBack { before: size, now: self.head.size });
        }
        if size == 0 { Ok(EMPTY_HASH) } else { self.named(tlog_tiles::tree_hash(size, self)) }
    }

    fn expect(&self, index: u64) -> Result<()> {
        if index < self.head.size { Ok(()) } else { Err(Error::NoSuchEntry { index, size: self.head.size }) }
    }

    fn named<V>(&self, result: std::result::Result<V, tlog_tiles::Error>) -> Result<V> {
        result.map_err(|error| {
            self.fault.take().unwrap_or_else(|| Error::BadProof { why: format!("it could not be made: {error}") })
        })
    }

    fn stored(&self, index: u64) -> Result<Hash> {
        let place = Tile::from_index(TILE_HEIGHT, index);
        let bytes = self.tile(place.level(), place.level_index())?;
        let wide = Tile::new(TILE_HEIGHT, place.level(), place.level_index(), (bytes.len() / 32) as u32, false);
        wide.hash_at_index(&bytes, index).map_err(|error| Error::BadProof { why: error.to_string() })
    }
}

impl<T: Tiles + ?Sized> HashReader for VerifiedTiles<'_, T> {
    fn read_hashes(&self, indexes: &[u64]) -> std::result::Result<Vec<Hash>, tlog_tiles::Error> {
        indexes.iter().map(|index| self.stored(*index)).collect::<Result<_>>().map_err(|error| {
            self.fault.replace(Some(error));
            tlog_tiles::Error::InconsistentTile
        })
    }
}

/// Compares a bundle with its entries' hashes: as many, in this order.
pub(crate) fn check_bundle(path: &TilePath, bundle: &[u8], hashes: &[u8]) -> Result<()> {
    let first = path.number * u64::from(TILE_WIDTH);
    let mut hashes = hashes.chunks_exact(32);
    for (index, entry) in (first..).zip(entry::bundle_entries(bundle)) {
        let hash = hashes.next().ok_or(Error::TileAltered { tile: *path })?;
        // Lengths that do not fit are the bundle's fault, not one entry's.
        if record_hash(entry.map_err(|_| Error::TileAltered { tile: *path })?).0 != hash {
            return Err(Error::EntryAltered { index });
        }
    }
    if hashes.next().is_some() { Err(Error::TileAltered { tile: *path }) } else { Ok(()) }
}

pub(crate) fn hash_at(tile: &[u8], place: usize) -> Hash {
    let mut hash = Hash::default();
    hash.0.copy_from_slice(&tile[32 * place..32 * (place + 1)]);
    hash
}
