//! Tools: what a principal may call.

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::id::{CallTarget, ToolName};
pub use crate::policy::RiskLevel;

/// Which tools.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ToolsQuery {
    /// Only tools behind this one in the order of the list; absent: from the first on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ToolName>,
    /// Tools at most, from 1 to 10000; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// What the principal may call now, all of it and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tools {
    /// By name. Routes come with the last of the tools, whatever the limit.
    pub tools: Vec<Tool>,
    /// `after` of the next part, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<ToolName>,
}

/// A tool that may be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tool {
    /// How to ask for it: `notes.add`, `catalogue/text.count`, or a route: `routes/summarise`.
    pub name: CallTarget,
    /// Of a route: the tools that it chooses from and this key may call. All else that is told is the first one's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<ToolName>,
    /// The version that runs when none is asked for.
    #[schema(value_type = String)]
    pub version: Version,
    /// A short name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does and when to use it.
    pub description: String,
    /// JSON Schema (2020-12) of the arguments.
    #[schema(value_type = Object)]
    pub input_schema: Value,
    /// JSON Schema of its `json` answer, where it gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub output_schema: Option<Value>,
    /// What calling it can do, derived from what it imports and is granted.
    pub annotations: Annotations,
    /// What its publisher says, where this version is not to be used any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
}

/// What calling a tool can do. Derived from facts; what the tool claims of itself can only make these more careful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Annotations {
    /// It changes nothing that outlives the call.
    pub read_only: bool,
    /// It may destroy or overwrite.
    pub destructive: bool,
    /// Calling again with the same arguments changes nothing more.
    pub idempotent: bool,
    /// It reaches beyond the host.
    pub open_world: bool,
    /// The same arguments give the same answer.
    pub deterministic: bool,
    /// All of it in a word.
    pub risk: RiskLevel,
}
