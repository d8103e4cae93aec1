//! `wasi:filesystem`'s words for what volumes know.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, MetadataHashValue, NewTimestamp,
    OpenFlags,
};

use crate::capability::files::{Entry, Fault, Kind, Metadata, NewTime, OpenHow};

/// The interface's error for a fault; absent where the call ends. The same words in both versions of it.
macro_rules! code_of {
    ($fault:expr, $code:ident) => {{
        use $crate::capability::files::Fault;
        Some(match $fault {
            Fault::Escape | Fault::Link | Fault::NotPermitted => $code::NotPermitted,
            Fault::ReadOnly => $code::ReadOnly,
            Fault::CrossDevice => $code::CrossDevice,
            Fault::Quota => $code::Quota,
            Fault::InsufficientSpace => $code::InsufficientSpace,
            Fault::NoEntry => $code::NoEntry,
            Fault::Exist => $code::Exist,
            Fault::NotDirectory => $code::NotDirectory,
            Fault::IsDirectory => $code::IsDirectory,
            Fault::NotEmpty => $code::NotEmpty,
            Fault::Loop => $code::Loop,
            Fault::BadDescriptor => $code::BadDescriptor,
            Fault::NameTooLong => $code::NameTooLong,
            Fault::FileTooLarge => $code::FileTooLarge,
            Fault::Invalid => $code::Invalid,
            Fault::Overflow => $code::Overflow,
            Fault::Busy => $code::Busy,
            Fault::Unsupported => $code::Unsupported,
            Fault::Io => $code::Io,
            Fault::Stop(_) | Fault::Handle(_) => return None,
        })
    }};
}

/// How a path is to be opened, by the flags of either version.
macro_rules! how_of {
    ($flags:expr, $access:expr) => {{
        let (flags, access) = ($flags, $access);
        let synchronous = DescriptorFlags::FILE_INTEGRITY_SYNC
            | DescriptorFlags::DATA_INTEGRITY_SYNC
            | DescriptorFlags::REQUESTED_WRITE_SYNC;
        if access.intersects(synchronous) {
            return Err(ErrorCode::Unsupported);
        }
        Ok($crate::capability::files::OpenHow {
            create: flags.contains(OpenFlags::CREATE),
            exclusive: flags.contains(OpenFlags::EXCLUSIVE),
            folder: flags.contains(OpenFlags::DIRECTORY),
            truncate: flags.contains(OpenFlags::TRUNCATE),
            read: access.contains(DescriptorFlags::READ),
            write: access.contains(DescriptorFlags::WRITE),
        })
    }};
}

pub(in crate::capability::files) use {code_of, how_of};

/// The interface's error for `fault`; absent where the call ends.
pub(super) fn error_code(fault: &Fault) -> Option<ErrorCode> {
    code_of!(fault, ErrorCode)
}

/// What the flags ask for.
pub(super) fn open_how(flags: OpenFlags, access: DescriptorFlags) -> Result<OpenHow, ErrorCode> {
    how_of!(flags, access)
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
        NewTimestamp::Timestamp(Datetime { seconds, nanoseconds }) => {
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
        data_modification_timestamp: Some(datetime(metadata.modified)),
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
        Kind::Other => DescriptorType::Unknown,
    }
}

fn datetime(time: SystemTime) -> Datetime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Datetime { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() }
}
