//! A host with its front doors open: what `serve` runs, and what the demo shows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::cli::Result;
use crate::error::{Code, Error};
use crate::host::{FirstKey, Host, HostSettings};
use crate::http::{DoorSettings, Drain, Scheduler, ServerSettings, app, health_app, serve};

/// How long what calls left to do gets once the last connection is closed: an outcome to write, a store to drop.
const SETTLE_MAX: Duration = Duration::from_secs(10);

/// Where a host listens, and how.
#[derive(Debug)]
pub(in crate::cli) struct Doors {
    pub(in crate::cli) listen: SocketAddr,
    pub(in crate::cli) health: SocketAddr,
    pub(in crate::cli) server: ServerSettings,
    pub(in crate::cli) requests: DoorSettings,
}

impl Default for Doors {
    /// Two free ports of this machine.
    fn default() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { listen: any, health: any, server: ServerSettings::default(), requests: DoorSettings::default() }
    }
}

/// A host that takes requests.
#[derive(Debug)]
pub(in crate::cli) struct Running {
    pub(in crate::cli) host: Arc<Host>,
    pub(in crate::cli) listen: SocketAddr,
    pub(in crate::cli) health: SocketAddr,
    drain: Drain,
    health_drain: Drain,
    api: JoinHandle<()>,
    probes: JoinHandle<()>,
}

impl Running {
    /// Opens the host and its doors. Health answers from the beginning, so that a long start is no dead host.
    pub(in crate::cli) async fn start(settings: HostSettings, doors: Doors) -> Result<(Self, Option<FirstKey>)> {
        // Both first: a port that is taken is known before anything is made.
        let (api, listen) = listener(doors.listen, "--listen").await?;
        let (probes, health) = listener(doors.health, "--health").await?;
        let (host, first_key) = Host::open(settings).await?;
        let (drain, health_drain) = (Drain::new(), Drain::new());
        let server = doors.server.clone();
        let scheduler = Scheduler::start();
        let (app, stop) = (app(&host, &drain, &scheduler, doors.requests), drain.clone());
        let api = tokio::spawn(async move { serve(api, app, &scheduler, &server, &stop).await });
        // With turns of its own: who watches the host hears from it whatever comes in at the other door.
        let (app, stop, server) = (health_app(&host), health_drain.clone(), doors.server);
        let probes = tokio::spawn(async move { serve(probes, app, &Scheduler::start(), &server, &stop).await });
        Ok((Self { host: Arc::new(host), listen, health, drain, health_drain, api, probes }, first_key))
    }

    /// Drains and closes: no further call is let in, running ones end within the drain time, the record is closed.
    pub(in crate::cli) async fn stop(self) -> Result<()> {
        // Not ready from here on, and still answering that, until the last call has ended.
        self.host.router.drain();
        self.drain.stop();
        self.api.await.map_err(Error::internal)?;
        self.health_drain.stop();
        self.probes.await.map_err(Error::internal)?;
        let host = Arc::into_inner(self.host).ok_or_else(|| Error::internal("the host is still in use"))?;
        Ok(host.close(SETTLE_MAX).await?)
    }
}

async fn listener(address: SocketAddr, option: &str) -> Result<(TcpListener, SocketAddr)> {
    let taken = |error: std::io::Error| {
        Error::new(Code::Unavailable, format!("{address} cannot be listened on: {error}"))
            .next(format!("choose another address with {option}, or stop what listens there"))
    };
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    Ok((listener, address))
}
