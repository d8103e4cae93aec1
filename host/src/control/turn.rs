//! One change: its turn, its transaction, its entries, and the order in which they become true.

use tokio::sync::OwnedMutexGuard;

use super::Control;
use crate::audit::{Audit, Event, Position};
use crate::error::{Error, Result};
use crate::id::{ChangeId, PrincipalId, TenantId};
use crate::storage::{Change, OutboxRow, Store};

/// A change under way. Dropped before [`Turn::commit`], it leaves nothing.
pub(super) struct Turn {
    control: Control,
    /// What is written to the store.
    pub(super) change: Change,
    entries: Vec<(OutboxRow, Event)>,
    _alone: OwnedMutexGuard<()>,
}

impl Control {
    /// Waits for the turn and begins.
    pub(super) async fn turn(&self) -> Result<Turn> {
        let alone = std::sync::Arc::clone(&self.0.turn).lock_owned().await;
        // Nothing is changed that could not be recorded.
        self.0.audit.health()?;
        let change = self.0.store.change().await?;
        Ok(Turn { control: self.clone(), change, entries: Vec::new(), _alone: alone })
    }
}

impl Turn {
    /// Adds an entry to `tenant`'s log; `event` gets the id by which it is appended once.
    pub(super) async fn record<E: Into<Event>>(
        &mut self,
        tenant: &TenantId,
        principal: Option<PrincipalId>,
        event: impl FnOnce(ChangeId) -> E,
    ) -> Result<()> {
        let change = ChangeId::new();
        let event = event(change).into();
        let json = serde_json::to_string(&event).map_err(Error::internal)?;
        let row = OutboxRow { change, tenant: tenant.clone(), principal, event: json };
        self.change.record(&row).await?;
        self.entries.push((row, event));
        Ok(())
    }

    /// Makes the change durable, records it, and puts it in force for `tenant`.
    pub(super) async fn commit(self, tenant: &TenantId) -> Result<()> {
        let Self { control, change, entries, _alone } = self;
        change.commit().await?;
        let mut last = None;
        for (row, event) in &entries {
            last = Some(control.0.audit.append(&row.tenant, row.principal, event)?);
        }
        recorded(&control.0.audit, &control.0.store, last, entries.iter().map(|(row, _)| row.change)).await?;
        control.refresh(tenant).await
    }
}

/// Waits until entries up to `last` are durable, and clears them from the outbox.
async fn recorded(
    audit: &Audit,
    store: &Store,
    last: Option<Position>,
    changes: impl Iterator<Item = ChangeId>,
) -> Result<()> {
    let Some(last) = last else { return Ok(()) };
    audit.durable(last).await?;
    for change in changes {
        // What stays is found in the journal at the next start, and cleared then.
        store.clear_outbox(change).await?;
    }
    Ok(())
}

/// Appends entries of changes that were committed and perhaps not recorded before a crash. `known` are those that the
/// journal has.
pub(crate) async fn replay(audit: &Audit, store: &Store, known: &std::collections::HashSet<ChangeId>) -> Result<usize> {
    let rows = store.outbox(None).await?;
    let mut last = None;
    let mut appended = 0;
    for row in &rows {
        if known.contains(&row.change) {
            continue;
        }
        let event: Event = serde_json::from_str(&row.event).map_err(Error::internal)?;
        last = Some(audit.append(&row.tenant, row.principal, &event)?);
        appended += 1;
    }
    if let Some(last) = last {
        audit.durable(last).await?;
    }
    for row in &rows {
        store.clear_outbox(row.change).await?;
    }
    Ok(appended)
}
