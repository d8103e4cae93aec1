//! A log's tiles from a folder where they are there, else from afar; those in the folder that do not hold, from afar too.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io;

use crate::error::{Error, Result};
use crate::proof::Tiles;
use crate::source::{Folder, Source};
use crate::tile::{TILE_WIDTH, TilePath};

/// Two sources of one log. The checkpoint and the handovers are always those from afar.
pub(super) struct Layered<'s, S: ?Sized> {
    near: Folder,
    far: &'s S,
    /// Those in the folder that did not hold.
    distrusted: RefCell<HashSet<TilePath>>,
}

impl<'s, S: Source + ?Sized> Layered<'s, S> {
    pub(super) fn new(near: Folder, far: &'s S) -> Self {
        Self { near, far, distrusted: RefCell::default() }
    }

    pub(super) fn near(&self) -> &Folder {
        &self.near
    }

    /// Whether this file is in the folder and holds, once it was read.
    pub(super) fn is_near(&self, path: &TilePath) -> Result<bool> {
        let there = self.near.path().join(path.to_string()).try_exists();
        let is_there = there.map_err(|error| Error::read(path.to_string(), error))?;
        Ok(is_there && !self.distrusted.borrow().contains(path))
    }

    /// Reads; where what was read does not hold, reads it again without the files of the folder that it may be due to.
    pub(super) fn retry<T>(&self, read: impl Fn() -> Result<T>) -> Result<T> {
        loop {
            let error = match read() {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let suspects = match &error {
                Error::TileAltered { tile } => vec![*tile],
                Error::RootMismatch { tiles, .. } => tiles.clone(),
                Error::EntryAltered { index } => self.bundle_of(*index),
                _ => return Err(error),
            };
            if !self.distrust(&suspects)? {
                return Err(error);
            }
        }
    }

    /// The bundles in which an entry can be: the full one, or a partial one.
    fn bundle_of(&self, index: u64) -> Vec<TilePath> {
        let number = index / u64::from(TILE_WIDTH);
        (1..=TILE_WIDTH).map(|width| TilePath::entries(number, width)).collect()
    }

    /// Whether any of these is in the folder and was trusted until now.
    fn distrust(&self, paths: &[TilePath]) -> Result<bool> {
        let mut is_any = false;
        for path in paths.iter().flat_map(|path| [*path, path.full()]) {
            is_any |= self.is_near(&path)?;
            self.distrusted.borrow_mut().insert(path);
        }
        Ok(is_any)
    }
}

impl<S: Source + ?Sized> Tiles for Layered<'_, S> {
    fn tile(&self, path: &TilePath) -> io::Result<Option<Vec<u8>>> {
        if !self.distrusted.borrow().contains(path) {
            match self.near.tile(path) {
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                    // Too long to be the tile; it is written anew.
                    self.distrusted.borrow_mut().insert(*path);
                }
                found => return found,
            }
        }
        self.far.tile(path)
    }
}

impl<S: Source + ?Sized> Source for Layered<'_, S> {
    fn file(&self, path: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        self.far.file(path, bytes_max)
    }

    fn name(&self) -> String {
        self.far.name()
    }
}
