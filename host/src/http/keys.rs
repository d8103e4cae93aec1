//! Keys of the caller's tenant.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::door::Door;
use super::request::{JsonBody, Named};
use super::wire;
use crate::control::{KeyView, NewKey};
use crate::error::Result;
use crate::id::PrincipalId;
use crate::snapshot::Caller;

/// Creates a key.
///
/// Scopes: operator.
#[utoipa::path(post, path = "/v1/keys", tag = "keys", request_body = wire::CreateKey,
    responses((status = 201, description = "The key, which is shown here and never again.", body = wire::NewKey)))]
pub(super) async fn create(
    State(door): State<Door>,
    caller: Caller,
    body: JsonBody<wire::CreateKey>,
) -> Result<(StatusCode, Json<wire::NewKey>)> {
    let wire::CreateKey { name, scopes } = body.value;
    let key = door.control.create_key(&caller, &name, scopes.into_iter().collect()).await?;
    Ok((StatusCode::CREATED, Json(new_key(key))))
}

/// Lists the tenant's keys, revoked ones too.
///
/// Scopes: operator or auditor.
#[utoipa::path(get, path = "/v1/keys", tag = "keys",
    responses((status = 200, description = "The keys, oldest first.", body = wire::Keys)))]
pub(super) async fn list(State(door): State<Door>, caller: Caller) -> Result<Json<wire::Keys>> {
    let keys = door.control.keys(&caller).await?.into_iter().map(Into::into).collect();
    Ok(Json(wire::Keys { keys }))
}

/// Gives a key a new secret. The old one stops at once.
///
/// Scopes: operator.
#[utoipa::path(post, path = "/v1/keys/{key}/rotate", tag = "keys", params(("key" = PrincipalId, Path)),
    responses((status = 200, description = "The key, which is shown here and never again.", body = wire::NewKey)))]
pub(super) async fn rotate(
    State(door): State<Door>,
    caller: Caller,
    Named(key): Named<PrincipalId>,
) -> Result<Json<wire::NewKey>> {
    Ok(Json(new_key(door.control.rotate_key(&caller, key).await?)))
}

/// Stops a key, now and for good.
///
/// Scopes: operator.
#[utoipa::path(delete, path = "/v1/keys/{key}", tag = "keys", params(("key" = PrincipalId, Path)),
    responses((status = 204, description = "It is stopped.")))]
pub(super) async fn revoke(
    State(door): State<Door>,
    caller: Caller,
    Named(key): Named<PrincipalId>,
) -> Result<StatusCode> {
    door.control.revoke_key(&caller, key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The one place where a key's text is put into an answer.
pub(super) fn new_key(key: NewKey) -> wire::NewKey {
    let NewKey { view, text } = key;
    wire::NewKey {
        id: view.id,
        name: view.name,
        scopes: view.scopes.iter().collect(),
        created: view.created.into(),
        key: wire::Secret::new(text.expose()),
    }
}

impl From<KeyView> for wire::Key {
    fn from(key: KeyView) -> Self {
        Self {
            id: key.id,
            name: key.name,
            scopes: key.scopes.iter().collect(),
            created: key.created.into(),
            revoked: key.revoked.map(Into::into),
        }
    }
}
