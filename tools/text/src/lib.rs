//! `catalogue/text`: counts, compares and searches texts.
//!
//! | tool | does |
//! |---|---|
//! | `text.count` | bytes, characters, words and lines of a text |
//! | `text.diff` | the unified diff of two texts |
//! | `text.extract` | what a regular expression finds, with its groups and places |
//!
//! It needs no grant, reads nothing but its arguments and answers the same to the same: `read_only` and `idempotent`.
//! Texts come as arguments, so together they are bounded by the call's limit `arguments_bytes` (1 MiB by default).

pub mod count;
pub mod diff;
pub mod extract;

use cofferdam_sdk::tools;

tools!(count::count, diff::diff, extract::extract);
