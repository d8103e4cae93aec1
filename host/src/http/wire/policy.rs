//! Policies, and why a call would be allowed or denied.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::{Level, Time};
pub use crate::access::RuleWarning;
use crate::id::{CallTarget, Digest, PrincipalId, ToolName};
use crate::identity::Scope;
pub use crate::policy::{
    Effect, EffectKind, Effects, Explanation, LimitsPatch, Needs, PackageEffects, RouteEffects, Use, Warning,
};
pub use crate::what_if::{
    CallsOf, Change, ChangeKind, ChangedLimit, Incomparable, Most, NotCompared, Suggestion, Trial, UseCount,
};

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

/// The access rules in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessRules {
    /// Of their text; every decision names it.
    pub digest: Digest,
    /// Since when they are in force; absent for a tenant that never had any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Cedar.
    pub text: String,
}

/// Access rules that could be put in force. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessChecked {
    /// Of the text that was checked.
    pub digest: Digest,
    /// What is lawful and probably not meant, by line.
    pub warnings: Vec<RuleWarning>,
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
    /// How many further packages there was no time for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tools_left_out: usize,
}

const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What to explain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// The tool or the route, as in a call.
    pub tool: CallTarget,
    /// For whom; absent: for whoever asks. Only operators and auditors may ask for another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalId>,
    /// For any key with this scope alone, of which no access rule speaks by name, instead of a principal: what calls of an
    /// agent's key are given, as a publisher may ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// A use of a grant to decide upon, such as `{"kind": "http", "method": "GET", "url": "https://example.com/"}`.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub asked: Option<Use>,
    /// Of a route: the arguments of the call, which are measured and not looked into; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub arguments: Option<Map<String, Value>>,
    /// Of a route: what the call would declare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Level>,
    /// Of a route: what the call would declare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complexity: Option<Level>,
}

impl ExplainRequest {
    /// What the key itself may do with it.
    pub fn new(tool: impl Into<CallTarget>) -> Self {
        let tool = tool.into();
        Self { tool, principal: None, scope: None, asked: None, arguments: None, risk: None, complexity: None }
    }
}

/// Which recorded calls a policy is tried on, and how many of them an answer names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TrialQuery {
    /// Calls decided upon from this moment on; absent: from seven days before `until` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Calls decided upon before this moment; absent: until now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Calls that each change names, from 0 to 10000; absent: 5. All changes together name 50000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u32>,
}

/// What has to be in force for a change to be made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PutQuery {
    /// The digest of the policy that this one is to take the place of: where another is in force, nothing is changed.
    /// Absent: whatever is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub before: Option<Digest>,
}

/// Which package to suggest a grant for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuggestRequest {
    /// One of its tools, or its name: rules are for whole packages.
    pub tool: ToolName,
    /// From its calls decided upon from this moment on; absent: from seven days before `until` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// From its calls decided upon before this moment; absent: until now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// The part of the record that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LookedAt {
    /// Its first moment.
    pub since: Time,
    /// The first moment behind it.
    pub until: Time,
    /// Entries of it that were looked at.
    pub entries: u64,
    /// Where it was given up, because it was too much: from this moment on, nothing was looked at. Ask again with
    /// `since` at it; calls of the same second may then be there again. Absent where all of it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Time>,
}

/// What a policy would change for recorded calls, if it were in force. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyTried {
    /// What was looked at.
    pub looked_at: LookedAt,
    /// What came of it.
    #[serde(flatten)]
    pub trial: Trial,
}

/// The smallest grant that covers what calls really used. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicySuggested {
    /// What was looked at.
    pub looked_at: LookedAt,
    /// What came of it.
    #[serde(flatten)]
    pub suggestion: Suggestion,
}
