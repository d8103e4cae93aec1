//! Goes through a whole log: every entry, every tile, the root, the signatures, and what auditors hold from before.
//!
//! The tree is computed anew from the entries. Where it is not what the tiles and the checkpoint say, the two are
//! compared from the root down, so that what was changed is named and nothing else. A tile that leads to the root is
//! believed, an entry that hashes to its tile too; then the entries themselves must make sense: their spelling, their
//! tenant, their order, their calls.

mod calls;
mod choose;
mod compare;
mod content;
mod finding;
mod findings;
mod held;
mod order;
mod report;
mod tree;
mod walk;

pub use finding::{Code, Finding};
pub use report::Report;

use crate::checkpoint::Checkpoint;
use crate::cosign::WitnessKey;
use crate::error::{Error, Result};
use crate::handover;
use crate::key::VerifierKey;
use crate::source::{self, Source};
use findings::Findings;

/// Findings in a report; those beyond are counted.
pub const FINDINGS_MAX: usize = 100;

/// What a log is checked against.
#[derive(Debug, Clone)]
pub struct Options {
    /// The log's key, or one that the log's key was handed over from.
    pub key: VerifierKey,
    /// Witnesses whose cosignatures are checked and told of; default none.
    pub witnesses: Vec<WitnessKey>,
    /// Checkpoints of the log that the auditor kept: the log must continue each; default none.
    pub held: Vec<Checkpoint>,
    /// How many findings are told; default [`FINDINGS_MAX`].
    pub findings_max: usize,
}

impl Options {
    /// With that key, and the defaults.
    pub fn new(key: VerifierKey) -> Self {
        Self { key, witnesses: Vec::new(), held: Vec::new(), findings_max: FINDINGS_MAX }
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Entries that were read.
    pub entries: u64,
    /// Entries that the checkpoint counts.
    pub of: u64,
}

/// Verifies the log in `source`. What is wrong with the log is in the report; an error is that it could not be checked:
/// something could not be read, there is no checkpoint, or a held checkpoint is of another log.
pub fn verify(
    source: &(impl Source + ?Sized),
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report> {
    let held = held::sorted(&options.held, &options.key)?;
    let mut findings = Findings::new(options.findings_max);
    let checkpoint = match source::checkpoint(source) {
        Err(error @ Error::Malformed { .. }) => {
            findings.add(Finding::new(Code::CheckpointMalformed, error.to_string()));
            return Ok(Report::without_checkpoint(options.key.origin().clone(), findings));
        }
        checkpoint => checkpoint?,
    };
    let mut report = Report::of(&checkpoint);
    let keys = signatures(source, &checkpoint, options, &mut report, &mut findings)?;
    // A checkpoint whose signature does not hold says nothing of what the log was.
    let is_signed = !report.signed_by.is_empty();
    let sizes = held.iter().map(|held| held.size()).collect();
    let walked = walk::walk(source, &checkpoint, sizes, &mut findings, progress)?;
    if is_signed {
        held::compare(source, &checkpoint, &held, &keys, &walked, &mut findings)?;
    }
    report.finish(walked, findings);
    Ok(report)
}

/// Checks who signed, and enters it into the report. Gives the log's keys, as far as they are known.
fn signatures(
    source: &(impl Source + ?Sized),
    checkpoint: &Checkpoint,
    options: &Options,
    report: &mut Report,
    findings: &mut Findings,
) -> Result<Vec<VerifierKey>> {
    match checkpoint.cosignatures(&options.witnesses) {
        Ok(cosignatures) => report.cosigned_by = cosignatures,
        Err(error) => findings.add(Finding::new(Code::BadSignature, error.to_string())),
    }
    let error = match handover::verify(source, checkpoint, &options.key) {
        Ok(chain) => {
            report.signed_by = vec![chain.signed_by];
            return Ok(chain.keys);
        }
        Err(error) if error.is_unreadable() => return Err(error),
        Err(error) => error,
    };
    let code = match error {
        Error::WrongKey { .. } => Code::WrongKey,
        Error::WrongOrigin { .. } => Code::WrongOrigin,
        Error::BadSignature { .. } => Code::BadSignature,
        // Also where a tile is damaged in which it would stand; what is damaged is found by the walk.
        _ => Code::BadHandover,
    };
    findings.add(Finding::new(code, error.to_string()));
    Ok(vec![options.key.clone()])
}
