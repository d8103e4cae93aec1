//! `check`: a call's receipt, offline.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::input::{KeyArgument, read};
use crate::cosign::WitnessKey;
use crate::error::Result;
use crate::key::VerifierKey;
use crate::receipt::{RECEIPT_BYTES_MAX, Receipt};

/// Which receipt, and the keys that it is checked with.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cofferdam-auditor check receipt.json --key acme.vkey
  cofferdam-auditor check receipt.json --key acme.vkey --key acme-2027.vkey --witness witness.vkey --json

Nothing but the receipt and the keys is read.")]
pub struct Check {
    /// The receipt's file
    pub receipt: PathBuf,
    /// The log's key: a vkey, or a file that holds it; may be given more than once, where the key was handed over
    #[arg(long, value_name = "VKEY", required = true)]
    pub key: Vec<KeyArgument<VerifierKey>>,
    /// A witness's key, whose cosignature is checked and told of; may be given more than once
    #[arg(long, value_name = "VKEY")]
    pub witness: Vec<KeyArgument<WitnessKey>>,
}

impl Check {
    /// Does it; see [`super::Command::run`].
    pub fn run(&self) -> Result<Outcome> {
        let keys: Vec<_> = self.key.iter().map(|key| key.0.clone()).collect();
        let witnesses: Vec<_> = self.witness.iter().map(|witness| witness.0.clone()).collect();
        let bytes = read(&self.receipt, RECEIPT_BYTES_MAX)?;
        match Receipt::parse(&bytes).and_then(|receipt| receipt.check(&keys, &witnesses)) {
            Ok(checked) => Ok(Outcome::of(&checked, checked.to_string(), true)),
            Err(error) => Outcome::of_fault(error),
        }
    }
}
