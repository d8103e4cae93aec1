//! One request on its way: name, addresses, connection, head, response.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use url::Host;

use super::body::{ReceivedBody, SentBody};
use super::broker::{Broker, Room};
use super::head::FIELDS_MAX;
use super::{Fault, Left, Patience, address, deny};
use crate::capability::effects::Effects;
use crate::id::TenantId;
use crate::policy::{Grants, HttpTarget, Refusal, Scheme};
use crate::uses::CapabilityUse;

/// Addresses that are tried before the host counts as unavailable.
const TRIED_MAX: usize = 4;
/// What hyper needs at least to read a head into.
const READ_BYTES_MIN: usize = 8 << 10;

/// One request that policy allows, but for its head and its body.
pub(super) struct Exchange {
    pub(super) broker: Broker,
    pub(super) grants: Arc<Grants>,
    pub(super) tenant: TenantId,
    pub(super) effects: Arc<Effects>,
    pub(super) left: Arc<Left>,
    pub(super) target: HttpTarget,
    pub(super) used: CapabilityUse,
    pub(super) patience: Patience,
}

/// Waits until `deadline`.
async fn by<T>(deadline: Instant, otherwise: Fault, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout_at(deadline, work).await.unwrap_or(Err(otherwise))
}

impl Exchange {
    pub(super) async fn run(self, request: Request<SentBody>) -> Result<Response<ReceivedBody>, Fault> {
        // A lookup can be noticed too: by whoever answers for the name.
        self.effects.before_effect().await.map_err(Fault::AuditUnavailable)?;
        self.effects.add_http_request();
        self.effects.using(&self.used);

        let timeout = self.left.limits.timeout;
        let end = Instant::now() + timeout;
        let within = |patience: Option<Duration>| end.min(Instant::now() + patience.unwrap_or(timeout).min(timeout));
        let connected_by = within(self.patience.connect);
        let room = by(connected_by, Fault::ConnectionLimit, self.broker.room(&self.tenant)).await?;
        let addresses = by(connected_by, Fault::DnsTimeout, self.addresses()).await;
        self.effects.settle_use(&self.used, !matches!(addresses, Err(Fault::AddressProhibited)));
        let addresses = addresses?;
        let stream = self.connect(&addresses, connected_by).await?;
        if self.target.scheme == Scheme::Https {
            let stream = by(connected_by, Fault::ConnectTimeout, self.secure(stream)).await?;
            let answered_by = within(self.patience.first_byte);
            self.exchange(stream, request, room, answered_by).await
        } else {
            let answered_by = within(self.patience.first_byte);
            self.exchange(stream, request, room, answered_by).await
        }
    }

    /// The addresses of the host, each of them checked. One that is prohibited prohibits all: a name that leads both
    /// into the open and into a private network is what rebinding looks like.
    async fn addresses(&self) -> Result<Vec<IpAddr>, Fault> {
        let addresses = match &self.target.host {
            Host::Domain(name) => self.broker.resolve(&self.tenant, name).await?,
            Host::Ipv4(address) => vec![IpAddr::V4(*address)],
            Host::Ipv6(address) => vec![IpAddr::V6(*address)],
        };
        let exceptions = self.grants.http.as_ref().map_or(&[][..], |grant| grant.private());
        for found in &addresses {
            if let Err(special) = address::check(*found, exceptions) {
                // Not which: that would tell the guest, and the tenant, how the host's own network is laid out.
                let rule = format!("the host leads to {}, which the platform does not except", special.as_str());
                deny(&self.effects, self.target.to_string(), Refusal { rule, nearest: None });
                return Err(Fault::AddressProhibited);
            }
        }
        Ok(addresses)
    }

    /// Connects to the first of `addresses` that accepts; each gets its share of the time that is left.
    async fn connect(&self, addresses: &[IpAddr], connected_by: Instant) -> Result<TcpStream, Fault> {
        let tried = addresses.len().min(TRIED_MAX);
        let mut last = Fault::Dns;
        for (number, address) in addresses.iter().take(tried).enumerate() {
            let left = connected_by.saturating_duration_since(Instant::now());
            let shares = u32::try_from(tried - number).unwrap_or(u32::MAX);
            let connecting = async {
                let stream = TcpStream::connect(SocketAddr::new(*address, self.target.port)).await;
                let stream = stream.map_err(|error| Fault::of_connect(&error))?;
                stream.set_nodelay(true).map_err(|error| Fault::of_connect(&error))?;
                Ok(stream)
            };
            match by(Instant::now() + left / shares, Fault::ConnectTimeout, connecting).await {
                Ok(stream) => return Ok(stream),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    /// Speaks TLS with the host that the guest named, whatever the address.
    async fn secure(&self, stream: TcpStream) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static, Fault> {
        let name = match &self.target.host {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| Fault::Tls)?,
            Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
        };
        self.broker.tls().connect(name, stream).await.map_err(|error| Fault::of_tls(&error))
    }

    async fn exchange<S>(
        self,
        stream: S,
        request: Request<SentBody>,
        room: Room,
        answered_by: Instant,
    ) -> Result<Response<ReceivedBody>, Fault>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let header_bytes = self.left.limits.header_bytes;
        let failed = |error: hyper::Error| Fault::of_exchange(&error, header_bytes);
        let bytes_max = usize::try_from(header_bytes).unwrap_or(usize::MAX);
        let mut builder = http1::Builder::new();
        builder.max_headers(FIELDS_MAX).max_header_size(bytes_max).max_buf_size(bytes_max.max(READ_BYTES_MIN));
        let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(failed)?;
        // Goes with whoever waits for the response, and then with its body.
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to an origin failed");
            }
        }));
        let answer = async { sender.send_request(request).await.map_err(failed) };
        let response = by(answered_by, Fault::ResponseTimeout, answer).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Fault::Upgrade);
        }
        let (left, effects, between) = (self.left, self.effects, self.patience.between_bytes);
        Ok(response.map(|incoming| ReceivedBody::new(incoming, connection, room, left, effects, between)))
    }
}
