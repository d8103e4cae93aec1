//! From an event to an entry's bytes: the one canonical spelling, and the cutting of what would be too long.

use std::io::Write as _;
use std::time::SystemTime;

/// An entry's JSON, in bytes. It bounds what a tile can be asked to hold, and lets a length stand in 16 bits.
pub use cofferdam_auditor::tile::ENTRY_BYTES_MAX;

use super::{Content, Event};
use crate::error::{Error, Result};
use crate::id::{PrincipalId, TenantId};

/// What an index can add to the bytes: 20 digits.
const INDEX_BYTES_MAX: usize = 20;

/// Texts are cut to so many bytes, and lists to so many texts, in turn until the entry fits. Escaping makes a byte six
/// at most, so that the last step always fits.
const CUTS: [(usize, usize); 3] = [(4_096, 64), (1_024, 32), (200, 32)];

/// An entry's bytes but for its index, which is known only when the journal gives it its place.
#[derive(Debug)]
pub(crate) struct Unplaced {
    bytes: Vec<u8>,
    /// Where the index goes.
    split: usize,
}

impl Unplaced {
    /// Spells the entry. Fails only where an identifier by itself is too long, which no caller can bring about.
    pub(crate) fn new(
        time: SystemTime,
        tenant: &TenantId,
        principal: Option<&PrincipalId>,
        event: &Event,
    ) -> Result<Self> {
        let unplaced = Self::spell(time, tenant, principal, event)?;
        if unplaced.fits() {
            return Ok(unplaced);
        }
        let mut event = event.clone();
        for (text_bytes_max, texts_max) in CUTS {
            cut_event(&mut event, text_bytes_max, texts_max);
            let unplaced = Self::spell(time, tenant, principal, &event)?;
            if unplaced.fits() {
                return Ok(unplaced);
            }
        }
        Err(Error::internal(format_args!("an entry of kind {} is longer than {ENTRY_BYTES_MAX} bytes", event.kind())))
    }

    fn fits(&self) -> bool {
        self.bytes.len() + INDEX_BYTES_MAX <= ENTRY_BYTES_MAX
    }

    fn spell(time: SystemTime, tenant: &TenantId, principal: Option<&PrincipalId>, event: &Event) -> Result<Self> {
        let mut bytes = Vec::with_capacity(1_024);
        bytes.extend_from_slice(b"{\"event\":");
        serde_json::to_writer(&mut bytes, &Content(event)).map_err(Error::internal)?;
        bytes.extend_from_slice(b",\"index\":");
        let split = bytes.len();
        // None of these texts holds anything that JSON escapes: kinds and identifiers are plain words.
        let written = (|| {
            write!(bytes, ",\"kind\":\"{}\"", event.kind())?;
            if let Some(principal) = principal {
                write!(bytes, ",\"principal\":\"{principal}\"")?;
            }
            let time = humantime::format_rfc3339_micros(time);
            write!(bytes, ",\"tenant\":\"{}\",\"time\":\"{time}\"}}", tenant.as_str())
        })();
        written.map_err(Error::internal)?;
        Ok(Self { bytes, split })
    }

    /// The length at most, whatever index it gets.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes.len() + INDEX_BYTES_MAX
    }

    /// Writes the entry's bytes behind what is in `buffer`; the number of bytes written.
    pub(crate) fn place(&self, index: u64, buffer: &mut Vec<u8>) -> usize {
        let before = buffer.len();
        buffer.extend_from_slice(&self.bytes[..self.split]);
        let mut digits = [0; INDEX_BYTES_MAX];
        let mut first = INDEX_BYTES_MAX;
        let mut rest = index;
        loop {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        buffer.extend_from_slice(&digits[first..]);
        buffer.extend_from_slice(&self.bytes[self.split..]);
        buffer.len() - before
    }
}

/// Cuts what nothing else bounds, saying so in its place.
fn cut_event(event: &mut Event, text_bytes_max: usize, texts_max: usize) {
    let (texts, list) = event.texts_mut();
    for text in texts {
        cut_text(text, text_bytes_max);
    }
    if let Some(list) = list {
        if list.len() > texts_max {
            let more = list.len() - (texts_max - 1);
            list.truncate(texts_max - 1);
            list.push(format!("[{more} more, cut]"));
        }
        for text in list {
            cut_text(text, text_bytes_max);
        }
    }
}

fn cut_text(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        let whole = text.len();
        text.truncate(text.floor_char_boundary(bytes_max - 40));
        text.push_str(&format!("… [cut, {whole} bytes]"));
    }
}
