//! A provider of models, on loopback, that misbehaves as the request tells it to: the text that is asked is a JSON object
//! with a `key` of the test's own and, for each provider's name, what to do at the first request, the second, and so on.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};

use crate::wire::Wire;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Requested {
    /// Which of the providers, and what it was asked for.
    pub path: String,
    /// The headers' names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// A server that is several providers, by the first segment of the path. It goes with its process.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Where it listens.
    pub address: SocketAddr,
    /// What comes in over its connections.
    pub wire: Wire,
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    seen: Mutex<Vec<Requested>>,
    /// How often a provider was asked with a key.
    turns: Mutex<HashMap<(String, String), usize>>,
}

/// What a provider does, and what it says in between.
struct Scene {
    action: String,
    text: String,
    model: String,
    has_tool_result: bool,
}

impl Provider {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// When it cannot listen.
    pub async fn start() -> Self {
        let inner = Arc::new(Inner::default());
        let app = Router::new()
            .route("/{provider}/v1/chat/completions", post(completions))
            .route("/{provider}/v1/embeddings", post(embeddings))
            .route("/{provider}/v1/messages", post(messages))
            .with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, wire) = (listener.local_addr().unwrap(), Wire::default());
        let listener = wire.tap(listener);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, wire, inner }
    }

    /// Requests so far whose body holds `text`.
    ///
    /// # Panics
    ///
    /// When a handler panicked.
    pub fn seen(&self, text: &str) -> Vec<Requested> {
        self.inner.seen.lock().unwrap().iter().filter(|seen| seen.body.contains(text)).cloned().collect()
    }
}

impl Inner {
    /// Remembers a request, and says what is to be done.
    fn scene(&self, provider: &str, path: &str, headers: &HeaderMap, body: &Bytes) -> Scene {
        let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let said = String::from_utf8_lossy(body).into_owned();
        self.seen.lock().unwrap().push(Requested { path: format!("/{provider}{path}"), headers, body: said });
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let messages = body["messages"].as_array().cloned().unwrap_or_default();
        let has_tool_result = body.to_string().contains("tool_result") || messages.iter().any(|m| m["role"] == "tool");
        let asked = messages.iter().filter(|message| message["role"] == "user").find_map(|m| m["content"].as_str());
        let text = asked.or_else(|| body["input"][0].as_str()).unwrap_or_default().to_owned();
        let script: Value = serde_json::from_str(&text).unwrap_or_default();
        let key = (provider.to_owned(), script["key"].as_str().unwrap_or_default().to_owned());
        let mut turns = self.turns.lock().unwrap();
        let turn = turns.entry(key).or_default();
        let actions = script[provider].as_array().cloned().unwrap_or_default();
        let action = actions.get(*turn).or(actions.last()).and_then(Value::as_str).unwrap_or("ok").to_owned();
        *turn += 1;
        let model = body["model"].as_str().unwrap_or_default().to_owned();
        Scene { action, text, model, has_tool_result }
    }
}

/// What is not an answer, where that is to come.
async fn fault(action: &str) -> Option<Response> {
    let status = |code: &str| StatusCode::from_u16(code.parse().unwrap()).unwrap();
    match action.split(':').collect::<Vec<_>>()[..] {
        ["status", code] => Some((status(code), "what was asked, said again").into_response()),
        ["retry-after", seconds, code] => Some((status(code), [(header::RETRY_AFTER, seconds)]).into_response()),
        ["redirect", path] => Some((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, path)]).into_response()),
        ["slow"] => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Some(StatusCode::OK.into_response())
        }
        // An answer that begins with nothing.
        ["mute"] => Some(events(vec![": wait\n\n".to_owned()], stream::pending())),
        ["late", ms] => {
            tokio::time::sleep(Duration::from_millis(ms.parse().unwrap())).await;
            None
        }
        _ => None,
    }
}

fn events(
    pieces: Vec<String>,
    behind: impl Stream<Item = Result<String, std::io::Error>> + Send + 'static,
) -> Response {
    let pieces = stream::iter(pieces).map(Ok).chain(behind);
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(pieces)).into_response()
}

fn late<T>(piece: T) -> impl Stream<Item = T> {
    stream::once(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        piece
    })
}

/// Each in good time, and all together not.
fn unhurried(pieces: Vec<String>) -> impl Stream<Item = Result<String, std::io::Error>> {
    stream::iter(pieces).then(|piece| async move {
        tokio::time::sleep(Duration::from_millis(600)).await;
        Ok(piece)
    })
}

/// What comes behind the first piece of an answer, where that is not its end.
fn behind(action: &str, piece: String) -> Option<stream::BoxStream<'static, Result<String, std::io::Error>>> {
    match action {
        // Not at once: what is not yet on its way would be cut with it.
        "cut" => Some(late(Err(std::io::Error::other("cut"))).boxed()),
        "stall" => Some(stream::pending().boxed()),
        "huge" => Some(stream::repeat(piece).map(Ok).boxed()),
        "garbled" => Some(late(Ok("data: {\"choices\": [nonsense\n\n".to_owned())).boxed()),
        _ => None,
    }
}

/// The counts of tokens that it says.
fn counts(action: &str) -> (Value, Value) {
    match action {
        "counts:none" => (Value::Null, Value::Null),
        "counts:low" => (json!(0), json!(0)),
        "counts:absurd" => (json!(u64::MAX), json!(u64::MAX)),
        "counts:nonsense" => (json!(-5), json!("many")),
        _ => (json!(12), json!(3)),
    }
}

