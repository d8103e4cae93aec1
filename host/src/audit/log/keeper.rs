//! What the integrator keeps outside its memory: frontiers and keys in the metadata store, files in the blob store. The
//! integrator is a thread of its own and waits for each.

use cofferdam_auditor::{Frontier, Origin, SigningKey};
use tokio::runtime::Handle;

use super::Stop;
use super::files::Files;
use crate::audit::format::Position;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::storage::{LogKeyRow, LogRow, Store};

/// The name of the last checkpoint, as tlog-tiles has it.
const CHECKPOINT: &str = "checkpoint";

#[derive(Debug, Clone)]
pub(super) struct Keeper {
    pub(super) store: Store,
    pub(super) files: Files,
    pub(super) runtime: Handle,
    /// The first part of every origin.
    pub(super) name: String,
    pub(super) incarnation: String,
}

impl Keeper {
    /// What a tenant's log is called: `<name>/<tenant>/<incarnation>`.
    pub(super) fn origin(&self, tenant: &TenantId) -> Result<Origin> {
        format!("{}/{tenant}/{}", self.name, self.incarnation).parse().map_err(Error::internal)
    }

    pub(super) fn frontier(&self, tenant: &TenantId) -> Result<Frontier, Stop> {
        match self.runtime.block_on(self.store.log(tenant))? {
            None => Ok(Frontier::new()),
            Some(row) => match Frontier::from_bytes(&row.frontier) {
                Ok(frontier) if frontier.size() == row.size => Ok(frontier),
                Ok(_) => Err(Stop::fork(format_args!("{tenant}: what is kept of the log is of another size"))),
                Err(error) => Err(Stop::fork(format_args!("{tenant}: what is kept of the log does not parse: {error}"))),
            },
        }
    }

    /// The keys of the log, oldest first; the first is made when it is needed.
    pub(super) fn keys(&self, tenant: &TenantId) -> Result<Vec<SigningKey>> {
        let origin = self.origin(tenant)?;
        let mut rows = self.runtime.block_on(self.store.log_keys(&origin.to_string()))?;
        if rows.is_empty() {
            self.add_key(&origin, 0)?;
            rows = self.runtime.block_on(self.store.log_keys(&origin.to_string()))?;
        }
        Ok(rows.iter().map(|row| SigningKey::from_seed(origin.clone(), &row.seed)).collect())
    }

    /// Makes the key of this generation and keeps it; the key.
    pub(super) fn add_key(&self, origin: &Origin, generation: u32) -> Result<SigningKey> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(Error::internal)?;
        self.runtime.block_on(self.store.add_log_key(&origin.to_string(), &LogKeyRow { generation, seed }))?;
        Ok(SigningKey::from_seed(origin.clone(), &seed))
    }

    /// The checkpoint that was published last.
    pub(super) fn published(&self, tenant: &TenantId) -> Result<Option<String>> {
        let bytes = self.runtime.block_on(self.files.read(tenant, CHECKPOINT))?;
        bytes.map(|bytes| String::from_utf8(bytes.into()).map_err(super::files::failed)).transpose()
    }

    pub(super) fn publish(&self, tenant: &TenantId, text: &str) -> Result<()> {
        self.runtime.block_on(self.files.replace(tenant, CHECKPOINT, text))
    }

    pub(super) fn create(&self, tenant: &TenantId, name: &str, bytes: Vec<u8>) -> Result<(), Stop> {
        self.runtime.block_on(self.files.create(tenant, name, bytes))
    }

    /// Keeps these frontiers as of `position`.
    pub(super) fn save<'a>(
        &self,
        position: Position,
        logs: impl Iterator<Item = (&'a TenantId, &'a Frontier)>,
    ) -> Result<()> {
        let rows: Vec<_> = logs
            .map(|(tenant, frontier)| LogRow {
                tenant: tenant.clone(),
                size: frontier.size(),
                frontier: frontier.to_bytes(),
            })
            .collect();
        self.runtime.block_on(self.store.save_logs(position.0, &rows))
    }
}
