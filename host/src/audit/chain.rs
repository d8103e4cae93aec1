//! The hash chain of one tenant's log: each head commits to every entry up to it, so that one changed byte shows.
//!
//! A leaf is hashed as RFC 6962 does: it is the same leaf that stands in the tenant's log.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::id::{hex, unhex};

/// Sets a head's hash apart from every other use of SHA-256.
const DOMAIN: &[u8] = b"cofferdam-chain-v1";

/// What a chain has come to: SHA-256 of `DOMAIN`, the head before, and the entry's leaf hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Head([u8; 32]);

impl Head {
    /// The head of a log with no entry.
    pub const EMPTY: Self = Self([0; 32]);

    /// The head once `entry` (its canonical bytes) is added.
    #[must_use]
    pub fn then(&self, entry: &[u8]) -> Self {
        let leaf = Sha256::new_with_prefix([0]).chain_update(entry).finalize();
        Self(Sha256::new_with_prefix(DOMAIN).chain_update(self.0).chain_update(leaf).finalize().into())
    }

    /// The head with these bytes.
    pub(super) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Head {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        unhex(&text).map(Self).ok_or_else(|| serde::de::Error::custom("a head is 64 lower-case hex digits"))
    }
}
