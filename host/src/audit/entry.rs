//! An entry of a tenant's log: who, when, what. Pure data with one canonical spelling, because its bytes are hashed.
//!
//! The spelling is JSON with sorted keys and no spaces, at most [`ENTRY_BYTES_MAX`]; [`schema`] describes it. An entry
//! never holds anything secret nor any of a call's payload: arguments and results appear as keyed digests ([`Mac`]).

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::error::Code;
use crate::id::{InvalidId, PrincipalId, TenantId, hex, serde_by_text, unhex};

pub mod encode;
mod event;
pub mod schema;
pub(crate) mod time;

pub use encode::ENTRY_BYTES_MAX;
pub use event::*;

/// One entry of one tenant's log.
///
/// Its JSON has six members: `event` (its members depend on the kind), `index`, `kind`, `principal` (absent where the
/// host acted by itself), `tenant`, `time`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Entry {
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// Its place in the tenant's log, from 0 with no gap.
    pub index: u64,
    /// Who did it; absent where the host acted by itself.
    #[serde(default)]
    pub principal: Option<PrincipalId>,
    /// Whose log it is in.
    pub tenant: TenantId,
    /// When, by the host's clock, in microseconds; clocks may step back, the index never does.
    #[serde(with = "time")]
    #[schemars(schema_with = "schema::time")]
    pub time: SystemTime,
}

impl Entry {
    /// The entry that these bytes spell.
    pub fn from_json(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = 5 + usize::from(self.principal.is_some());
        let mut entry = serializer.serialize_struct("Entry", members)?;
        entry.serialize_field("event", &Content(&self.event))?;
        entry.serialize_field("index", &self.index)?;
        entry.serialize_field("kind", self.event.kind())?;
        match &self.principal {
            Some(principal) => entry.serialize_field("principal", principal)?,
            None => entry.skip_field("principal")?,
        }
        entry.serialize_field("tenant", &self.tenant)?;
        entry.serialize_field("time", &humantime::format_rfc3339_micros(self.time).to_string())?;
        entry.end()
    }
}

/// The keyed digest (HMAC-SHA-256) of arguments or of a result, written as 64 hex digits. The key is the tenant's and
/// can be erased, after which the digest says nothing: a plain digest of a short value could be guessed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac([u8; 32]);

impl Mac {
    /// A digest computed elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Mac {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        unhex(text).map(Self).ok_or_else(|| InvalidId::new("digest", text, "64 lower-case hex digits"))
    }
}

/// How a call ended: `ok`, or the code of the error that the caller got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The tool answered.
    Ok,
    /// It did not.
    Failed(Code),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Failed(code) => code.fmt(f),
        }
    }
}

impl FromStr for Outcome {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text {
            "ok" => Ok(Self::Ok),
            _ => Code::parse(text)
                .map(Self::Failed)
                .ok_or_else(|| InvalidId::new("outcome", text, "\"ok\" or an error code")),
        }
    }
}

serde_by_text!(Mac, Outcome);

#[cfg(test)]
mod tests;
