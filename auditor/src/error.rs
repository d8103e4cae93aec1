//! Why something could not be checked, or does not hold; each with a code that programs can match.

use std::io;

use crate::tile::TilePath;

/// What this library's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A fault. Texts name the thing at fault; [`Error::code`] is for programs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read: nothing is known about its content.
    #[error("{what} could not be read: {source}")]
    Read {
        /// The file, or where it should be.
        what: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file could not be written.
    #[error("{what} could not be written: {source}")]
    Write {
        /// The file.
        what: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Something does not have the form that it must have.
    #[error("{what} is malformed: {why}")]
    Malformed {
        /// What it should be.
        what: &'static str,
        /// The rule that it breaks.
        why: String,
    },
    /// A file that the checkpoint counts on is not there.
    #[error("{what} is missing")]
    Missing {
        /// The file.
        what: String,
    },
    /// A tile is not what the tree above it says.
    #[error("{tile} is altered: it does not hash to what the tree above it says")]
    TileAltered {
        /// The tile.
        tile: TilePath,
    },
    /// The partial tiles at the tree's right edge do not make up the root.
    #[error("the tree of {size} entries has another root: one of {} is altered, or the checkpoint is of another tree",
        crate::tile::list(.tiles))]
    RootMismatch {
        /// The tree's size, in entries.
        size: u64,
        /// The tiles that the root is computed from.
        tiles: Vec<TilePath>,
    },
    /// An entry is not what the tree says.
    #[error("entry {index} is altered: it does not hash to what the tree says")]
    EntryAltered {
        /// Its index.
        index: u64,
    },
    /// There is no signature by any of the keys that are trusted.
    #[error("the checkpoint of {origin} is not signed by {wanted}")]
    WrongKey {
        /// The checkpoint's origin.
        origin: String,
        /// The keys that would do, by name and id.
        wanted: String,
    },
    /// A signature names a trusted key and is not that key's.
    #[error("the signature by {key} is not valid: the text or the signature was changed")]
    BadSignature {
        /// The key, by name and id.
        key: String,
    },
    /// Something belongs to another log.
    #[error("this is of {found}, not of {wanted}")]
    WrongOrigin {
        /// The origin that was expected.
        wanted: String,
        /// The origin that stands there.
        found: String,
    },
    /// A proof does not lead to the root.
    #[error("the proof does not hold: {why}")]
    BadProof {
        /// What it should prove.
        why: String,
    },
    /// Two checkpoints of one log contradict each other.
    #[error("the log was forked: {why}")]
    Forked {
        /// Which checkpoints, and how.
        why: String,
    },
    /// A log is smaller than it was.
    #[error("the log was rolled back: it has {now} entries and had {before}")]
    RolledBack {
        /// The size before, in entries.
        before: u64,
        /// The size now, in entries.
        now: u64,
    },
    /// A key was not handed over as the log's rules ask for.
    #[error("handover {number} does not hold: {why}")]
    BadHandover {
        /// Its number, from 1.
        number: u32,
        /// Which rule it breaks.
        why: String,
    },
    /// An index is not below the size.
    #[error("there is no entry {index} in a tree of {size}")]
    NoSuchEntry {
        /// The index asked for.
        index: u64,
        /// The tree's size, in entries.
        size: u64,
    },
    /// A receipt does not show what it should.
    #[error("the receipt does not hold: {why}")]
    BadReceipt {
        /// Which rule it breaks.
        why: String,
    },
    /// A witness did not cosign.
    #[error("the witness answered {status}: {why}")]
    Witness {
        /// The HTTP status.
        status: u16,
        /// What it says.
        why: String,
    },
}

impl Error {
    /// The fault as a word in kebab case: for programs, never changed once released.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "unreadable",
            Self::Write { .. } => "unwritable",
            Self::Malformed { .. } => "malformed",
            Self::Missing { .. } => "missing",
            Self::TileAltered { .. } => "tile-altered",
            Self::RootMismatch { .. } => "root-mismatch",
            Self::EntryAltered { .. } => "entry-edited",
            Self::WrongKey { .. } => "wrong-key",
            Self::BadSignature { .. } => "bad-signature",
            Self::WrongOrigin { .. } => "wrong-origin",
            Self::BadProof { .. } => "bad-proof",
            Self::Forked { .. } => "forked",
            Self::RolledBack { .. } => "rolled-back",
            Self::BadHandover { .. } => "bad-handover",
            Self::NoSuchEntry { .. } => "no-such-entry",
            Self::BadReceipt { .. } => "bad-receipt",
            Self::Witness { .. } => "witness-refused",
        }
    }

    /// Whether nothing could be learnt, as opposed to something being wrong with what was read.
    pub const fn is_unreadable(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::Write { .. })
    }

    pub(crate) fn read(what: impl Into<String>, source: io::Error) -> Self {
        Self::Read { what: what.into(), source }
    }

    pub(crate) fn malformed(what: &'static str, why: impl Into<String>) -> Self {
        Self::Malformed { what, why: why.into() }
    }
}
