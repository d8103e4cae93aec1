//! `notes.get`

use cofferdam_sdk::{Error, tool};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::store::{Note, Store};

/// Which note.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Its id, as adding, listing or searching gave it.
    pub id: u64,
}

/// Read one note, whole.
#[tool(read_only, idempotent, title = "Get a note")]
pub fn get(args: Args) -> Result<Note, Error> {
    let note = Store::open()?.get(args.id)?;
    note.ok_or_else(|| Error::failed(format!("there is no note {}", args.id)))
}
