//! Whether the host is well, without a word of any tenant.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether calls can be sent to this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// They can.
    pub ready: bool,
    /// Why not, in plain words.
    pub reasons: Vec<String>,
}