/// What the script has to say, read backwards: an answer that is in no part of the request.
fn backwards(text: &str) -> String {
    let script: Value = serde_json::from_str(text).unwrap_or_default();
    script["say"].as_str().unwrap_or_default().chars().rev().collect()
}

fn words(scene: &Scene) -> Vec<String> {
    match scene.action.as_str() {
        "echo" => vec![scene.text.clone()],
        "backwards" => vec![backwards(&scene.text)],
        "huge" => vec!["word ".repeat(1_000)],
        _ if scene.has_tool_result => vec!["It was ".to_owned(), "looked up.".to_owned()],
        _ => vec![format!("{} says ", scene.model), "hello.".to_owned()],
    }
}

async fn completions(
    State(inner): State<Arc<Inner>>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let scene = inner.scene(&provider, "/v1/chat/completions", &headers, &body);
    if let Some(response) = fault(&scene.action).await {
        return response;
    }
    let event = |value: Value| format!("data: {value}\n\n");
    let delta = |delta: Value, finish: Value| {
        event(json!({"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))
    };
    let mut pieces: Vec<String> = match scene.action.as_str() {
        "tool" | "unhurried" if !scene.has_tool_result => vec![
            delta(
                json!({"tool_calls": [{"index": 0, "id": "call-1", "type": "function",
                "function": {"name": "look_up", "arguments": ""}}]}),
                Value::Null,
            ),
            delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"word\":"}}]}), Value::Null),
            delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": "\"cliff\"}"}}]}), Value::Null),
            delta(json!({}), json!("tool_calls")),
        ],
        _ => words(&scene).into_iter().map(|word| delta(json!({"content": word}), Value::Null)).collect(),
    };
    let first = pieces.first().cloned().unwrap_or_default();
    if let Some(behind) = behind(&scene.action, first.clone()) {
        return events(vec![first], behind);
    }
    let (input, output) = counts(&scene.action);
    pieces.push(delta(json!({}), json!("stop")));
    pieces.push(event(json!({"choices": [], "usage": {"prompt_tokens": input, "completion_tokens": output}})));
    pieces.push("data: [DONE]\n\n".to_owned());
    match scene.action.as_str() {
        "malformed" => events(vec!["data: {\"choices\": 5}\n\n".to_owned()], stream::empty()),
        "unhurried" => events(Vec::new(), unhurried(pieces)),
        _ => events(pieces, stream::empty()),
    }
}

async fn messages(
    State(inner): State<Arc<Inner>>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let scene = inner.scene(&provider, "/v1/messages", &headers, &body);
    if let Some(response) = fault(&scene.action).await {
        return response;
    }
    let event = |value: Value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or_default());
    let (input, output) = counts(&scene.action);
    let mut pieces = vec![
        event(json!({"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": input}}})),
        event(json!({"type": "ping"})),
    ];
    if scene.action == "overloaded" {
        pieces.push(event(json!({"type": "error", "error": {"type": "overloaded_error", "message": "so full"}})));
        return events(pieces, stream::empty());
    }
    let asks = matches!(scene.action.as_str(), "tool" | "unhurried") && !scene.has_tool_result;
    if asks {
        let block = json!({"type": "tool_use", "id": "call-1", "name": "look_up", "input": {}});
        pieces.push(event(json!({"type": "content_block_start", "index": 0, "content_block": block})));
        for part in ["{\"word\":", "\"cliff\"}"] {
            let delta = json!({"type": "input_json_delta", "partial_json": part});
            pieces.push(event(json!({"type": "content_block_delta", "index": 0, "delta": delta})));
        }
    } else {
        let block = json!({"type": "text", "text": ""});
        pieces.push(event(json!({"type": "content_block_start", "index": 0, "content_block": block})));
        for word in words(&scene) {
            let delta = json!({"type": "text_delta", "text": word});
            let piece = event(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
            pieces.push(piece.clone());
            if let Some(behind) = behind(&scene.action, piece) {
                return events(pieces, behind);
            }
        }
    }
    let reason = if asks { "tool_use" } else { "end_turn" };
    pieces.push(event(json!({"type": "content_block_stop", "index": 0})));
    let usage = json!({"output_tokens": output});
    pieces.push(event(json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage})));
    pieces.push(event(json!({"type": "message_stop"})));
    if scene.action == "unhurried" {
        // Behind what says nothing yet.
        let rest = pieces.split_off(2);
        return events(pieces, unhurried(rest));
    }
    events(pieces, stream::empty())
}

/// The counts of each vowel: texts that are alike have vectors that are.
async fn embeddings(
    State(inner): State<Arc<Inner>>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Infallible> {
    let body = axum::body::to_bytes(request.into_body(), 16 << 20).await.unwrap_or_default();
    let scene = inner.scene(&provider, "/v1/embeddings", &headers, &body);
    if let Some(response) = fault(&scene.action).await {
        return Ok(response);
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let texts = body["input"].as_array().cloned().unwrap_or_default();
    let vector = |(index, text): (usize, &Value)| {
        let text = text.as_str().unwrap_or_default();
        let count = |vowel| text.matches(vowel).count() as f64 + 0.01;
        let embedding = ["a", "e", "i", "o", "u"].map(count);
        json!({"index": index, "embedding": embedding})
    };
    // The order is not promised by anyone.
    let mut data: Vec<Value> = texts.iter().enumerate().map(vector).collect();
    data.reverse();
    if scene.action == "malformed" {
        data.pop();
    }
    let (input, _) = counts(&scene.action);
    Ok(axum::Json(json!({"object": "list", "data": data, "usage": {"prompt_tokens": input}})).into_response())
}
