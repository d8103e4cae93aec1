//! `notes.remove`

use cofferdam_sdk::{Error, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::store::Store;

/// Which note.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Its id, as adding, listing or searching gave it.
    pub id: u64,
}

/// What became of the note.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Removed {
    /// Whether it was there. Afterwards it is not, in either case.
    pub was_there: bool,
}

/// Forget a note for good. Its id is not given again.
#[tool(destructive, idempotent, title = "Remove a note")]
pub fn remove(args: Args) -> Result<Removed, Error> {
    Ok(Removed { was_there: Store::open()?.remove(args.id)? })
}
