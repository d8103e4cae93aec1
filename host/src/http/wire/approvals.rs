//! Calls that wait for somebody's word.

use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::Time;
use crate::id::{ApprovalId, CallId, Digest, PrincipalId, SessionId, ToolName};
use crate::labels::Brought;
use crate::routed::Level;

/// Approvals that are not over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Approvals {
    /// Oldest first.
    pub approvals: Vec<Approval>,
}

/// A call that waits for approval, or did.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// What became of it.
    pub state: ApprovalState,
    /// The key that made the call.
    pub principal: PrincipalId,
    /// What its owner calls that key; absent where it is not valid any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The call that was parked. It does not run: the one that the approval lets go has an id of its own.
    pub call: CallId,
    /// The tool.
    pub tool: ToolName,
    /// Its version.
    #[schema(value_type = String)]
    pub version: Version,
    /// The component that would run.
    pub component: Digest,
    /// The arguments, to a key that may decide, while it waits; absent where they are longer than 64 KiB, too many others wait,
    /// or the host was started since: the call made again brings them back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub arguments: Option<Map<String, Value>>,
    /// Their length as JSON text.
    pub arguments_bytes: u64,
    /// The session that the call named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// What that session had touched, each label by the call that brought it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Brought>,
    /// How much the call could bring about.
    pub risk: Level,
    /// The rules that want it approved.
    pub rules: Vec<String>,
    /// When it was asked for.
    pub since: Time,
    /// When it is over, if nobody decides, or if it is not used.
    pub expires: Time,
    /// The key that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<PrincipalId>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The call that used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<CallId>,
}

impl fmt::Debug for Approval {
    /// Without the arguments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, state, tool, principal, .. } = self;
        f.debug_struct("Approval")
            .field("id", id)
            .field("state", state)
            .field("tool", tool)
            .field("principal", principal)
            .finish_non_exhaustive()
    }
}

/// What became of an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalState {
    /// Nobody has decided.
    Waiting,
    /// The call may be made, once.
    Approved,
    /// It may not be made.
    Denied,
    /// It was made.
    Used,
}

impl ApprovalState {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Approved, Self::Denied, Self::Used];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Used => "used",
        }
    }
}

/// Which approvals are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApprovalsQuery {
    /// Those that this became of; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ApprovalState>,
}

/// Why a call may not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DenyApproval {
    /// For whoever made it, and for the record.
    pub reason: String,
}
