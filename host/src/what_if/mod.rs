//! What another policy would have made of recorded calls: they are decided again, and grants are found that cover what
//! they used. Reads and writes nothing: entries and the texts of former policies are handed in.
//!
//! A decision follows from a version's needs, the texts of policy and access rules, the key and the moment, and the record
//! names them all. Whether
//! this host still decides as the record says is looked at first: what cannot be decided again is compared with nothing.

mod again;
mod history;
mod suggestion;
#[cfg(test)]
mod tests;
mod trial;

pub use self::again::{Incomparable, Kept, Keys, Texts};
pub use self::history::{AccessInputs, Bounds, Decided, Ended, Inputs, Looked, Recorded, Span, calls};
pub use self::suggestion::{CallsOf, Most, Suggestion, UseCount, suggest};
pub use self::trial::{Change, ChangeKind, ChangedLimit, NotCompared, Trial, Tried, try_policy};
