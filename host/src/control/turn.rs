//! One change: its turn, its transaction, its entries, and the order in which they become true.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::Control;
use crate::audit::{Audit, Event};
use crate::error::{Error, Result};
use crate::id::{ChangeId, PrincipalId, TenantId};
use crate::snapshot::Caller;
use crate::storage::{Change, OutboxRow, Store};

/// A change under way. Dropped before [`Turn::commit`], it leaves nothing.
pub(super) struct Turn {
    control: Control,
    /// What is written to the store.
    pub(super) change: Change,
    entries: Vec<(OutboxRow, Event)>,
    owed: OwnedMutexGuard<Owed>,
}

/// What changes still owe that are durable, and so stand: whatever failed behind them is made up for by the next turn, by
/// the host once a second, or by the next start.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// Entries that the journal has not. Until it does, the outbox has them.
    unrecorded: VecDeque<(OutboxRow, Event)>,
    /// Entries that the journal has, and the outbox too.
    recorded: Vec<ChangeId>,
    /// Tenants whose value in the snapshot is not what the store has.
    stale: BTreeSet<TenantId>,
}

impl Owed {
    fn is_nothing(&self) -> bool {
        let Self { unrecorded, recorded, stale } = self;
        unrecorded.is_empty() && recorded.is_empty() && stale.is_empty()
    }
}

impl Control {
    /// Waits for the turn and begins a change that the host itself makes.
    pub(super) async fn turn(&self) -> Result<Turn> {
        let mut owed = Arc::clone(&self.0.turn).lock_owned().await;
        // Nothing is changed that could not be recorded.
        self.0.audit.health()?;
        if let Err(error) = self.settle(&mut owed).await {
            if !owed.unrecorded.is_empty() {
                return Err(error);
            }
            // That one tenant's value cannot be read keeps no other from its changes.
            tracing::error!(?error, "a change that was made is not in force yet");
        }
        let change = self.0.store.change().await?;
        Ok(Turn { control: self.clone(), change, entries: Vec::new(), owed })
    }

    /// The same for a change that somebody asks for, who `may` make it. What gave leave when the request came can have been
    /// taken away while its body arrived, or while others had their turn: it is asked once more, of things as they are now,
    /// and the caller that is given has these.
    pub(super) async fn turn_for(
        &self,
        caller: &Caller,
        may: impl FnOnce(&Caller) -> Result<()> + Send,
    ) -> Result<(Turn, Caller)> {
        let turn = self.turn().await?;
        let caller = self.0.snapshot.again(caller)?;
        may(&caller)?;
        Ok((turn, caller))
    }

    /// Makes up for what changes still owe, where nobody has the turn.
    ///
    /// # Errors
    ///
    /// What fails still; it goes on being owed.
    pub(crate) async fn make_up(&self) -> Result<()> {
        match Arc::clone(&self.0.turn).try_lock_owned() {
            Ok(mut owed) if !owed.is_nothing() => self.settle(&mut owed).await,
            _ => Ok(()),
        }
    }

    /// Records, puts in force, forgets the outbox: each as far as it goes.
    async fn settle(&self, owed: &mut Owed) -> Result<()> {
        let recorded = self.record(owed).await;
        let in_force = self.put_in_force(owed).await;
        self.clear(owed).await;
        recorded.and(in_force)
    }

    async fn record(&self, owed: &mut Owed) -> Result<()> {
        let (mut last, mut appended, mut failed) = (None, Vec::new(), Ok(()));
        while let Some((row, event)) = owed.unrecorded.pop_front() {
            match self.0.audit.append(&row.tenant, row.principal, &event) {
                Ok(position) => {
                    last = Some(position);
                    appended.push(row.change);
                }
                Err(error) => {
                    owed.unrecorded.push_front((row, event));
                    failed = Err(error);
                    break;
                }
            }
        }
        if let Some(last) = last {
            // Where this fails the journal has, and the next start finds out what is there.
            self.0.audit.durable(last).await?;
        }
        owed.recorded.extend(appended);
        failed
    }

    async fn put_in_force(&self, owed: &mut Owed) -> Result<()> {
        let mut failed = Ok(());
        for tenant in std::mem::take(&mut owed.stale) {
            if let Err(error) = self.refresh(&tenant).await {
                owed.stale.insert(tenant);
                failed = Err(error);
            }
        }
        failed
    }

    async fn clear(&self, owed: &mut Owed) {
        while let Some(change) = owed.recorded.last() {
            if let Err(error) = self.0.store.clear_outbox(*change).await {
                // What stays is found in the journal at the next start, and cleared then.
                tracing::warn!(?error, "entries stay in the outbox");
                return;
            }
            owed.recorded.pop();
        }
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

    /// Makes the change durable, records it, and puts it in force for `tenant`. Once it is durable it stands: what it takes
    /// away is taken away, even where it cannot be recorded at once.
    pub(super) async fn commit(self, tenant: &TenantId) -> Result<()> {
        let Self { control, change, entries, mut owed } = self;
        change.commit().await?;
        owed.unrecorded.extend(entries);
        owed.stale.insert(tenant.clone());
        match control.settle(&mut owed).await {
            Err(error) if !owed.unrecorded.is_empty() || owed.stale.contains(tenant) => {
                Err(error.next("the change stands: look before you send it again"))
            }
            Err(error) => {
                tracing::error!(?error, "a change of another tenant's is not in force yet");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
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

#[cfg(test)]
mod tests;
