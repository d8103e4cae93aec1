//! A host, put together: everything opened in the right order, what a crash left open closed, and all of it shut again.

mod files;
mod first_key;
mod keys;
mod open;
mod upkeep;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;

pub use self::first_key::FirstKey;
pub use self::keys::{RotatedKeys, rotate_keys};
pub use crate::storage::SecretsKey;

use crate::admission::{AdmissionSettings, Ledger};
use crate::audit::Audit;
use crate::audit::log::{LogSettings, Logs};
use crate::capability::Services;
use crate::capability::http::BrokerSettings;
use crate::control::Control;
use crate::engine::EngineSettings;
use crate::error::{Error, Result};
use crate::registry::RegistrySettings;
use crate::router::Router;
use crate::snapshot::Snapshot;
use crate::storage::{DataFolder, Payloads, Store};

/// How a host is set up.
#[derive(Debug, Clone)]
pub struct HostSettings {
    /// The data folder; made where there is none.
    pub data: PathBuf,
    /// The engine.
    pub engine: EngineSettings,
    /// Uploads, compiling, loaded components.
    pub registry: RegistrySettings,
    /// Room for calls.
    pub admission: AdmissionSettings,
    /// Requests of guests to the network.
    pub egress: BrokerSettings,
    /// The record.
    pub journal: crate::audit::Settings,
    /// The logs that are made of it.
    pub logs: LogSettings,
    /// Where the key comes from that tenants' secrets are sealed with.
    pub secrets_key: SecretsKey,
}

impl HostSettings {
    /// Defaults, in the folder `data`.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            engine: EngineSettings::default(),
            registry: RegistrySettings::default(),
            admission: AdmissionSettings::default(),
            egress: BrokerSettings::default(),
            journal: crate::audit::Settings::default(),
            logs: LogSettings::default(),
            secrets_key: SecretsKey::default(),
        }
    }
}

/// A running host, without its front doors.
#[derive(Debug)]
pub struct Host {
    /// Where calls enter.
    pub router: Router,
    /// Where changes enter.
    pub control: Control,
    folder: DataFolder,
    store: Store,
    payloads: Payloads,
    audit: Audit,
    logs: Logs,
    snapshot: Arc<Snapshot>,
    ledger: Arc<Mutex<Ledger>>,
    services: Services,
    upkeep: Vec<JoinHandle<()>>,
}

impl Host {
    /// Why the host would not let a call in now, in words for an operator; `Ok` when it would.
    ///
    /// # Errors
    ///
    /// `unavailable` or `audit-unavailable`.
    pub fn ready(&self) -> Result<()> {
        self.router.ready()
    }

    /// The data folder.
    pub fn data(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The journal, for whoever verifies it beside the host.
    pub fn journal(&self) -> PathBuf {
        self.folder.journal()
    }

    /// What the capabilities of all calls share.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// What calls read.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Lets running calls end within `time_max`, makes everything durable and closes. What has not ended by then is
    /// recorded as interrupted by the next start.
    ///
    /// # Errors
    ///
    /// When the journal failed.
    pub async fn close(self, time_max: Duration) -> Result<()> {
        self.router.settle(time_max).await;
        for task in self.upkeep {
            task.abort();
            // Aborted, or ended before.
            let _ = task.await;
        }
        upkeep::keep_usage(&self.store, &self.audit, &self.ledger).await?;
        let logs = self.logs;
        tokio::task::spawn_blocking(move || logs.close()).await.map_err(Error::internal)?;
        self.payloads.close().await;
        self.store.close().await;
        let audit = self.audit;
        tokio::task::spawn_blocking(move || audit.close()).await.map_err(Error::internal)?
    }
}
