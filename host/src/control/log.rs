//! The tenant's log, for its auditors: checkpoints, tiles, receipts, and the keys that sign.

use bytes::Bytes;
use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::receipt::Receipt;
use cofferdam_auditor::tile::TilePath;

use super::{Control, finish};
use crate::access::Action;
use crate::audit::entry::LogKeyRotated;
use crate::audit::log::LogKeys;
use crate::error::{Code, Error, Result};
use crate::id::CallId;
use crate::snapshot::Caller;

impl Control {
    /// The log's name and the keys that sign it.
    ///
    /// # Errors
    ///
    /// `denied` without the scope auditor or operator; `audit-unavailable` when the log does not grow.
    pub async fn log_keys(&self, caller: &Caller) -> Result<LogKeys> {
        caller.may(Action::ReadLogKeys)?;
        self.0.logs.keys(&caller.tenant.id).await
    }

    /// The log's newest checkpoint, a signed note.
    ///
    /// # Errors
    ///
    /// `denied` without the scope auditor; `audit-unavailable` when the log does not grow.
    pub async fn checkpoint(&self, caller: &Caller) -> Result<Checkpoint> {
        caller.may(Action::ReadAudit)?;
        self.0.logs.checkpoint(&caller.tenant.id).await
    }

    /// A tile of hashes or a bundle of entries of the log.
    ///
    /// # Errors
    ///
    /// `denied` without the scope auditor; `not-found` where the log is not that long.
    pub async fn tile(&self, caller: &Caller, path: TilePath) -> Result<Bytes> {
        caller.may(Action::ReadAudit)?;
        let tile = self.0.logs.tile(&caller.tenant.id, path).await?;
        tile.ok_or_else(|| Error::not_found("tile", path))
    }

    /// A checkpoint that hands the log over from one key to the next, counted from 1.
    ///
    /// # Errors
    ///
    /// `denied` without the scope auditor; `not-found` where the keys were not rotated so often.
    pub async fn handover(&self, caller: &Caller, number: u32) -> Result<Bytes> {
        caller.may(Action::ReadAudit)?;
        let handover = self.0.logs.handover(&caller.tenant.id, number).await?;
        handover.ok_or_else(|| Error::not_found("handover", number))
    }

    /// The proof that the log holds what is recorded of a call; it can be checked with the log's public key alone.
    ///
    /// # Errors
    ///
    /// As [`Control::call_record`]; `audit-unavailable` when the log does not grow.
    pub async fn receipt(&self, caller: &Caller, call: CallId) -> Result<Receipt> {
        let entries = self.call_record(caller, call).await?;
        self.0.logs.receipt(&caller.tenant.id, call, &entries).await
    }

    /// Has the log signed by a new key from now on. The entry that says so is the last under the old one, and the
    /// checkpoint that covers it is signed by both.
    ///
    /// # Errors
    ///
    /// `denied` without the scope operator; `conflict` when it is rotated at the same time by someone else;
    /// `audit-unavailable` when the log does not grow.
    pub async fn rotate_log_key(&self, caller: &Caller) -> Result<LogKeys> {
        caller.may(Action::RotateLogKey)?;
        let (this, tenant, by) = (self.clone(), caller.tenant.id.clone(), caller.principal.id);
        let caller = caller.clone();
        finish(async move {
            // Before the turn: the integrator writes to the store too, and a turn holds the one connection for that.
            let next = this.0.logs.next_key(&tenant).await?;
            let (mut turn, _) = this.turn_for(&caller, |caller| caller.may(Action::RotateLogKey)).await?;
            if this.0.store.log_keys(next.origin.as_str()).await?.len() != next.row.generation as usize {
                return Err(
                    Error::new(Code::Conflict, "the key was just rotated").next("rotate it again, if it is to be")
                );
            }
            turn.change.add_log_key(next.origin.as_str(), &next.row).await?;
            let (before, after) = (next.before.to_string(), next.after.to_string());
            turn.record(&tenant, Some(by), |change| LogKeyRotated { after, before, change }).await?;
            turn.commit(&tenant).await?;
            this.0.logs.keys(&tenant).await
        })
        .await
    }
}
