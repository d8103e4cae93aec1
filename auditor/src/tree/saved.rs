//! A frontier as bytes: what a writer saves so that it need not read its log again.
//!
//! `version (1) ‖ size (8) ‖ bundle's length (4) ‖ bundle ‖ tiles from level 0 up ‖ first 8 bytes of all that's SHA-256`,
//! numbers big-endian. The tiles' lengths follow from the size.

use sha2::{Digest as _, Sha256};
use tlog_tiles::record_hash;

use super::levels::{count, width};
use super::{Frontier, Levels};
use crate::entry;
use crate::error::{Error, Result};
use crate::tile::{BUNDLE_BYTES_MAX, TREE_SIZE_MAX};

const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 8;

pub(super) fn save(frontier: &Frontier) -> Vec<u8> {
    let tiles = frontier.levels.tiles();
    let length = 13 + frontier.bundle.len() + tiles.iter().map(Vec::len).sum::<usize>() + CHECKSUM_BYTES;
    let mut bytes = Vec::with_capacity(length);
    bytes.push(VERSION);
    bytes.extend_from_slice(&frontier.size().to_be_bytes());
    // A bundle has 255 entries of 65,537 bytes at most.
    bytes.extend_from_slice(&(frontier.bundle.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&frontier.bundle);
    for tile in tiles {
        bytes.extend_from_slice(tile);
    }
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum[..CHECKSUM_BYTES]);
    bytes
}

pub(super) fn load(bytes: &[u8]) -> Result<Frontier> {
    let bad = |why: &str| Error::malformed("saved frontier", why);
    let (body, checksum) =
        bytes.split_at_checked(bytes.len().saturating_sub(CHECKSUM_BYTES)).ok_or_else(|| bad("it is cut short"))?;
    let (version, rest) = body.split_first().ok_or_else(|| bad("it is cut short"))?;
    if *version != VERSION {
        return Err(bad("it is of another version"));
    }
    if Sha256::digest(body)[..CHECKSUM_BYTES] != *checksum {
        return Err(bad("its checksum is another"));
    }
    let (size, rest) = rest.split_first_chunk().ok_or_else(|| bad("it is cut short"))?;
    let size = u64::from_be_bytes(*size);
    let (length, rest) = rest.split_first_chunk().ok_or_else(|| bad("it is cut short"))?;
    let length = u32::from_be_bytes(*length) as usize;
    if size > TREE_SIZE_MAX || length > BUNDLE_BYTES_MAX {
        return Err(bad("it is larger than a tree can be"));
    }
    let (bundle, mut rest) = rest.split_at_checked(length).ok_or_else(|| bad("it is cut short"))?;
    let mut tiles = Vec::new();
    for level in 0..count(size) {
        let (tile, after) = rest
            .split_at_checked(32 * width(size, level as u32) as usize)
            .ok_or_else(|| bad("its tiles are not of its size"))?;
        tiles.push(tile.to_vec());
        rest = after;
    }
    if !rest.is_empty() || !matches(bundle, tiles.first().map_or(&[], Vec::as_slice)) {
        return Err(bad("its parts do not fit together"));
    }
    let levels = Levels::from_tiles(size, tiles).ok_or_else(|| bad("its tiles are not of its size"))?;
    Ok(Frontier { levels, bundle: bundle.to_vec() })
}

/// Whether these are the entries that these hashes are of.
fn matches(bundle: &[u8], hashes: &[u8]) -> bool {
    let mut hashes = hashes.chunks_exact(32);
    let matches = entry::bundle_entries(bundle).all(|entry| {
        let (Ok(entry), Some(hash)) = (entry, hashes.next()) else { return false };
        record_hash(entry).0 == hash
    });
    matches && hashes.next().is_none()
}
