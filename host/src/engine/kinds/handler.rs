//! `wasi:http/incoming-handler`, in WASI 0.3 `handler`: what serves requests elsewhere. A request goes in, its response
//! comes out; no socket is involved.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::future::{Either, select};
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::p3;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use super::Answered;
use crate::capability::effects::Stop;
use crate::engine::Run;
use crate::engine::output::RawDefinition;
use crate::engine::state::State;
use crate::error::{Code, Error};

/// Where every request goes, as the handler sees it.
const AUTHORITY: &str = "localhost";
/// Headers that say how a message is carried, which is nobody's business but the host's.
const OWN_HEADERS: [&str; 6] = ["connection", "content-length", "host", "keep-alive", "transfer-encoding", "upgrade"];

/// What every handler is to an agent. It says nothing of itself.
pub fn definition() -> RawDefinition {
    let values = json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]});
    let bytes = json!({"type": "string", "contentEncoding": "base64"});
    let input = json!({
        "type": "object",
        "properties": {
            "method": {"type": "string", "description": "The method; GET where it is absent."},
            "path": {
                "type": "string",
                "pattern": "^/",
                "description": "The path, with its query if it has one; / where it is absent.",
            },
            "headers": {
                "type": "object",
                "additionalProperties": values,
                "description": "Header fields; a list where a field is there several times.",
            },
            "body": {"type": "string", "description": "The body, as text."},
            "body_base64": {
                "type": "string",
                "contentEncoding": "base64",
                "description": "The body, as bytes; instead of body.",
            },
        },
        "not": {"required": ["body", "body_base64"]},
        "additionalProperties": false,
    });
    let output = json!({
        "type": "object",
        "properties": {
            "status": {"type": "integer", "minimum": 100, "maximum": 999},
            "headers": {"type": "object", "additionalProperties": values},
            "body": {"type": "string"},
            "body_base64": bytes,
            "trailers": {
                "type": "object",
                "additionalProperties": values,
                "description": "Fields behind the body; absent where there are none.",
            },
        },
        "required": ["status", "headers"],
    });
    RawDefinition {
        name: "request".to_owned(),
        title: None,
        description: "Sends an HTTP request to the component and gives its response. A body that is not text is given \
                      as base64. A status of 400 or more is a failure."
            .to_owned(),
        input_schema: input.to_string(),
        output_schema: Some(output.to_string()),
        hints: Default::default(),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Arguments {
    method: Option<String>,
    path: Option<String>,
    headers: BTreeMap<String, Values>,
    body: Option<String>,
    body_base64: Option<String>,
}

#[derive(Debug, Serialize)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    trailers: BTreeMap<String, Values>,
}

/// The values of a header field.
#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

/// A response, read whole.
type Whole = Response<Body>;

/// What came behind its head.
#[derive(Debug, Default)]
struct Body {
    bytes: Vec<u8>,
    trailers: HeaderMap,
}

/// A handler, by the version of WASI that it is of.
pub(in crate::engine) enum Handler {
    P2(ProxyPre<State>),
    P3(ServicePre<State>),
}

impl Handler {
    pub(super) fn of(pre: InstancePre<State>) -> wasmtime::Result<Self> {
        if super::exports_of_3(&pre, "wasi:http/handler") {
            return ServicePre::new(pre).map(Self::P3);
        }
        ProxyPre::new(pre).map(Self::P2)
    }

    pub(super) fn engine(&self) -> &wasmtime::Engine {
        match self {
            Self::P2(pre) => pre.engine(),
            Self::P3(pre) => pre.engine(),
        }
    }

    pub(super) async fn call(&self, store: &mut Store<State>, run: &Run) -> wasmtime::Result<Answered> {
        let request = match request(run) {
            Ok(request) => request,
            Err(error) => return Ok(Err(error)),
        };
        let has_body = request.method() != Method::HEAD;
        let response = match self {
            Self::P2(pre) => handle(pre, store, request, run.limits.result_bytes).await?,
            Self::P3(pre) => handle_3(pre, store, request, run.limits.result_bytes).await?,
        };
        match response.and_then(|response| if has_body { complete(response) } else { Ok(response) }) {
            Ok(whole) => answer(whole, run),
            Err(error) => Ok(Err(error)),
        }
    }
}

