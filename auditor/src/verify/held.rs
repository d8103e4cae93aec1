//! Checkpoints that the auditor kept: the log must continue each of them.

use tlog_tiles::Hash;

use super::findings::Findings;
use super::tree::Tree;
use super::walk::Walked;
use super::{Code, Finding};
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::key::VerifierKey;
use crate::source::Source;

/// The held checkpoints by size. Fails where one is of another log than the key: that is no fault of the log's.
pub(super) fn sorted<'h>(held: &'h [Checkpoint], key: &VerifierKey) -> Result<Vec<&'h Checkpoint>> {
    if let Some(other) = held.iter().find(|held| held.origin() != key.origin()) {
        return Err(Error::WrongOrigin { wanted: key.origin().to_string(), found: other.origin().to_string() });
    }
    let mut held: Vec<_> = held.iter().collect();
    held.sort_by_key(|held| held.size());
    Ok(held)
}

/// Compares the log with each. Fails where a held checkpoint is not signed by the log's keys: it shows nothing.
pub(super) fn compare(
    source: &(impl Source + ?Sized),
    checkpoint: &Checkpoint,
    held: &[&Checkpoint],
    keys: &[VerifierKey],
    walked: &Walked,
    findings: &mut Findings,
) -> Result<()> {
    let mut tree: Option<Tree<'_, _>> = None;
    for held in held {
        let (size, now) = (held.size(), checkpoint.size());
        match held.verify(keys) {
            // A log that was rolled back to before a handover no longer leads to the key that signed.
            Err(Error::WrongKey { .. }) if size > now => {}
            verified => drop(verified?),
        }
        if size > now {
            let message = format!("the log has {now} entries; a checkpoint that was held counts {size}");
            findings.add(Finding::at(Code::RolledBack, now, message));
            continue;
        }
        let computed = walked.roots.iter().find(|(at, _)| *at == size).map(|(_, root)| *root);
        if computed == Some(held.head().root) {
            continue;
        }
        // The entries may have been changed since; what was signed is in the tiles.
        if tree.is_none() {
            tree = Some(Tree::new(source, checkpoint.head())?);
        }
        let signed = tree.as_ref().map_or(Ok(None), |tree| tree.root_at(size))?;
        if let Some(message) = contradiction(signed, held, now) {
            findings.add(Finding::at(Code::Forked, size, message));
            // The larger ones contradict it with this one.
            break;
        }
    }
    Ok(())
}

/// None where they agree, or where nothing can be said because the tiles are damaged, which is found elsewhere.
fn contradiction(signed: Option<Hash>, held: &Checkpoint, now: u64) -> Option<String> {
    let signed = if held.size() == 0 { Some(tlog_tiles::EMPTY_HASH) } else { signed };
    let size = held.size();
    (signed? != held.head().root).then(|| {
        if size == now {
            format!("two checkpoints of {size} entries were signed with different roots")
        } else {
            format!("the first {size} of its {now} entries are not those of a checkpoint that was held")
        }
    })
}
