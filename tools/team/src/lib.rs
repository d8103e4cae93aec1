//! `catalogue/team`: four teams of tools over one task, to use, to compare and to copy from.
//!
//! | tool | who does what |
//! |---|---|
//! | `team.supervisor` | gives each document to the next worker that is free, and again where that failed |
//! | `team.round-robin` | deals the documents out beforehand, to each worker as many |
//! | `team.hierarchy` | two leads, each a supervisor of half of the documents |
//! | `team.peers` | each takes its share and hands the rest on, and adds what comes back to its own |
//! | `team.count` | the worker: counts the words of documents |
//! | `team.lead`, `team.peer` | parts of the hierarchy and of the peers |
//!
//! A tool of the package calls others of it, so it needs a grant for that: `call = ["catalogue/team"]`. Documents of which a
//! worker fails, or hangs, are said in `trouble`: to see what each team makes of that.

pub mod count;
pub mod hierarchy;
pub mod peers;
pub mod round_robin;
pub mod supervisor;
pub mod task;
#[cfg(test)]
mod tests;

use cofferdam_sdk::tools;

tools!(
    count::count,
    hierarchy::hierarchy,
    hierarchy::lead,
    peers::peer,
    peers::peers,
    round_robin::round_robin,
    supervisor::supervisor,
);