/// The guest runs while its response's body is taken from it: it may wait for that.
async fn handle(
    pre: &ProxyPre<State>,
    store: &mut Store<State>,
    request: Request<Full<Bytes>>,
    bytes_max: u64,
) -> wasmtime::Result<Result<Whole, Error>> {
    let (sender, receiver) = oneshot::channel();
    let mut http = store.data_mut().capabilities.http();
    let request = http.new_incoming_request(Scheme::Http, request.map(never_fails))?;
    let outparam = http.new_response_outparam(sender)?;
    let handling = Box::pin(async {
        let proxy = pre.instantiate_async(&mut *store).await?;
        proxy.wasi_http_incoming_handler().call_handle(&mut *store, request, outparam).await
    });
    let collecting = Box::pin(collect(receiver, bytes_max));
    let collecting = {
        let first = select(handling, collecting).await;
        match first {
            Either::Left((handled, collecting)) => {
                handled?;
                collecting
            }
            Either::Right((collected, handling)) => {
                let collected = collected?;
                handling.await?;
                return Ok(collected);
            }
        }
    };
    // What the guest did not send by now will not come any more; so whoever waits for it learns.
    store.data_mut().capabilities.close();
    collecting.await
}

type Receiver = oneshot::Receiver<Result<Response<HyperOutgoingBody>, ErrorCode>>;

/// The response, once it is whole.
async fn collect(receiver: Receiver, bytes_max: u64) -> wasmtime::Result<Result<Whole, Error>> {
    let response = match receiver.await {
        Ok(Ok(response)) => response,
        Ok(Err(code)) => return Ok(Err(failed(format!("the handler answered with the error {code:?}")))),
        Err(_) => return Ok(Err(failed("the handler ended without a response"))),
    };
    whole(response, bytes_max).await
}

/// In WASI 0.3 a handler returns its response, and goes on for as long as its body is taken from it.
async fn handle_3(
    pre: &ServicePre<State>,
    store: &mut Store<State>,
    request: Request<Full<Bytes>>,
    bytes_max: u64,
) -> wasmtime::Result<Result<Whole, Error>> {
    let service = pre.instantiate_async(&mut *store).await?;
    let hooks = store.data_mut().capabilities.http().hooks;
    let (request, _) = p3::Request::from_http(hooks, request.map(never_fails));
    store
        .run_concurrent(async |store| {
            let response = match service.handle(store, request).await? {
                Ok(response) => response,
                Err(code) => return Ok(Err(failed(format!("the handler answered with the error {code:?}")))),
            };
            // Whether the response was taken nobody asks here but the guest itself, and it was.
            let response = store.with(|store| response.into_http(store, async { Ok(()) }))?;
            whole(response, bytes_max).await
        })
        .await?
}

/// A response with all of its body.
async fn whole<B>(response: Response<B>, bytes_max: u64) -> wasmtime::Result<Result<Whole, Error>>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let (head, mut body) = response.into_parts();
    let mut whole = Body::default();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Ok(Err(failed("the handler ended before its response's body was whole")));
        };
        match frame.into_data() {
            Ok(data) => take(&mut whole.bytes, &data, bytes_max)?,
            // As many as header fields may be: the engine counts them alike.
            Err(frame) => whole.trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    Ok(Ok(Response::from_parts(head, whole)))
}

/// The response, unless its body is of another length than it says: that is all that shows where a guest gave it up.
fn complete(response: Whole) -> Result<Whole, Error> {
    let declared =
        response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    match declared {
        Some(length) if length != response.body().bytes.len() && response.status().as_u16() != 304 => {
            let bytes = response.body().bytes.len();
            Err(failed(format!("the handler's response has a body of {bytes} bytes and says that it has {length}")))
        }
        _ => Ok(response),
    }
}

