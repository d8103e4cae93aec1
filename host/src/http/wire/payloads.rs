//! What is kept of calls beside the record, and calls run again.

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Content, Json, Time};
use crate::audit::entry::ReplayOutcome;
use crate::id::{CallId, Digest, ToolName};

/// What is kept of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Payload {
    /// The call.
    pub call: CallId,
    /// Until when it is kept.
    pub until: Time,
    /// The arguments, as the tool read them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub arguments: Option<Json>,
    /// The result, where the call gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<PayloadResult>,
    /// How many answers of the host are kept of it, where that is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_calls: Option<u64>,
    /// Pieces that should be here and are not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_there: Vec<NotThere>,
}

/// A call's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PayloadResult {
    /// The tool said that its work failed.
    pub is_error: bool,
    /// What it answered, in order.
    pub content: Vec<Content>,
}

/// A piece that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotThere {
    /// `arguments`, `result` or `recording`.
    pub piece: String,
    /// Why.
    pub why: WhyNot,
}

/// Why a piece is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhyNot {
    /// The tenant's payloads had no room for it.
    NoRoom,
    /// What lies there is not what the host kept: it was altered, or put there from another call.
    Altered,
}

/// What a call is run again with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// The call's arguments, where those that are kept are not to be used; they have to have the digest that is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub arguments: Option<Map<String, Value>>,
    /// Another version of the tool's package, to see whether it would have done the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub version: Option<Version>,
}

/// What came of running a call again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replayed {
    /// The call.
    pub call: CallId,
    /// Its tool.
    pub tool: ToolName,
    /// The version that was to run again.
    #[schema(value_type = String)]
    pub version: Version,
    /// The component that was to; absent where there is no such version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Digest>,
    /// Whether it did the same: host calls, outcome, result and fuel; of another version not the fuel.
    pub outcome: ReplayOutcome,
    /// The first difference, or why nothing can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<String>,
    /// Units of fuel that it used; absent where nothing ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
}
