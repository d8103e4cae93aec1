//! Calls, answered at their end or watched while they run.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::door::Door;
use super::problem::Problem;
use super::request::{JsonBody, Named};
use super::{events, wire};
use crate::error::{Code, Error, Result};
use crate::id::{ApprovalId, CallId, CallTarget, SessionId};
use crate::policy::Priority;
use crate::routed::{DecidedChoice, Declared, Level};
use crate::router::{Attempted, CallNode, CallRequest, CallUsage, Failed, Reply, Routed, StandIn};
use crate::snapshot::Caller;

/// The path of [`call`], as its operation has it.
pub(super) const PATH: &str = "/v1/calls";

/// Levels of objects and lists in arguments. Whatever reads arguments after this may be recursive.
const ARGUMENTS_DEPTH_MAX: usize = 64;

/// [`wire::CallRequest`] as it is read here: the arguments stay text, since they are validated elsewhere.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallBody {
    tool: CallTarget,
    #[serde(default)]
    arguments: Option<Box<RawValue>>,
    #[serde(default)]
    session: Option<SessionId>,
    #[serde(default)]
    priority: Option<Priority>,
    #[serde(default)]
    risk: Option<Level>,
    #[serde(default)]
    complexity: Option<Level>,
    #[serde(default)]
    approval: Option<ApprovalId>,
}

impl CallBody {
    fn arguments(self) -> String {
        self.arguments.map_or_else(|| "{}".to_owned(), |text| Box::<str>::from(text).into_string())
    }
}

/// Calls a tool, or a route, which chooses one.
///
/// With `Accept: text/event-stream`, what the tool reports and logs is sent while it runs: events `decided`, `progress`,
/// `log` and `log-cut` with the schemas of those names, then one of `result` (a `CallResult`) or `problem` (a `Problem`).
/// A call that is not let in is answered with a problem instead of a stream. Whoever leaves gives the call up. Where a
/// route makes another attempt, that begins with a `decided` of its own.
///
/// A call that policy wants approved is not run: it is answered with 202 and a problem of code `approval-required`, whose facts
/// name the approval that it waits for. Once somebody else has approved it, the same call is made again with that `approval`.
///
/// Scopes: agent.
#[utoipa::path(post, path = "/v1/calls", tag = "calls", request_body = wire::CallRequest,
    responses((status = 200, description = "The tool's answer.", content(
        (wire::CallResult = "application/json"),
        (wire::CallEvent = "text/event-stream"))),
        (status = 202, description = "The call waits for approval.", body = Problem,
            content_type = "application/problem+json")))]
pub(super) async fn call(
    State(door): State<Door>,
    caller: Caller,
    headers: HeaderMap,
    body: JsonBody<CallBody>,
) -> Response {
    let JsonBody { value, room } = body;
    let declared = Declared { risk: value.risk, complexity: value.complexity };
    let (tool, session, priority) = (value.tool.clone(), value.session.clone(), value.priority);
    let approval = value.approval;
    let arguments = value.arguments();
    if let Err(error) = bounded_depth(&arguments) {
        return error.into_response();
    }
    let request = CallRequest { tool, arguments, session, priority, declared, approval };
    if wants_events(&headers) {
        return events::watch(&door, caller, request, room).await;
    }
    let reply = tokio::select! {
        reply = door.router.call(&caller, request, None) => reply,
        () = door.drain.given_up() => Err(given_up().into()),
    };
    let answer = reply.and_then(|reply| {
        let call = Some(reply.call);
        let answer = Json(wire::CallResult::from(reply)).into_response();
        room.keep_answer(answer).map_err(|error| Failed { call, error })
    });
    answer.unwrap_or_else(|failed| problem(&failed).into_response())
}

/// Shows what is recorded of a call.
///
/// Scopes: auditor; agent for calls of the same key.
#[utoipa::path(get, path = "/v1/calls/{call}", tag = "calls", params(("call" = CallId, Path)),
    responses((status = 200, description = "Its decision, what it was denied, its end.", body = wire::CallRecord)))]
pub(super) async fn record(
    State(door): State<Door>,
    caller: Caller,
    Named(call): Named<CallId>,
) -> Result<Json<wire::CallRecord>> {
    Ok(Json(wire::CallRecord { entries: door.control.call_record(&caller, call).await? }))
}

/// The problem that a call came to.
pub(super) fn problem(failed: &Failed) -> Problem {
    Problem::report(&failed.error, failed.call)
}

/// Why a call ends when the host has no more time for it.
pub(super) fn given_up() -> Error {
    Error::new(Code::Cancelled, "the host is stopping, and the call was not done in time").next("call again")
}

/// Whether events are asked for, and a plain answer is not.
fn wants_events(headers: &HeaderMap) -> bool {
    let mut ranges = headers.get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    let names = |text: &str, kind: &str| {
        text.split(',')
            .any(|range| range.split(';').next().is_some_and(|range| range.trim().eq_ignore_ascii_case(kind)))
    };
    let (mut events, mut json) = (false, false);
    ranges.by_ref().for_each(|text| {
        events |= names(text, "text/event-stream");
        json |= names(text, "application/json");
    });
    events && !json
}

