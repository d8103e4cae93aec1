//! What a handler takes from a request: a body within its size and time, a name from the path, a query. Each refuses
//! with a problem of its own.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use zeroize::Zeroize as _;

use super::room::Room;
use crate::control::SecretValue;
use crate::error::{Code, Error, Result};
use crate::id::{
    ApprovalId, CallId, CallTarget, Digest, InvalidId, PackageName, PrincipalId, SecretName, SubmissionId, TenantId,
};

/// Bounds of the bodies that are read whole. A component is not: it is passed on as it arrives.
#[derive(Debug, Clone, Copy)]
pub struct BodySettings {
    /// A body, in bytes. Holds the largest arguments that a policy can allow.
    pub body_bytes_max: usize,
    /// From the end of the headers to the end of the body.
    pub body_time_max: Duration,
}

impl Default for BodySettings {
    fn default() -> Self {
        Self { body_bytes_max: 9 << 20, body_time_max: Duration::from_secs(30) }
    }
}

/// A JSON body as `T`.
#[derive(Debug)]
pub(super) struct JsonBody<T> {
    pub(super) value: T,
    /// What the body counts in; held for as long as what was made of it is used.
    pub(super) room: Arc<Room>,
}

/// The same, where the body may be left out.
#[derive(Debug)]
pub(super) struct OptionalJson<T>(pub(super) T);

/// A policy's text.
#[derive(Debug)]
pub(super) struct TomlBody(pub(super) String);

/// A secret's value.
#[derive(Debug)]
pub(super) struct SecretBody(pub(super) SecretValue);
/// Access rules' text.
#[derive(Debug)]
pub(super) struct CedarBody(pub(super) String);

/// A component's bytes, as they arrive.
#[derive(Debug)]
pub(super) struct WasmBody(pub(super) Body);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        content_type(request.headers(), &["application/json"])?;
        let (bytes, room) = read(request).await?;
        Ok(Self { value: parse(&bytes)?, room })
    }
}

impl<S: Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        if request.body().is_end_stream() {
            return Ok(Self(T::default()));
        }
        Ok(Self(JsonBody::from_request(request, state).await?.value))
    }
}

impl<S: Sync> FromRequest<S> for TomlBody {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        content_type(request.headers(), &["application/toml", "text/plain"])?;
        read_text(request).await.map(Self)
    }
}

impl<S: Sync> FromRequest<S> for SecretBody {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        content_type(request.headers(), &["text/plain", "application/octet-stream"])?;
        let (bytes, _room) = read(request).await?;
        let value = SecretValue::new(bytes.to_vec());
        if let Ok(mut bytes) = bytes.try_into_mut() {
            bytes.zeroize();
        }
        Ok(Self(value))
    }
}

impl<S: Sync> FromRequest<S> for CedarBody {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        content_type(request.headers(), &["text/plain"])?;
        read_text(request).await.map(Self)
    }
}

async fn read_text(request: Request) -> Result<String> {
    let (bytes, _room) = read(request).await?;
    String::from_utf8(bytes.into())
        .map_err(|error| invalid(format!("the body is not UTF-8 behind byte {}", error.utf8_error().valid_up_to())))
}

impl<S: Sync> FromRequest<S> for WasmBody {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        content_type(request.headers(), &["application/wasm"])?;
        Ok(Self(request.into_body()))
    }
}

/// Refuses a body that is said to be something else, or is not said to be anything.
fn content_type(headers: &HeaderMap, taken: &[&str]) -> Result<()> {
    let wanted = taken.join(" or ");
    let invalid = |what: String| Err(invalid(what).next(format!("send it with content-type: {wanted}")));
    if headers.contains_key(header::CONTENT_ENCODING) {
        return invalid("the body has a content-encoding, and this takes none".to_owned());
    }
    let Some(given) = headers.get(header::CONTENT_TYPE) else {
        return invalid("the request does not say what its body is".to_owned());
    };
    let given = given.to_str().unwrap_or_default();
    let mut parts = given.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let utf8 = |parameter: &str| {
        let Some((name, value)) = parameter.split_once('=') else { return true };
        !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    };
    if taken.iter().any(|taken| taken.eq_ignore_ascii_case(kind)) && parts.all(utf8) {
        return Ok(());
    }
    invalid(format!("the body is {:?}, and this does not take that", cut(given)))
}

