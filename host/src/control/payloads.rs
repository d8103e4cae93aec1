//! What was kept of calls beside the record: shown to the tenant's auditors, erased by its operators. The record itself
//! holds digests alone, so that it stays what it is.

use super::{Control, finish};
use crate::access::Action;
use crate::audit::entry::PayloadErased;
use crate::error::{Code, Error, Result};
use crate::id::CallId;
use crate::snapshot::Caller;
use crate::storage::KeptPayload;

impl Control {
    /// What was kept of a call.
    ///
    /// # Errors
    ///
    /// As [`Control::call_record`]; `not-found` too where nothing was kept, or not any more.
    pub async fn payload(&self, caller: &Caller, call: CallId) -> Result<KeptPayload> {
        self.call_record(caller, call).await?;
        let (payloads, tenant) = (&self.0.payloads, &caller.tenant.id);
        if let Some(kept) = payloads.read(tenant, call).await? {
            return Ok(kept);
        }
        let what = match payloads.erased(tenant, call).await? {
            Some(at) => {
                format!("the payload of the call {call} was erased at {}", humantime::format_rfc3339_seconds(at))
            }
            None => format!("no payload of the call {call} is kept"),
        };
        Err(Error::new(Code::NotFound, what)
            .next("payloads are kept of calls made while audit.payloads is in the policy, for the time that it says"))
    }

    /// Erases what was kept of a call, for good. Of a call without a payload nothing is recorded.
    ///
    /// # Errors
    ///
    /// `denied` without the scope operator; `not-found` for a call that the tenant did not make, or of which nothing is
    /// kept.
    pub async fn erase_payload(&self, caller: &Caller, call: CallId) -> Result<()> {
        caller.may(Action::ErasePayloads)?;
        if self.0.payloads.read(&caller.tenant.id, call).await?.is_none() {
            return Err(Error::not_found("payload of the call", call));
        }
        self.erase(caller, Some(call)).await
    }

    /// Erases everything that was kept of the tenant's calls, with the key that sealed it: copies of it, too, are of no
    /// more use to anyone.
    ///
    /// # Errors
    ///
    /// `denied` without the scope operator.
    pub async fn erase_payloads(&self, caller: &Caller) -> Result<()> {
        caller.may(Action::ErasePayloads)?;
        self.erase(caller, None).await
    }

    async fn erase(&self, caller: &Caller, call: Option<CallId>) -> Result<()> {
        let (this, tenant, by) = (self.clone(), caller.tenant.id.clone(), caller.principal.id);
        let caller = caller.clone();
        finish(async move {
            let (mut turn, _) = this.turn_for(&caller, |caller| caller.may(Action::ErasePayloads)).await?;
            turn.change.erase_payloads(&tenant, call).await?;
            turn.record(&tenant, Some(by), |change| PayloadErased { call, change }).await?;
            let committed = turn.commit(&tenant).await;
            // Whatever answers are kept to stand in, too.
            this.0.answers.forget(&tenant);
            // Also where that failed behind the change itself, or what is erased could be read until the next sweep.
            if let Err(error) = this.0.payloads.finish_erasures().await {
                // It is erased: nothing reads it any more. The next sweep, which is soon, goes on with the bytes.
                tracing::warn!(?error, "what was erased stays in the files until the next sweep");
            }
            committed
        })
        .await
    }
}
