//! The tenant's policy, and what it would decide.

use axum::Json;
use axum::extract::State;

use super::door::Door;
use super::request::{Asked, JsonBody, TomlBody};
use super::wire;
use crate::control::LookedAt;
use crate::error::{Code, Error, Result};
use crate::id::CallTarget;
use crate::routed::Declared;
use crate::router::{AskedFor, AskedRoute};
use crate::snapshot::Caller;

/// Calls that a change names where no number is asked for.
const CALLS: u32 = 5;
/// Calls that can be asked for.
const CALLS_MAX: u32 = 10_000;

/// Shows the policy in force.
///
/// Scopes: operator or auditor.
#[utoipa::path(get, path = "/v1/policy", tag = "policy",
    responses((status = 200, description = "The policy in force.", body = wire::Policy)))]
pub(super) async fn show(State(door): State<Door>, caller: Caller) -> Result<Json<wire::Policy>> {
    let policy = door.control.policy(&caller)?;
    Ok(Json(wire::Policy { digest: policy.digest, since: policy.since.map(Into::into), text: policy.text }))
}

/// Puts a policy in force, from the next call on. One that is not valid changes nothing; nor does any, with `before`, where
/// another is in force than that.
///
/// Scopes: operator.
#[utoipa::path(put, path = "/v1/policy", tag = "policy", params(wire::PutQuery),
    request_body(content = String, content_type = "application/toml", description = "The policy, TOML."),
    responses((status = 200, description = "It is in force.", body = wire::PolicyPut)))]
pub(super) async fn put(
    State(door): State<Door>,
    caller: Caller,
    Asked(query): Asked<wire::PutQuery>,
    TomlBody(text): TomlBody,
) -> Result<Json<wire::PolicyPut>> {
    let put = door.control.replace_policy(&caller, &text, query.before).await?;
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
    let checked = door.control.check_policy(&caller, &text).await?;
    let tools = checked.packages.into_iter().map(|(_, explanation)| explanation).collect();
    let tools_left_out = checked.packages_left_out;
    Ok(Json(wire::PolicyChecked { digest: checked.digest, warnings: checked.warnings, tools, tools_left_out }))
}

/// Tries a policy on recorded calls: which would be decided differently under it and the present ceiling, and which really
/// used something that it would not grant. Nothing is changed.
///
/// Scopes: operator or auditor.
#[utoipa::path(post, path = "/v1/policy/try", tag = "policy", params(wire::TrialQuery),
    request_body(content = String, content_type = "application/toml", description = "The policy, TOML."),
    responses((status = 200, description = "What would change.", body = wire::PolicyTried)))]
pub(super) async fn try_on(
    State(door): State<Door>,
    caller: Caller,
    Asked(query): Asked<wire::TrialQuery>,
    TomlBody(text): TomlBody,
) -> Result<Json<wire::PolicyTried>> {
    let span = (query.since.map(|time| time.0), query.until.map(|time| time.0));
    let (trial, looked_at) = door.control.try_policy(&caller, &text, span, calls(&query)?).await?;
    Ok(Json(wire::PolicyTried { looked_at: looked_at.into(), trial }))
}

/// How many calls each change of a trial is to name.
pub(super) fn calls(query: &wire::TrialQuery) -> Result<usize> {
    let calls = query.calls.unwrap_or(CALLS);
    if calls > CALLS_MAX {
        return Err(Error::new(Code::InvalidRequest, format!("calls is from 0 to {CALLS_MAX}"))
            .next("ask for fewer, or about a shorter time")
            .fact("limit", "calls")
            .fact("maximum", CALLS_MAX));
    }
    Ok(calls as usize)
}

/// Compares a policy with the one in force by what both do: what each package that the tenant can see gains and loses.
/// Nothing is changed.
///
/// Scopes: operator or auditor.
#[utoipa::path(post, path = "/v1/policy/diff", tag = "policy",
    request_body(content = String, content_type = "application/toml", description = "The policy, TOML."),
    responses((status = 200, description = "What would change.", body = wire::Effects)))]
pub(super) async fn diff(
    State(door): State<Door>,
    caller: Caller,
    TomlBody(text): TomlBody,
) -> Result<Json<wire::Effects>> {
    Ok(Json(door.control.diff_policy(&caller, &text).await?))
}

/// Suggests the smallest grant that covers what calls of a package really used. Nothing is changed.
///
/// Scopes: operator or auditor.
#[utoipa::path(post, path = "/v1/policy/suggest", tag = "policy", request_body = wire::SuggestRequest,
    responses((status = 200, description = "The grant, and what it rests on.", body = wire::PolicySuggested)))]
pub(super) async fn suggest(
    State(door): State<Door>,
    caller: Caller,
    body: JsonBody<wire::SuggestRequest>,
) -> Result<Json<wire::PolicySuggested>> {
    let wire::SuggestRequest { tool, since, until } = body.value;
    let span = (since.map(|time| time.0), until.map(|time| time.0));
    let (suggestion, looked_at) = door.control.suggest_policy(&caller, &tool.package, span).await?;
    Ok(Json(wire::PolicySuggested { looked_at: looked_at.into(), suggestion }))
}

/// Explains what policy decides of a tool, or of a route and the choice that would take the call, without running it.
///
/// Scopes: any; operator or auditor to ask for another principal, publisher too to ask for any key with a scope.
#[utoipa::path(post, path = "/v1/explain", tag = "policy", request_body = wire::ExplainRequest,
    responses((status = 200, description = "The decision as data.", body = wire::Explanation)))]
pub(super) async fn explain(
    State(door): State<Door>,
    caller: Caller,
    body: JsonBody<wire::ExplainRequest>,
) -> Result<Json<wire::Explanation>> {
    let wire::ExplainRequest { tool, principal, scope, asked, arguments, risk, complexity } = body.value;
    let asked_for = match (principal, scope) {
        (None, None) => AskedFor::Caller,
        (Some(id), None) => AskedFor::Key(id),
        (None, Some(scope)) => AskedFor::Scope(scope),
        (Some(_), Some(_)) => {
            let message = "an explanation is for one principal, or for any with a scope";
            return Err(Error::new(Code::InvalidRequest, message).next("leave out one of principal and scope"));
        }
    };
    let name = match tool {
        CallTarget::Tool(tool) => {
            // They would decide nothing, and whoever sends them thinks that they do.
            if arguments.is_some() || risk.is_some() || complexity.is_some() {
                return Err(Error::new(
                    Code::InvalidRequest,
                    "arguments, risk and complexity are asked of routes alone",
                )
                .next("leave them out, or name a route"));
            }
            return Ok(Json(door.router.explain(&caller, &tool, asked_for, asked.as_ref())?));
        }
        CallTarget::Route(name) => name,
    };
    let arguments = arguments.map(|arguments| serde_json::Value::Object(arguments).to_string());
    let call = AskedRoute { arguments: arguments.as_deref(), declared: Declared { risk, complexity } };
    Ok(Json(door.router.explain_route(&caller, &name, asked_for, asked.as_ref(), call)?))
}

impl From<LookedAt> for wire::LookedAt {
    fn from(LookedAt { since, until, looked }: LookedAt) -> Self {
        Self { since: since.into(), until: until.into(), entries: looked.entries, cut: looked.cut.map(Into::into) }
    }
}
