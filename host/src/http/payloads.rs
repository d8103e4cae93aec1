//! What is kept of calls beside the record, and calls run again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use semver::Version;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::calls::{bounded_depth, given_up};
use super::door::Door;
use super::request::{Named, OptionalJson};
use super::wire;
use crate::control::{KeptPayload, PayloadKind, Piece};
use crate::error::Result;
use crate::id::CallId;
use crate::router::{self, ReplayRequest, Replayed};
use crate::snapshot::Caller;

/// Shows what is kept of a call: its arguments and its result.
///
/// Scopes: auditor; agent for calls of the same key.
#[utoipa::path(get, path = "/v1/calls/{call}/payload", tag = "payloads", params(("call" = CallId, Path)),
    responses((status = 200, description = "What is kept.", body = wire::Payload)))]
pub(super) async fn show(
    State(door): State<Door>,
    caller: Caller,
    Named(call): Named<CallId>,
) -> Result<Json<wire::Payload>> {
    Ok(Json(view(call, door.control.payload(&caller, call).await?)?))
}

/// Erases what is kept of a call, for good. The record of the call stays, and so do its proofs.
///
/// Scopes: operator.
#[utoipa::path(delete, path = "/v1/calls/{call}/payload", tag = "payloads", params(("call" = CallId, Path)),
    responses((status = 204, description = "It is erased.")))]
pub(super) async fn erase(State(door): State<Door>, caller: Caller, Named(call): Named<CallId>) -> Result<StatusCode> {
    door.control.erase_payload(&caller, call).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Erases everything that is kept of the tenant's calls, with the key that it is sealed with.
///
/// Scopes: operator.
#[utoipa::path(delete, path = "/v1/payloads", tag = "payloads",
    responses((status = 204, description = "All of it is erased.")))]
pub(super) async fn erase_all(State(door): State<Door>, caller: Caller) -> Result<StatusCode> {
    door.control.erase_payloads(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// [`wire::ReplayRequest`] as it is read here: the arguments stay text.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayBody {
    #[serde(default)]
    arguments: Option<Box<RawValue>>,
    #[serde(default)]
    version: Option<Version>,
}

/// Runs a call again, without any effect, and compares how it ends.
///
/// It runs with what the record says of the call and with the arguments that are kept of it or given here. What it asks
/// of the host is answered from what was recorded of the call; what cannot be answered so is not comparable.
///
/// Scopes: auditor.
#[utoipa::path(post, path = "/v1/calls/{call}/replay", tag = "payloads", params(("call" = CallId, Path)),
    request_body = Option<wire::ReplayRequest>,
    responses((status = 200, description = "What came of it.", body = wire::Replayed)))]
pub(super) async fn replay(
    State(door): State<Door>,
    caller: Caller,
    Named(call): Named<CallId>,
    OptionalJson(body): OptionalJson<ReplayBody>,
) -> Result<Json<wire::Replayed>> {
    let ReplayBody { arguments, version } = body;
    let arguments = arguments.map(|text| Box::<str>::from(text).into_string());
    if let Some(arguments) = &arguments {
        bounded_depth(arguments)?;
    }
    let request = ReplayRequest { arguments, version };
    let replayed = tokio::select! {
        replayed = door.router.replay(&caller, call, request) => replayed?,
        () = door.drain.given_up() => return Err(given_up()),
    };
    Ok(Json(replayed.into()))
}

fn view(call: CallId, kept: KeptPayload) -> Result<wire::Payload> {
    let mut view = wire::Payload {
        call,
        until: kept.until.into(),
        arguments: None,
        result: None,
        host_calls: None,
        not_there: Vec::new(),
    };
    for (kind, piece) in kept.pieces {
        let bytes = match piece {
            Piece::Whole(bytes) => bytes,
            Piece::Missing | Piece::Altered => {
                let why = if piece == Piece::Altered { wire::WhyNot::Altered } else { wire::WhyNot::NoRoom };
                view.not_there.push(wire::NotThere { piece: kind.as_str().to_owned(), why });
                continue;
            }
        };
        match kind {
            PayloadKind::Arguments => {
                view.arguments = wire::Json::from_text(String::from_utf8_lossy(&bytes).into()).ok();
            }
            PayloadKind::Result => {
                let output = router::output_from_bytes(&bytes)?;
                let content = output.content.into_iter().map(Into::into).collect();
                view.result = Some(wire::PayloadResult { is_error: output.is_error, content });
            }
            PayloadKind::Recording => view.host_calls = Some(router::host_calls(&bytes)?),
        }
    }
    Ok(view)
}

impl From<Replayed> for wire::Replayed {
    fn from(replayed: Replayed) -> Self {
        let Replayed { call, tool, version, component, outcome, difference, fuel } = replayed;
        Self { call, tool, version, component, outcome, difference, fuel }
    }
}
