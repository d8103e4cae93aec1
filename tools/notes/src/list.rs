//! `notes.list`

use cofferdam_sdk::{Error, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::store::{Head, Store, check_limit};

/// Notes in one answer.
pub const LISTED_MAX: usize = 100;

/// Which notes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Only notes with this tag, without case.
    #[serde(default)]
    pub tag: Option<String>,
    /// Only notes that were added before the one with this id: for the next page, the `next` of the last answer.
    #[serde(default)]
    pub before: Option<u64>,
    /// How many to give at most, 1 to 100.
    #[serde(default = "limit")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: usize,
}

fn limit() -> usize {
    20
}

/// A page of notes.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Listed {
    /// The notes, newest first, without their texts.
    pub notes: Vec<Head>,
    /// What to give as `before` for the next page; null where this is the last.
    pub next: Option<u64>,
}

/// List notes, newest first, by title: all of them, or those with a tag. Their texts are read with `get`.
#[tool(read_only, idempotent, title = "List notes")]
pub fn list(args: Args) -> Result<Listed, Error> {
    check_limit(args.limit, LISTED_MAX)?;
    let tag = args.tag.map(|tag| tag.trim().to_lowercase());
    let mut listed = Listed { notes: Vec::new(), next: None };
    Store::open()?.look_through(args.before, |note| {
        if tag.as_ref().is_some_and(|tag| !note.tags.contains(tag)) {
            return true;
        }
        if listed.notes.len() == args.limit {
            listed.next = listed.notes.last().map(|last| last.id);
            return false;
        }
        listed.notes.push(Head::from(&note));
        true
    })?;
    Ok(listed)
}
