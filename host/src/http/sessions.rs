//! Sessions, by what they have touched.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::door::Door;
use super::request::JsonBody;
use super::wire;
use crate::error::Result;
use crate::sessions::Shown;
use crate::snapshot::Caller;

/// Lists sessions that have labels: of all keys to operators and auditors, to any other key its own.
///
/// Scopes: any.
#[utoipa::path(get, path = "/v1/sessions", tag = "sessions",
    responses((status = 200, description = "The sessions, by key and name.", body = wire::Sessions)))]
pub(super) async fn list(State(door): State<Door>, caller: Caller) -> Json<wire::Sessions> {
    Json(wire::Sessions { sessions: door.control.sessions(&caller).into_iter().map(Into::into).collect() })
}

/// Takes a session's labels away, so that rules of flow let it go on. It is in the record, with the reason.
///
/// Scopes: operator.
#[utoipa::path(post, path = "/v1/sessions/clear", tag = "sessions", request_body = wire::ClearSession,
    responses((status = 204, description = "It has no labels.")))]
pub(super) async fn clear(
    State(door): State<Door>,
    caller: Caller,
    body: JsonBody<wire::ClearSession>,
) -> Result<StatusCode> {
    let wire::ClearSession { principal, session, reason } = body.value;
    door.control.clear_session(&caller, principal, session, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<Shown> for wire::Session {
    fn from(shown: Shown) -> Self {
        let Shown { principal, session, brought, named } = shown;
        Self { principal, session, labels: brought, named: named.into() }
    }
}
