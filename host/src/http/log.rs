//! The tenant's log as static files (c2sp.org/tlog-tiles), and what is proved from it.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use cofferdam_auditor::receipt::Receipt;
use cofferdam_auditor::tile::TilePath;

use super::door::Door;
use super::request::Named;
use super::wire;
use crate::error::{Error, Result};
use crate::id::CallId;
use crate::snapshot::Caller;

/// Shows the log's name and its keys.
///
/// Scopes: auditor or operator.
#[utoipa::path(get, path = "/v1/log", tag = "audit",
    responses((status = 200, description = "The log.", body = wire::Log)))]
pub(super) async fn show(State(door): State<Door>, caller: Caller) -> Result<Json<wire::Log>> {
    Ok(Json(door.control.log_keys(&caller).await?.into()))
}

/// Has the log signed by a new key from now on.
///
/// The last entry under the old key names the new one, and the checkpoint over it is signed by both.
///
/// Scopes: operator.
#[utoipa::path(post, path = "/v1/log/rotate", tag = "audit",
    responses((status = 200, description = "The log as it is now.", body = wire::Log)))]
pub(super) async fn rotate(State(door): State<Door>, caller: Caller) -> Result<Json<wire::Log>> {
    Ok(Json(door.control.rotate_log_key(&caller).await?.into()))
}

/// Gives the log's newest checkpoint: a signed note (c2sp.org/tlog-checkpoint).
///
/// Scopes: auditor.
#[utoipa::path(get, path = "/v1/log/checkpoint", tag = "audit",
    responses((status = 200, description = "The checkpoint.", body = String, content_type = "text/plain")))]
pub(super) async fn checkpoint(State(door): State<Door>, caller: Caller) -> Result<Response> {
    Ok(file("text/plain; charset=utf-8", door.control.checkpoint(&caller).await?.into()))
}

/// Gives a tile of hashes or a bundle of entries, full or partial (c2sp.org/tlog-tiles).
///
/// The path is `<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`.
///
/// Scopes: auditor.
#[utoipa::path(get, path = "/v1/log/tile/{*path}", tag = "audit", params(("path" = String, Path)),
    responses((status = 200, description = "The tile.", body = Vec<u8>, content_type = "application/octet-stream")))]
pub(super) async fn tile(State(door): State<Door>, caller: Caller, Named(path): Named<String>) -> Result<Response> {
    // What is no path of a tile names nothing that there could be.
    let path: TilePath = format!("tile/{path}").parse().map_err(|_| Error::not_found("tile", &path))?;
    Ok(file("application/octet-stream", door.control.tile(&caller, path).await?))
}

/// Gives a checkpoint that hands the log over from one key to the next, by its number from 1.
///
/// Scopes: auditor.
#[utoipa::path(get, path = "/v1/log/handover/{number}", tag = "audit", params(("number" = u32, Path)),
    responses((status = 200, description = "The checkpoint, signed by both keys.", body = String,
        content_type = "text/plain")))]
pub(super) async fn handover(State(door): State<Door>, caller: Caller, Named(number): Named<u32>) -> Result<Response> {
    Ok(file("text/plain; charset=utf-8", door.control.handover(&caller, number).await?))
}

/// Gives a call's receipt: what is recorded of it, and the proof that the log holds it.
///
/// It can be checked with the log's public key alone.
///
/// Scopes: auditor; agent for calls of the same key.
#[utoipa::path(get, path = "/v1/calls/{call}/receipt", tag = "calls", params(("call" = CallId, Path)),
    responses((status = 200, description = "The receipt.", body = Object)))]
pub(super) async fn receipt(
    State(door): State<Door>,
    caller: Caller,
    Named(call): Named<CallId>,
) -> Result<Json<Receipt>> {
    Ok(Json(door.control.receipt(&caller, call).await?))
}

fn file(media_type: &'static str, bytes: Bytes) -> Response {
    ([(header::CONTENT_TYPE, media_type)], bytes).into_response()
}
