//! Opening: storage first, then the record and what a crash left in it, then what runs calls.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use parking_lot::Mutex;

use super::{FirstKey, Host, HostSettings, files, first_key, upkeep};
use crate::access::Rules;
use crate::admission::budget::Meter;
use crate::admission::{Admission, AdmissionSettings, Ledger};
use crate::answers::Answers;
use crate::approvals::Approvals;
use crate::audit::entry::{CallEnded, HostRecovered, HostStarted, Outcome};
use crate::audit::log::Logs;
use crate::audit::{Audit, OpenCall, Recovered};
use crate::capability::files::Files;
use crate::capability::http::Broker;
use crate::capability::{Services, StorageQuotas};
use crate::control::{self, Control};
use crate::engine::{Class, Engine};
use crate::error::{Code, Error, Result};
use crate::id::TenantId;
use crate::policy::Ceiling;
use crate::registry::Registry;
use crate::router::{Kept, Router};
use crate::sessions::Sessions;
use crate::snapshot::{Snapshot, build_tenant};
use crate::storage::kv::KvStore;
use crate::storage::{self, Blobs, DataFolder, Payloads, PolicyKind, Store, Vault, Volumes};

impl Host {
    /// Opens the host of a data folder, beginning one where there is none. Gives the platform's first key until it was
    /// shown. Has to be called within the runtime that is to serve.
    ///
    /// # Errors
    ///
    /// `conflict` when another host has the folder; `unavailable` when it cannot be used, or the key for secrets is not
    /// its own; `audit-unavailable` when the journal is damaged, with the file, the place and what to do;
    /// `invalid-policy` for a ceiling that cannot be put in force; `internal` when the machine does not give what the
    /// settings ask for.
    pub async fn open(settings: HostSettings) -> Result<(Self, Option<FirstKey>)> {
        let folder = DataFolder::open(&settings.data)?;
        let (audit, recovered) = open_journal(&folder, &settings).await?;
        let store = Store::open(&folder.database()).await?;
        let blobs = Blobs::open(&folder)?;
        // First: to a journal that is not the logs' own, nothing must be appended.
        let logs = Logs::start(&audit, recovered.begun, &store, &blobs, settings.logs).await?;
        control::replay(&audit, &store, &recovered.changes).await?;
        storage::settle(&folder, &store, &settings.secrets_key).await?;
        let payloads = Payloads::open(&folder, &store).await?;
        let vault = Vault::open(&settings.secrets_key, &folder, &store).await?;
        payloads.finish_erasures().await?;

        let kept = store.policy(&TenantId::platform(), PolicyKind::Ceiling).await?;
        let in_force: Ceiling =
            files::at_start(&folder.ceiling(), kept.as_ref().map(|kept| kept.text.as_str())).await?;
        let kept = store.policy(&TenantId::platform(), PolicyKind::PlatformAccess).await?;
        let access: Rules =
            files::at_start(&folder.platform_access(), kept.as_ref().map(|kept| kept.text.as_str())).await?;
        let quotas = Arc::new(StorageQuotas::default());
        quotas.buckets_bytes_max.store(in_force.buckets_bytes_max(), Ordering::Relaxed);
        quotas.volumes_bytes_max.store(in_force.volumes_bytes_max(), Ordering::Relaxed);
        quotas.payloads_bytes_max.store(in_force.payloads_bytes_max(), Ordering::Relaxed);
        let volumes = Volumes::new(&folder);
        volumes.clear_scratch()?;
        let services = Services {
            kv: Some(KvStore::open(&folder.buckets()).await?),
            files: Some(Files::new(volumes, Arc::clone(&quotas))),
            http: Some(Broker::new(&settings.egress)?),
            vault: Some(vault.clone()),
            quotas: Arc::clone(&quotas),
        };
        let engine = Engine::new(&settings.engine, services.clone())?;
        let registry = Registry::open(&folder, engine.clone(), blobs, settings.registry)?;
        let admission = Admission::new(AdmissionSettings {
            live_calls_max: settings.admission.live_calls_max.min(settings.engine.live_calls_max),
            ..settings.admission
        });

        let snapshot = Arc::new(Snapshot::new(in_force.clone(), access.clone()));
        fill(&snapshot, &store).await?;
        let ledger = Arc::new(Mutex::new(load_ledger(&store).await?));
        let (sessions, approvals) = (Arc::new(Sessions::default()), Arc::new(Approvals::default()));
        let answers = Arc::new(Answers::default());
        let control = Control::new(
            store.clone(),
            payloads.clone(),
            vault.clone(),
            audit.clone(),
            logs.clone(),
            Arc::clone(&snapshot),
            registry.clone(),
            Arc::clone(&quotas),
            Arc::clone(&ledger),
            (Arc::clone(&sessions), Arc::clone(&approvals), Arc::clone(&answers)),
        );
        let first_key = first_key::ensure(&control, &snapshot, &store).await?;
        close_open_calls(&audit, &recovered.open_calls).await?;
        fill_from_record(&sessions, &approvals, &ledger, &audit).await?;
        let meter = begin_meter(&audit, &ledger).await?;
        control.set_ceiling(in_force).await?;
        control.set_platform_access(access).await?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let started = HostStarted { engine: engine.compatibility(Class::Small).to_owned(), version };
        audit.durable(audit.append(&TenantId::platform(), None, &started.into())?).await?;

        let kept = Kept { store: store.clone(), payloads: payloads.clone(), quotas, sessions, approvals, answers };
        let router = Router::new(
            Arc::clone(&snapshot),
            registry,
            engine,
            (admission, meter, settings.engine.child_calls_max),
            audit.clone(),
            logs.clone(),
            kept,
        );
        let upkeep = vec![
            tokio::spawn(files::watch::<Ceiling>(folder.ceiling(), control.clone())),
            tokio::spawn(files::watch::<Rules>(folder.platform_access(), control.clone())),
            tokio::spawn(upkeep::flush_refusals(router.clone())),
            tokio::spawn(upkeep::make_up(control.clone())),
            tokio::spawn(upkeep::expire_approvals(router.clone())),
            tokio::spawn(upkeep::prune_budgets(router.clone())),
            tokio::spawn(upkeep::sweep_payloads(payloads.clone(), Arc::clone(&snapshot))),
            tokio::spawn(upkeep::keep_usage_and_retire(
                store.clone(),
                audit.clone(),
                logs.clone(),
                Arc::clone(&ledger),
            )),
        ];
        Ok((
            Self { router, control, folder, store, payloads, audit, logs, snapshot, ledger, services, upkeep },
            first_key,
        ))
    }
}

