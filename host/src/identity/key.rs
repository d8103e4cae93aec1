//! Keys: `cof_<tenant>_<secret>`. The tenant stands in clear so that a key is looked up where it belongs; the secret is
//! 256 random bits, so that it needs no slow hash: nobody can try enough of them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::error::{Error, Result};
use crate::id::TenantId;

/// Begins every key, so that scanners for leaked secrets can find one.
const PREFIX: &str = "cof_";
/// Bytes of a secret.
const SECRET_BYTES: usize = 32;
/// A secret's characters: base64url without padding.
const SECRET_CHARS: usize = 43;

/// A key's text, to be shown once and kept nowhere. Neither `Debug` nor `Display` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText(String);

impl KeyText {
    /// The text, for the one answer that shows it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(…)")
    }
}

/// What is kept of a key: SHA-256 of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// A hash that was kept.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether they are the same, in a time that does not depend on where they differ.
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// A key as a caller presents it: well-formed, not looked up yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Whose it says it is.
    pub tenant: TenantId,
    /// What to look up.
    pub hash: KeyHash,
}

impl Key {
    /// A new key of `tenant`.
    ///
    /// # Errors
    ///
    /// When the operating system gives no random bytes.
    pub fn generate(tenant: &TenantId) -> Result<(KeyText, KeyHash)> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(Error::internal)?;
        let text = format!("{PREFIX}{tenant}_{}", URL_SAFE_NO_PAD.encode(secret));
        let hash = hash(&text);
        Ok((KeyText(text), hash))
    }

    /// The key that `text` is; nothing where it is not well-formed.
    pub fn parse(text: &str) -> Option<Self> {
        let (tenant, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let well_formed =
            secret.len() == SECRET_CHARS && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !well_formed {
            return None;
        }
        Some(Self { tenant: tenant.parse().ok()?, hash: hash(text) })
    }
}

fn hash(text: &str) -> KeyHash {
    KeyHash(Sha256::digest(text.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_parses_to_its_tenant_and_hash_and_is_never_shown() {
        let tenant: TenantId = "acme".parse().unwrap();
        for _ in 0..100 {
            let (text, hash) = Key::generate(&tenant).unwrap();
            assert_eq!(Key::parse(text.expose()), Some(Key { tenant: tenant.clone(), hash }));
            assert!(!format!("{text:?}").contains(text.expose()));
        }
    }

    #[test]
    fn what_is_not_a_key_is_nothing() {
        let secret = "A".repeat(SECRET_CHARS);
        for text in ["", "cof_", "cof_acme", "cof_acme_short", "Cof_acme_", "cof_ACME_", "cof__", "xof_acme_"] {
            assert_eq!(Key::parse(text), None, "{text}");
        }
        assert!(Key::parse(&format!("cof_acme_{secret}")).is_some());
        for text in [
            format!("cof_acme_{secret}A"),
            format!("cof_ac me_{secret}"),
            format!("cof_acme_{}\n", &secret[1..]),
            format!("cof_acme_{}é", &secret[2..]),
        ] {
            assert_eq!(Key::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn the_tenant_in_a_key_cannot_be_changed_without_changing_its_hash() {
        let (text, hash) = Key::generate(&"acme".parse().unwrap()).unwrap();
        let forged = Key::parse(&text.expose().replace("acme", "globex")).unwrap();
        assert!(!forged.hash.is(&hash));
    }
}
