//! `consistency`: two checkpoints of one log.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::input::{Access, KeyArgument, checkpoint};
use crate::consistency::check;
use crate::error::Result;
use crate::key::VerifierKey;

/// Which two checkpoints, and where the log's tiles are.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example:
  cofferdam-auditor consistency january.checkpoint february.checkpoint https://cofferdam.example/v1/log --key acme.vkey")]
pub struct Consistency {
    /// The older checkpoint's file
    pub old: PathBuf,
    /// The newer checkpoint's file
    pub new: PathBuf,
    /// A folder or a URL that has the log's tiles
    pub source: String,
    /// The log's key, or an earlier one that it was handed over from: a vkey, or a file that holds it
    #[arg(long, value_name = "VKEY")]
    pub key: KeyArgument<VerifierKey>,
    /// What the URL asks for.
    #[command(flatten)]
    pub access: Access,
}

impl Consistency {
    /// Does it; see [`super::Command::run`].
    pub fn run(&self) -> Result<Outcome> {
        let (old, new) = (checkpoint(&self.old)?, checkpoint(&self.new)?);
        let source = self.access.open(&self.source)?;
        match check(&source, &old, &new, &self.key.0) {
            Ok(consistent) => Ok(Outcome::of(&consistent, consistent.to_string(), true)),
            Err(error) => Outcome::of_fault(error),
        }
    }
}
