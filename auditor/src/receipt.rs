//! A call's receipt: its entries, each with the proof that it is in the log. The log's key is all that checking takes.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::checkpoint::Checkpoint;
use crate::cosign::{Cosignature, WitnessKey};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::key::{Origin, VerifierKey};
use crate::proof::{Tiles, VerifiedTiles};
use crate::tlog_proof::TlogProof;

/// Entries in a receipt: a call's decision and outcome, and what it was denied in between.
pub const RECEIPT_ENTRIES_MAX: usize = 1_000;
/// A receipt's bytes.
pub const RECEIPT_BYTES_MAX: usize = 64 << 20;

/// A receipt as it is handed on: `{"call": "<uuid>", "entries": [{"entry": "<JSON text>", "proof": "<tlog-proof>"}]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The call.
    pub call: Uuid,
    /// What the log has on it, by index.
    pub entries: Vec<ReceiptEntry>,
}

/// One entry of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptEntry {
    /// The entry's bytes as they are in the log.
    pub entry: String,
    /// Its C2SP tlog-proof.
    pub proof: String,
}

/// What a receipt shows, once all of it was checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Checked {
    /// The call.
    pub call: Uuid,
    /// The log that it is from.
    pub origin: Origin,
    /// What was decided before it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided: Option<Entry>,
    /// How it ended; where there is none, the receipt does not say whether it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Entry>,
    /// Why it was not let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Entry>,
    /// What else is on it: capabilities that it was denied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Entry>,
    /// The largest tree that it was shown to be in, in entries.
    pub size: u64,
    /// The keys that signed the checkpoints.
    pub signed_by: Vec<VerifierKey>,
    /// The witnesses that cosigned the largest tree's checkpoint.
    pub cosigned_by: Vec<Cosignature>,
}

impl Receipt {
    /// Makes a call's receipt from the entries at these indexes. Fails where a tile is missing or is not the
    /// checkpoint's tree's, naming it.
    pub fn make(tiles: &(impl Tiles + ?Sized), checkpoint: &Checkpoint, call: Uuid, indexes: &[u64]) -> Result<Self> {
        let tiles = VerifiedTiles::new(tiles, checkpoint.head())?;
        let entries = indexes.iter().map(|&index| {
            let entry = String::from_utf8(tiles.entry(index)?);
            let entry = entry.map_err(|_| Error::malformed("entry", "it is not UTF-8"))?;
            let proof = TlogProof { index, hashes: tiles.prove_inclusion(index)?, checkpoint: checkpoint.clone() };
            Ok(ReceiptEntry { entry, proof: proof.to_string() })
        });
        Ok(Self { call, entries: entries.collect::<Result<_>>()? })
    }

    /// Reads a receipt, of at most [`RECEIPT_BYTES_MAX`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(Error::malformed("receipt", "it is longer than 64 MiB"));
        }
        serde_json::from_slice(bytes).map_err(|error| Error::malformed("receipt", error.to_string()))
    }

    /// Checks all that a receipt says, offline. `keys` are those of one log, before and after handovers; `witnesses`
    /// those whose cosignatures are to be told of.
    pub fn check(&self, keys: &[VerifierKey], witnesses: &[WitnessKey]) -> Result<Checked> {
        let bad = |why: String| Error::BadReceipt { why };
        let Some(key) = keys.first() else { return Err(bad("there is no key to check it with".to_owned())) };
        if self.entries.is_empty() || self.entries.len() > RECEIPT_ENTRIES_MAX {
            return Err(bad(format!("it has {} entries, not 1 to {RECEIPT_ENTRIES_MAX}", self.entries.len())));
        }
        let mut checked = Checked::nothing(self.call, key.origin().clone());
        let mut before = None;
        for ReceiptEntry { entry, proof } in &self.entries {
            let proof: TlogProof = proof.parse()?;
            for signer in proof.checkpoint.verify(keys)? {
                if !checked.signed_by.contains(signer) {
                    checked.signed_by.push(signer.clone());
                }
            }
            let cosigned_by = proof.checkpoint.cosignatures(witnesses)?;
            proof.check(entry.as_bytes())?;
            if proof.checkpoint.size() >= checked.size {
                (checked.size, checked.cosigned_by) = (proof.checkpoint.size(), cosigned_by);
            }
            let entry = Entry::parse(entry.as_bytes())?;
            if entry.index != proof.index {
                return Err(bad(format!("the entry at {} says that it is at {}", proof.index, entry.index)));
            }
            if before.is_some_and(|before| before >= entry.index) {
                return Err(bad(format!("entry {} is not behind the one before it", entry.index)));
            }
            before = Some(entry.index);
            if entry.tenant != checked.origin.tenant() {
                return Err(bad(format!("entry {} is of tenant {}", entry.index, crate::key::cut(&entry.tenant))));
            }
            if entry.call() != Some(self.call) {
                return Err(bad(format!("entry {} is not about call {}", entry.index, self.call)));
            }
            checked.take(entry)?;
        }
        Ok(checked)
    }
}

impl Checked {
    fn nothing(call: Uuid, origin: Origin) -> Self {
        Self {
            call,
            origin,
            decided: None,
            ended: None,
            refused: None,
            others: Vec::new(),
            size: 0,
            signed_by: Vec::new(),
            cosigned_by: Vec::new(),
        }
    }

    /// Puts an entry where its kind belongs. A call is decided once, before it ends, and ends once.
    fn take(&mut self, entry: Entry) -> Result<()> {
        let bad = |why: &str| Err(Error::BadReceipt { why: format!("entry {} {why}", entry.index) });
        let place = match entry.kind.as_str() {
            "call.decided" if self.ended.is_some() => return bad("decides upon the call after its end"),
            "call.ended" if self.decided.is_none() => return bad("ends the call, whose decision is not there"),
            "call.decided" => &mut self.decided,
            "call.ended" => &mut self.ended,
            "call.refused" => &mut self.refused,
            _ => {
                self.others.push(entry);
                return Ok(());
            }
        };
        if place.is_some() {
            return bad("is the second of its kind");
        }
        *place = Some(entry);
        Ok(())
    }
}

/// A few lines for people.
impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "call {} is in the log {}, among its first {} entries", self.call, self.origin, self.size)?;
        let mut line = |what: &str, entry: &Entry, member: &str| {
            let text = entry.text(member).map(|text| format!(": {}", crate::key::cut(text))).unwrap_or_default();
            writeln!(f, "  {what} at {} (entry {}){text}", entry.time, entry.index)
        };
        if let Some(entry) = &self.decided {
            line("decided", entry, "tool")?;
        }
        for entry in &self.others {
            line(&entry.kind, entry, "action")?;
        }
        match (&self.ended, &self.refused) {
            (Some(entry), _) => line("ended", entry, "outcome")?,
            (None, Some(entry)) => line("refused", entry, "code")?,
            (None, None) => writeln!(f, "  whether it ended is not in this receipt")?,
        }
        for key in &self.signed_by {
            writeln!(f, "  signed by {}", key.short())?;
        }
        for cosignature in &self.cosigned_by {
            writeln!(f, "  cosigned by {} at {}", cosignature.witness, cosignature.time)?;
        }
        Ok(())
    }
}
