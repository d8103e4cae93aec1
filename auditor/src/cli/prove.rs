//! `prove`: that an entry is in a log, as a C2SP tlog-proof.

use clap::Args;
use serde_json::json;

use super::Outcome;
use super::input::{Access, KeyArgument};
use crate::error::Result;
use crate::key::VerifierKey;
use crate::log::Log;
use crate::proof::VerifiedTiles;
use crate::source::{self, Source};
use crate::tlog_proof::TlogProof;

/// Which entry of which log.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example:
  cofferdam-auditor prove ./acme-log 73894 --key acme.vkey > entry.tlog-proof

The proof is printed; with --json, the entry beside it.")]
pub struct Prove {
    /// A folder or a URL that has the log's `checkpoint`
    pub source: String,
    /// The entry's index, from 0
    pub index: u64,
    /// The log's key; without it, who signed the checkpoint is left to whoever checks the proof
    #[arg(long, value_name = "VKEY")]
    pub key: Option<KeyArgument<VerifierKey>>,
    /// What the URL asks for.
    #[command(flatten)]
    pub access: Access,
}

impl Prove {
    /// Does it; see [`super::Command::run`].
    pub fn run(&self) -> Result<Outcome> {
        let source = self.access.open(&self.source)?;
        match self.prove(&source) {
            Ok((proof, entry)) => {
                let text = proof.to_string();
                let entry = String::from_utf8_lossy(&entry);
                Ok(Outcome { json: json!({"entry": entry, "index": self.index, "proof": text}), text, ok: true })
            }
            Err(error) => Outcome::of_fault(error),
        }
    }

    fn prove(&self, source: &(impl Source + ?Sized)) -> Result<(TlogProof, Vec<u8>)> {
        if let Some(key) = &self.key {
            let log = Log::open(source, &key.0)?;
            return Ok((log.prove(self.index)?, log.tiles.entry(self.index)?));
        }
        let checkpoint = source::checkpoint(source)?;
        let tiles = VerifiedTiles::new(source, checkpoint.head())?;
        let (hashes, entry) = (tiles.prove_inclusion(self.index)?, tiles.entry(self.index)?);
        Ok((TlogProof { index: self.index, hashes, checkpoint }, entry))
    }
}
