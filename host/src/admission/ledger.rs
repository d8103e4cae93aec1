//! Where the fold over the journal has come to, so that it goes on from there: from a request, or from the last start.

use std::time::SystemTime;

use super::usage::UsageBook;
use crate::audit::{Audit, Position};
use crate::error::{Error, Result};

/// A usage book and the place in the journal that it holds everything up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    book: UsageBook,
    position: Position,
}

impl Ledger {
    /// What [`Ledger::kept`] gave at `position`.
    ///
    /// # Errors
    ///
    /// `internal` when `json` is not a book.
    pub fn load(position: u64, json: &str) -> Result<Self> {
        Ok(Self { book: serde_json::from_str(json).map_err(Error::internal)?, position: Position(position) })
    }

    /// The position, and the book as JSON, to be kept.
    ///
    /// # Errors
    ///
    /// `internal`, never for a book that was folded.
    pub fn kept(&self) -> Result<(u64, String)> {
        Ok((self.position.0, serde_json::to_string(&self.book).map_err(Error::internal)?))
    }

    /// Takes in everything that is durable by now, and forgets days that are no longer kept. Reads files: not on an
    /// async thread.
    ///
    /// # Errors
    ///
    /// `audit-unavailable` when the journal cannot be read. What was taken in before that stays.
    pub fn catch_up(&mut self, audit: &Audit) -> Result<()> {
        let (book, position) = (&mut self.book, &mut self.position);
        audit.fold(*position, |here, entry| {
            book.fold(&entry);
            *position = here;
            Ok(())
        })?;
        self.book.prune(SystemTime::now());
        Ok(())
    }

    /// The book.
    pub fn book(&self) -> &UsageBook {
        &self.book
    }
}
