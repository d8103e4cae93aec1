//! The tenant's record.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Time;
use crate::audit::{Entry, Filter};
use crate::id::{CallId, PrincipalId, ToolName};

/// Which part of the record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// The first entry's index; absent: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Entries at most, from 1 to 1000; absent: 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only entries of this kind, such as `call.refused`; with a dot at its end, of all kinds that begin so: `call.`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Only what this key did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalId>,
    /// Only decisions and refusals about this tool, or about any tool of this package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolName>,
    /// Only entries about this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// `true`: only what was refused, denied, or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<bool>,
    /// Only entries from this moment on, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Only entries before this moment, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

impl AuditQuery {
    /// Which entries are asked for.
    pub fn filter(&self) -> Filter {
        Filter {
            kind: self.kind.clone(),
            principal: self.principal,
            tool: self.tool.clone(),
            call: self.call,
            failed: self.failed.unwrap_or_default(),
            since: self.since.map(|time| time.0),
            until: self.until.map(|time| time.0),
        }
    }
}

/// A part of the tenant's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// In order, and without a gap where nothing narrows what is asked for. The schema of an entry is `entry.schema.json`; its JSON is the spelling that is hashed.
    #[schema(value_type = Vec<Object>)]
    pub entries: Vec<Entry>,
    /// Where to go on, also behind a page that has few entries or none because few fit; absent where nothing more is
    /// recorded yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// What is recorded of one call: its decision, what it was denied, its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallRecord {
    /// In order.
    #[schema(value_type = Vec<Object>)]
    pub entries: Vec<Entry>,
}
