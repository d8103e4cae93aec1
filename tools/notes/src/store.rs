//! Notes in their bucket.

use cofferdam_sdk::kv::{self, Bucket};
use cofferdam_sdk::{Error, ErrorKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The bucket that the grant names.
pub const BUCKET: &str = "notes";
/// Notes that listing and searching look at: the newest.
pub const NOTES_MAX: usize = 5_000;

/// The counter that ids come from.
const COUNTER: &str = "id";
/// What stands before a note's id in its key.
const PREFIX: &str = "note/";
/// Notes that are read at once: as large as they may be, they fit into what may cross to a tool (8 MiB).
const BATCH: usize = 30;

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// Its id, by which it is read and removed.
    pub id: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub text: String,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// When it was added, in UTC, such as `2026-03-01T12:00:00Z`.
    pub added: String,
}

/// What lists show of a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Head {
    /// Its id, by which it is read and removed.
    pub id: u64,
    /// Its title.
    pub title: String,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// When it was added, in UTC, such as `2026-03-01T12:00:00Z`.
    pub added: String,
}

impl From<&Note> for Head {
    fn from(note: &Note) -> Self {
        Self { id: note.id, title: note.title.clone(), tags: note.tags.clone(), added: note.added.clone() }
    }
}

/// The notes of this tenant.
#[derive(Debug)]
pub struct Store(Bucket);

impl Store {
    /// Opens the bucket.
    ///
    /// # Errors
    ///
    /// [`Error::denied`] without a grant for it.
    pub fn open() -> Result<Self, Error> {
        kv::open(BUCKET).map(Self)
    }

    /// An id that no other note has or will have.
    ///
    /// # Errors
    ///
    /// [`Error::denied`] where the grant is read-only.
    pub fn next_id(&self) -> Result<u64, Error> {
        self.0.increment(COUNTER, 1)
    }

    /// Keeps a note.
    ///
    /// # Errors
    ///
    /// [`Error::failed`] where the bucket is full.
    pub fn keep(&self, note: &Note) -> Result<(), Error> {
        self.0.set_json(&key(note.id), note).map_err(|error| match error.kind() {
            ErrorKind::Failed => error.about("the note was not kept; remove others first"),
            _ => error,
        })
    }

    /// A note; absent where there is none.
    ///
    /// # Errors
    ///
    /// The bucket's.
    pub fn get(&self, id: u64) -> Result<Option<Note>, Error> {
        self.0.get_json(&key(id))
    }

    /// Forgets a note, and says whether it was there.
    ///
    /// # Errors
    ///
    /// [`Error::denied`] where the grant is read-only.
    pub fn remove(&self, id: u64) -> Result<bool, Error> {
        let was_there = self.0.exists(&key(id))?;
        self.0.delete(&key(id))?;
        Ok(was_there)
    }

    /// Shows notes to `look`, newest first and only those with an id below `before`, until it says `false`.
    ///
    /// # Errors
    ///
    /// The bucket's.
    pub fn look_through(&self, before: Option<u64>, mut look: impl FnMut(Note) -> bool) -> Result<(), Error> {
        let keys: Vec<String> = self.0.keys().collect::<Result<_, _>>()?;
        let mut ids: Vec<u64> = keys.iter().filter_map(|key| id(key)).collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.truncate(NOTES_MAX);
        ids.retain(|id| before.is_none_or(|before| *id < before));
        for batch in ids.chunks(BATCH) {
            let keys: Vec<String> = batch.iter().map(|id| key(*id)).collect();
            // One that is gone was removed in between.
            for value in self.0.get_many(&keys)?.into_iter().flatten() {
                // What another tool put there under such a key is no note.
                let Ok(note) = serde_json::from_slice(&value) else { continue };
                if !look(note) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn key(id: u64) -> String {
    format!("{PREFIX}{id}")
}

fn id(key: &str) -> Option<u64> {
    key.strip_prefix(PREFIX)?.parse().ok()
}

/// Checks how many of something are asked for at once.
pub(crate) fn check_limit(limit: usize, maximum: usize) -> Result<(), Error> {
    if (1..=maximum).contains(&limit) {
        return Ok(());
    }
    Err(Error::invalid_arguments(format!("`limit` is {limit}; it is 1 to {maximum}")))
}