/// That JSON `text`, which is well-formed, nests no deeper than it may. Not recursive itself.
pub(super) fn bounded_depth(text: &str) -> Result<()> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > ARGUMENTS_DEPTH_MAX {
            return Err(Error::new(
                Code::InvalidArguments,
                format!("the arguments nest deeper than {ARGUMENTS_DEPTH_MAX} levels"),
            )
            .next("send flatter arguments")
            .fact("limit", "arguments_depth")
            .fact("maximum", ARGUMENTS_DEPTH_MAX));
        }
    }
    Ok(())
}

impl From<Reply> for wire::CallResult {
    fn from(reply: Reply) -> Self {
        Self {
            call: reply.call,
            tool: reply.tool,
            version: reply.version,
            component: reply.component,
            is_error: reply.output.is_error,
            content: reply.output.content.into_iter().map(Into::into).collect(),
            usage: reply.usage.into(),
            calls: reply.tree.calls.into_iter().map(Into::into).collect(),
            calls_left_out: reply.tree.left_out,
            route: reply.route.map(|routed| (*routed).into()),
            stand_in: reply.stand_in.map(Into::into),
        }
    }
}

impl From<StandIn> for wire::StandIn {
    fn from(StandIn { because, call, made }: StandIn) -> Self {
        Self { because: because.as_str().to_owned(), call, made: made.into() }
    }
}

impl From<Routed> for wire::Routed {
    fn from(Routed { decision, attempts }: Routed) -> Self {
        let choices = decision.choices.into_iter();
        let choices = choices.map(|choice| {
            let DecidedChoice { tool, verdict, why, without, .. } = choice;
            wire::RoutedChoice { tool, verdict, why, without }
        });
        let attempts = attempts.into_iter();
        let attempts =
            attempts.map(|Attempted { call, tool, version, error }| wire::Attempt { call, tool, version, error });
        Self { name: decision.name, choices: choices.collect(), attempts: attempts.collect() }
    }
}

impl From<CallNode> for wire::CallNode {
    fn from(node: CallNode) -> Self {
        let CallNode { call, tool, version, outcome, fuel, duration_us, below } = node;
        // No deeper than calls may be.
        let calls = below.calls.into_iter().map(Into::into).collect();
        let outcome = outcome.to_string();
        Self { call, tool, version, outcome, fuel, duration_us, calls, calls_left_out: below.left_out }
    }
}

impl From<CallUsage> for wire::CallUsage {
    fn from(usage: CallUsage) -> Self {
        let CallUsage { engine, effects, child_calls, child_fuel } = usage;
        Self {
            fuel: engine.fuel,
            child_calls,
            child_fuel,
            memory_bytes: engine.memory_bytes,
            duration_us: u64::try_from(engine.duration.as_micros()).unwrap_or(u64::MAX),
            http_requests: effects.http_requests,
            http_sent_bytes: effects.http_sent_bytes,
            http_received_bytes: effects.http_received_bytes,
            kv_operations: effects.kv_operations,
            files_bytes_written: effects.files_bytes_written,
            model_requests: effects.model_requests,
            model_input_tokens: effects.model_input_tokens,
            model_output_tokens: effects.model_output_tokens,
            model_cost: effects.model_cost.as_billionths(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::ACCEPT, value.parse().unwrap())).collect()
    }

    #[test]
    fn events_are_sent_to_whoever_asks_for_nothing_else() {
        for values in [&["text/event-stream"][..], &["Text/Event-Stream; q=0.9"], &["*/*", "text/event-stream"]] {
            assert!(wants_events(&accept(values)), "{values:?}");
        }
        for values in
            [&[][..], &["*/*"], &["application/json, text/event-stream"], &["text/event-stream", "application/json"]]
        {
            assert!(!wants_events(&accept(values)), "{values:?}");
        }
    }

    #[test]
    fn arguments_are_bounded_in_depth_and_strings_do_not_count() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(bounded_depth(&nested(ARGUMENTS_DEPTH_MAX)).is_ok());
        assert_eq!(bounded_depth(&nested(ARGUMENTS_DEPTH_MAX + 1)).unwrap_err().code(), Code::InvalidArguments);
        let text = serde_json::to_string(&nested(1_000).replace('[', "[\"\\")).unwrap();
        assert!(bounded_depth(&text).is_ok());
    }

    #[test]
    fn a_body_is_read_as_the_wire_says() {
        let tool: CallTarget = "notes.add@1".parse().unwrap();
        let written = wire::CallRequest::new(tool, serde_json::Map::new());
        let read: CallBody = serde_json::from_str(&serde_json::to_string(&written).unwrap()).unwrap();
        assert_eq!((read.tool.clone(), read.arguments()), (written.tool, "{}".to_owned()));
        let short: CallBody = serde_json::from_str(r#"{"tool":"notes"}"#).unwrap();
        assert_eq!(short.arguments(), "{}");
        assert!(serde_json::from_str::<CallBody>(r#"{"tool":"notes","x":1}"#).is_err());
    }
}
