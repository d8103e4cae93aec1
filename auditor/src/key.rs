//! Keys of a log: who it is (its origin), what verifies its signatures, and what makes them.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::Signer as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use signed_note::{StandardVerifier, Verifier as _};

use crate::error::{Error, Result};

/// An origin's length, in bytes: what C2SP's cosigned messages can hold.
const ORIGIN_BYTES_MAX: usize = 255;

/// Which log it is: `<name>/<tenant>/<incarnation>`, such as `cofferdam.example/acme/3f9a0c52d1e84b7a`.
///
/// It is the first line of each checkpoint and the name of each of the log's keys. The incarnation, 16 hex digits, is
/// the journal's that wrote it: another journal of the same tenant is another log.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    text: String,
    /// Where the tenant begins and ends.
    tenant: (usize, usize),
}

impl Origin {
    /// Puts an origin together. Fails where a part is not as [`Origin`] says.
    pub fn new(name: &str, tenant: &str, incarnation: &str) -> Result<Self> {
        format!("{name}/{tenant}/{incarnation}").parse()
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host's name: all before the tenant.
    pub fn name(&self) -> &str {
        &self.text[..self.tenant.0 - 1]
    }

    /// The tenant.
    pub fn tenant(&self) -> &str {
        &self.text[self.tenant.0..self.tenant.1]
    }

    /// The incarnation: 16 lower-case hex digits.
    pub fn incarnation(&self) -> &str {
        &self.text[self.tenant.1 + 1..]
    }
}

impl FromStr for Origin {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: &str| Err(Error::malformed("origin", format!("{why}: {:?}", cut(text))));
        if text.len() > ORIGIN_BYTES_MAX {
            return bad("it is longer than 255 bytes");
        }
        let mut parts = text.rsplitn(3, '/');
        let (Some(incarnation), Some(tenant), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return bad("it is not <name>/<tenant>/<incarnation>");
        };
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if incarnation.len() != 16 || !incarnation.bytes().all(is_hex) {
            return bad("the incarnation is not 16 lower-case hex digits");
        }
        if tenant.is_empty() || !tenant.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return bad("the tenant is not of lower-case letters, digits and hyphens");
        }
        if !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'+') || !signed_note::is_key_name_valid(name) {
            return bad("the name is not of printable ASCII without plus");
        }
        let start = name.len() + 1;
        Ok(Self { text: text.to_owned(), tenant: (start, start + tenant.len()) })
    }
}

/// What verifies a log's signatures: a C2SP vkey of type 1 (Ed25519) whose name is the origin.
#[derive(Clone)]
pub struct VerifierKey {
    origin: Origin,
    vkey: String,
    verifier: StandardVerifier,
}

impl VerifierKey {
    /// Whose signatures it verifies.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The name and the id, as signatures are recognised by: for messages.
    pub fn short(&self) -> String {
        format!("{}+{:08x}", self.origin, self.verifier.key_id())
    }

    /// Whether this is a signature of `text` by this key.
    pub fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify(text, signature)
    }

    pub(crate) fn verifier(&self) -> StandardVerifier {
        self.verifier.clone()
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let verifier = StandardVerifier::new(text)
            .map_err(|error| Error::malformed("verifier key", format!("{error}: {:?}", cut(text))))?;
        let origin: Origin = verifier.name().parse()?;
        // The id can be spelt in capitals too; keys are compared by their text, so that it has one spelling here.
        // Base64 has pluses of its own: the key is all behind the second.
        let material = text.splitn(3, '+').nth(2).unwrap_or_default();
        let vkey = format!("{origin}+{:08x}+{material}", verifier.key_id());
        Ok(Self { origin, vkey, verifier })
    }
}

impl PartialEq for VerifierKey {
    fn eq(&self, other: &Self) -> bool {
        self.vkey == other.vkey
    }
}

impl Eq for VerifierKey {}

/// What signs a log's checkpoints. Its debug form shows the verifier key alone.
#[derive(Clone)]
pub struct SigningKey {
    origin: Origin,
    id: u32,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// The key that this seed (32 random bytes, kept secret) makes for this log.
    pub fn from_seed(origin: Origin, seed: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let id = signed_note::key_id(origin.as_str(), &[&[1], key.verifying_key().as_bytes().as_slice()].concat());
        Self { origin, id, key }
    }

    /// Whose checkpoints it signs.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The public half, which auditors are given.
    pub fn vkey(&self) -> VerifierKey {
        let vkey = signed_note::new_ed25519_verifier_key(self.origin.as_str(), &self.key.verifying_key());
        // A key is rejected only for its name, and an origin is a valid one, or for not being a point, which it is.
        vkey.parse().unwrap_or_else(|error| unreachable!("{error}"))
    }
}

impl signed_note::Signer for SigningKey {
    fn name(&self) -> &str {
        self.origin.as_str()
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, ed25519_dalek::SignatureError> {
        self.key.try_sign(message).map(|signature| signature.to_vec())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.vkey())
    }
}

/// The beginning of a text that came from outside, so that no message is a megabyte.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(120).collect()
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.vkey)
    }
}

/// Implements debug and serde by the text.
macro_rules! by_text {
    ($($name:ty),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
by_text!(Origin, VerifierKey);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_whatever_their_base64_holds() {
        let origin: Origin = "log.example/acme/0123456789abcdef".parse().unwrap();
        for seed in 0..=u8::MAX {
            let vkey = SigningKey::from_seed(origin.clone(), &[seed; 32]).vkey();
            let text = vkey.to_string();
            assert_eq!(text.parse::<VerifierKey>().unwrap(), vkey);
            // In capitals the id is the same one.
            let (name, rest) = text.split_once('+').unwrap();
            let (id, material) = rest.split_once('+').unwrap();
            let loud = format!("{name}+{}+{material}", id.to_uppercase());
            assert_eq!(loud.parse::<VerifierKey>().unwrap().to_string(), text);
        }
    }
}
