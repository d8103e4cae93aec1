//! How much can still be promised: an entry is accepted only when the disk already has room for it, and for the
//! outcomes of all calls that were let in.

use super::format::RECORD_BYTES_MAX;

/// Bytes of allocated disk, and what they are promised to.
#[derive(Debug)]
pub(super) struct Room {
    /// What is left of the present segment.
    current: u64,
    /// Appended and not written yet.
    pending: u64,
    /// Kept for outcomes.
    reserved: u64,
}

impl Room {
    pub(super) fn new(current: u64, reserved: u64) -> Self {
        Self { current, pending: 0, reserved }
    }

    /// Whether `bytes` more can be promised, `spare` being what the next segment can take. The end of a segment that
    /// the longest record would not fit into counts as lost: records do not span segments.
    pub(super) fn has(&self, bytes: u64, spare: u64) -> bool {
        let free = self.current.saturating_sub(RECORD_BYTES_MAX as u64) + spare;
        bytes + self.pending + self.reserved <= free
    }

    /// Promises `bytes` to a record and keeps `reserve` for what follows from it.
    pub(super) fn take(&mut self, bytes: u64, reserve: u64, spare: u64) -> Result<(), ()> {
        if !self.has(bytes + reserve, spare) {
            return Err(());
        }
        self.pending += bytes;
        self.reserved += reserve;
        Ok(())
    }

    /// Promises `bytes` out of a reserve that was kept for them.
    pub(super) fn take_reserved(&mut self, bytes: u64, reserve: u64) {
        self.unreserve(reserve);
        self.pending += bytes;
    }

    /// Takes back what was promised beyond what a record took.
    pub(super) fn give_back(&mut self, bytes: u64) {
        self.pending -= bytes;
    }

    pub(super) fn unreserve(&mut self, reserve: u64) {
        self.reserved = self.reserved.saturating_sub(reserve);
    }

    /// Records that `promised` had been taken for are written; so much is left of the present segment.
    pub(super) fn written(&mut self, promised: u64, current: u64) {
        self.pending -= promised;
        self.current = current;
    }

    /// What is promised and not kept yet.
    #[cfg(test)]
    pub(super) fn promised(&self) -> (u64, u64) {
        (self.pending, self.reserved)
    }
}
