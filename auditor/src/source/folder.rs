//! A log in a folder, as it is mirrored or copied.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{Source, read_bounded};
use crate::proof::Tiles;
use crate::tile::TilePath;

/// A folder that holds `checkpoint`, `tile/…` and, where the key was handed over, `handover/…`.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// That folder; nothing is read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Tiles for Folder {
    fn tile(&self, path: &TilePath) -> io::Result<Option<Vec<u8>>> {
        self.file(&path.to_string(), path.bytes_max())
    }
}

impl Source for Folder {
    fn file(&self, path: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        match File::open(self.path.join(path)) {
            // A folder at its place, or a file at its folder's, is no file either.
            Ok(file) if !file.metadata()?.is_file() => Ok(None),
            Ok(file) => read_bounded(file, bytes_max).map(Some),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}
