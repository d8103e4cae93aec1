//! Copies a log into a folder, for others' verifiers and for the day the host is gone. Only what is verified is written.
//!
//! Tiles are written from the top down, then the bundles, then the handovers, the checkpoint last, once all of that is on
//! the disk: whatever is there when a copy breaks off, or the power goes, is true, and what the checkpoint in the folder
//! counts on is complete. A further run keeps what is there and still holds, so that only what is new is fetched.

mod disk;
mod layered;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::consistency;
use crate::error::{Error, Result};
use crate::key::{Origin, VerifierKey};
use crate::log::Log;
use crate::source::{self, Folder, Source};
use crate::tile::{TILE_LEVELS, TileKind, TilePath};
use disk::{Disk, SystemDisk, Writer};
use layered::Layered;

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Mirrored {
    /// The log.
    pub origin: Origin,
    /// How many entries the folder has now.
    pub size: u64,
    /// Its root hash, in base64.
    pub root: String,
    /// How many entries it had before.
    pub before: u64,
    /// Tiles and bundles that were written.
    pub files_written: u64,
    /// Tiles and bundles that were there already.
    pub files_kept: u64,
}

/// How far it is, in tiles and bundles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Those that are there.
    pub files: u64,
}

/// Copies the log at `source` into `folder`, which is made where it is not there. Fails, with nothing changed, where the
/// log is not signed by its key or does not continue what is in the folder; and where something is missing or altered,
/// naming it.
pub fn mirror(
    source: &(impl Source + ?Sized),
    folder: &Path,
    key: &VerifierKey,
    progress: &mut dyn FnMut(Progress),
) -> Result<Mirrored> {
    mirror_to(&SystemDisk, source, folder, key, progress)
}

fn mirror_to(
    disk: &dyn Disk,
    source: &(impl Source + ?Sized),
    folder: &Path,
    key: &VerifierKey,
    progress: &mut dyn FnMut(Progress),
) -> Result<Mirrored> {
    let mut writer = Writer::new(disk, folder);
    let layers = Layered::new(Folder::new(folder), source);
    let log = layers.retry(|| Log::open(&layers, key))?;
    let before = continues(&layers, &log)?;
    let size = log.checkpoint.size();
    let mut mirrored = Mirrored {
        origin: log.checkpoint.origin().clone(),
        size,
        root: log.checkpoint.head().root.to_string(),
        before,
        files_written: 0,
        files_kept: 0,
    };
    let levels = (0..=TILE_LEVELS).rev().map(TileKind::Hashes);
    for kind in levels.chain([TileKind::Entries]) {
        for path in (0..).map_while(|number| TilePath::in_tree(kind, number, size)) {
            let bytes = layers.retry(|| match kind {
                TileKind::Hashes(level) => log.tiles.tile(level, path.number).map(|tile| tile.to_vec()),
                TileKind::Entries => log.tiles.bundle_bytes(path.number),
            })?;
            if layers.is_near(&path)? {
                mirrored.files_kept += 1;
            } else {
                writer.write(&path.to_string(), &bytes)?;
                mirrored.files_written += 1;
            }
            progress(Progress { files: mirrored.files_written + mirrored.files_kept });
        }
    }
    handovers(source, &mut writer, &log)?;
    writer.settle()?;
    writer.write("checkpoint", log.checkpoint.to_string().as_bytes())?;
    writer.settle()?;
    Ok(mirrored)
}

/// Checks that the log continues what is in the folder; how many entries that is.
fn continues(layers: &Layered<'_, impl Source + ?Sized>, log: &Log<'_, impl Source + ?Sized>) -> Result<u64> {
    let before = match source::checkpoint(layers.near()) {
        Ok(before) => before,
        Err(Error::Missing { .. }) => return Ok(0),
        Err(error) => return Err(error),
    };
    before.verify(&log.chain.keys)?;
    layers.retry(|| consistency::agree(log, &before))?;
    Ok(before.size())
}

/// Copies the handovers up to this checkpoint.
fn handovers(
    source: &(impl Source + ?Sized),
    writer: &mut Writer<'_>,
    log: &Log<'_, impl Source + ?Sized>,
) -> Result<()> {
    for number in 1_u32.. {
        let Some(handover) = source::handover(source, number)? else { break };
        if handover.origin() != log.checkpoint.origin() || handover.size() > log.checkpoint.size() {
            break;
        }
        consistency::agree(log, &handover)?;
        writer.write(&source::handover_path(number), handover.to_string().as_bytes())?;
    }
    Ok(())
}

impl fmt::Display for Mirrored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "log      {}", self.origin)?;
        writeln!(f, "entries  {}, {} of them new", self.size, self.size - self.before)?;
        writeln!(f, "root     {}", self.root)?;
        writeln!(f, "files    {} written, {} kept", self.files_written, self.files_kept)
    }
}
