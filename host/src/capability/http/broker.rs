//! What the requests of all calls share: name resolution, TLS, and how many connections there may be.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsConnector;

use super::Fault;
use super::account::{Connected, Spent};
use crate::descriptors;
use crate::downstream::{Downstream, Slot};
use crate::error::{Error, Result};
use crate::id::TenantId;

/// Names that are being looked up at once. A lookup takes a thread that may wait, which files need too, and goes on
/// when nobody waits for it any more: a tenant whose names resolve slowly must not have them all.
const LOOKUPS_MAX: usize = 128;
/// And of one tenant.
const TENANT_LOOKUPS_MAX: usize = 16;
/// Hosts of one tenant whose pace is remembered; where there are more, those that no request goes to are forgotten.
const PLACES_MAX: usize = 256;
/// Tenants whose counts are kept although they have no connection.
const IDLE_MAX: usize = 10_000;

/// What a peer chooses in the handshake that speaks HTTP/2.
pub(super) const HTTP_2: &[u8] = b"h2";

/// How requests are sent.
#[derive(Debug, Clone)]
pub struct BrokerSettings {
    /// Connections of one tenant at once, so that one tenant cannot have them all.
    pub tenant_connections_max: usize,
    /// Connections of all tenants together; fewer where the process may not open four times as many files.
    pub connections_max: usize,
    /// Certificates that are trusted beside those that browsers trust: a company's own, in DER.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl Default for BrokerSettings {
    /// 64 connections a tenant, 1,024 in all, no roots beside the usual.
    fn default() -> Self {
        Self { tenant_connections_max: 64, connections_max: 1_024, extra_roots: Vec::new() }
    }
}

/// Sends requests for all calls. Cheap to clone.
///
/// A connection serves one request and is then closed, and TLS sessions are not resumed: neither is shared, so nobody
/// can tell from how fast a host answers whether someone else was there.
#[derive(Clone)]
pub struct Broker(Arc<Shared>);

struct Shared {
    resolver: Box<dyn Resolve>,
    tls: TlsConnector,
    tenant_connections_max: usize,
    connections: Arc<Semaphore>,
    lookups: Arc<Semaphore>,
    tenants: Mutex<HashMap<TenantId, Arc<TenantRoom>>>,
}

/// What a tenant may have at once.
struct TenantRoom {
    connections: Arc<Semaphore>,
    lookups: Arc<Semaphore>,
    spent: Arc<Spent>,
    /// Where its requests go, by authority: nobody learns from another's how fast a host answers.
    places: Mutex<HashMap<String, Arc<Downstream>>>,
}

/// The right to one connection, or one lookup: the tenant's share, and the host's.
#[derive(Debug)]
pub(super) struct Room {
    _tenant: OwnedSemaphorePermit,
    _host: OwnedSemaphorePermit,
    /// While somebody has a permit of it, the tenant's count is not forgotten.
    _counted: Arc<TenantRoom>,
    /// Where it is a connection: its place among those that the tenant's policy lets be, and among those to its host.
    _connected: Option<(Connected, Slot)>,
}

/// Where the addresses of a name come from.
pub(super) trait Resolve: Send + Sync {
    /// Every address of `name`.
    fn resolve(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The host's own resolver.
struct System;

impl Resolve for System {
    fn resolve(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let name = name.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").finish_non_exhaustive()
    }
}

impl fmt::Debug for TenantRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantRoom").field("connections", &self.connections.available_permits()).finish_non_exhaustive()
    }
}

impl Broker {
    /// A broker that resolves names as the host does.
    ///
    /// # Errors
    ///
    /// When one of the extra roots is not a certificate.
    pub fn new(settings: &BrokerSettings) -> Result<Self> {
        Self::with_resolver(settings, Box::new(System))
    }

