//! Policies, and why a call would be allowed or denied.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Time;
use crate::id::{Digest, PrincipalId, ToolRequest};

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyChecked {
    /// Of the text that was checked.
    pub digest: Digest,
    /// What is valid and probably not meant, each with its line and the key.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub warnings: Vec<Value>,
    /// What each package would be granted: one [`Explanation`] for each.
    pub tools: Vec<Explanation>,
}

/// What to explain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// The tool, as in a call.
    pub tool: ToolRequest,
    /// For whom; absent: for whoever asks. Only operators and auditors may ask for another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalId>,
    /// A use of a grant to decide upon, such as `{"kind": "http", "method": "GET", "url": "https://example.com/"}`.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub used: Option<Map<String, Value>>,
}

/// A decision as data: whether a call would run, with what in hand, and which rules said so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct Explanation(pub Map<String, Value>);
