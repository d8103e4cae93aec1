//! What goes to a witness and what comes back, without the HTTP in between (C2SP tlog-witness, `add-checkpoint`).

use std::fmt::Write as _;

use crate::checkpoint::Checkpoint;
use crate::cosign::{Cosignature, WitnessKey};
use crate::error::{Error, Result};
use crate::key::cut;
use crate::proof::{Tiles, prove_consistency};
use crate::tlog_proof::decimal;

/// Where the body goes, below the witness's submission prefix, as POST.
pub const ADD_CHECKPOINT: &str = "add-checkpoint";
/// An answer's bytes.
pub const ANSWER_BYTES_MAX: usize = 64 << 10;

/// What a witness answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It cosigned: the signature lines, one for each of its keys and each with its newline, which are valid, and what they
    /// say.
    Cosigned {
        /// For [`Checkpoint::add_signature_lines`].
        lines: String,
        /// What they say.
        cosignatures: Vec<Cosignature>,
    },
    /// It last saw a tree of this size: ask again with a proof from there.
    Conflict {
        /// In entries.
        size: u64,
    },
}

/// The body of a request to cosign `checkpoint`, with the proof that it continues the tree of `old` entries that the
/// witness last saw; 0 where that is not known. Fails where a tile is missing or altered, or the witness saw more.
pub fn add_checkpoint_body(tiles: &(impl Tiles + ?Sized), old: u64, checkpoint: &Checkpoint) -> Result<String> {
    let proof = if old == 0 { Vec::new() } else { prove_consistency(tiles, old, checkpoint.head())? };
    let mut body = format!("old {old}\n");
    for hash in proof {
        // Writing to a string does not fail.
        let _ = writeln!(body, "{hash}");
    }
    // The log's own signatures alone: witnesses take bodies of ten kilobytes, and others' lines say nothing to them.
    let own = checkpoint.with_signatures(|name, _| name == checkpoint.origin().as_str());
    let _ = write!(body, "\n{own}");
    Ok(body)
}

/// Reads a witness's answer to that. `witnesses` are its keys; lines by others are dropped, and at least one must be by
/// one of them. Fails where the witness refused, or where a signature in its name is not its own.
pub fn parse_answer(status: u16, body: &[u8], checkpoint: &Checkpoint, witnesses: &[WitnessKey]) -> Result<Answer> {
    let refused = |why: &str| Error::Witness { status, why: cut(why) };
    if body.len() > ANSWER_BYTES_MAX {
        return Err(refused("its answer is longer than 64 KiB"));
    }
    let text = std::str::from_utf8(body).map_err(|_| refused("its answer is not UTF-8"))?;
    match status {
        200 => cosigned(text, checkpoint, witnesses)?.ok_or_else(|| refused("no line is by a key of this witness")),
        409 => {
            let size = text.strip_suffix('\n').and_then(decimal).ok_or_else(|| refused("it names no size"))?;
            Ok(Answer::Conflict { size })
        }
        _ => Err(refused(text.trim())),
    }
}

fn cosigned(text: &str, checkpoint: &Checkpoint, witnesses: &[WitnessKey]) -> Result<Option<Answer>> {
    let mut bare = checkpoint.with_signatures(|_, _| false);
    bare.add_signature_lines(text)?;
    // All of them are checked, and one a key is kept: what a host adds to its checkpoint is bounded by whom it asked.
    bare.cosignatures(witnesses)?;
    let theirs = bare.with_signatures(|name, id| witnesses.iter().any(|witness| witness.is(name, id)));
    let theirs = theirs.with_one_signature_a_key();
    let cosignatures = theirs.cosignatures(witnesses)?;
    let lines = theirs.signature_lines();
    Ok((!cosignatures.is_empty()).then_some(Answer::Cosigned { lines, cosignatures }))
}
