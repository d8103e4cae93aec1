//! Calls that wait for somebody's word.

use axum::Json;
use axum::extract::State;

use super::door::Door;
use super::request::{Asked, JsonBody, Named};
use super::wire::{self, ApprovalState};
use crate::approvals::State as Became;
use crate::control::ApprovalView;
use crate::error::Result;
use crate::id::ApprovalId;
use crate::snapshot::Caller;

/// Lists calls that wait for approval, and what became of those that did, oldest first: of all keys to operators and auditors,
/// to an agent its own. One whose time is over is in the record alone.
///
/// Scopes: agent, operator or auditor.
#[utoipa::path(get, path = "/v1/approvals", tag = "approvals", params(wire::ApprovalsQuery),
    responses((status = 200, description = "The approvals, without arguments.", body = wire::Approvals)))]
pub(super) async fn list(
    State(door): State<Door>,
    caller: Caller,
    Asked(query): Asked<wire::ApprovalsQuery>,
) -> Result<Json<wire::Approvals>> {
    let approvals = door.control.approvals(&caller)?.into_iter().map(wire::Approval::from);
    let asked = approvals.filter(|approval| query.state.is_none_or(|state| state == approval.state));
    Ok(Json(wire::Approvals { approvals: asked.collect() }))
}

/// Shows an approval; with the arguments, while they are known, to a key that may decide.
///
/// Scopes: agent for its own; operator or auditor.
#[utoipa::path(get, path = "/v1/approvals/{approval}", tag = "approvals", params(("approval" = ApprovalId, Path)),
    responses((status = 200, description = "The approval.", body = wire::Approval)))]
pub(super) async fn show(
    State(door): State<Door>,
    caller: Caller,
    Named(approval): Named<ApprovalId>,
) -> Result<Json<wire::Approval>> {
    Ok(Json(door.control.approval(&caller, approval)?.into()))
}

/// Lets a call go that waits: whoever made it makes it again, once, naming the approval. Never by the key that made it.
///
/// Scopes: operator.
#[utoipa::path(post, path = "/v1/approvals/{approval}/approve", tag = "approvals", params(("approval" = ApprovalId, Path)),
    responses((status = 200, description = "The call may be made.", body = wire::Approval)))]
pub(super) async fn approve(
    State(door): State<Door>,
    caller: Caller,
    Named(approval): Named<ApprovalId>,
) -> Result<Json<wire::Approval>> {
    Ok(Json(door.control.approve_call(&caller, approval).await?.into()))
}

/// Refuses a call that waits, or is let go and not made yet, and the same call until the approval's time is over.
///
/// Scopes: operator.
#[utoipa::path(post, path = "/v1/approvals/{approval}/deny", tag = "approvals", params(("approval" = ApprovalId, Path)),
    request_body = wire::DenyApproval,
    responses((status = 200, description = "The call may not be made.", body = wire::Approval)))]
pub(super) async fn deny(
    State(door): State<Door>,
    caller: Caller,
    Named(approval): Named<ApprovalId>,
    body: JsonBody<wire::DenyApproval>,
) -> Result<Json<wire::Approval>> {
    Ok(Json(door.control.deny_call(&caller, approval, body.value.reason).await?.into()))
}

impl From<ApprovalView> for wire::Approval {
    fn from(ApprovalView { approval, name, arguments }: ApprovalView) -> Self {
        let wanted = approval.wanted;
        let (state, decided_by, reason, used_by) = match approval.state {
            Became::Waiting => (ApprovalState::Waiting, None, None, None),
            Became::Approved { by } => (ApprovalState::Approved, Some(by), None, None),
            Became::Denied { by, reason } => (ApprovalState::Denied, Some(by), Some(reason), None),
            Became::Used { by, call } => (ApprovalState::Used, Some(by), None, Some(call)),
        };
        // The router wrote them: they are JSON.
        let arguments = arguments.and_then(|text| serde_json::from_str(&text.0).ok());
        Self {
            id: approval.id,
            state,
            principal: wanted.principal,
            name,
            call: wanted.call,
            tool: wanted.tool,
            version: wanted.version,
            component: wanted.component,
            arguments,
            arguments_bytes: wanted.arguments_bytes,
            session: wanted.session,
            labels: wanted.labels,
            risk: wanted.risk,
            rules: wanted.rules,
            since: approval.since.into(),
            expires: approval.expires.into(),
            decided_by,
            reason,
            used_by,
        }
    }
}
