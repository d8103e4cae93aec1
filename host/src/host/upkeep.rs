//! What a host does by itself, now and then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use crate::admission::Ledger;
use crate::audit::log::Logs;
use crate::audit::{Audit, Position};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::policy;
use crate::router::Router;
use crate::snapshot::Snapshot;
use crate::storage::{Payloads, Store};

/// Between two looks for use that no budget is about any more.
const PRUNE: Duration = Duration::from_secs(60);
/// How long refusals are counted together.
const FLUSH: Duration = Duration::from_secs(1);
/// Between two usage books that are kept: what a start has to read of the journal at most.
const KEEP_USAGE: Duration = Duration::from_secs(60);
/// Between two looks at whether the journal has gone on to another segment.
const LOOK: Duration = Duration::from_secs(1);
/// Between two sweeps of payloads. What is over is not read any more, swept or not.
const SWEEP: Duration = Duration::from_secs(60);

/// Makes up for what changes owe that stand and are not recorded, or not in force, because something failed.
pub(super) async fn make_up(control: Control) {
    let mut turns = interval(LOOK);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        if let Err(error) = control.make_up().await {
            tracing::error!(?error, "a change that was made is not recorded, or not in force, yet");
        }
    }
}

pub(super) async fn flush_refusals(router: Router) {
    let mut turns = interval(FLUSH);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        router.flush_refusals();
    }
}

/// Ends approvals whose time is over.
pub(super) async fn expire_approvals(router: Router) {
    let mut turns = interval(LOOK);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        router.expire_approvals();
    }
}

/// Forgets use of windows that are over, and answers that are too old.
pub(super) async fn prune_budgets(router: Router) {
    let mut turns = interval(PRUNE);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        router.prune_budgets();
        router.prune_answers();
    }
}

/// Keeps the usage book now and then, and with each segment of the journal that is full; lets go of segments that
/// neither the book nor the logs need any more.
pub(super) async fn keep_usage_and_retire(store: Store, audit: Audit, logs: Logs, ledger: Arc<Mutex<Ledger>>) {
    let mut turns = interval(LOOK);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut kept, mut retired) = (Position::START, Position::START);
    let mut last = None;
    loop {
        turns.tick().await;
        let segment = audit.segment();
        let due = |(at, last_in): (Instant, u64)| last_in != segment || at.elapsed() >= KEEP_USAGE;
        if last.is_none_or(due) {
            last = Some((Instant::now(), segment));
            match keep_usage(&store, &audit, &ledger).await {
                Ok(position) => kept = position,
                Err(error) => tracing::error!(?error, "usage is not kept; the next start reads more of the journal"),
            }
        }
        let until = kept.min(logs.kept());
        if until > retired {
            retired = until;
            let audit = audit.clone();
            match tokio::task::spawn_blocking(move || audit.retire(until)).await.map_err(Error::internal).flatten() {
                Ok(0) => {}
                Ok(segments) => tracing::debug!(segments, "let go of segments of the journal"),
                Err(error) => tracing::error!(?error, "segments of the journal stay until the next turn"),
            }
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

/// Takes in what is durable, and keeps it; up to where.
pub(super) async fn keep_usage(store: &Store, audit: &Audit, ledger: &Arc<Mutex<Ledger>>) -> Result<Position> {
    let (audit, ledger) = (audit.clone(), Arc::clone(ledger));
    let take_in = move || {
        let mut ledger = ledger.lock();
        ledger.catch_up(&audit)?;
        ledger.kept()
    };
    let (position, json) = tokio::task::spawn_blocking(take_in).await.map_err(Error::internal)??;
    store.save_usage(position, &json).await?;
    Ok(Position(position))
}
