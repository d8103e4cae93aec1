//! `notes.add`

use std::time::SystemTime;

use cofferdam_sdk::{Error, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::store::{Note, Store};

/// A title, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// A text, in bytes.
pub const TEXT_BYTES_MAX: usize = 32 << 10;
/// Tags of one note.
pub const TAGS_MAX: usize = 20;
/// A tag, in characters.
pub const TAG_CHARS_MAX: usize = 50;

/// The note.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// A title to find it by, 1 to 200 characters on one line.
    #[schemars(length(min = 1, max = 200))]
    pub title: String,
    /// The text, at most 32 KiB.
    #[serde(default)]
    pub text: String,
    /// Tags to list it by, at most 20, each 1 to 50 characters, without case.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub tags: Vec<String>,
}

/// The note that was kept.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Added {
    /// Its id.
    pub id: u64,
}

/// Keep a note, so that it can be found again in later calls.
#[tool(title = "Add a note")]
pub fn add(args: Args) -> Result<Added, Error> {
    let title = args.title.trim().to_owned();
    let chars = title.chars().count();
    if !(1..=TITLE_CHARS_MAX).contains(&chars) || title.contains('\n') {
        return refuse(format!("`title` has {chars} characters; it needs 1 to {TITLE_CHARS_MAX}, on one line"));
    }
    if args.text.len() > TEXT_BYTES_MAX {
        return refuse(format!("`text` has {} bytes; the limit is {TEXT_BYTES_MAX}", args.text.len()));
    }
    let mut tags: Vec<String> = args.tags.iter().map(|tag| tag.trim().to_lowercase()).collect();
    if let Some(tag) = tags.iter().find(|tag| !(1..=TAG_CHARS_MAX).contains(&tag.chars().count())) {
        return refuse(format!("`tags`: {tag:?} does not have 1 to {TAG_CHARS_MAX} characters"));
    }
    tags.sort();
    tags.dedup();
    if tags.len() > TAGS_MAX {
        return refuse(format!("`tags` are {}; the limit is {TAGS_MAX}", tags.len()));
    }
    let store = Store::open()?;
    let id = store.next_id()?;
    let added = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    store.keep(&Note { id, title, text: args.text, tags, added })?;
    Ok(Added { id })
}

fn refuse(rule: String) -> Result<Added, Error> {
    Err(Error::invalid_arguments(rule))
}
