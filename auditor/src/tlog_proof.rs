//! A proof that an entry is in a log, as text that needs nothing but the log's key to be checked (C2SP tlog-proof).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tlog_tiles::{Hash, record_hash};

use crate::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint};
use crate::error::{Error, Result};
use crate::proof::{PROOF_HASHES_MAX, Tiles, check_inclusion, prove_inclusion};

/// A proof's bytes: its hashes and its checkpoint, with room for extra data of others.
pub const PROOF_BYTES_MAX: usize = CHECKPOINT_BYTES_MAX + (64 << 10);

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// An inclusion proof together with the checkpoint that it leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct TlogProof {
    /// The entry's index.
    pub index: u64,
    /// From the leaf's sibling up to the root's child.
    pub hashes: Vec<Hash>,
    /// The tree's checkpoint, with all its signatures.
    pub checkpoint: Checkpoint,
}

impl TlogProof {
    /// Proves the entry at `index`. Fails where a tile is missing or is not the checkpoint's tree's, naming it.
    pub fn make(tiles: &(impl Tiles + ?Sized), checkpoint: &Checkpoint, index: u64) -> Result<Self> {
        let hashes = prove_inclusion(tiles, checkpoint.head(), index)?;
        Ok(Self { index, hashes, checkpoint: checkpoint.clone() })
    }

    /// Checks that these bytes are the entry at the index. Who signed the checkpoint is [`Checkpoint::verify`]'s.
    pub fn check(&self, entry: &[u8]) -> Result<()> {
        check_inclusion(&self.hashes, self.checkpoint.head(), self.index, record_hash(entry))
    }
}

impl FromStr for TlogProof {
    type Err = Error;

    /// Reads the text. Extra data, which nothing authenticates and ours do not have, is passed over.
    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::malformed("proof", why);
        if text.len() > PROOF_BYTES_MAX {
            return Err(bad("it is longer than 128 KiB"));
        }
        let (proof, checkpoint) = text.split_once("\n\n").ok_or_else(|| bad("it has no checkpoint"))?;
        let mut lines = proof.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(bad("it does not begin with c2sp.org/tlog-proof@v1"));
        }
        if let Some(extra) = lines.next_if(|line| line.starts_with("extra ")) {
            BASE64_STANDARD.decode(&extra["extra ".len()..]).map_err(|_| bad("its extra data is not base64"))?;
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or_else(|| bad("it has no index"))?;
        let hashes =
            lines.map(Hash::parse_hash).collect::<Result<Vec<_>, _>>().map_err(|_| bad("a hash is not one"))?;
        if hashes.len() > PROOF_HASHES_MAX {
            return Err(bad("it has more than 63 hashes"));
        }
        Ok(Self { index, hashes, checkpoint: Checkpoint::parse(checkpoint.as_bytes())? })
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}\nindex {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// A number in decimal without leading zeros or sign.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
