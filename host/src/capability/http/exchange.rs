//! One request on its way: name, addresses, connection, head, response.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_ENCODING, HeaderMap};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use ipnet::IpNet;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use url::Host;

use super::account::Account;
use super::body::{ReceivedBody, SentBody, Watch};
use super::broker::{Broker, HTTP_2};
use super::connection::{self, Destination, Driver, Ready};
use super::credential::CallSecrets;
use super::{Fault, Patience, address};
use crate::downstream::Slot;
use crate::id::TenantId;
use crate::policy::{Credential, HttpTarget, Scheme};
use crate::uses::CapabilityUse;

/// Addresses that are tried before the host counts as unavailable.
const TRIED_MAX: usize = 4;

/// One request that policy allows, but for its head and its body.
pub(super) struct Exchange {
    pub(super) broker: Broker,
    /// Special addresses that it may go to.
    pub(super) private: Arc<[IpNet]>,
    pub(super) tenant: TenantId,
    pub(super) account: Account,
    pub(super) target: HttpTarget,
    /// What has a pace of its own, so that as many go on there at once as it answers in good time.
    pub(super) place: String,
    pub(super) used: CapabilityUse,
    pub(super) patience: Patience,
    /// What it leaves with, and where that is opened from.
    pub(super) credential: Option<Credential>,
    pub(super) secrets: CallSecrets,
}

/// Waits until `deadline`.
async fn by<T>(deadline: Instant, otherwise: Fault, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout_at(deadline, work).await.unwrap_or(Err(otherwise))
}

impl Exchange {
    pub(super) async fn run(self, request: Request<SentBody>) -> Result<Response<ReceivedBody>, Fault> {
        let (effects, used) = (Arc::clone(&self.account.effects), self.used.clone());
        let end = Instant::now() + self.account.left.limits.timeout;
        let connected_by = self.within(end, self.patience.connect);
        // What waits because the host does not keep up has asked for nothing yet, and is charged nothing.
        let slot = self.slot(connected_by).await?;
        // A lookup can be noticed too: by whoever answers for the name.
        effects.before_effect().await.map_err(Fault::AuditUnavailable)?;
        effects.ask(&used)?;
        let answer = self.answer(request, slot, connected_by, end).await;
        // Not when it was asked about: its own body would be stopped by what nobody has read yet.
        effects.answered(&used);
        answer
    }

