//! The listener: how many connections, from whom, for how long, and how they end.
//!
//! Bounds that hold before a request has a name: a client that sends nothing, sends slowly, or opens connections by
//! the thousand costs a bounded part of the host.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};

/// Bounds of the listener.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Connections at once.
    pub connections_max: usize,
    /// Connections at once from one address.
    pub address_connections_max: usize,
    /// Header bytes of a request, the request line included.
    pub header_bytes_max: usize,
    /// Header fields of a request.
    pub headers_max: usize,
    /// How long a client may take to send a request's headers, and to begin the next request.
    pub header_time_max: Duration,
    /// How long running requests get to end when the host stops.
    pub drain_time_max: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            address_connections_max: 1_000,
            header_bytes_max: 32 << 10,
            headers_max: 100,
            header_time_max: Duration::from_secs(30),
            drain_time_max: Duration::from_secs(30),
        }
    }
}

/// Serves `app` on `listener` until `stop` resolves, then lets running requests end within the drain time.
pub async fn serve(listener: TcpListener, app: Router, settings: &ServerSettings, stop: impl Future<Output = ()>) {
    let connections = Arc::new(Connections::default());
    let graceful = GracefulShutdown::new();
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_time_max)
        .max_buf_size(settings.header_bytes_max.max(8 << 10))
        .max_headers(settings.headers_max);
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, address) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, most likely: pause instead of spinning, and keep those that are open.
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let Some(place) = Connections::take(&connections, address.ip(), settings) else {
            // Closed without a word: an answer would be work for whoever floods.
            continue;
        };
        prepare(&stream);
        let service = TowerToHyperService::new(app.clone().layer(axum::Extension(Peer(address))));
        let connection = graceful.watch(protocol.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(settings.drain_time_max, graceful.shutdown()).await.is_err() {
        tracing::warn!(open = connections.open(), "requests were still running at the end of the drain time");
    }
}

/// The address that a request came from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

fn prepare(stream: &TcpStream) {
    // Answers are small and waited for: never held back to be joined with more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
}

/// Open connections, in all and by address.
#[derive(Debug, Default)]
struct Connections(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection's place, given back when dropped.
struct Place {
    connections: Arc<Connections>,
    address: IpAddr,
}

impl Connections {
    fn take(this: &Arc<Self>, address: IpAddr, settings: &ServerSettings) -> Option<Place> {
        let mut open = this.0.lock();
        let here = open.by_address.get(&address).copied().unwrap_or(0);
        if open.all >= settings.connections_max || here >= settings.address_connections_max {
            return None;
        }
        open.all += 1;
        open.by_address.insert(address, here + 1);
        Some(Place { connections: Arc::clone(this), address })
    }

    fn open(&self) -> usize {
        self.0.lock().all
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.0.lock();
        open.all -= 1;
        if let Some(here) = open.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_by_address_and_in_all_and_come_back() {
        let settings = ServerSettings { connections_max: 3, address_connections_max: 2, ..ServerSettings::default() };
        let connections = Arc::new(Connections::default());
        let (a, b): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let first = Connections::take(&connections, a, &settings).unwrap();
        let _second = Connections::take(&connections, a, &settings).unwrap();
        assert!(Connections::take(&connections, a, &settings).is_none());
        let _third = Connections::take(&connections, b, &settings).unwrap();
        assert!(Connections::take(&connections, b, &settings).is_none());
        drop(first);
        assert!(Connections::take(&connections, b, &settings).is_some());
    }
}
