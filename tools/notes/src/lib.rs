//! `catalogue/notes`: keeps notes between calls, for one tenant.
//!
//! | tool | does |
//! |---|---|
//! | `notes.add` | keeps a note, and gives its id |
//! | `notes.get` | one note, whole |
//! | `notes.list` | titles, newest first, page by page, all or those with a tag |
//! | `notes.search` | notes that hold some words |
//! | `notes.remove` | forgets a note |
//!
//! It needs the grant `kv` of the bucket `notes` ([`store::BUCKET`]), read-only for those that only read. Ids come from a
//! counter of the bucket, so two calls at once never take the same. How much it keeps is the grant's to say (`bytes_max`,
//! `keys_max`); it looks at the newest 5,000 ([`store::NOTES_MAX`]).

pub mod add;
pub mod get;
pub mod list;
pub mod remove;
pub mod search;
pub mod store;

use cofferdam_sdk::tools;

tools!(add::add, get::get, list::list, search::search, remove::remove);

#[cfg(test)]
mod tests;
