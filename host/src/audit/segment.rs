//! Segment files: their names, their headers, and reading their groups a piece at a time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::format::{
    GROUP_BYTES_MAX, GROUP_HEADER_BYTES, GroupHeader, Record, SEGMENT_FRAME_BYTES, SEGMENT_HEADER_BYTES_MAX,
    SEGMENT_MAGIC, SEGMENT_VERSION, Salt, SegmentHeader, array,
};
use crate::error::{Code, Error, Result};

const SUFFIX: &str = ".journal";
/// What a reader asks the file system for at once.
const READ_BYTES: usize = 1 << 20;

/// The file of the segment with this number.
pub(super) fn path(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("{sequence:012}{SUFFIX}"))
}

/// The numbers of the segments in `dir`, ascending.
pub(super) fn list(dir: &Path) -> Result<Vec<u64>> {
    let failed = |error| unreadable(dir, error);
    let mut sequences = Vec::new();
    for file in std::fs::read_dir(dir).map_err(failed)? {
        let name = file.map_err(failed)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        sequences.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    sequences.sort_unstable();
    Ok(sequences)
}

/// The record cannot be read, for a reason that the operating system gives.
pub(super) fn unreadable(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::new(Code::AuditUnavailable, "the record cannot be read")
        .next("look at the host's log for the file and the reason")
        .detail(format_args!("{}: {error}", path.display()))
}

/// The record is not what was written.
pub(super) fn corrupt(path: &Path, offset: u64, what: impl std::fmt::Display) -> Error {
    Error::new(
        Code::AuditUnavailable,
        format!("the record is damaged: {}, byte {offset}: {what}", path.display()),
    )
    .next(
        "stop the host, keep a copy of its data folder, run `cofferdam audit verify` on it to see what is concerned, and \
         put the whole data folder back from a replica or a backup: an older journal alone does not go on from the logs",
    )
}

/// An open segment whose header was read.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) header: SegmentHeader,
    /// Where its groups begin.
    pub(super) start: u64,
}

impl Segment {
    pub(super) fn open(dir: &Path, sequence: u64) -> Result<Self> {
        let path = path(dir, sequence);
        let file = File::open(&path).map_err(|error| unreadable(&path, error))?;
        let mut frame = [0; SEGMENT_FRAME_BYTES - 4];
        let bad = |what: &str| corrupt(&path, 0, what);
        let short = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => bad("the segment ends within its header"),
            _ => unreadable(&path, error),
        };
        file.read_exact_at(&mut frame, 0).map_err(short)?;
        if frame[..8] != SEGMENT_MAGIC {
            return Err(bad("this is not a segment of a journal"));
        }
        let version = u32::from_le_bytes(array(&frame, 8));
        if version != SEGMENT_VERSION {
            return Err(bad(&format!("version {version}, and this host reads version {SEGMENT_VERSION}")));
        }
        let length = u32::from_le_bytes(array(&frame, 12)) as usize;
        let file_bytes = file.metadata().map_err(|error| unreadable(&path, error))?.len();
        if length > SEGMENT_HEADER_BYTES_MAX || (length + SEGMENT_FRAME_BYTES) as u64 > file_bytes {
            return Err(bad("the segment ends within its header"));
        }
        let mut body = vec![0; length + 4];
        file.read_exact_at(&mut body, frame.len() as u64).map_err(short)?;
        let (json, crc) = body.split_at(length);
        if crc32c::crc32c_append(crc32c::crc32c(&frame), json).to_le_bytes() != *crc {
            return Err(bad("the segment header's checksum is wrong"));
        }
        let header: SegmentHeader = serde_json::from_slice(json)
            .map_err(|error| bad(&format!("the segment header does not parse: {error}")))?;
        if header.sequence != sequence {
            return Err(bad(&format!("the header is that of segment {}", header.sequence)));
        }
        Ok(Self { path, file, start: (length + SEGMENT_FRAME_BYTES) as u64, header })
    }
}

/// What stands at a reader's place.
#[derive(Debug)]
pub(super) enum Step {
    /// A whole group, now [`Groups::records`].
    Group(GroupHeader),
    /// Nothing of this segment: zeros, what the file held in an earlier use, or the end of it.
    End,
    /// What begins as a group of this segment, and why it is not the next one.
    Bad(&'static str),
}

/// Reads a segment's groups one after the other, holding one of them in memory.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) segment: Segment,
    /// Where the next group begins.
    pub(super) offset: u64,
    /// Its number.
    pub(super) number: u32,
    /// Whether to sync what was read before handing it out: so does whoever reads beside a writer of another process,
    /// where what is read may not be durable yet.
    sync: bool,
    buffer: Vec<u8>,
    /// Where in the file the buffer begins.
    buffer_offset: u64,
    records: std::ops::Range<usize>,
}

impl Groups {
    pub(super) fn new(segment: Segment, sync: bool) -> Self {
        let offset = segment.start;
        Self { segment, offset, number: 0, sync, buffer: Vec::new(), buffer_offset: offset, records: 0..0 }
    }

    pub(super) fn salt(&self) -> Salt {
        self.segment.header.salt
    }

    /// Forgets what was read ahead: a writer may have changed it since.
    pub(super) fn refresh(&mut self) {
        self.buffer.clear();
        self.buffer_offset = self.offset;
    }

