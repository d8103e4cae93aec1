//! A call that was let in and has waited since: what let it in can have been taken away.

use std::sync::Arc;

use super::children::Lineage;
use super::{Refused, Router};
use crate::error::{Error, Result};
use crate::id::CallId;
use crate::snapshot::{Caller, Resolved};

impl Router {
    /// Who calls, as things are now, where the call would still be let in.
    ///
    /// # Errors
    ///
    /// `unauthenticated` where the key is not good any more, `denied` where policy, access rules or a recall are against the
    /// call now. Both are in the record then.
    pub(super) async fn still_let_in(
        &self,
        caller: &Caller,
        call: CallId,
        resolved: &Resolved,
        lineage: Option<&Lineage>,
    ) -> Result<Caller> {
        let refusals = &self.0.refusals;
        let note = |error: &Error| refusals.note(caller, Refused { error, tool: Some(resolved.name()) });
        let now = self.0.snapshot.again(caller).inspect_err(note)?;
        if now.is_as(caller) {
            return Ok(now);
        }
        let decision = now.decide(resolved);
        let Err(refused) = &decision.outcome else { return Ok(now) };
        let error = Error::from(refused.clone()).fact("decision", call.to_string());
        let parent = lineage.map(Lineage::parent);
        refusals.denied(&now, call, resolved, &error, &decision, parent).await.map_err(|failed| failed.error)?;
        Err(error)
    }
}

impl Caller {
    /// Whether nothing that decisions follow from has changed between the two, of one key.
    pub(super) fn is_as(&self, before: &Self) -> bool {
        Arc::ptr_eq(&self.tenant, &before.tenant) && Arc::ptr_eq(&self.platform, &before.platform)
    }
}
