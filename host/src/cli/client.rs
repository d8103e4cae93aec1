//! Talking to a host: one request at a time, waited for. Answers are the API's own types; refusals are its problems.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;
use url::{Host, Url};

use super::connection::Connection;
use super::failure::{Failure, Result};
use super::progress::Progress;
use crate::error::{Code, Error};
use crate::http::problem::{PROBLEM, Problem};

pub(super) mod stream;

/// The longest answer that is taken in, in bytes: a listing of ten thousand tools fits many times over.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// A connection that was idle for longer is not used again: the host may have ended it, which would be noticed too late.
const IDLE_TIME_MAX: Duration = Duration::from_secs(5);
/// How long to wait for a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// How long an answer may pause: more than an upload waits for its turn and is compiled in, or a call may last.
const SILENCE_MAX: Duration = Duration::from_secs(480);
/// Bytes of an upload that are handed over at once; progress moves by as much.
const UPLOAD_CHUNK_BYTES: usize = 64 << 10;

/// A host, and a key for it.
#[derive(Debug)]
pub(super) struct Client {
    runtime: Runtime,
    http: reqwest::Client,
    base: Url,
    key: HeaderValue,
}

impl Client {
    /// Makes a client; nothing is sent yet.
    pub(super) fn new(connection: &Connection) -> Result<Self> {
        let (base, key) = (connection.url()?, connection.key()?);
        let mut key = HeaderValue::try_from(format!("Bearer {}", key.expose())).map_err(|_| Error::internal("key"))?;
        key.set_sensitive(true);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::internal)?;
        // A second client finds it set already: there is one provider for the process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("cofferdam/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIME_MAX)
            .pool_idle_timeout(IDLE_TIME_MAX)
            .read_timeout(SILENCE_MAX)
            // A redirect would carry the key to wherever it points.
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&base) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| Error::internal(format_args!("HTTP client: {error:?}")))?;
        Ok(Self { runtime, http, base, key })
    }

    /// Whether the key crosses a network in clear.
    pub(super) fn is_exposed(&self) -> bool {
        self.base.scheme() == "http" && !is_loopback(&self.base)
    }

    /// Gets what is at `path` (segments, each any text), with this query.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> Result<T> {
        self.answer(self.http.request(Method::GET, self.url_with(path, query)))
    }

    /// Posts a JSON body.
    pub(super) fn post<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> Result<T> {
        self.answer(self.http.request(Method::POST, self.url(path)).json(body))
    }

    /// Posts without a body.
    pub(super) fn post_empty<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T> {
        self.answer(self.http.request(Method::POST, self.url(path)))
    }

    /// Posts a JSON body, for an answer that has none.
    pub(super) fn post_nothing(&self, path: &[&str], body: &impl Serialize) -> Result<()> {
        let request = self.http.request(Method::POST, self.url(path)).json(body);
        self.runtime.block_on(async { self.send(request).await.map(drop) })
    }

    /// Posts or puts a text.
    pub(super) fn send_text<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        media_type: &'static str,
        text: String,
    ) -> Result<T> {
        self.send_text_with(method, path, &[], media_type, text)
    }

    /// The same, with this query.
    pub(super) fn send_text_with<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        media_type: &'static str,
        text: String,
    ) -> Result<T> {
        let request = self.http.request(method, self.url_with(path, query)).header(CONTENT_TYPE, media_type);
        self.answer(request.body(text))
    }

    /// Deletes what is at `path`.
    pub(super) fn delete(&self, path: &[&str]) -> Result<()> {
        let request = self.http.request(Method::DELETE, self.url(path));
        self.runtime.block_on(async { self.send(request).await.map(drop) })
    }

    /// Posts a component, moving `progress` as it leaves.
    pub(super) fn upload<T: DeserializeOwned>(&self, path: &[&str], bytes: Vec<u8>, progress: &Progress) -> Result<T> {
        let (length, moved) = (bytes.len(), progress.handle());
        let mut rest = bytes::Bytes::from(bytes);
        let chunks = std::iter::from_fn(move || {
            let chunk = rest.split_to(rest.len().min(UPLOAD_CHUNK_BYTES));
            moved((length - rest.len()) as u64);
            (!chunk.is_empty()).then_some(Ok::<_, std::convert::Infallible>(chunk))
        });
        let request = self
            .http
            .request(Method::POST, self.url(path))
            .header(CONTENT_TYPE, "application/wasm")
            .header(CONTENT_LENGTH, length)
            .body(reqwest::Body::wrap_stream(futures::stream::iter(chunks)));
        self.answer(request)
    }

    /// Posts a JSON body and gives the answer's events to `each` as they arrive, until it says that it has the last.
    pub(super) fn stream<T>(
        &self,
        path: &[&str],
        body: &impl Serialize,
        mut each: impl FnMut(stream::Event) -> Result<Option<T>>,
    ) -> Result<T> {
        let request = self.http.request(Method::POST, self.url(path)).json(body).header(ACCEPT, "text/event-stream");
        self.runtime.block_on(async {
            let mut response = self.send(request).await?;
            let mut events = stream::Events::default();
            while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
                for event in events.feed(&chunk)? {
                    if let Some(last) = each(event)? {
                        return Ok(last);
                    }
                }
            }
            Err(Error::new(Code::Interrupted, "the host ended the stream before the call's end")
                .next("look up the call with `cofferdam audit call`")
                .into())
        })
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    fn url_with(&self, path: &[&str], query: &[(&str, String)]) -> Url {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn answer<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T> {
        self.runtime.block_on(async {
            let bytes = self.read(self.send(request).await?).await?;
            serde_json::from_slice(&bytes).map_err(|error| self.not_ours(format!("{error}")))
        })
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response> {
        let sent = request.header(AUTHORIZATION, self.key.clone()).send().await;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        // A call that waits is answered with one, too, and nothing went wrong.
        let is_problem = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM);
        if status.is_success() && !is_problem {
            return Ok(response);
        }
        let bytes = self.read(response).await?;
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Err(problem.into()),
            Err(_) => Err(self.not_ours(format!("HTTP {status}"))),
        }
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(self.not_ours("it does not end".to_owned()));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        // The innermost cause is the one that says something: "Connection refused".
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        let message = format!("{} does not answer: {cause}", self.base);
        Error::new(Code::Unavailable, message).next("check --url, and that `cofferdam serve` runs there").into()
    }

    fn not_ours(&self, what: String) -> Failure {
        let message = format!("what answers at {} does not speak this command's API", self.base);
        let error = Error::new(Code::Unavailable, message)
            .next("check --url, and that the host is of the same version as this command");
        error.fact("answer", what).into()
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests;
