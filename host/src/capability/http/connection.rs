//! A connection that was made: one request over it, by HTTP/1.1 or HTTP/2, whichever the handshake came to.

use std::sync::Arc;

use http::{Request, Response, Uri, Version, header};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::Fault;
use super::body::SentBody;
use super::head::FIELDS_MAX;

/// What hyper needs at least to read a head into.
const READ_BYTES_MIN: usize = 8 << 10;
/// What a peer may send ahead of its reader over HTTP/2, in bytes: it waits in the host's memory.
const WINDOW_BYTES: u32 = 256 << 10;
/// What HTTP/2 counts for a header field beside its name and value: RFC 9113, section 6.5.2.
const FIELD_BYTES: usize = 32;

/// What drives a connection. Dropping it closes that.
#[derive(Debug)]
pub(super) struct Driver {
    _connection: AbortOnDropHandle<()>,
    tasks: Tasks,
}

/// Tasks of one connection over HTTP/2, which end with it: left alone, they would wait for a peer that does not answer.
#[derive(Debug, Clone, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, work: F) {
        self.0.lock().spawn(async {
            work.await;
        });
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.tasks.0.lock().abort_all();
    }
}

impl Driver {
    fn start(connection: impl Future<Output = hyper::Result<()>> + Send + 'static, tasks: Tasks) -> Self {
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to an origin failed");
            }
        }));
        Self { _connection: connection, tasks }
    }
}

/// Where a request goes, for whoever says it in the request itself.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    pub(super) scheme: &'static str,
    pub(super) authority: String,
}

/// A connection over which one request can be sent.
pub(super) enum Ready {
    Http1(http1::SendRequest<SentBody>, Driver),
    Http2(http2::SendRequest<SentBody>, Driver, Destination),
}

/// Begins to speak HTTP/1.1 over `stream`; heads of responses may have `header_bytes`.
pub(super) async fn http1<S>(stream: S, header_bytes: u64) -> Result<Ready, Fault>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let bytes_max = usize::try_from(header_bytes).unwrap_or(usize::MAX);
    let mut builder = http1::Builder::new();
    builder.max_headers(FIELDS_MAX).max_header_size(bytes_max).max_buf_size(bytes_max.max(READ_BYTES_MIN));
    let made = builder.handshake(TokioIo::new(stream)).await;
    let (sender, connection) = made.map_err(|error| Fault::of_exchange(&error, header_bytes))?;
    Ok(Ready::Http1(sender, Driver::start(connection, Tasks::default())))
}

/// Begins to speak HTTP/2.
pub(super) async fn http2<S>(stream: S, header_bytes: u64, destination: Destination) -> Result<Ready, Fault>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let tasks = Tasks::default();
    let list_bytes = header_bytes.saturating_add((FIELDS_MAX * FIELD_BYTES) as u64);
    let mut builder = http2::Builder::new(tasks.clone());
    builder
        .max_header_list_size(u32::try_from(list_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        // One request and no more.
        .max_concurrent_streams(1);
    let made = builder.handshake(TokioIo::new(stream)).await;
    let (sender, connection) = made.map_err(|error| Fault::of_exchange(&error, header_bytes))?;
    Ok(Ready::Http2(sender, Driver::start(connection, tasks), destination))
}

impl Ready {
    /// Sends the request, and gives the response once its head is there.
    pub(super) async fn send(
        self,
        request: Request<SentBody>,
        header_bytes: u64,
    ) -> Result<(Response<Incoming>, Driver), Fault> {
        let failed = |error: hyper::Error| Fault::of_exchange(&error, header_bytes);
        let (response, driver) = match self {
            Self::Http1(mut sender, driver) => (sender.send_request(request).await.map_err(failed)?, driver),
            Self::Http2(mut sender, driver, destination) => {
                let request = destination.name(request)?;
                (sender.send_request(request).await.map_err(failed)?, driver)
            }
        };
        let field = |(name, value): (&header::HeaderName, &header::HeaderValue)| name.as_str().len() + value.len();
        let bytes: usize = response.headers().iter().map(field).sum();
        if response.headers().len() > FIELDS_MAX || bytes as u64 > header_bytes {
            return Err(Fault::ReceivedHead(header_bytes));
        }
        Ok((response, driver))
    }
}

impl Destination {
    /// The request as HTTP/2 has it: where it goes stands in its target, and nothing speaks of the connection.
    fn name<B>(self, mut request: Request<B>) -> Result<Request<B>, Fault> {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = self.scheme.parse().ok();
        parts.authority = self.authority.parse().ok();
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Fault::Protocol)?;
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().remove(header::HOST);
        request.headers_mut().remove(header::CONNECTION);
        Ok(request)
    }
}
