//! Recalls: a component that is not to run any more, from the next call on. The platform recalls for everyone, a tenant what
//! is its own; each lifts its own alone.

use std::time::SystemTime;

use super::tenants::bounded_message;
use super::{Control, finish};
use crate::access::Action;
use crate::audit::entry::{ComponentRecalled, RecallLifted};
use crate::error::{Code, Error, Result};
use crate::id::Digest;
use crate::snapshot::Caller;
use crate::storage::RecallRow;

impl Control {
    /// Recalls a component. Calls that run go on to their end; the next one is denied, and it is listed no more.
    ///
    /// # Errors
    ///
    /// `denied` unless the key may recall; `not-found` for a component that a tenant has not (the platform recalls whatever
    /// there may be); `invalid-request` for a reason that is too long.
    pub async fn recall(&self, caller: &Caller, component: Digest, reason: String) -> Result<()> {
        caller.may(Action::Recall)?;
        bounded_message("the reason", &reason)?;
        let tenant = caller.tenant.id.clone();
        if !tenant.is_platform() && self.0.store.component(&tenant, &component).await?.is_none() {
            return Err(Error::not_found("component", component));
        }
        let (this, caller, by) = (self.clone(), caller.clone(), caller.principal.id);
        finish(async move {
            let (mut turn, _) = this.turn_for(&caller, |caller| caller.may(Action::Recall)).await?;
            let row = RecallRow { tenant, digest: component, reason: reason.clone(), since: SystemTime::now() };
            turn.change.recall(&row).await?;
            let tenant = row.tenant;
            turn.record(&tenant, Some(by), |change| ComponentRecalled { change, component, reason }).await?;
            turn.commit(&tenant).await
        })
        .await
    }

    /// Lets a component run again that the same tenant had recalled.
    ///
    /// # Errors
    ///
    /// `denied` unless the key may recall; `not-found` for a component that the tenant has not; `conflict` for one that the
    /// platform recalled: no tenant lifts that.
    pub async fn lift_recall(&self, caller: &Caller, component: Digest) -> Result<()> {
        caller.may(Action::Recall)?;
        let (this, tenant, by) = (self.clone(), caller.tenant.id.clone(), caller.principal.id);
        let caller = caller.clone();
        finish(async move {
            let (mut turn, caller) = this.turn_for(&caller, |caller| caller.may(Action::Recall)).await?;
            if !caller.tenant.recalls.contains_key(&component) {
                let known = this.0.store.component(&tenant, &component).await?.is_some();
                return match (known, caller.platform.recalls.contains_key(&component)) {
                    (false, _) => Err(Error::not_found("component", component)),
                    (true, false) => Ok(()),
                    (true, true) => Err(Error::new(Code::Conflict, format!("the platform recalled {component}"))
                        .next("ask the platform team: only it lifts its own recalls")),
                };
            }
            turn.change.lift_recall(&tenant, &component).await?;
            turn.record(&tenant, Some(by), |change| RecallLifted { change, component }).await?;
            turn.commit(&tenant).await
        })
        .await
    }

    /// What the tenant itself has recalled, by digest, with the reasons.
    ///
    /// # Errors
    ///
    /// `denied` unless the key may read packages.
    pub fn recalls(&self, caller: &Caller) -> Result<Vec<(Digest, String)>> {
        caller.may(Action::ReadPackages)?;
        Ok(caller.tenant.recalls.iter().map(|(digest, reason)| (*digest, reason.clone())).collect())
    }
}
