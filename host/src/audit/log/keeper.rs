//! What the integrator keeps outside its memory: frontiers and keys in the metadata store, files in the blob store. The
//! integrator is a thread of its own and waits for each.

use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::key::{Origin, SigningKey};
use cofferdam_auditor::tree::Frontier;
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

/// What is kept of a log besides its files.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) frontier: Frontier,
    /// Which of the keys signs.
    pub(super) generation: usize,
}

impl Keeper {
    /// What a tenant's log is called: `<name>/<tenant>/<incarnation>`.
    pub(super) fn origin(&self, tenant: &TenantId) -> Result<Origin> {
        Origin::new(&self.name, tenant.as_str(), &self.incarnation).map_err(Error::internal)
    }

    pub(super) fn kept(&self, tenant: &TenantId) -> Result<Kept, Stop> {
        let Some(row) = self.runtime.block_on(self.store.log(tenant))? else { return Ok(Kept::default()) };
        let frontier = Frontier::load(&row.frontier).map_err(Stop::fork)?;
        Ok(Kept { frontier, generation: row.generation as usize })
    }

    /// The keys of the log, oldest first; the first is made when it is needed.
    pub(super) fn keys(&self, tenant: &TenantId) -> Result<Vec<SigningKey>> {
        let origin = self.origin(tenant)?;
        let mut rows = self.runtime.block_on(self.store.log_keys(origin.as_str()))?;
        if rows.is_empty() {
            let first = LogKeyRow { generation: 0, seed: seed()? };
            self.runtime.block_on(self.store.add_log_key(origin.as_str(), &first))?;
            rows = self.runtime.block_on(self.store.log_keys(origin.as_str()))?;
        }
        Ok(rows.iter().map(|row| SigningKey::from_seed(origin.clone(), &row.seed)).collect())
    }

    /// The checkpoint that was published last.
    pub(super) fn published(&self, tenant: &TenantId) -> Result<Option<Checkpoint>, Stop> {
        let bytes = self.runtime.block_on(self.files.read(tenant, CHECKPOINT))?;
        bytes.map(|bytes| Checkpoint::parse(&bytes).map_err(Stop::fork)).transpose()
    }

    pub(super) fn publish(&self, tenant: &TenantId, checkpoint: &Checkpoint) -> Result<()> {
        self.runtime.block_on(self.files.replace(tenant, CHECKPOINT, checkpoint.to_string()))
    }

    pub(super) fn create(&self, tenant: &TenantId, name: &str, bytes: Vec<u8>) -> Result<(), Stop> {
        self.runtime.block_on(self.files.create(tenant, name, bytes))
    }

    /// Keeps these logs as of `position`.
    pub(super) fn save<'a>(
        &self,
        position: Position,
        logs: impl Iterator<Item = (&'a TenantId, &'a Kept)>,
    ) -> Result<()> {
        let row = |(tenant, kept): (&TenantId, &Kept)| LogRow {
            tenant: tenant.clone(),
            frontier: kept.frontier.save(),
            generation: kept.generation as u32,
        };
        self.runtime.block_on(self.store.save_logs(position.0, &logs.map(row).collect::<Vec<_>>()))
    }
}

/// A new key's secret.
pub(super) fn seed() -> Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(Error::internal)?;
    Ok(seed)
}
