//! Secrets, without their values.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;
use crate::id::SecretName;

/// A secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretInfo {
    /// Its name.
    pub name: SecretName,
    /// Which value of that name it has; the first is 1, and none is ever another's.
    pub version: u64,
    /// When that was set.
    pub since: Time,
}

/// The tenant's secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Secrets {
    /// By name.
    pub secrets: Vec<SecretInfo>,
}
