//! `catalogue/files`: works with the files of a volume.
//!
//! | tool | does |
//! |---|---|
//! | `files.list` | the files and folders in a folder |
//! | `files.read` | a text file, or some of its lines |
//! | `files.search` | lines that match a regular expression, in all files below a folder |
//! | `files.write` | makes, replaces or extends a text file |
//!
//! It needs the grant `files`. Paths are absolute, below a mount that the grant names; one that does not begin with `/` is
//! looked for in `/work` ([`path::ROOT`]). A path with `..` is refused here, and whatever leads out of a mount by the host.
//! Read-only mounts and quotas are the grant's.

pub mod list;
pub mod path;
pub mod read;
pub mod search;
pub mod write;

use cofferdam_sdk::tools;

tools!(list::list, read::read, search::search, write::write);

#[cfg(test)]
mod tests;
