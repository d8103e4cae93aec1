//! `verify`: goes through a whole log.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::input::{Access, KeyArgument, checkpoint};
use crate::cosign::WitnessKey;
use crate::error::Result;
use crate::key::VerifierKey;
use crate::verify::{FINDINGS_MAX, Options, Progress, verify};

/// Which log, and what it is checked against.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cofferdam-auditor verify ./acme-log --key acme.vkey
  cofferdam-auditor verify https://cofferdam.example/v1/log --key acme.vkey --held may.checkpoint

Every entry, every tile, the root, the signature and the handovers of the key are checked. With --held, also that \
the log continues the checkpoints that you kept: a host that signs can rewrite what nobody remembers.")]
pub struct Verify {
    /// A folder or a URL that has the log's `checkpoint`
    pub source: String,
    /// The log's key, or an earlier one that it was handed over from: a vkey, or a file that holds it
    #[arg(long, value_name = "VKEY")]
    pub key: KeyArgument<VerifierKey>,
    /// A checkpoint from before, which the log must continue; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub held: Vec<PathBuf>,
    /// A witness's key, whose cosignature is checked and told of; may be given more than once
    #[arg(long, value_name = "VKEY")]
    pub witness: Vec<KeyArgument<WitnessKey>>,
    /// Tell so many findings at most, and count the rest
    #[arg(long, value_name = "COUNT", default_value_t = FINDINGS_MAX)]
    pub findings_max: usize,
    /// What the URL asks for.
    #[command(flatten)]
    pub access: Access,
}

impl Verify {
    /// Does it; see [`super::Command::run`].
    pub fn run(&self, progress: &mut dyn FnMut(String)) -> Result<Outcome> {
        let source = self.access.open(&self.source)?;
        let options = Options {
            key: self.key.0.clone(),
            witnesses: self.witness.iter().map(|witness| witness.0.clone()).collect(),
            held: self.held.iter().map(|path| checkpoint(path)).collect::<Result<_>>()?,
            findings_max: self.findings_max,
        };
        let report = verify(&source, &options, &mut |Progress { entries, of }| {
            progress(format!("{entries} of {of} entries"));
        })?;
        Ok(Outcome::of(&report, report.to_string(), report.is_ok()))
    }
}
