//! Entries as they lie in bundles, and what of an entry an auditor looks at.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::tile::ENTRY_BYTES_MAX;

/// Appends an entry to a bundle: its length as 16 bits, big-endian, then its bytes. It must not be longer than that.
pub(crate) fn bundle_push(bundle: &mut Vec<u8>, entry: &[u8]) {
    debug_assert!(entry.len() <= ENTRY_BYTES_MAX);
    bundle.extend_from_slice(&(entry.len() as u16).to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// The entries of a bundle, in order. Where the last is cut short, it is an error and the end.
pub fn bundle_entries(bundle: &[u8]) -> impl Iterator<Item = Result<&[u8]>> {
    let mut rest = bundle;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let entry = rest
            .split_first_chunk()
            .and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_be_bytes(*length))));
        let Some((entry, after)) = entry else {
            rest = &[];
            return Some(Err(Error::malformed("entry bundle", "its last entry is cut short")));
        };
        rest = after;
        Some(Ok(entry))
    })
}

/// The length in bytes of a bundle's first `width` entries; none where it has fewer.
pub(crate) fn bundle_prefix(bundle: &[u8], width: u32) -> Option<usize> {
    let mut length = 0;
    let mut entries = bundle_entries(bundle);
    for _ in 0..width {
        length += 2 + entries.next()?.ok()?.len();
    }
    Some(length)
}

/// An entry, as far as an auditor reads it: the members that every entry has, and the event as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What the kind says of it; for kinds that are about a call, its member `call` is that call's id.
    pub event: serde_json::Map<String, Value>,
    /// Its place in the log, from 0.
    pub index: u64,
    /// What happened, such as `call.decided`.
    pub kind: String,
    /// Who did it; absent where the host acted by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Whose log it is in.
    pub tenant: String,
    /// When, by the host's clock: RFC 3339 with microseconds.
    pub time: String,
}

impl Entry {
    /// Reads an entry's bytes, which must be the one canonical spelling: members sorted, no spaces, none twice.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bad = |why: String| Error::malformed("entry", why);
        if bytes.len() > ENTRY_BYTES_MAX {
            return Err(bad(format!("it is longer than {ENTRY_BYTES_MAX} bytes")));
        }
        let value: Value = serde_json::from_slice(bytes).map_err(|error| bad(format!("it is not JSON: {error}")))?;
        if !is_sorted(&value) || !spells(&value, bytes) {
            return Err(bad("it is not in the canonical spelling".to_owned()));
        }
        Self::deserialize(value).map_err(|error| bad(error.to_string()))
    }

    /// The call that it is about, by the event's member `call`.
    pub fn call(&self) -> Option<Uuid> {
        let text = self.event.get("call")?.as_str()?;
        let call = Uuid::try_parse(text).ok()?;
        // Hyphens and lower case: a call has one spelling.
        (call.to_string() == text).then_some(call)
    }

    /// A text of the event.
    pub fn text(&self, member: &str) -> Option<&str> {
        self.event.get(member)?.as_str()
    }
}

/// Whether `value` written in compact form is these bytes. Members that came twice, spaces and other escapes are not.
fn spells(value: &Value, bytes: &[u8]) -> bool {
    /// Compares what is written with what should be, instead of keeping it.
    struct Compare<'a>(&'a [u8]);
    impl std::io::Write for Compare<'_> {
        fn write(&mut self, written: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.strip_prefix(written).ok_or(std::io::ErrorKind::InvalidData)?;
            Ok(written.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut compare = Compare(bytes);
    serde_json::to_writer(&mut compare, value).is_ok() && compare.0.is_empty()
}

/// Whether all objects' members are in order; a map that keeps the order of insertion would not sort them by itself.
fn is_sorted(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.keys().is_sorted() && members.values().all(is_sorted),
        Value::Array(items) => items.iter().all(is_sorted),
        _ => true,
    }
}
