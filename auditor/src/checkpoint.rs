//! Checkpoints: a tree's size and root, signed by the log's key and cosigned by witnesses (C2SP tlog-checkpoint).

use std::fmt;

use signed_note::{Note, Signature, Signer, Verifier as _};

use crate::cosign::{Cosignature, WitnessKey};
use crate::error::{Error, Result};
use crate::key::{Origin, SigningKey, VerifierKey};
use crate::tile::TREE_SIZE_MAX;
use crate::tree::TreeHead;

/// A checkpoint's bytes, signatures and all.
pub const CHECKPOINT_BYTES_MAX: usize = 64 << 10;

/// A checkpoint with its signatures. Parsing it says nothing about who signed it: [`Checkpoint::verify`] does.
#[derive(Clone, PartialEq)]
pub struct Checkpoint {
    origin: Origin,
    head: TreeHead,
    /// What is signed: the lines before the empty one.
    text: String,
    signatures: Vec<Signature>,
}

impl Checkpoint {
    /// States the tree of `head`, signed by `key`.
    pub fn sign(key: &SigningKey, head: TreeHead) -> Self {
        let origin = key.origin().clone();
        let text = format!("{origin}\n{}\n{}\n", head.size, head.root);
        let mut checkpoint = Self { origin, head, text, signatures: Vec::new() };
        checkpoint.add_signature(key);
        checkpoint
    }

    /// Adds a signature: at a handover, the new key's.
    pub fn add_signature(&mut self, key: &SigningKey) {
        self.add(key);
    }

    pub(crate) fn add(&mut self, signer: &dyn Signer) {
        // Ed25519 signs every message, and the names of keys here are valid.
        let signed = signer
            .sign(self.text.as_bytes())
            .map(|signature| Signature::new(signer.name().to_owned(), signer.key_id(), signature));
        if let Ok(Ok(signature)) = signed {
            self.signatures.retain(|held| (held.name(), held.id()) != (signature.name(), signature.id()));
            self.signatures.push(signature);
        }
    }

    /// Reads a checkpoint, of at most [`CHECKPOINT_BYTES_MAX`]. Lines beyond origin, size and root are not taken: our
    /// logs have none.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bad = |why: &str| Error::malformed("checkpoint", why);
        if bytes.len() > CHECKPOINT_BYTES_MAX {
            return Err(bad("it is longer than 64 KiB"));
        }
        let note = Note::from_bytes(bytes).map_err(|_| bad("it is not a signed note"))?;
        let stated = tlog_tiles::Checkpoint::from_bytes(note.text())
            .map_err(|_| bad("its text is not an origin, a size and a root"))?;
        if stated.to_bytes() != note.text() || !stated.extension().is_empty() {
            return Err(bad("its text is not just an origin, a size and a root"));
        }
        if stated.size() > TREE_SIZE_MAX {
            return Err(bad("its size is not one that a tree can have"));
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| bad("it is not UTF-8"))?;
        let (_, signatures) = whole.rsplit_once("\n\n").ok_or_else(|| bad("it has no signatures"))?;
        let signatures = signature_lines(signatures)?;
        Ok(Self {
            origin: stated.origin().parse()?,
            head: TreeHead { size: stated.size(), root: *stated.hash() },
            text: whole[..note.text().len()].to_owned(),
            signatures,
        })
    }

    /// Whose checkpoint it says it is.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The tree's size and root.
    pub fn head(&self) -> TreeHead {
        self.head
    }

    /// The tree's size, in entries.
    pub fn size(&self) -> u64 {
        self.head.size
    }

    /// What is signed: three lines, each with its newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Which of these keys signed it: at least one. Fails with `wrong-origin` where it is of another log than the keys
    /// are, with `bad-signature` where a signature in a key's name is not the key's, else with `wrong-key`.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>> {
        if let Some(other) = keys.iter().find(|key| *key.origin() != self.origin) {
            let (wanted, found) = (other.origin().to_string(), self.origin.to_string());
            return Err(Error::WrongOrigin { wanted, found });
        }
        let mut signed = Vec::new();
        for key in keys {
            let verifier = key.verifier();
            let mut named = self
                .signatures
                .iter()
                .filter(|s| s.name() == verifier.name() && s.id() == verifier.key_id())
                .peekable();
            if named.peek().is_some() {
                if !named.all(|signature| key.verifies(self.text.as_bytes(), signature.signature())) {
                    return Err(Error::BadSignature { key: key.short() });
                }
                signed.push(key);
            }
        }
        if signed.is_empty() {
            let wanted = keys.iter().map(VerifierKey::short).collect::<Vec<_>>().join(" or ");
            return Err(Error::WrongKey { origin: self.origin.to_string(), wanted });
        }
        Ok(signed)
    }

    /// The cosignatures by these witnesses; none is no fault. Fails where one in a witness's name is not the witness's.
    pub fn cosignatures(&self, witnesses: &[WitnessKey]) -> Result<Vec<Cosignature>> {
        let mut found = Vec::new();
        for signature in &self.signatures {
            for witness in witnesses.iter().filter(|witness| witness.is(signature.name(), signature.id())) {
                found.push(witness.verify(&self.text, signature)?);
            }
        }
        Ok(found)
    }

    /// Adds signature lines, such as a witness's answer. Lines that are there already are not added twice.
    pub fn add_signature_lines(&mut self, lines: &str) -> Result<()> {
        for signature in signature_lines(lines)? {
            if !self.signatures.contains(&signature) {
                self.signatures.push(signature);
            }
        }
        Ok(())
    }

    /// The same checkpoint with the last only of several signatures by one key: a witness may sign as often as it likes.
    #[must_use]
    pub fn with_one_signature_a_key(&self) -> Self {
        let mut checkpoint = self.clone();
        checkpoint.signatures.clear();
        for signature in &self.signatures {
            checkpoint.signatures.retain(|held| (held.name(), held.id()) != (signature.name(), signature.id()));
            checkpoint.signatures.push(signature.clone());
        }
        checkpoint
    }

    /// The signatures alone, each as a line with its newline.
    pub fn signature_lines(&self) -> String {
        self.signatures.iter().map(|signature| String::from_utf8_lossy(&signature.to_bytes()).into_owned()).collect()
    }

    /// The same checkpoint with none but the signatures for which `keep` says so, by key name and key id.
    #[must_use]
    pub fn with_signatures(&self, mut keep: impl FnMut(&str, u32) -> bool) -> Self {
        let mut checkpoint = self.clone();
        checkpoint.signatures.retain(|signature| keep(signature.name(), signature.id()));
        checkpoint
    }
}

/// The signed note: what is served as `checkpoint`.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.text, self.signature_lines())
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The signatures of these lines, each ended by a newline.
pub(crate) fn signature_lines(lines: &str) -> Result<Vec<Signature>> {
    let bad = || Error::malformed("signature", "it is not a line of a signed note");
    let lines = lines.strip_suffix('\n').ok_or_else(bad)?;
    lines.split('\n').map(|line| Signature::from_bytes(line.as_bytes()).map_err(|_| bad())).collect()
}
