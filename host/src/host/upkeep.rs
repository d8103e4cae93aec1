//! What a host does by itself, now and then.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use crate::admission::Ledger;
use crate::audit::Audit;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::policy;
use crate::router::Router;
use crate::snapshot::Snapshot;
use crate::storage::{Payloads, Store};

/// How long refusals are counted together.
const FLUSH: Duration = Duration::from_secs(1);
/// Between two usage books that are kept: what a start has to read of the journal at most.
const KEEP_USAGE: Duration = Duration::from_secs(60);
/// Between two sweeps of payloads. What is over is not read any more, swept or not.
const SWEEP: Duration = Duration::from_secs(60);

pub(super) async fn flush_refusals(router: Router) {
    let mut turns = interval(FLUSH);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        router.flush_refusals();
    }
}

pub(super) async fn keep_usage_now_and_then(store: Store, audit: Audit, ledger: Arc<Mutex<Ledger>>) {
    let mut turns = interval(KEEP_USAGE);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        if let Err(error) = keep_usage(&store, &audit, &ledger).await {
            tracing::error!(?error, "usage is not kept; the next start reads more of the journal");
        }
    }
}

/// Removes payloads whose time is over.
pub(super) async fn sweep_payloads(payloads: Payloads, snapshot: Arc<Snapshot>) {
    let mut turns = interval(SWEEP);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        let platform = snapshot.platform();
        let retention = |tenant: &TenantId| {
            snapshot.tenant(tenant).and_then(|tenant| policy::retention(&platform.ceiling, &tenant.policy))
        };
        match payloads.sweep(retention).await {
            Ok(0) => {}
            Ok(pieces) => tracing::debug!(pieces, "removed payloads whose time is over"),
            Err(error) => tracing::error!(?error, "payloads whose time is over stay until the next sweep"),
        }
    }
}

/// Takes in what is durable, and keeps it.
pub(super) async fn keep_usage(store: &Store, audit: &Audit, ledger: &Arc<Mutex<Ledger>>) -> Result<()> {
    let (audit, ledger) = (audit.clone(), Arc::clone(ledger));
    let take_in = move || {
        let mut ledger = ledger.lock();
        ledger.catch_up(&audit)?;
        ledger.kept()
    };
    let (position, json) = tokio::task::spawn_blocking(take_in).await.map_err(Error::internal)??;
    store.save_usage(position, &json).await
}
