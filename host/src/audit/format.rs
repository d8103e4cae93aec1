//! What a segment's bytes are: a header, then groups of records, then zeros. Pure: bytes in, bytes out.
//!
//! ```text
//! segment  magic[8] version:u32 length:u32 header[length]:JSON crc32c:u32   group*   zeros
//! group    salt[8] number:u32 records:u32 first:u64 time_us:u64 length:u32 crc32c:u32   record*
//! record   entry_length:u16 tenant_length:u8 zero:u8 index:u64 head[32]   tenant   entry:JSON
//! ```
//!
//! Numbers are little-endian. A group is what one write carries and one sync makes durable; its checksum covers the
//! rest of its header and its records. The salt is drawn for each segment and begins with a byte that UTF-8 never
//! holds, so that no text which someone else chose can pass for a group.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::chain::Head;
use super::entry::time;
use crate::id::{CallId, ChangeId, PrincipalId, TenantId, ToolName};

pub(super) const SEGMENT_MAGIC: [u8; 8] = *b"cfdjrnl\x01";
pub(super) const SEGMENT_VERSION: u32 = 1;
/// What stands around a segment header's JSON: magic, version, length before it, checksum behind it.
pub(super) const SEGMENT_FRAME_BYTES: usize = 16 + 4;
/// A segment header's JSON: more is not read, so that a damaged length costs no memory.
pub(super) const SEGMENT_HEADER_BYTES_MAX: usize = 256 << 20;

pub(super) const GROUP_HEADER_BYTES: usize = 40;
/// A group's records. It bounds what a reader holds in memory, and how much one sync waits for.
pub(super) const GROUP_BYTES_MAX: usize = 4 << 20;

pub(super) const RECORD_HEADER_BYTES: usize = 44;
/// Where a record's head stands.
pub(super) const RECORD_HEAD: std::ops::Range<usize> = 12..44;
/// The longest record, in a group of its own.
pub(super) const RECORD_BYTES_MAX: usize =
    GROUP_HEADER_BYTES + RECORD_HEADER_BYTES + u8::MAX as usize + u16::MAX as usize;

pub(super) type Salt = [u8; 8];

/// How many changes a segment's header names: far more than can be on their way at once.
pub(super) const CHANGES_MAX: usize = 1_024;

/// A place in the journal: how many entries of all tenants stand up to and including it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// Before the first entry.
    pub const START: Self = Self(0);
}

/// A call that was decided upon and has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCall {
    /// The call.
    pub call: CallId,
    /// When it was decided upon.
    #[serde(with = "time")]
    pub decided: SystemTime,
    /// Where the decision stands in the journal.
    pub position: Position,
    /// Who made it.
    pub principal: Option<PrincipalId>,
    /// Whose it is.
    pub tenant: TenantId,
    /// The tool that was called.
    pub tool: ToolName,
}

/// How far a tenant's log has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tip {
    /// The chain's head over all entries before `next`.
    pub head: Head,
    /// The next entry's index: how many there are.
    pub next: u64,
}

impl Tip {
    /// A log with no entry.
    pub(super) const EMPTY: Self = Self { head: Head::EMPTY, next: 0 };
}

/// What a segment opens with: all that came of the segments before it, so that recovery reads only the last one and a
/// reader can start anywhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SegmentHeader {
    /// When it was begun, in microseconds since 1970.
    pub(super) created_us: u64,
    /// Entries of all tenants before it.
    pub(super) first: Position,
    /// The last changes, oldest first, [`CHANGES_MAX`] at most.
    pub(super) changes: Vec<ChangeId>,
    /// Calls that were open.
    pub(super) open: Vec<OpenCall>,
    pub(super) salt: Salt,
    /// Its place among the segments, from 1.
    pub(super) sequence: u64,
    /// Every tenant's tip.
    pub(super) tenants: BTreeMap<String, Tip>,
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> serde_json::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&SEGMENT_MAGIC);
        bytes.extend_from_slice(&SEGMENT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        serde_json::to_writer(&mut bytes, self)?;
        let length = (bytes.len() - 16) as u32;
        bytes[12..16].copy_from_slice(&length.to_le_bytes());
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        Ok(bytes)
    }

    /// The most that a header can take with so many of each.
    pub(super) fn bytes_max(tenants: usize, open: usize) -> u64 {
        const FIXED: usize = 512;
        const TENANT: usize = 192;
        const OPEN: usize = 512;
        const CHANGE: usize = 40;
        (FIXED + tenants * TENANT + open * OPEN + CHANGES_MAX * CHANGE) as u64
    }
}

