//! Where a log's files are read: a folder, or a URL.

mod folder;
mod url;

pub use self::folder::Folder;
pub use self::url::Url;

use std::io;

use crate::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint};
use crate::error::{Error, Result};
use crate::proof::Tiles;
use crate::tile::TilePath;

/// Has all of a log's files.
pub trait Source: Tiles {
    /// A file other than a tile, of at most `bytes_max` bytes; none where it is not there.
    fn file(&self, path: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>>;

    /// Where that is, for messages.
    fn name(&self) -> String;
}

impl<T: Source + ?Sized> Source for &T {
    fn file(&self, path: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        (**self).file(path, bytes_max)
    }

    fn name(&self) -> String {
        (**self).name()
    }
}

impl<T: Source + ?Sized> Source for Box<T> {
    fn file(&self, path: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        (**self).file(path, bytes_max)
    }

    fn name(&self) -> String {
        (**self).name()
    }
}

impl<T: Tiles + ?Sized> Tiles for Box<T> {
    fn tile(&self, path: &TilePath) -> io::Result<Option<Vec<u8>>> {
        (**self).tile(path)
    }
}

/// The source that `text` names: a URL where it begins with `http://` or `https://`, else a folder. The token, where
/// there is one, is sent with each request.
pub fn open(text: &str, token: Option<&str>) -> Result<Box<dyn Source>> {
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(Box::new(Url::new(text, token)?));
    }
    Ok(Box::new(Folder::new(text)))
}

/// A log's present checkpoint, not yet verified.
pub fn checkpoint(source: &(impl Source + ?Sized)) -> Result<Checkpoint> {
    let path = "checkpoint";
    let bytes = source.file(path, CHECKPOINT_BYTES_MAX).map_err(|error| Error::read(path, error))?;
    let bytes = bytes.ok_or_else(|| Error::Missing { what: format!("checkpoint of {}", source.name()) })?;
    Checkpoint::parse(&bytes)
}

/// The checkpoint at which the log's key was handed over for the `number`th time, from 1; not yet verified.
pub fn handover(source: &(impl Source + ?Sized), number: u32) -> Result<Option<Checkpoint>> {
    let path = handover_path(number);
    let bytes = source.file(&path, CHECKPOINT_BYTES_MAX).map_err(|error| Error::read(path, error))?;
    bytes.map(|bytes| Checkpoint::parse(&bytes)).transpose()
}

/// Where that checkpoint is.
pub fn handover_path(number: u32) -> String {
    format!("handover/{number}")
}

/// Reads all, which must not be more than `bytes_max`.
fn read_bounded(reader: impl io::Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more tells a file that is too long from one that just fits.
    io::Read::read_to_end(&mut io::Read::take(reader, bytes_max as u64 + 1), &mut bytes)?;
    if bytes.len() > bytes_max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {bytes_max} bytes")));
    }
    Ok(bytes)
}