    /// Makes sure that `length` bytes from `offset` on are in the buffer, fewer only at the end of the file.
    fn fill(&mut self, length: usize) -> Result<&[u8]> {
        let skip = (self.offset - self.buffer_offset) as usize;
        if self.buffer.len() < skip + length {
            self.buffer.drain(..skip.min(self.buffer.len()));
            self.buffer_offset = self.offset;
            let mut filled = self.buffer.len();
            self.buffer.resize(length.max(READ_BYTES), 0);
            while filled < self.buffer.len() {
                match self.segment.file.read_at(&mut self.buffer[filled..], self.buffer_offset + filled as u64) {
                    Ok(0) => break,
                    Ok(read) => filled += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(unreadable(&self.segment.path, error)),
                }
            }
            self.buffer.truncate(filled);
            if self.sync {
                rustix::fs::fdatasync(&self.segment.file).map_err(|error| unreadable(&self.segment.path, error))?;
            }
            return Ok(&self.buffer[..filled.min(length)]);
        }
        Ok(&self.buffer[skip..skip + length])
    }

    /// Reads the next group; behind one the place moves on, otherwise it stays.
    pub(super) fn step(&mut self) -> Result<Step> {
        let salt = self.salt();
        let bytes = self.fill(GROUP_HEADER_BYTES)?;
        // No two segments have the same salt, whatever their files were before.
        if bytes.is_empty() || !bytes.starts_with(&salt[..salt.len().min(bytes.len())]) {
            return Ok(Step::End);
        }
        let Ok(bytes) = bytes.try_into() else { return Ok(Step::Bad("the file ends within a group's header")) };
        let header = GroupHeader::decode(bytes);
        if header.length as usize > GROUP_BYTES_MAX {
            return Ok(Step::Bad("a group's length is wrong"));
        }
        let length = GROUP_HEADER_BYTES + header.length as usize;
        let group = self.fill(length)?;
        if group.len() < length {
            return Ok(Step::Bad("the file ends within a group"));
        }
        if !header.matches(&group[GROUP_HEADER_BYTES..]) {
            return Ok(Step::Bad("a group's checksum is wrong"));
        }
        if header.number != self.number {
            return Ok(Step::Bad("a group stands out of its place"));
        }
        let at = (self.offset - self.buffer_offset) as usize;
        self.records = at + GROUP_HEADER_BYTES..at + length;
        self.offset += length as u64;
        self.number += 1;
        Ok(Step::Group(header))
    }

    /// The records of the group that [`Self::step`] gave last.
    pub(super) fn records(&self) -> &[u8] {
        &self.buffer[self.records.clone()]
    }

    /// Where in the file the records of that group begin.
    pub(super) fn records_offset(&self) -> u64 {
        self.buffer_offset + self.records.start as u64
    }

    /// Goes on with the group at `offset`, whatever is before it.
    pub(super) fn seek(&mut self, offset: u64, number: u32) {
        self.offset = offset;
        self.number = number;
        self.refresh();
    }

    /// Looks from `from` on for a whole group of this segment: where it begins, and its number. A group is
    /// written only once the one before it is durable, so one that follows something bad means damage, not a torn tail.
    pub(super) fn find_later(&self, from: u64) -> Result<Option<(u64, u32)>> {
        let (file, salt) = (&self.segment.file, self.salt());
        let failed = |error| unreadable(&self.segment.path, error);
        let end = file.metadata().map_err(failed)?.len();
        let mut from = from;
        let mut buffer = vec![0; READ_BYTES];
        while from + (GROUP_HEADER_BYTES as u64) <= end {
            let length = usize::try_from(end - from).unwrap_or(usize::MAX).min(READ_BYTES);
            let piece = &mut buffer[..length];
            file.read_exact_at(piece, from).map_err(failed)?;
            let mut at = 0;
            while let Some(found) = piece[at..].iter().position(|byte| *byte == salt[0]) {
                at += found;
                let Some(bytes) = piece.get(at..at + GROUP_HEADER_BYTES) else { break };
                let header = GroupHeader::decode(&array(bytes, 0));
                let offset = from + at as u64;
                let within = offset + GROUP_HEADER_BYTES as u64 + u64::from(header.length) <= end;
                if header.salt == salt && header.length as usize <= GROUP_BYTES_MAX && within {
                    let mut records = vec![0; header.length as usize];
                    file.read_exact_at(&mut records, offset + GROUP_HEADER_BYTES as u64).map_err(failed)?;
                    if header.matches(&records) {
                        return Ok(Some((offset, header.number)));
                    }
                }
                at += 1;
            }
            // Pieces overlap, so that a header across their border is seen whole.
            from += (length + 1 - GROUP_HEADER_BYTES) as u64;
        }
        Ok(None)
    }
}

/// The records of one group; `Err` with the offset where the bytes are no record.
pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = Result<(usize, Record<'_>), usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= bytes.len() {
            return None;
        }
        let here = at;
        match Record::decode(&bytes[at..]) {
            Some((record, length)) => {
                at += length;
                Some(Ok((here, record)))
            }
            None => {
                at = bytes.len();
                Some(Err(here))
            }
        }
    })
}
