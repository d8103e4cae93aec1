//! The tenant's log as static files (c2sp.org/tlog-tiles), and what is proved from it.

use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use cofferdam_auditor::receipt::Receipt;
use cofferdam_auditor::tile::TilePath;

use super::door::Door;
use super::request::{Name, Named};
use super::wire;
use crate::error::Result;
use crate::id::{CallId, InvalidId};
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
    Ok(file("text/plain; charset=utf-8", door.control.checkpoint(&caller).await?.to_string().into()))
}

/// Gives a tile of hashes or a bundle of entries, full or partial (c2sp.org/tlog-tiles).
///
/// The path is `<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`.
///
/// Scopes: auditor.
#[utoipa::path(get, path = "/v1/log/tile/{*path}", tag = "audit", params(("path" = String, Path)),
    responses((status = 200, description = "The tile.", body = Vec<u8>, content_type = "application/octet-stream")))]
pub(super) async fn tile(State(door): State<Door>, caller: Caller, Named(path): Named<TileName>) -> Result<Response> {
    let TileName(path) = path;
    Ok(file("application/octet-stream", door.control.tile(&caller, path).await?))
}

/// Gives a checkpoint that hands the log over from one key to the next, by its number from 1.
///
/// Scopes: auditor.
#[utoipa::path(get, path = "/v1/log/handover/{number}", tag = "audit", params(("number" = u32, Path)),
    responses((status = 200, description = "The checkpoint, signed by both keys.", body = String,
        content_type = "text/plain")))]
pub(super) async fn handover(
    State(door): State<Door>,
    caller: Caller,
    Named(number): Named<Number>,
) -> Result<Response> {
    Ok(file("text/plain; charset=utf-8", door.control.handover(&caller, number.0).await?))
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

/// A tile as paths name it, behind `tile/`.
#[derive(Debug)]
pub(super) struct TileName(TilePath);

impl FromStr for TileName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let path = format!("tile/{text}").parse().map(Self);
        path.map_err(|_| InvalidId::new("tile", text, "a tile of c2sp.org/tlog-tiles, such as 0/x001/234.p/5"))
    }
}

impl Name for TileName {
    const WHAT: &'static str = "tile";
}

/// Which handover, from 1.
#[derive(Debug)]
pub(super) struct Number(u32);

impl FromStr for Number {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let number = text.parse().ok().filter(|number: &u32| number.to_string() == text);
        number.map(Self).ok_or_else(|| InvalidId::new("handover", text, "a number from 1"))
    }
}

impl Name for Number {
    const WHAT: &'static str = "handover";
}

fn file(media_type: &'static str, bytes: Bytes) -> Response {
    ([(header::CONTENT_TYPE, media_type)], bytes).into_response()
}
