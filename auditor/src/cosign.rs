//! Witnesses' cosignatures of checkpoints, Ed25519 with a time (C2SP tlog-cosignature, `cosignature/v1`).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signer as _, VerifyingKey};
use serde::Serialize;
use signed_note::{Signature, key_id};

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::key::cut;

/// The type of these keys in a vkey and in a key's id.
const COSIGNATURE: u8 = 4;
/// A time of 8 bytes, then an Ed25519 signature.
const SIGNATURE_BYTES: usize = 8 + 64;

/// That a witness saw the log be consistent up to a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cosignature {
    /// The witness's name.
    pub witness: String,
    /// When, in seconds since 1970.
    pub time: u64,
}

/// What verifies a witness's cosignatures: a vkey of type 4.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    key: VerifyingKey,
}

impl WitnessKey {
    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> u32 {
        key_id(&self.name, &self.material())
    }

    fn material(&self) -> Vec<u8> {
        [&[COSIGNATURE], self.key.as_bytes().as_slice()].concat()
    }

    /// Whether this key goes by that name and id.
    pub(crate) fn is(&self, name: &str, id: u32) -> bool {
        self.name == name && self.id() == id
    }

    /// Checks a cosignature of a checkpoint's text.
    pub(crate) fn verify(&self, text: &str, signature: &Signature) -> Result<Cosignature> {
        let bad = || Error::BadSignature { key: format!("{}+{:08x}", self.name, self.id()) };
        let bytes: &[u8; SIGNATURE_BYTES] = signature.signature().try_into().map_err(|_| bad())?;
        let (time, signature) = bytes.split_first_chunk().ok_or_else(bad)?;
        let time = u64::from_be_bytes(*time);
        let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| bad())?;
        if time > i64::MAX as u64 || self.key.verify_strict(message(time, text).as_bytes(), &signature).is_err() {
            return Err(bad());
        }
        Ok(Cosignature { witness: self.name.clone(), time })
    }
}

impl FromStr for WitnessKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let bad = |why: &str| Error::malformed("witness key", format!("{why}: {:?}", cut(text)));
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("it is not <name>+<id>+<key>"));
        };
        let material = BASE64_STANDARD.decode(material).map_err(|_| bad("its key is not base64"))?;
        let key = match material.split_first() {
            Some((&COSIGNATURE, key)) => key.try_into().ok().and_then(|key| VerifyingKey::from_bytes(key).ok()),
            _ => return Err(bad("it is not of type 4, an Ed25519 cosigner's")),
        };
        let key = key.ok_or_else(|| bad("its key is not an Ed25519 key"))?;
        if !signed_note::is_key_name_valid(name) || format!("{:08x}", key_id(name, &material)) != id {
            return Err(bad("its id is not that of its name and key"));
        }
        Ok(Self { name: name.to_owned(), key })
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:08x}+{}", self.name, self.id(), BASE64_STANDARD.encode(self.material()))
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What makes cosignatures: a witness's key. Its debug form shows the public half alone.
#[derive(Clone)]
pub struct CosigningKey {
    name: String,
    key: ed25519_dalek::SigningKey,
}

impl CosigningKey {
    /// The key that this seed (32 random bytes, kept secret) makes. Fails where the name is not one for keys.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self> {
        if !signed_note::is_key_name_valid(name) {
            return Err(Error::malformed("witness key", "its name is empty or holds a space or a plus"));
        }
        Ok(Self { name: name.to_owned(), key: ed25519_dalek::SigningKey::from_bytes(seed) })
    }

    /// The public half.
    pub fn vkey(&self) -> WitnessKey {
        WitnessKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// Cosigns a checkpoint at this time (seconds since 1970): a signature line with its newline. Whether the log was
    /// consistent up to it is the caller's to know.
    pub fn cosign(&self, checkpoint: &Checkpoint, time: u64) -> String {
        let signature = self.key.sign(message(time, checkpoint.text()).as_bytes());
        let id = self.vkey().id().to_be_bytes();
        let bytes = [id.as_slice(), &time.to_be_bytes(), &signature.to_bytes()].concat();
        format!("\u{2014} {} {}\n", self.name, BASE64_STANDARD.encode(bytes))
    }
}

impl fmt::Debug for CosigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CosigningKey({})", self.vkey())
    }
}

/// What a witness signs.
fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}
