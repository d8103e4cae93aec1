//! Where tiles come from: anything that has bytes for a path.

use std::collections::HashMap;
use std::io;

use crate::error::{Error, Result};
use crate::tile::{TileKind, TilePath};

/// Has a log's tiles and entry bundles.
///
/// What it gives is checked against a tree, so that it need not be trusted; but it should bound what it reads
/// ([`TilePath::bytes_max`]) and how long it takes.
pub trait Tiles {
    /// The bytes of this tile or bundle as it is named, or none where there is no such file.
    fn tile(&self, path: &TilePath) -> io::Result<Option<Vec<u8>>>;
}

impl<T: Tiles + ?Sized> Tiles for &T {
    fn tile(&self, path: &TilePath) -> io::Result<Option<Vec<u8>>> {
        (**self).tile(path)
    }
}

impl Tiles for HashMap<TilePath, Vec<u8>> {
    fn tile(&self, path: &TilePath) -> io::Result<Option<Vec<u8>>> {
        Ok(self.get(path).cloned())
    }
}

/// Reads a tile of hashes or a bundle, or its part of the full one, which may have taken a partial one's place.
pub fn fetch(tiles: &(impl Tiles + ?Sized), path: &TilePath) -> Result<Option<Vec<u8>>> {
    let read = |path: &TilePath| tiles.tile(path).map_err(|error| Error::read(path.to_string(), error));
    let found = read(path)?;
    if found.is_some() || path.is_full() {
        return Ok(found);
    }
    Ok(read(&path.full())?.and_then(|bytes| path.cut(bytes)))
}

/// The same, where it must be there; a tile of hashes has the length that its width asks for.
pub(crate) fn fetch_whole(tiles: &(impl Tiles + ?Sized), path: &TilePath) -> Result<Vec<u8>> {
    let bytes = fetch(tiles, path)?.ok_or_else(|| Error::Missing { what: path.to_string() })?;
    let is_whole = match path.kind {
        TileKind::Hashes(_) => bytes.len() == path.bytes_max(),
        TileKind::Entries => bytes.len() <= path.bytes_max(),
    };
    if is_whole { Ok(bytes) } else { Err(Error::TileAltered { tile: *path }) }
}
