//! The record: what was decided, how it ended and what was changed, one hash-chained log for each tenant, kept in one
//! journal for each host.
//!
//! Every entry of every tenant goes through one append-only journal ([`Audit`]), so that ten thousand tenants cost one
//! stream of syncs. An entry's index in its tenant's log is fixed when it is appended; it counts as recorded once the
//! group that holds it is on disk ([`Audit::durable`]).

pub mod entry;

mod chain;
mod disk;
mod filter;
mod follow;
mod format;
mod journal;
pub mod log;
pub mod measure;
mod read;
mod recover;
mod retire;
mod room;
mod segment;
mod spare;
mod state;
mod verify;
mod writer;

pub use chain::Head;
pub use entry::{Entry, Event};
pub use filter::Filter;
pub use format::{OpenCall, Position, Tip};
pub use journal::{Audit, Recovered, STALL_MAX, SYNC_DELAY, Settings};
#[cfg(test)]
pub(crate) use read::read;
pub use recover::lock;
pub use verify::{Fault, Finding, Place, Report, verify, verify_with_progress};

#[cfg(test)]
pub(crate) mod tests;
