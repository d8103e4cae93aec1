//! Policies, and why a call would be allowed or denied.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;
use crate::id::{Digest, PrincipalId, ToolRequest};
pub use crate::policy::{Explanation, LimitsPatch, Needs, Use, Warning};

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// Of its text; every decision names it.
    pub digest: Digest,
    /// Since when it is in force; absent for the one that a tenant starts with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// TOML.
    pub text: String,
}

/// A policy was put in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyPut {
    /// Of the text in force now.
    pub digest: Digest,
    /// Of the text before; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Digest>,
    /// Whether that is another one.
    pub changed: bool,
}

/// What a policy would do if it were put in force. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyChecked {
    /// Of the text that was checked.
    pub digest: Digest,
    /// What is lawful and probably not meant, by line.
    pub warnings: Vec<Warning>,
    /// What each package that the tenant can see would be granted.
    pub tools: Vec<Explanation>,
}

/// What to explain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// The tool, as in a call.
    pub tool: ToolRequest,
    /// For whom; absent: for whoever asks. Only operators and auditors may ask for another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalId>,
    /// A use of a grant to decide upon, such as `{"kind": "http", "method": "GET", "url": "https://example.com/"}`.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub asked: Option<Use>,
}
