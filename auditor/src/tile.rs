//! Where a log's files are: the paths of tiles and of entry bundles, as C2SP tlog-tiles names them.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: u32 = 256;
/// Levels of the tree in one tile.
pub const TILE_HEIGHT: u8 = 8;
/// A full tile's bytes.
pub const TILE_BYTES_MAX: usize = 32 * TILE_WIDTH as usize;
/// An entry's bytes: what its length in a bundle, 16 bits, can say.
pub const ENTRY_BYTES_MAX: usize = 65_535;
/// A full bundle's bytes: each entry as long as it can be.
pub const BUNDLE_BYTES_MAX: usize = (ENTRY_BYTES_MAX + 2) * TILE_WIDTH as usize;
/// Entries in a tree: more than anyone can write, and far from where sums of 64 bits overflow.
pub const TREE_SIZE_MAX: u64 = 1 << 48;
/// Levels of tiles that a tree of [`TREE_SIZE_MAX`] has, the topmost being of one hash.
pub(crate) const TILE_LEVELS: u8 = 7;

/// What a file of the tree holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TileKind {
    /// Hashes of this level: 0 holds entries' hashes, each above holds the roots of full tiles below.
    Hashes(u8),
    /// Entries, each after its length as 16 bits, big-endian.
    Entries,
}

/// One tile or entry bundle: `tile/0/x001/234.p/7`, `tile/entries/000`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TilePath {
    /// What it holds.
    pub kind: TileKind,
    /// Its place within the level, from 0.
    pub number: u64,
    /// How many hashes or entries it holds, 1 to 256.
    pub width: u32,
}

impl TilePath {
    /// A tile of hashes.
    pub const fn hashes(level: u8, number: u64, width: u32) -> Self {
        Self { kind: TileKind::Hashes(level), number, width }
    }

    /// An entry bundle.
    pub const fn entries(number: u64, width: u32) -> Self {
        Self { kind: TileKind::Entries, number, width }
    }

    /// The tile at this place in a tree of `size` entries; none where the tree does not reach it.
    pub fn in_tree(kind: TileKind, number: u64, size: u64) -> Option<Self> {
        let level = if let TileKind::Hashes(level) = kind { level } else { 0 };
        let hashes = size.checked_shr(u32::from(TILE_HEIGHT) * u32::from(level)).unwrap_or(0);
        let before = number.checked_mul(u64::from(TILE_WIDTH))?;
        let width = hashes.checked_sub(before)?.min(u64::from(TILE_WIDTH));
        // At most 256, by the line above.
        (width > 0).then_some(Self { kind, number, width: width as u32 })
    }

    /// Whether it holds all that such a tile ever will.
    pub const fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The full tile at the same place.
    pub const fn full(self) -> Self {
        Self { width: TILE_WIDTH, ..self }
    }

    /// The most bytes that it can have.
    pub const fn bytes_max(&self) -> usize {
        match self.kind {
            TileKind::Hashes(_) => 32 * self.width as usize,
            TileKind::Entries => (ENTRY_BYTES_MAX + 2) * self.width as usize,
        }
    }

    /// Of what comes from a wider tile at the same place: this tile's part; none where it holds less.
    pub fn cut(&self, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let length = match self.kind {
            TileKind::Hashes(_) => 32 * self.width as usize,
            TileKind::Entries => crate::entry::bundle_prefix(&bytes, self.width)?,
        };
        (bytes.len() >= length).then(|| {
            bytes.truncate(length);
            bytes
        })
    }
}

/// The tiles of hashes at the right edge of a tree of `size` entries, from level 0 up: what its root is computed from.
pub fn edge(size: u64) -> Vec<TilePath> {
    let mut tiles = Vec::new();
    let mut hashes = size;
    for level in 0..=TILE_LEVELS {
        let width = (hashes % u64::from(TILE_WIDTH)) as u32;
        if width > 0 {
            tiles.push(TilePath::hashes(level, hashes / u64::from(TILE_WIDTH), width));
        }
        hashes >>= TILE_HEIGHT;
    }
    tiles
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        // Three digits at a time, all but the last behind an `x`, so that no folder holds more than a few thousand.
        let mut groups = vec![self.number % 1_000];
        let mut rest = self.number / 1_000;
        while rest > 0 {
            groups.push(rest % 1_000);
            rest /= 1_000;
        }
        for group in groups.iter().skip(1).rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[0])?;
        if !self.is_full() {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

impl fmt::Debug for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for TilePath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || Error::malformed("tile path", text.chars().take(80).collect::<String>());
        let path = parse(text).ok_or_else(bad)?;
        // One tile has one path: what does not come out as it went in is no path.
        if path.to_string() == text { Ok(path) } else { Err(bad()) }
    }
}

fn parse(text: &str) -> Option<TilePath> {
    let rest = text.strip_prefix("tile/")?;
    let (kind, rest) = rest.split_once('/')?;
    let kind = match kind {
        "entries" => TileKind::Entries,
        level => TileKind::Hashes(level.parse().ok().filter(|level| *level < 64)?),
    };
    let (number, width) = match rest.split_once(".p/") {
        Some((number, width)) => (number, width.parse().ok().filter(|width| (1..TILE_WIDTH).contains(width))?),
        None => (rest, TILE_WIDTH),
    };
    let number = number.split('/').try_fold(0_u64, |number, group| {
        let group: u64 = group.trim_start_matches('x').parse().ok()?;
        number.checked_mul(1_000)?.checked_add(group)
    })?;
    Some(TilePath { kind, number, width })
}

/// Some paths as a list for people.
pub(crate) fn list(tiles: &[TilePath]) -> String {
    tiles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_spelling() {
        for (text, path) in [
            ("tile/0/000", TilePath::hashes(0, 0, 256)),
            ("tile/1/x001/x234/067.p/7", TilePath::hashes(1, 1_234_067, 7)),
            ("tile/entries/x001/000", TilePath::entries(1_000, 256)),
            ("tile/63/999.p/255", TilePath::hashes(63, 999, 255)),
        ] {
            assert_eq!(path.to_string(), text);
            assert_eq!(text.parse::<TilePath>().unwrap(), path);
        }
        for text in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/00/000",
            "tile/64/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/07",
            "tile/0/x000/001",
            "tile/0/001/234",
            "tile/0/../000",
            "tile/data/000",
            "tile/8/0/000",
            "/tile/0/000",
            "tile/0/000/",
            "tile/0/+01",
            "tile/-1/000",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert!(text.parse::<TilePath>().is_err(), "{text}");
        }
    }

    #[test]
    fn edges_are_as_the_specification_says() {
        let edge: Vec<_> = edge(70_000).iter().map(ToString::to_string).collect();
        assert_eq!(edge, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
        assert_eq!(super::edge(256), [TilePath::hashes(1, 0, 1)]);
        assert_eq!(super::edge(0), []);
    }
}
