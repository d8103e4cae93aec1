//! `mirror`: copies a log into a folder.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::input::{Access, KeyArgument};
use crate::error::Result;
use crate::key::VerifierKey;
use crate::mirror::{Progress, mirror};

/// Which log, and where to.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example:
  cofferdam-auditor mirror https://cofferdam.example/v1/log ./acme-log --key acme.vkey

Run it again to fetch what is new: what is there is read again, and fetched again only where it does not hold. \
The folder is a log as C2SP tlog-tiles has it, which other verifiers read.")]
pub struct Mirror {
    /// A URL or a folder that has the log's `checkpoint`
    pub source: String,
    /// Where to; it is made where it is not there
    pub folder: PathBuf,
    /// The log's key, or an earlier one that it was handed over from: a vkey, or a file that holds it
    #[arg(long, value_name = "VKEY")]
    pub key: KeyArgument<VerifierKey>,
    /// What the URL asks for.
    #[command(flatten)]
    pub access: Access,
}

impl Mirror {
    /// Does it; see [`super::Command::run`].
    pub fn run(&self, progress: &mut dyn FnMut(String)) -> Result<Outcome> {
        let source = self.access.open(&self.source)?;
        let mirrored = mirror(&source, &self.folder, &self.key.0, &mut |Progress { files }| {
            progress(format!("{files} files"));
        });
        match mirrored {
            Ok(mirrored) => Ok(Outcome::of(&mirrored, mirrored.to_string(), true)),
            Err(error) => Outcome::of_fault(error),
        }
    }
}
