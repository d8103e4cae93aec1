//! The tenant's access rules: who may do what.

use axum::Json;
use axum::extract::State;

use super::door::Door;
use super::policy::calls;
use super::request::{Asked, CedarBody};
use super::wire;
use crate::error::Result;
use crate::snapshot::Caller;

/// Shows the access rules in force.
///
/// Scopes: operator or auditor.
#[utoipa::path(get, path = "/v1/policy/access", tag = "policy",
    responses((status = 200, description = "The access rules in force.", body = wire::AccessRules)))]
pub(super) async fn show_access(State(door): State<Door>, caller: Caller) -> Result<Json<wire::AccessRules>> {
    let access = door.control.access(&caller)?;
    Ok(Json(wire::AccessRules { digest: access.digest, since: access.since.map(Into::into), text: access.text }))
}

/// Puts access rules in force, from the next request on. Rules that are not valid change nothing.
///
/// Scopes: operator.
#[utoipa::path(put, path = "/v1/policy/access", tag = "policy",
    request_body(content = String, content_type = "text/plain", description = "The access rules, Cedar."),
    responses((status = 200, description = "They are in force.", body = wire::PolicyPut)))]
pub(super) async fn put_access(
    State(door): State<Door>,
    caller: Caller,
    CedarBody(text): CedarBody,
) -> Result<Json<wire::PolicyPut>> {
    let put = door.control.set_access(&caller, &text).await?;
    Ok(Json(wire::PolicyPut { digest: put.digest, before: Some(put.before), changed: put.changed }))
}

/// Checks access rules. Nothing is changed.
///
/// Scopes: any.
#[utoipa::path(post, path = "/v1/policy/access/check", tag = "policy",
    request_body(content = String, content_type = "text/plain", description = "The access rules, Cedar."),
    responses((status = 200, description = "They are valid.", body = wire::AccessChecked)))]
pub(super) async fn check_access(
    State(door): State<Door>,
    caller: Caller,
    CedarBody(text): CedarBody,
) -> Result<Json<wire::AccessChecked>> {
    let checked = door.control.check_access(&caller, &text).await?;
    Ok(Json(wire::AccessChecked { digest: checked.digest, warnings: checked.warnings }))
}

/// Tries access rules on recorded calls: which would be decided differently under them, the policy in force and the
/// platform's files as they are. Nothing is changed.
///
/// Scopes: operator or auditor.
#[utoipa::path(post, path = "/v1/policy/access/try", tag = "policy", params(wire::TrialQuery),
    request_body(content = String, content_type = "text/plain", description = "The access rules, Cedar."),
    responses((status = 200, description = "What would change.", body = wire::PolicyTried)))]
pub(super) async fn try_access(
    State(door): State<Door>,
    caller: Caller,
    Asked(query): Asked<wire::TrialQuery>,
    CedarBody(text): CedarBody,
) -> Result<Json<wire::PolicyTried>> {
    let span = (query.since.map(|time| time.0), query.until.map(|time| time.0));
    let (trial, looked_at) = door.control.try_access(&caller, &text, span, calls(&query)?).await?;
    Ok(Json(wire::PolicyTried { looked_at: looked_at.into(), trial }))
}