    pub(super) fn with_resolver(settings: &BrokerSettings, resolver: Box<dyn Resolve>) -> Result<Self> {
        Ok(Self(Arc::new(Shared {
            resolver,
            tls: TlsConnector::from(Arc::new(tls(settings)?)),
            tenant_connections_max: settings.tenant_connections_max,
            connections: Arc::new(Semaphore::new(descriptors::connections(
                settings.connections_max,
                descriptors::OUTBOUND,
            ))),
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
            tenants: Mutex::default(),
        })))
    }

    pub(super) fn tls(&self) -> &TlsConnector {
        &self.0.tls
    }

    /// What `tenant` has taken of its quotas.
    pub(super) fn spent(&self, tenant: &TenantId) -> Arc<Spent> {
        Arc::clone(&self.tenant(tenant).spent)
    }

    /// Waits until `tenant` may have another connection.
    pub(super) async fn room(&self, tenant: &TenantId) -> Result<Room, Fault> {
        let counted = self.tenant(tenant);
        Room::take(Arc::clone(&counted.connections), Arc::clone(&self.0.connections), counted).await
    }

    /// A host that requests of `tenant` go to.
    pub(super) fn place(&self, tenant: &TenantId, authority: String) -> Arc<Downstream> {
        let tenant = self.tenant(tenant);
        let mut places = tenant.places.lock();
        if places.len() >= PLACES_MAX && !places.contains_key(&authority) {
            places.retain(|_, place| Arc::strong_count(place) > 1);
        }
        let most = self.0.tenant_connections_max;
        Arc::clone(places.entry(authority).or_insert_with(|| Arc::new(Downstream::new(most))))
    }

    /// Every address of `name`.
    pub(super) async fn resolve(&self, tenant: &TenantId, name: &str) -> Result<Vec<IpAddr>, Fault> {
        let counted = self.tenant(tenant);
        let room = Room::take(Arc::clone(&counted.lookups), Arc::clone(&self.0.lookups), counted).await?;
        let resolving = self.0.resolver.resolve(name);
        // The system's lookup cannot be given up, so its room belongs to it and not to whoever waits.
        let found = tokio::spawn(async move {
            let found = resolving.await;
            drop(room);
            found
        });
        match found.await {
            Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
            Ok(_) => Err(Fault::Dns),
            Err(error) => {
                tracing::error!(%error, "a lookup broke down");
                Err(Fault::Dns)
            }
        }
    }

    fn tenant(&self, tenant: &TenantId) -> Arc<TenantRoom> {
        let mut tenants = self.0.tenants.lock();
        if let Some(room) = tenants.get(tenant) {
            return Arc::clone(room);
        }
        if tenants.len() >= IDLE_MAX {
            tenants.retain(|_, room| Arc::strong_count(room) > 1 || !room.spent.is_over());
        }
        let room = Arc::new(TenantRoom {
            connections: Arc::new(Semaphore::new(self.0.tenant_connections_max)),
            lookups: Arc::new(Semaphore::new(TENANT_LOOKUPS_MAX)),
            spent: Arc::default(),
            places: Mutex::default(),
        });
        tenants.insert(tenant.clone(), Arc::clone(&room));
        room
    }
}

impl Room {
    /// The tenant's share first: a tenant that waits for its own takes nothing of the host's.
    async fn take(tenant: Arc<Semaphore>, host: Arc<Semaphore>, counted: Arc<TenantRoom>) -> Result<Self, Fault> {
        // They are never closed.
        let closed = |_| Fault::ConnectionLimit;
        let tenant = tenant.acquire_owned().await.map_err(closed)?;
        let host = host.acquire_owned().await.map_err(closed)?;
        Ok(Self { _tenant: tenant, _host: host, _counted: counted, _connected: None })
    }

    /// The same, counted among the tenant's connections for as long.
    pub(super) fn counted(self, connected: Connected, slot: Slot) -> Self {
        Self { _connected: Some((connected, slot)), ..self }
    }
}

fn tls(settings: &BrokerSettings) -> Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    for root in &settings.extra_roots {
        roots
            .add(root.clone())
            .map_err(|error| Error::internal(format_args!("an extra root for requests is no certificate: {error}")))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal(format_args!("TLS cannot be set up: {error}")))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}
