//! The tenant's policy, and what it would decide.

use axum::Json;
use axum::extract::State;

use super::door::Door;
use super::request::{JsonBody, TomlBody};
use super::wire;
use crate::error::Result;
use crate::snapshot::Caller;

/// Shows the policy in force.
///
/// Scopes: operator or auditor.
#[utoipa::path(get, path = "/v1/policy", tag = "policy",
    responses((status = 200, description = "The policy in force.", body = wire::Policy)))]
pub(super) async fn show(State(door): State<Door>, caller: Caller) -> Result<Json<wire::Policy>> {
    let policy = door.control.policy(&caller)?;
    Ok(Json(wire::Policy { digest: policy.digest, since: policy.since.map(Into::into), text: policy.text }))
}

/// Puts a policy in force, from the next call on. One that is not valid changes nothing.
///
/// Scopes: operator.
#[utoipa::path(put, path = "/v1/policy", tag = "policy",
    request_body(content = String, content_type = "application/toml", description = "The policy, TOML."),
    responses((status = 200, description = "It is in force.", body = wire::PolicyPut)))]
pub(super) async fn put(
    State(door): State<Door>,
    caller: Caller,
    TomlBody(text): TomlBody,
) -> Result<Json<wire::PolicyPut>> {
    let put = door.control.set_policy(&caller, &text).await?;
    Ok(Json(wire::PolicyPut { digest: put.digest, before: Some(put.before), changed: put.changed }))
}

/// Checks a policy, and says what it would give to each package. Nothing is changed.
///
/// Scopes: any.
#[utoipa::path(post, path = "/v1/policy/check", tag = "policy",
    request_body(content = String, content_type = "application/toml", description = "The policy, TOML."),
    responses((status = 200, description = "It is valid, and would do this.", body = wire::PolicyChecked)))]
pub(super) async fn check(
    State(door): State<Door>,
    caller: Caller,
    TomlBody(text): TomlBody,
) -> Result<Json<wire::PolicyChecked>> {
    let checked = door.control.check_policy(&caller, &text)?;
    let tools = checked.packages.into_iter().map(|(_, explanation)| explanation).collect();
    Ok(Json(wire::PolicyChecked { digest: checked.digest, warnings: checked.warnings, tools }))
}

/// Explains what policy decides of a tool, without running it.
///
/// Scopes: any; operator or auditor to ask for another principal.
#[utoipa::path(post, path = "/v1/explain", tag = "policy", request_body = wire::ExplainRequest,
    responses((status = 200, description = "The decision as data.", body = wire::Explanation)))]
pub(super) async fn explain(
    State(door): State<Door>,
    caller: Caller,
    body: JsonBody<wire::ExplainRequest>,
) -> Result<Json<wire::Explanation>> {
    let wire::ExplainRequest { tool, principal, asked } = body.value;
    Ok(Json(door.router.explain(&caller, &tool, principal, asked.as_ref())?))
}