async fn open_journal(folder: &DataFolder, settings: &HostSettings) -> Result<(Audit, Recovered)> {
    let (dir, settings) = (folder.journal(), settings.journal.clone());
    let open = move || Audit::open(&dir, settings);
    let (audit, recovered) = tokio::task::spawn_blocking(open).await.map_err(Error::internal)??;
    if recovered.cut {
        tracing::info!("cut the journal's torn tail: no sync had covered it");
    }
    Ok((audit, recovered))
}

/// Records how calls ended that a crash interrupted: nobody else can any more.
async fn close_open_calls(audit: &Audit, open: &[OpenCall]) -> Result<()> {
    if open.is_empty() {
        return Ok(());
    }
    for call in open {
        // Nobody knows what it brought to its session: that is told as if it had brought both labels.
        let outcome = Outcome::Failed(Code::Interrupted);
        let ended = CallEnded { duration_us: elapsed_us(call.decided), ..CallEnded::of(call.call, outcome) };
        audit.append(&call.tenant, call.principal, &ended.into())?;
    }
    let interrupted = open.len() as u64;
    let recovered = HostRecovered { interrupted };
    audit.durable(audit.append(&TenantId::platform(), None, &recovered.into())?).await?;
    tracing::info!(interrupted, "closed calls that a crash had left open");
    Ok(())
}

/// From a decision to this start: the call ended somewhere in between.
fn elapsed_us(decided: SystemTime) -> u64 {
    let elapsed = SystemTime::now().duration_since(decided).unwrap_or_default();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

async fn fill(snapshot: &Snapshot, store: &Store) -> Result<()> {
    let mut tenants = Vec::new();
    for row in store.tenants().await? {
        if let Some(rows) = store.tenant(&row.id, &HashSet::new()).await? {
            tenants.push(build_tenant(rows, None)?);
        }
    }
    snapshot.fill(tenants);
    Ok(())
}

/// What sessions have touched and which calls wait, by all that is in the record: before anyone may call.
async fn fill_from_record(
    sessions: &Arc<Sessions>,
    approvals: &Arc<Approvals>,
    ledger: &Arc<Mutex<Ledger>>,
    audit: &Audit,
) -> Result<()> {
    let (sessions, approvals) = (Arc::clone(sessions), Arc::clone(approvals));
    let (ledger, audit) = (Arc::clone(ledger), audit.clone());
    let fill = move || {
        let mut ledger = ledger.lock();
        ledger.catch_up(&audit)?;
        sessions.fill(ledger.sessions());
        approvals.fill(ledger.approvals());
        Ok(())
    };
    tokio::task::spawn_blocking(fill).await.map_err(Error::internal)?
}

/// What budgets have left, from all that the record holds. No call is in yet, and none is open.
async fn begin_meter(audit: &Audit, ledger: &Arc<Mutex<Ledger>>) -> Result<Meter> {
    let (audit, ledger) = (audit.clone(), Arc::clone(ledger));
    let begin = move || {
        let mut ledger = ledger.lock();
        ledger.catch_up(&audit)?;
        Ok(Meter::new(Arc::new(SystemTime::now), ledger.accounts()))
    };
    tokio::task::spawn_blocking(begin).await.map_err(Error::internal)?
}

async fn load_ledger(store: &Store) -> Result<Ledger> {
    match store.load_usage().await? {
        Some((position, json)) => Ledger::load(position, &json),
        None => Ok(Ledger::default()),
    }
}