/// What a group opens with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GroupHeader {
    pub(super) salt: Salt,
    /// Its place in the segment, from 0.
    pub(super) number: u32,
    pub(super) records: u32,
    /// Entries of all tenants before it.
    pub(super) first: u64,
    /// When it was written, in microseconds since 1970.
    pub(super) time_us: u64,
    /// Its records, in bytes.
    pub(super) length: u32,
    pub(super) crc: u32,
}

impl GroupHeader {
    /// The header's bytes but for the checksum.
    fn open(&self) -> [u8; GROUP_HEADER_BYTES - 4] {
        let mut bytes = [0; GROUP_HEADER_BYTES - 4];
        bytes[..8].copy_from_slice(&self.salt);
        bytes[8..12].copy_from_slice(&self.number.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.records.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.time_us.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    /// Makes `group`, whose records stand behind room for a header, a whole one.
    pub(super) fn seal(self, group: &mut [u8]) {
        let (header, records) = group.split_at_mut(GROUP_HEADER_BYTES);
        let open = self.open();
        let crc = crc32c::crc32c_append(crc32c::crc32c(&open), records);
        header[..open.len()].copy_from_slice(&open);
        header[open.len()..].copy_from_slice(&crc.to_le_bytes());
    }

    pub(super) fn decode(bytes: &[u8; GROUP_HEADER_BYTES]) -> Self {
        Self {
            salt: array(bytes, 0),
            number: u32::from_le_bytes(array(bytes, 8)),
            records: u32::from_le_bytes(array(bytes, 12)),
            first: u64::from_le_bytes(array(bytes, 16)),
            time_us: u64::from_le_bytes(array(bytes, 24)),
            length: u32::from_le_bytes(array(bytes, 32)),
            crc: u32::from_le_bytes(array(bytes, 36)),
        }
    }

    pub(super) fn matches(&self, records: &[u8]) -> bool {
        crc32c::crc32c_append(crc32c::crc32c(&self.open()), records) == self.crc
    }
}

/// The `N` bytes at `at`. Callers have checked that they are there.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

/// One entry as it stands in a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) index: u64,
    pub(super) head: Head,
    pub(super) tenant: &'a str,
    pub(super) entry: &'a [u8],
}

impl<'a> Record<'a> {
    /// How many bytes the record takes that `bytes` begin with.
    pub(super) fn length(bytes: &[u8]) -> Option<usize> {
        let header = bytes.get(..RECORD_HEADER_BYTES)?;
        Some(RECORD_HEADER_BYTES + usize::from(header[2]) + usize::from(u16::from_le_bytes(array(header, 0))))
    }

    /// The record that `bytes` begin with, and how many bytes it takes; nothing where they do not begin with one.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let header = bytes.get(..RECORD_HEADER_BYTES)?;
        let entry_length = usize::from(u16::from_le_bytes(array(header, 0)));
        let entry_at = RECORD_HEADER_BYTES + usize::from(header[2]);
        let end = entry_at + entry_length;
        let record = Self {
            index: u64::from_le_bytes(array(header, 4)),
            head: Head::from_bytes(array(header, RECORD_HEAD.start)),
            tenant: std::str::from_utf8(bytes.get(RECORD_HEADER_BYTES..entry_at)?).ok()?,
            entry: bytes.get(entry_at..end)?,
        };
        (header[3] == 0).then_some((record, end))
    }

    /// Writes a record behind what is in `buffer`, its head still to come; `entry` writes the entry's bytes.
    pub(super) fn place(
        buffer: &mut Vec<u8>,
        tenant: &TenantId,
        index: u64,
        entry: impl FnOnce(&mut Vec<u8>) -> usize,
    ) {
        let tenant = tenant.as_str().as_bytes();
        let at = buffer.len();
        buffer.extend_from_slice(&[0, 0, tenant.len() as u8, 0]);
        buffer.extend_from_slice(&index.to_le_bytes());
        buffer.extend_from_slice(&[0; 32]);
        buffer.extend_from_slice(tenant);
        let length = entry(buffer) as u16;
        buffer[at..at + 2].copy_from_slice(&length.to_le_bytes());
    }
}
