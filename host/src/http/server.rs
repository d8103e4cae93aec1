//! The listener: how many connections, from whom, for how long, and how they end.
//!
//! Bounds that hold before a request has a name: a client that sends nothing, sends slowly, does not read, or opens
//! connections by the thousand costs a bounded part of the host. HTTP/1.1, kept alive.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::places::{Entry, Place, Places};
use super::scheduler::{Scheduler, Seat};
use super::socket::Socket;
use super::unread::{self, Unread};
use crate::descriptors;
use crate::error::Error;

/// Bounds of the listener.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Connections at once; fewer where the process may not open twice as many files.
    pub connections_max: usize,
    /// Connections at once from one address.
    pub address_connections_max: usize,
    /// Header bytes of a request, the request line included.
    pub header_bytes_max: usize,
    /// Header fields of a request.
    pub headers_max: usize,
    /// How long a client may take to send a request's headers, and to begin the next request.
    pub header_time_max: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub write_pause_max: Duration,
    /// How long running requests get to end when the host stops.
    pub drain_time_max: Duration,
    /// How long what was given up then gets to say so.
    pub farewell_time_max: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            address_connections_max: 1_000,
            header_bytes_max: 32 << 10,
            headers_max: HEADERS_ON_STACK,
            header_time_max: Duration::from_secs(30),
            write_pause_max: Duration::from_secs(30),
            drain_time_max: Duration::from_secs(30),
            farewell_time_max: Duration::from_secs(5),
        }
    }
}

/// The least buffer that hyper works with, in bytes.
const BUFFER_BYTES_LEAST: usize = 8 << 10;
/// As many header fields hyper reads without an allocation for each request, when it is not told how many.
const HEADERS_ON_STACK: usize = 100;
/// How long a client that is not served may take to send what it is refused for.
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(5);

/// How a listener ends, in two steps. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    stop: CancellationToken,
    give_up: CancellationToken,
}

impl Drain {
    /// Nobody has asked to stop.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop: no new connections, no further request on those there are.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until that is asked.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Ends what still runs. [`serve`] does so at the end of the drain time.
    pub fn give_up(&self) {
        self.stop.cancel();
        self.give_up.cancel();
    }

    /// Waits until the time to end by themselves is over for requests that still run.
    pub async fn given_up(&self) {
        self.give_up.cancelled().await;
    }
}

/// The address that a request came from, among its extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Serves `app` on `listener`, in the turns of `scheduler`, until `drain` says stop; then lets running requests end within the
/// drain time, gives up those that did not, and closes what is open still.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    scheduler: &Scheduler,
    settings: &ServerSettings,
    drain: &Drain,
) {
    let connections_max = descriptors::connections(settings.connections_max, descriptors::INBOUND);
    let settings = &ServerSettings { connections_max, ..settings.clone() };
    let places = Arc::new(Places::default());
    let open = GracefulShutdown::new();
    let (cut, connections) = (CancellationToken::new(), TaskTracker::new());
    let served = protocol(settings, settings.header_time_max);
    let refused = protocol(settings, REFUSAL_TIME_MAX.min(settings.header_time_max));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = drain.stopping() => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: pause instead of spinning, and keep those that are open.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let seat = Seat::of_address(address.ip());
        match Places::enter(&places, address.ip(), settings) {
            Entry::Served(place) => {
                let (app, own) = (app.clone(), seat.clone());
                let answer = hyper::service::service_fn(move |request: Request<Incoming>| {
                    answered(app.clone(), address, own.clone(), request)
                });
                let io = socket(stream, place, settings);
                let connection = to_its_end(open.watch(served.serve_connection(io, answer)), cut.clone());
                scheduler.spawn(seat, connections.track_future(connection)).detach();
            }
            Entry::Refused(place, error) => {
                let answer = hyper::service::service_fn(move |_: Request<Incoming>| {
                    std::future::ready(Ok::<_, Infallible>(refusal(error.clone())))
                });
                let io = socket(stream, place, settings);
                let connection = to_its_end(open.watch(refused.serve_connection(io, answer)), cut.clone());
                scheduler.spawn(seat, connections.track_future(connection)).detach();
            }
            Entry::Closed => drop(stream),
        }
    }
    drop(listener);
    finish(open, &places, settings, drain).await;
    cut.cancel();
    // They hold what the host is closed after.
    connections.close();
    connections.wait().await;
}

fn protocol(settings: &ServerSettings, header_time_max: Duration) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(header_time_max)
        .max_header_size(settings.header_bytes_max)
        .max_buf_size(settings.header_bytes_max.max(BUFFER_BYTES_LEAST));
    if settings.headers_max != HEADERS_ON_STACK {
        protocol.max_headers(settings.headers_max);
    }
    protocol
}

fn socket(stream: TcpStream, place: Place, settings: &ServerSettings) -> TokioIo<Socket<Place>> {
    // Answers are small and waited for: never held back to be joined with more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    TokioIo::new(Socket::new(stream, place, settings.write_pause_max))
}

/// What `app` answers; says so where the connection ends with it because it was not worth reading the request's rest.
async fn answered(
    app: Router,
    address: SocketAddr,
    seat: Seat,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let (body, unread) = Unread::watch(body);
    let mut request = Request::from_parts(head, body);
    request.extensions_mut().insert(Peer(address));
    request.extensions_mut().insert(seat);
    let mut response = app.oneshot(request).await?;
    unread.announce(&mut response);
    Ok(response)
}

/// Runs a connection to its end, or to the moment when all are cut.
async fn to_its_end(connection: impl Future<Output = hyper::Result<()>>, cut: CancellationToken) {
    if let Some(Err(error)) = cut.run_until_cancelled(connection).await {
        tracing::debug!(%error, "connection ended");
    }
}

fn refusal(error: Error) -> Response<Body> {
    let mut response = error.into_response();
    unread::close(&mut response);
    response
}

/// Waits for the connections to end, in the steps of a drain.
async fn finish(open: GracefulShutdown, places: &Places, settings: &ServerSettings, drain: &Drain) {
    let mut ended = std::pin::pin!(open.shutdown());
    if tokio::time::timeout(settings.drain_time_max, &mut ended).await.is_ok() {
        return;
    }
    tracing::warn!(open = places.open(), "requests still ran at the end of the drain time: they are given up");
    drain.give_up();
    if tokio::time::timeout(settings.farewell_time_max, &mut ended).await.is_err() {
        tracing::warn!(open = places.open(), "connections were cut");
    }
}

#[cfg(test)]
mod tests;
