//! What can be wrong with a log: a word for programs, a sentence for people, and where.

use std::fmt;

use serde::Serialize;

macro_rules! codes {
    ($( $(#[$doc:meta])* $name:ident $code:literal )*) => {
        /// What was found. The words are never changed once released.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code { $( $(#[$doc])* $name ),* }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word, in kebab case.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$name => $code ),* }
            }
        }
    };
}

codes! {
    /// The checkpoint is not one.
    CheckpointMalformed "checkpoint-malformed"
    /// It is of another log than was asked for.
    WrongOrigin "wrong-origin"
    /// It is not signed by the log's key.
    WrongKey "wrong-key"
    /// A signature in a known key's name is not that key's.
    BadSignature "bad-signature"
    /// The log's key was not handed over as it should be.
    BadHandover "bad-handover"
    /// It contradicts a checkpoint that was held.
    Forked "forked"
    /// It is smaller than a checkpoint that was held.
    RolledBack "rolled-back"
    /// From some entry on, files that the checkpoint counts on are missing.
    Truncated "truncated"
    /// A bundle of entries is missing, and later ones are there.
    EntriesMissing "entries-missing"
    /// A bundle's lengths do not fit its bytes.
    BundleMalformed "bundle-malformed"
    /// An entry's bytes were changed.
    EntryEdited "entry-edited"
    /// An entry was taken out.
    EntryDeleted "entry-deleted"
    /// An entry was put in.
    EntryInserted "entry-inserted"
    /// An entry stands there again.
    EntryRepeated "entry-repeated"
    /// Entries stand in other places than they were written to.
    EntriesReordered "entries-reordered"
    /// Entries were changed together with their tiles; which of them, nothing shows.
    EntriesRewritten "entries-rewritten"
    /// A tile was changed; the entries below it are as they were.
    TileAltered "tile-altered"
    /// A tile is missing; the entries below it are there.
    TileMissing "tile-missing"
    /// The entries and tiles do not lead to the root that the checkpoint states.
    RootMismatch "root-mismatch"
    /// An entry is not a canonical one.
    EntryMalformed "entry-malformed"
    /// An entry is of another tenant.
    WrongTenant "wrong-tenant"
    /// A call was decided upon again.
    CallDecidedTwice "call-decided-twice"
    /// A call ended again.
    CallEndedTwice "call-ended-twice"
    /// A call ended that was not decided upon.
    CallEndedUndecided "call-ended-undecided"
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// The first entry that it is about, by its place in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// Where it is about a run of entries: the place behind the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// The file that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A sentence for people.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.heading(), self.message)
    }
}

impl Finding {
    /// What it is, and where.
    pub(super) fn heading(&self) -> String {
        let entries = match (self.entry, self.until) {
            (Some(entry), Some(until)) if until > entry + 1 => format!(", entries {entry} to {}", until - 1),
            (Some(entry), _) => format!(", entry {entry}"),
            (None, _) => String::new(),
        };
        let file = self.file.as_ref().map_or_else(String::new, |file| format!(", {file}"));
        format!("{}{entries}{file}", self.code)
    }

    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, entry: None, until: None, file: None, message: message.into() }
    }

    pub(super) fn at(code: Code, entry: u64, message: impl Into<String>) -> Self {
        Self { entry: Some(entry), ..Self::new(code, message) }
    }

    pub(super) fn run(code: Code, entry: u64, until: u64, message: impl Into<String>) -> Self {
        Self { entry: Some(entry), until: Some(until), ..Self::new(code, message) }
    }

    pub(super) fn file(code: Code, file: impl fmt::Display, message: impl Into<String>) -> Self {
        Self { file: Some(file.to_string()), ..Self::new(code, message) }
    }
}