/// Adds to a body what comes, as long as there is room for it.
fn take(body: &mut Vec<u8>, data: &[u8], bytes_max: u64) -> Result<(), Stop> {
    if (body.len() + data.len()) as u64 > bytes_max {
        return Err(Stop::LimitExceeded { which: "result_bytes", limit: bytes_max });
    }
    body.extend_from_slice(data);
    Ok(())
}

fn never_fails(
    body: Full<Bytes>,
) -> http_body_util::combinators::MapErr<Full<Bytes>, fn(std::convert::Infallible) -> wasmtime_wasi_http::Error> {
    body.map_err(|never| match never {})
}

fn failed(what: impl Into<String>) -> Error {
    Error::new(Code::ToolFailed, what).next("the arguments may be at fault, else the tool is: tell its author")
}

fn request(run: &Run) -> Result<Request<Full<Bytes>>, Error> {
    let Arguments { method, path, headers, body, body_base64 } = super::arguments(run)?;
    let misfit = |what: String| super::misfit(run, &what);
    let has_body = body.is_some() || body_base64.is_some();
    let body: Bytes = match (body, body_base64) {
        (Some(_), Some(_)) => return Err(misfit("body and body_base64 are both there: give one of them".to_owned())),
        (Some(text), None) => text.into(),
        (None, Some(bytes)) => super::from_base64(run, "body_base64", &bytes)?.into(),
        (None, None) => Bytes::new(),
    };
    let method = method.as_deref().unwrap_or("GET");
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| misfit("/method: not a method".to_owned()))?;
    let path = path.as_deref().unwrap_or("/");
    let uri = Uri::builder().scheme("http").authority(AUTHORITY).path_and_query(path).build();
    let uri = uri.ok().filter(|_| path.starts_with('/'));
    let uri = uri.ok_or_else(|| misfit("/path: not a path with a query, such as /items?sort=name".to_owned()))?;

    let length = body.len();
    let mut request = Request::new(Full::new(body));
    (*request.method_mut(), *request.uri_mut()) = (method, uri);
    for (name, values) in headers {
        let field = name.parse::<HeaderName>().map_err(|_| misfit(format!("/headers/{name}: not a header's name")))?;
        if OWN_HEADERS.contains(&field.as_str()) {
            return Err(misfit(format!("/headers/{name}: the host sets this header itself")));
        }
        let values = match values {
            Values::One(value) => vec![value],
            Values::Many(values) => values,
        };
        for value in values {
            let value = HeaderValue::try_from(value);
            let value =
                value.map_err(|_| misfit(format!("/headers/{name}: a value with characters that none may have")))?;
            request.headers_mut().append(&field, value);
        }
    }
    if has_body {
        request.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    let bytes: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let bytes_max = run.limits.http_header_bytes;
    if bytes as u64 > bytes_max {
        return Err(Error::new(
            Code::LimitExceeded,
            format!("the headers have {bytes} bytes: limits.http_header_bytes is {bytes_max}"),
        )
        .next("send less in one call, or raise limits.http_header_bytes in the policy")
        .fact("limit", "http_header_bytes")
        .fact("maximum", bytes_max));
    }
    Ok(request)
}

fn answer(response: Whole, run: &Run) -> wasmtime::Result<Answered> {
    let (head, Body { bytes, trailers }) = response.into_parts();
    let (headers, trailers) = (fields(&head.headers), fields(&trailers));
    let status = head.status.as_u16();
    let (body, body_base64) = super::text_or_bytes(bytes);
    let answer = Answer { status, headers, body, body_base64, trailers };
    super::spelt(&answer, status >= 400, run)
}

fn fields(map: &HeaderMap) -> BTreeMap<String, Values> {
    let mut fields = BTreeMap::new();
    for name in map.keys() {
        // What is no text is told as well as it can be.
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let mut values: Vec<String> = map.get_all(name).iter().map(text).collect();
        let values = if values.len() == 1 { Values::One(values.remove(0)) } else { Values::Many(values) };
        fields.insert(name.as_str().to_owned(), values);
    }
    fields
}
