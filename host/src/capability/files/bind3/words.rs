//! `wasi:filesystem` 0.3's words for what volumes know.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime_wasi::p3::bindings::clocks::system_clock::Instant;
use wasmtime_wasi::p3::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, MetadataHashValue, NewTimestamp,
    OpenFlags,
};

use crate::capability::files::bind::words;
use crate::capability::files::{Entry, Fault, Kind, Metadata, NewTime, OpenHow};

/// The interface's error for `fault`; absent where the call ends.
pub(super) fn error_code(fault: &Fault) -> Option<ErrorCode> {
    words::code_of!(fault, ErrorCode)
}

/// What the flags ask for.
pub(super) fn open_how(flags: OpenFlags, access: DescriptorFlags) -> Result<OpenHow, ErrorCode> {
    words::how_of!(flags, access)
}

/// What something open can be used for.
pub(super) fn flags(read: bool, write: bool, change: bool) -> DescriptorFlags {
    [(read, DescriptorFlags::READ), (write, DescriptorFlags::WRITE), (change, DescriptorFlags::MUTATE_DIRECTORY)]
        .into_iter()
        .filter(|(has, _)| *has)
        .fold(DescriptorFlags::empty(), |flags, (_, flag)| flags | flag)
}

/// The time that is to be set.
pub(super) fn new_time(time: NewTimestamp) -> Result<NewTime, ErrorCode> {
    Ok(match time {
        NewTimestamp::NoChange => NewTime::Same,
        NewTimestamp::Now => NewTime::Now,
        NewTimestamp::Timestamp(Instant { seconds, nanoseconds }) => {
            // Volumes know no time before 1970.
            let seconds = u64::try_from(seconds).map_err(|_| ErrorCode::Invalid)?;
            if nanoseconds >= 1_000_000_000 {
                return Err(ErrorCode::Invalid);
            }
            let time = UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds));
            NewTime::At(time.ok_or(ErrorCode::Overflow)?)
        }
    })
}

pub(super) fn stat(metadata: &Metadata) -> DescriptorStat {
    DescriptorStat {
        type_: kind(metadata.kind),
        // Links cannot be made, so nothing has a second one as far as a guest can tell.
        link_count: 1,
        size: metadata.bytes,
        data_access_timestamp: None,
        data_modification_timestamp: Some(instant(metadata.modified)),
        status_change_timestamp: None,
    }
}

pub(super) fn entry(entry: Entry) -> DirectoryEntry {
    DirectoryEntry { type_: kind(entry.kind), name: entry.name }
}

pub(super) fn hash((lower, upper): (u64, u64)) -> MetadataHashValue {
    MetadataHashValue { lower, upper }
}

fn kind(kind: Kind) -> DescriptorType {
    match kind {
        Kind::File => DescriptorType::RegularFile,
        Kind::Folder => DescriptorType::Directory,
        Kind::Link => DescriptorType::SymbolicLink,
        Kind::Other => DescriptorType::Other(None),
    }
}

fn instant(time: SystemTime) -> Instant {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanoseconds: since.subsec_nanos() }
}
