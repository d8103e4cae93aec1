//! Where the fold over the journal has come to, so that it goes on from there: from a request, or from the last start.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::usage::UsageBook;
use crate::audit::{Audit, Position};
use crate::error::{Error, Result};
use crate::sessions::SessionBook;

/// A usage book and the place in the journal that it holds everything up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    book: UsageBook,
    sessions: SessionBook,
    position: Position,
}

/// What is kept of it. A usage book alone is what an earlier host kept.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Both { usage: UsageBook, sessions: SessionBook },
    Usage(UsageBook),
}

#[derive(Serialize)]
struct Keeping<'a> {
    usage: &'a UsageBook,
    sessions: &'a SessionBook,
}

impl Ledger {
    /// What [`Ledger::kept`] gave at `position`.
    ///
    /// # Errors
    ///
    /// `internal` when `json` is not a book.
    pub fn load(position: u64, json: &str) -> Result<Self> {
        let (book, sessions) = match serde_json::from_str(json).map_err(Error::internal)? {
            Kept::Both { usage, sessions } => (usage, sessions),
            Kept::Usage(usage) => (usage, SessionBook::default()),
        };
        Ok(Self { book, sessions, position: Position(position) })
    }

    /// The position, and the book as JSON, to be kept.
    ///
    /// # Errors
    ///
    /// `internal`, never for a book that was folded.
    pub fn kept(&self) -> Result<(u64, String)> {
        let keeping = Keeping { usage: &self.book, sessions: &self.sessions };
        Ok((self.position.0, serde_json::to_string(&keeping).map_err(Error::internal)?))
    }

    /// Takes in everything that is durable by now, and forgets days that are no longer kept. Reads files: not on an
    /// async thread.
    ///
    /// # Errors
    ///
    /// `audit-unavailable` when the journal cannot be read. What was taken in before that stays.
    pub fn catch_up(&mut self, audit: &Audit) -> Result<()> {
        let (book, sessions, position) = (&mut self.book, &mut self.sessions, &mut self.position);
        audit.fold(*position, |here, entry| {
            book.fold(&entry);
            sessions.fold(&entry);
            *position = here;
            Ok(())
        })?;
        self.book.prune(SystemTime::now());
        self.sessions.prune(SystemTime::now());
        Ok(())
    }

    /// What sessions have touched.
    pub fn sessions(&self) -> &SessionBook {
        &self.sessions
    }

    /// The book.
    pub fn book(&self) -> &UsageBook {
        &self.book
    }
}
