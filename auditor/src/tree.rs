//! A tree as its writer holds it: what is not yet in a full tile, and nothing else.
//!
//! The life of an entry: its bytes go to the end of the incomplete bundle, its hash to the end of the incomplete tile of
//! level 0. The 256th closes both; the closed tile's root goes to the end of the incomplete tile above, and so on. What
//! closes is handed out once and forgotten here. An entry costs two hashes on average, and the root a few hundred.

mod levels;
mod saved;

use std::fmt;

pub(crate) use levels::{Levels, edge_root};
use tlog_tiles::{Hash, record_hash};

use crate::entry;
use crate::error::{Error, Result};
use crate::tile::{ENTRY_BYTES_MAX, TILE_WIDTH, TREE_SIZE_MAX, TilePath};

/// A tree at one moment: what a checkpoint states.
#[derive(Clone, Copy, PartialEq)]
pub struct TreeHead {
    /// How many entries it has.
    pub size: u64,
    /// Its root hash; of a tree without entries, the hash of nothing.
    pub root: Hash,
}

impl fmt::Debug for TreeHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.size, self.root)
    }
}

/// The growing edge of a tree: all that is needed to append to it, to state its root and to serve its partial tiles.
///
/// It holds at most 255 entries and, of each level, at most 255 hashes (8 KiB); three levels are 16 million entries.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    levels: Levels,
    /// The incomplete entry bundle.
    bundle: Vec<u8>,
}

impl Frontier {
    /// A tree without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries the tree has.
    pub fn size(&self) -> u64 {
        self.levels.size()
    }

    /// The tree's root hash.
    pub fn root(&self) -> Hash {
        self.levels.root()
    }

    /// Size and root.
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size(), root: self.root() }
    }

    /// Appends an entry; its index. Each full tile and bundle that it closes is given to `closed`, entries first, then
    /// hashes from level 0 up. Fails, with nothing changed, where the entry is too long or the tree full.
    pub fn push(&mut self, entry: &[u8], closed: &mut impl FnMut(TilePath, Vec<u8>)) -> Result<u64> {
        if entry.len() > ENTRY_BYTES_MAX {
            return Err(Error::malformed("entry", format!("it is longer than {ENTRY_BYTES_MAX} bytes")));
        }
        let index = self.size();
        if index >= TREE_SIZE_MAX {
            return Err(Error::malformed("tree", format!("it has {TREE_SIZE_MAX} entries, and takes no more")));
        }
        entry::bundle_push(&mut self.bundle, entry);
        if (index + 1).is_multiple_of(u64::from(TILE_WIDTH)) {
            let bundle = TilePath::entries(index / u64::from(TILE_WIDTH), TILE_WIDTH);
            closed(bundle, std::mem::take(&mut self.bundle));
        }
        self.levels.push(record_hash(entry), closed);
        Ok(index)
    }

    /// The partial tiles and the partial bundle that a checkpoint of this tree counts on, with their bytes.
    pub fn partial(&self) -> impl Iterator<Item = (TilePath, &[u8])> {
        let width = (self.size() % u64::from(TILE_WIDTH)) as u32;
        let bundle = (width > 0).then(|| TilePath::entries(self.size() / u64::from(TILE_WIDTH), width));
        bundle.map(|path| (path, self.bundle.as_slice())).into_iter().chain(self.levels.partial())
    }

    /// A partial tile or bundle of this tree or of a smaller one, where what it is made of is still here.
    pub fn tile(&self, path: &TilePath) -> Option<Vec<u8>> {
        let (_, bytes) = self
            .partial()
            .find(|(held, _)| held.kind == path.kind && held.number == path.number && held.width >= path.width)?;
        path.cut(bytes.to_vec())
    }

    /// Compact bytes of it, with a version and a checksum, for [`Frontier::load`].
    pub fn save(&self) -> Vec<u8> {
        saved::save(self)
    }

    /// The frontier that was saved. Fails where a byte was changed or the parts do not fit together.
    pub fn load(bytes: &[u8]) -> Result<Self> {
        saved::load(bytes)
    }
}

impl fmt::Debug for Frontier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frontier").field("head", &self.head()).field("bundle_bytes", &self.bundle.len()).finish()
    }
}