/// Reads the whole body, within its size, its time and its tenant's room.
async fn read(request: Request) -> Result<(Bytes, Arc<Room>)> {
    let (parts, mut body) = request.into_parts();
    let settings = parts.extensions.get::<BodySettings>().copied().unwrap_or_default();
    let room = Arc::clone(parts.extensions.get::<Arc<Room>>().ok_or_else(|| Error::internal("a body without a room"))?);
    let most = settings.body_bytes_max;
    let too_large = || {
        Error::new(Code::TooLarge, format!("the body is larger than {most} bytes"))
            .fact("limit", "body_bytes_max")
            .fact("maximum", most)
    };
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let end = Instant::now() + settings.body_time_max;
    let mut whole = Pieces::default();
    loop {
        let frame = tokio::time::timeout_at(end, body.frame()).await.map_err(|_| late(settings.body_time_max))?;
        let Some(frame) = frame else { return Ok((whole.join(), room)) };
        let frame = frame.map_err(|error| invalid("the body ended before its end").detail(error))?;
        let Ok(piece) = frame.into_data() else { continue };
        if whole.bytes() + piece.len() > most {
            return Err(too_large());
        }
        room.take(piece.len())?;
        whole.push(piece);
    }
}

/// A body's pieces. Most bodies come in one, which is not copied.
#[derive(Default)]
struct Pieces {
    first: Bytes,
    joined: BytesMut,
}

impl Pieces {
    fn bytes(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    fn push(&mut self, piece: Bytes) {
        if self.bytes() == 0 {
            self.first = piece;
            return;
        }
        self.joined.extend_from_slice(&std::mem::take(&mut self.first));
        self.joined.extend_from_slice(&piece);
    }

    fn join(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.freeze() }
    }
}

fn late(time_max: Duration) -> Error {
    let time = humantime::format_duration(time_max);
    Error::new(Code::RequestTimeout, format!("the body was not all there after {time}"))
        .next("send it again, without pauses")
        .fact("limit", "body_time_max")
        .fact("maximum_ms", u64::try_from(time_max.as_millis()).unwrap_or(u64::MAX))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // serde would take a list for an object too, its items in the order of the fields.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first == b'[') {
        return Err(invalid("the body does not fit: it is a list, and this takes an object"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let what = if error.is_data() { "the body does not fit" } else { "the body is not JSON" };
        invalid(format!("{what}: {}", cut(&error.to_string())))
    })
}

fn invalid(what: impl Into<String>) -> Error {
    Error::new(Code::InvalidRequest, what)
}

/// What a client sent comes back in an error text: bounded.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(300)]
}

/// A name from the path. What is not a name of its kind names nothing: it is not found, like any other.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) T);

/// What can stand in a path.
pub(super) trait Name: FromStr<Err = InvalidId> {
    /// What it names.
    const WHAT: &'static str;
}

macro_rules! names {
    ($($name:ty: $what:literal;)*) => {$(
        impl Name for $name {
            const WHAT: &'static str = $what;
        }
    )*};
}
names! {
    TenantId: "tenant";
    PrincipalId: "key";
    SecretName: "secret";
    Digest: "component";
    PackageName: "package";
    CallTarget: "tool";
    CallId: "call";
    SubmissionId: "submission";
    ApprovalId: "approval";
}

impl<S: Send + Sync, T: Name> FromRequestParts<S> for Named<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Error::new(Code::NotFound, format!("the path names no {}: {rejection}", T::WHAT)))?;
        text.parse().map(Self).map_err(|_| Error::not_found(T::WHAT, text))
    }
}

/// The query as `T`; what is not known of it is an error, as in a body.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let Query(asked) = Query::try_from_uri(&parts.uri)
            .map_err(|rejection| invalid(format!("the query does not fit: {}", cut(&rejection.body_text()))))?;
        Ok(Self(asked))
    }
}

#[cfg(test)]
mod tests;
