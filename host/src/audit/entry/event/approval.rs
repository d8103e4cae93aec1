//! Approvals: calls that wait for somebody's word, and what became of them. That one was used is in the call's decision.

use std::time::SystemTime;

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};

use super::content;
use crate::audit::entry::{Mac, schema, time};
use crate::id::{ApprovalId, CallId, ChangeId, Digest, PrincipalId, SessionId, ToolName};
use crate::labels::Brought;
use crate::routed::Level;

content! {
    ApprovalAsked {
        /// The approval.
        approval: ApprovalId,
        /// The arguments' keyed digest.
        arguments: Mac,
        /// The arguments' length as JSON text.
        arguments_bytes: u64,
        /// The call that was parked. It does not run: what the approval lets go is a call of its own.
        call: CallId,
        /// The digest of the platform's ceiling that it was decided under.
        ceiling: Digest,
        /// The component that would run.
        component: Digest,
        /// When it is over, if nobody decides.
        #[serde(with = "time")]
        #[schemars(schema_with = "schema::time")]
        expires: SystemTime,
        /// The labels that its session had, where policy has rules of flow.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        labels: Vec<Brought>,
        /// The digest of the tenant's policy that it was decided under.
        policy: Digest,
        /// How much the call could bring about.
        risk: Level,
        /// The rules that want it approved.
        rules: Vec<String>,
        /// The session that it named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        /// The tool.
        tool: ToolName,
        /// Its version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    ApprovalDecided {
        /// The approval.
        approval: ApprovalId,
        /// Whether the call may be made.
        approved: bool,
        /// The change, by which it is applied once.
        change: ChangeId,
        /// When it is over, if it is not used; a refusal stands until then.
        #[serde(with = "time")]
        #[schemars(schema_with = "schema::time")]
        expires: SystemTime,
        /// Whose call it is.
        principal: PrincipalId,
        /// Why not, in the words of whoever decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The tool.
        tool: ToolName,
    }
    ApprovalExpired {
        /// The approval.
        approval: ApprovalId,
        /// What ended it.
        why: ApprovalEnd,
    }
}

/// What ends an approval that was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalEnd {
    /// Its time.
    Time,
    /// The key that approved it is not valid any more, or may not approve it any more.
    Approver,
}

impl ApprovalEnd {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Approver => "approver",
        }
    }
}
