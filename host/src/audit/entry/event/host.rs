//! The host itself, and the log.

use super::content;
use crate::id::ChangeId;

content! {
    LogKeyRotated {
        /// The key that signs from now on, as signed notes spell public keys.
        after: String,
        /// The key until now.
        before: String,
        /// The change, by which it is applied once.
        change: ChangeId,
    }
    HostKeysRotated {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// Tenants' keys for payloads that were wrapped anew.
        payloads: u64,
        /// Tenants' keys for secrets that were.
        secrets: u64,
    }
    HostStarted {
        /// What the engine is, by its compatibility hash.
        engine: String,
        /// The host's version.
        version: String,
    }
    HostRecovered {
        /// Calls that had been decided upon and had not ended.
        interrupted: u64,
    }
}
