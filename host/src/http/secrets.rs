//! Secrets of the caller's tenant: a value goes in and never comes out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::door::Door;
use super::request::{Named, SecretBody};
use super::wire;
use crate::control::SecretView;
use crate::error::Result;
use crate::id::SecretName;
use crate::snapshot::Caller;

/// Sets a secret's value, from the next call on. The body is the value as it is: UTF-8 text of one line, from 8 bytes to
/// 16 KiB. Each value of a name has a version of its own, which the record of calls names.
///
/// Scopes: operator.
#[utoipa::path(put, path = "/v1/secrets/{secret}", tag = "secrets", params(("secret" = SecretName, Path)),
    request_body(content = String, content_type = "text/plain", description = "The value."),
    responses((status = 200, description = "It is set.", body = wire::SecretInfo)))]
pub(super) async fn put(
    State(door): State<Door>,
    caller: Caller,
    Named(name): Named<SecretName>,
    SecretBody(value): SecretBody,
) -> Result<Json<wire::SecretInfo>> {
    Ok(Json(door.control.set_secret(&caller, &name, value).await?.into()))
}

/// Lists the tenant's secrets, without their values.
///
/// Scopes: operator or auditor.
#[utoipa::path(get, path = "/v1/secrets", tag = "secrets",
    responses((status = 200, description = "The secrets, by name.", body = wire::Secrets)))]
pub(super) async fn list(State(door): State<Door>, caller: Caller) -> Result<Json<wire::Secrets>> {
    let secrets = door.control.secrets(&caller)?.into_iter().map(Into::into).collect();
    Ok(Json(wire::Secrets { secrets }))
}

/// Removes a secret, from the next call on. No copy of its value is kept.
///
/// Scopes: operator.
#[utoipa::path(delete, path = "/v1/secrets/{secret}", tag = "secrets", params(("secret" = SecretName, Path)),
    responses((status = 204, description = "It is removed.")))]
pub(super) async fn remove(
    State(door): State<Door>,
    caller: Caller,
    Named(name): Named<SecretName>,
) -> Result<StatusCode> {
    door.control.remove_secret(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<SecretView> for wire::SecretInfo {
    fn from(SecretView { name, version, since }: SecretView) -> Self {
        Self { name, version, since: since.into() }
    }
}
