//! `wasi:http` 0.2.

use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{self, ErrorCode, Fields, IncomingBody, OutgoingBody, OutgoingRequest, RequestOptions};
use wasip2::io::streams::{InputStream, StreamError};

use super::Response;
use super::request::Checked;
use crate::error::Error;

/// What one write may hold, by the interface.
const WRITE_BYTES_MAX: usize = 4096;

/// A body of the host's. Fields are dropped in their order: the stream is the body's child and goes first.
pub(super) struct Source {
    /// Absent behind the end.
    stream: Option<InputStream>,
    _body: IncomingBody,
}

impl Source {
    pub(super) fn next(&mut self, bytes_max: usize) -> Result<Vec<u8>, Error> {
        let Some(stream) = &self.stream else { return Ok(Vec::new()) };
        match stream.blocking_read(bytes_max as u64) {
            Ok(bytes) => Ok(bytes),
            Err(StreamError::Closed) => {
                self.stream = None;
                Ok(Vec::new())
            }
            Err(StreamError::LastOperationFailed(error)) => {
                self.stream = None;
                Err(types::http_error_code(&error)
                    .map_or_else(|| Error::unavailable(error.to_debug_string()), fault)
                    .about("the response"))
            }
        }
    }
}

pub(super) fn send(request: Checked) -> Result<Response, Error> {
    let Checked { method, uri, headers, body, timeout } = request;
    let outgoing = outgoing(&method, &uri, &headers)?;
    let outgoing_body = outgoing.body().map_err(|()| Error::internal("the request's body was taken before"))?;
    let refuse = |code: ErrorCode| match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => super::denied(method.as_str(), &uri),
        code => fault(code).about(format_args!("{method} {uri}")),
    };
    let answer = outgoing_handler::handle(outgoing, timeout.map(options)).map_err(refuse)?;
    let written = write(outgoing_body, &body);
    answer.subscribe().block();
    let response = match answer.get() {
        Some(Ok(response)) => response.map_err(refuse)?,
        _ => return Err(Error::internal("the host did not give the response that it said was there")),
    };
    // A server may answer before it has read everything; without an answer, this is why.
    if written.is_err() && response.status() < 400 {
        written?;
    }
    let status = response.status();
    let headers = header_map(response.headers().entries());
    let body = response.consume().map_err(|()| Error::internal("the response's body was taken before"))?;
    let stream = body.stream().map_err(|()| Error::internal("the response's stream was taken before"))?;
    Ok(Response::new(&uri, status, headers, Source { stream: Some(stream), _body: body }))
}

fn outgoing(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<OutgoingRequest, Error> {
    let fields: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
    let fields = Fields::from_list(&fields)
        .map_err(|error| Error::failed(format!("the request's headers are not allowed: {error}")))?;
    let request = OutgoingRequest::new(fields);
    let scheme = if uri.scheme() == Some(&Scheme::HTTP) { types::Scheme::Http } else { types::Scheme::Https };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    request
        .set_method(&wasi_method(method))
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(uri.authority().map(|authority| authority.as_str())))
        .and_then(|()| request.set_path_with_query(Some(path)))
        .map_err(|()| Error::failed(format!("{method} {uri} is not a request that can be made")))?;
    Ok(request)
}

fn wasi_method(method: &Method) -> types::Method {
    match method.as_str() {
        "GET" => types::Method::Get,
        "HEAD" => types::Method::Head,
        "POST" => types::Method::Post,
        "PUT" => types::Method::Put,
        "DELETE" => types::Method::Delete,
        "CONNECT" => types::Method::Connect,
        "OPTIONS" => types::Method::Options,
        "TRACE" => types::Method::Trace,
        "PATCH" => types::Method::Patch,
        other => types::Method::Other(other.to_owned()),
    }
}

fn options(timeout: Duration) -> RequestOptions {
    let options = RequestOptions::new();
    let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    // A host that has no such timeout says so, and its own stands: nothing that the tool could do better.
    let _ = options.set_connect_timeout(Some(nanoseconds));
    let _ = options.set_first_byte_timeout(Some(nanoseconds));
    let _ = options.set_between_bytes_timeout(Some(nanoseconds));
    options
}

fn write(outgoing: OutgoingBody, body: &[u8]) -> Result<(), Error> {
    if !body.is_empty() {
        let stream = outgoing.write().map_err(|()| Error::internal("the request's stream was taken before"))?;
        for piece in body.chunks(WRITE_BYTES_MAX) {
            stream.blocking_write_and_flush(piece).map_err(|error| match error {
                StreamError::Closed => Error::unavailable("the request's body was not taken to its end"),
                StreamError::LastOperationFailed(error) => {
                    types::http_error_code(&error).map_or_else(|| Error::unavailable(error.to_debug_string()), fault)
                }
            })?;
        }
    }
    OutgoingBody::finish(outgoing, None).map_err(fault)
}

fn header_map(entries: Vec<(String, Vec<u8>)>) -> HeaderMap {
    let pair = |(name, value): (String, Vec<u8>)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(&value).ok()?))
    };
    let mut map = HeaderMap::new();
    for (name, value) in entries.into_iter().filter_map(pair) {
        map.append(name, value);
    }
    map
}

/// What is the server's or the way's is worth another try later; what is the request's is not.
fn fault(code: ErrorCode) -> Error {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
            Error::denied("the policy's http grants do not allow it")
        }
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            Error::unavailable("the host's name could not be resolved")
        }
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Error::unavailable("the server did not answer in time"),
        ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTerminated
        | ErrorCode::ConnectionLimitReached => Error::unavailable("the server could not be reached"),
        ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => {
            Error::unavailable("no trusted TLS connection could be made")
        }
        ErrorCode::HttpResponseIncomplete => Error::unavailable("the response broke off"),
        ErrorCode::HttpProtocolError | ErrorCode::HttpUpgradeFailed => {
            Error::unavailable("the server does not speak HTTP as expected")
        }
        ErrorCode::InternalError(Some(text)) => Error::failed(text),
        code => Error::failed(format!("{code:?}")),
    }
}