    async fn answer(
        self,
        mut request: Request<SentBody>,
        mut slot: Slot,
        connected_by: Instant,
        end: Instant,
    ) -> Result<Response<ReceivedBody>, Fault> {
        let effects = &self.account.effects;
        let watch = self.attach(&mut request)?;
        // What has no room leaves nothing, not even a use in the record.
        let connected = self.account.connection()?;
        self.account.request()?;
        effects.using(&self.used);

        let room = by(connected_by, Fault::ConnectionLimit, self.broker.room(&self.tenant)).await?;
        let addresses = by(connected_by, Fault::DnsTimeout, self.addresses()).await;
        effects.settle_use(&self.used, !matches!(addresses, Err(Fault::AddressProhibited)));
        let addresses = addresses?;
        slot.sent();
        let answer = async {
            let stream = self.connect(&addresses, connected_by).await?;
            let ready = by(connected_by, Fault::ConnectTimeout, Box::pin(self.speak(stream))).await?;
            if let Some((_, used)) = &watch {
                effects.used(|known| known == used, || used.clone());
            }
            let header_bytes = self.account.left.limits.header_bytes;
            let sending = Box::pin(ready.send(request, header_bytes));
            by(self.within(end, self.patience.first_byte), Fault::ResponseTimeout, sending).await
        };
        let answer = answer.await;
        learn(&mut slot, &answer);
        let (mut response, driver) = answer?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Fault::Upgrade);
        }
        let mut watch = watch.map(|(watch, _)| watch);
        if let Some(watch) = &mut watch {
            if is_encoded(response.headers()) {
                return Err(Fault::Encoded);
            }
            watch.fields(response.headers_mut());
        }
        let (account, between, room) = (self.account, self.patience.between_bytes, room.counted(connected, slot));
        Ok(response.map(|incoming| ReceivedBody::new(incoming, driver, room, account, watch, between)))
    }

    /// Until when the guest waits for something that begins now.
    fn within(&self, end: Instant, patience: Option<Duration>) -> Instant {
        let timeout = self.account.left.limits.timeout;
        end.min(Instant::now() + patience.unwrap_or(timeout).min(timeout))
    }

    /// A turn at the host: as many of the tenant's requests go on there as it answers in good time.
    async fn slot(&self, by: Instant) -> Result<Slot, Fault> {
        let place = self.broker.place(&self.tenant, self.place.clone());
        timeout_at(by, place.enter()).await.map_err(|_| Fault::Congested(place.limit() as u64))
    }

    /// Puts the rule's credential into the request, and gives what looks for it in what comes back and what the record
    /// says of it.
    fn attach(&self, request: &mut Request<SentBody>) -> Result<Option<(Watch, CapabilityUse)>, Fault> {
        let Some(credential) = &self.credential else { return Ok(None) };
        let opened = self.secrets.open(credential).map_err(|error| {
            tracing::error!(?error, "a secret cannot be opened");
            Fault::Credential
        })?;
        let Some(opened) = opened.filter(|opened| opened.attach(request).is_some()) else {
            self.account.deny(format!("the rule's secret {:?} is not set", credential.secret.as_str()));
            return Err(Fault::Credential);
        };
        let watch = Watch::new(opened.scrub(), credential.secret.clone(), self.account.clone());
        Ok(Some((watch, opened.used(&self.target.host.to_string()))))
    }

    /// The addresses of the host, each of them checked. One that is prohibited prohibits all: a name that leads both
    /// into the open and into a private network is what rebinding looks like.
    async fn addresses(&self) -> Result<Vec<IpAddr>, Fault> {
        let addresses = match &self.target.host {
            Host::Domain(name) => self.broker.resolve(&self.tenant, name).await?,
            Host::Ipv4(address) => vec![IpAddr::V4(*address)],
            Host::Ipv6(address) => vec![IpAddr::V6(*address)],
        };
        for found in &addresses {
            if let Err(special) = address::check(*found, &self.private) {
                // Not which: that would tell the guest, and the tenant, how the host's own network is laid out.
                let rule = format!("the host leads to {}, which the platform does not except", special.as_str());
                self.account.deny(rule);
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

    /// Begins to speak HTTP: over TLS with the host that the guest named, whatever the address, where it goes by that.
    async fn speak(&self, stream: TcpStream) -> Result<Ready, Fault> {
        let header_bytes = self.account.left.limits.header_bytes;
        if self.target.scheme == Scheme::Http {
            return connection::http1(stream, header_bytes).await;
        }
        let name = match &self.target.host {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| Fault::Tls)?,
            Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
        };
        let stream = self.broker.tls().connect(name, stream).await.map_err(|error| Fault::of_tls(&error))?;
        if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) {
            let destination = Destination { scheme: "https", authority: self.target.authority() };
            return Box::pin(connection::http2(stream, header_bytes, destination)).await;
        }
        connection::http1(stream, header_bytes).await
    }
}

/// What an answer, or none, says about how much its host bears.
fn learn(slot: &mut Slot, answer: &Result<(Response<Incoming>, Driver), Fault>) {
    match answer {
        Ok((response, _)) => match response.status() {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => slot.failed(),
            _ => slot.answered(),
        },
        // How long that was can be the guest's word.
        Err(Fault::ConnectTimeout | Fault::ResponseTimeout) => slot.given_up(),
        Err(fault) if fault.is_too_much() => slot.failed(),
        // The guest's doing, or the policy's.
        Err(_) => slot.says_nothing(),
    }
}

/// Whether a body is something else than what it says.
fn is_encoded(fields: &HeaderMap) -> bool {
    fields.get_all(CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}
