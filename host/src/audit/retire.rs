//! Letting go of segments: what they hold is in the logs' files and in the usage book, so the journal need not keep it.
//!
//! A segment's file is used again for a later one, as it is: its blocks are there already, so that a sync writes data
//! alone, and what it held is nothing to a reader, since every segment has a salt of its own.

use super::format::Position;
use super::journal::Audit;
use super::segment::{self, Segment};
use super::spare;
use crate::error::Result;

impl Audit {
    /// Lets go of the oldest segments, as far as everything in them is kept elsewhere, which is said of all up to
    /// `until`, and no call is open that was decided upon in them; how many. Never of the present one.
    ///
    /// # Errors
    /// `audit-unavailable` when the folder cannot be read or written; nothing is lost then.
    pub fn retire(&self, until: Position) -> Result<u64> {
        let mut retired = 0;
        for pair in segment::list(self.dir())?.windows(2) {
            let next = Segment::open(self.dir(), pair[1])?.header;
            if next.first > until || next.open.iter().any(|open| self.is_open(open.call)) {
                break;
            }
            spare::reuse(self.shared(), pair[0])?;
            retired += 1;
        }
        Ok(retired)
    }
}
