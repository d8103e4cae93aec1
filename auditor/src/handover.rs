//! From the key that an auditor holds to the key that signs now: each handover is in the log, signed by both keys.
//!
//! An entry of kind [`KEY_ROTATED`] names the key before and the key after. `handover/<n>` is a checkpoint that covers
//! the entry, signed by both: the old key vouches for the tree in which the new one stands. An old key is not taken for
//! trees beyond its handover. Whoever gets hold of one later can still sign another log, in which nothing was handed over,
//! and show it to somebody who holds that key and nothing else: a held checkpoint, or a witness, tells them apart.

use crate::checkpoint::Checkpoint;
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::key::VerifierKey;
use crate::proof::VerifiedTiles;
use crate::source::{self, Source};
use crate::tile::TILE_WIDTH;

/// The kind of entry that names a log's next key; its event is `{"after": "<vkey>", "before": "<vkey>"}`.
pub const KEY_ROTATED: &str = "log.key-rotated";
/// Handovers of one log: a key each week, for twenty years.
const HANDOVERS_MAX: u32 = 1_000;
/// How far behind the end of a handover's tree its entry is looked for, in bundles of 256 entries.
const BUNDLES_SEARCHED_MAX: u64 = 64;

/// The entry of these bytes, where it is one that hands its log over. Few are, and parsing each would take longer than
/// hashing it, so that they are looked for first.
pub fn rotation(entry: &[u8]) -> Option<Entry> {
    if !entry.windows(KEY_ROTATED.len()).any(|window| window == KEY_ROTATED.as_bytes()) {
        return None;
    }
    Entry::parse(entry).ok().filter(|entry| entry.kind == KEY_ROTATED)
}

/// A log's keys as far as they are known from one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The key that was held, and those it was handed over to, in order.
    pub keys: Vec<VerifierKey>,
    /// Which of them signed the checkpoint.
    pub signed_by: VerifierKey,
}

/// Follows the handovers within the tree of `checkpoint`, beginning with the key `held`, which need not be the log's
/// first, and checks that the checkpoint is signed by the key that they lead to.
pub fn verify(source: &(impl Source + ?Sized), checkpoint: &Checkpoint, held: &VerifierKey) -> Result<Chain> {
    let mut keys = vec![held.clone()];
    let mut tiles = None;
    // Of the last handover: the size of its tree.
    let mut size = None;
    for number in 1..=HANDOVERS_MAX {
        let bad = |why: String| Error::BadHandover { number, why };
        let Some(handover) = source::handover(source, number)? else { break };
        if handover.size() > checkpoint.size() {
            // It came after the checkpoint, which its old key still signed.
            break;
        }
        let current = &keys[keys.len() - 1];
        match handover.verify(std::slice::from_ref(current)) {
            Ok(_) => {}
            // Those before the held key's own time are not its to judge.
            Err(Error::WrongKey { .. }) if keys.len() == 1 => continue,
            Err(error) => return Err(bad(error.to_string())),
        }
        if tiles.is_none() {
            tiles = Some(VerifiedTiles::new(source, checkpoint.head())?);
        }
        let Some(tiles) = &tiles else { break };
        if tiles.root_at(handover.size())? != handover.head().root {
            return Err(bad("its tree is not the beginning of the log's".to_owned()));
        }
        match find(tiles, handover.size(), current)? {
            Some(Rotation::From(after)) => {
                let after: VerifierKey = after.parse().map_err(|error: Error| bad(error.to_string()))?;
                handover.verify(std::slice::from_ref(&after)).map_err(|error| bad(error.to_string()))?;
                size = Some(handover.size());
                keys.push(after);
            }
            Some(Rotation::To) if keys.len() == 1 => {}
            _ => return Err(bad(format!("no entry shortly before {} says so", handover.size()))),
        }
    }
    let last = keys.len() - 1;
    // A log that stopped between the two files still has its old key's checkpoint, of no larger a tree.
    let first = if size == Some(checkpoint.size()) { last - 1 } else { last };
    let signed_by = checkpoint.verify(&keys[first..])?.pop().cloned();
    let signed_by = signed_by.unwrap_or_else(|| keys[last].clone());
    Ok(Chain { keys, signed_by })
}

enum Rotation {
    /// The current key hands over to this one.
    From(String),
    /// It was handed over to the current key.
    To,
}

/// Looks for the latest entry of a tree of `size` that hands over from `current` or to it.
fn find(tiles: &VerifiedTiles<'_, impl Source + ?Sized>, size: u64, current: &VerifierKey) -> Result<Option<Rotation>> {
    let bundles = size.div_ceil(u64::from(TILE_WIDTH));
    for number in (bundles.saturating_sub(BUNDLES_SEARCHED_MAX)..bundles).rev() {
        let mut entries = tiles.bundle(number)?;
        entries.truncate((size - number * u64::from(TILE_WIDTH)).min(u64::from(TILE_WIDTH)) as usize);
        for entry in entries.iter().rev() {
            let Some(entry) = rotation(entry) else { continue };
            let current = Some(current.to_string());
            match (entry.text("before"), entry.text("after")) {
                (Some(before), Some(after)) if Some(before) == current.as_deref() => {
                    return Ok(Some(Rotation::From(after.to_owned())));
                }
                (_, Some(after)) if Some(after) == current.as_deref() => return Ok(Some(Rotation::To)),
                _ => {}
            }
        }
    }
    Ok(None)
}
