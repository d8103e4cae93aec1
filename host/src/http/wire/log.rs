//! The tenant's log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::audit::log::LogKeys;

/// The tenant's log: its name, and the public keys that its checkpoints are checked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Log {
    /// The first line of every checkpoint, and the name of every key.
    pub origin: String,
    /// The keys, as signed notes spell them, oldest first; the last one signs. Keep the first: the others can be proved
    /// from it.
    pub keys: Vec<String>,
    /// Entries at present.
    pub size: u64,
}

impl From<LogKeys> for Log {
    fn from(keys: LogKeys) -> Self {
        let LogKeys { origin, keys, size } = keys;
        Self { origin: origin.to_string(), keys: keys.iter().map(ToString::to_string).collect(), size }
    }
}
