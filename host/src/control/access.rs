//! Access rules: the tenant's, set by its operators, and the platform's, which are a file that the host watches.

use super::{Control, PolicyPut, PolicyView, finish};
use crate::access::{Action, RuleWarning, Rules, Side, Who, check};
use crate::audit::entry::AccessChanged;
use crate::error::{Code, Error, Result};
use crate::id::{Digest, TenantId};
use crate::snapshot::Caller;
use crate::storage::PolicyKind;

/// What is to be said of rules that could be put in force.
#[derive(Debug)]
pub struct AccessChecked {
    /// Of the text.
    pub digest: Digest,
    /// What is probably not meant.
    pub warnings: Vec<RuleWarning>,
}

impl Control {
    /// The tenant's access rules.
    ///
    /// # Errors
    ///
    /// `denied` unless the key may read policies.
    pub fn access(&self, caller: &Caller) -> Result<PolicyView> {
        caller.may(Action::ReadPolicy)?;
        let tenant = &caller.tenant;
        let text = tenant.access.text().to_owned();
        Ok(PolicyView { digest: tenant.access.digest(), since: tenant.access_since, text })
    }

    /// Looks over access rules; nothing is changed.
    ///
    /// # Errors
    ///
    /// `invalid-policy`, with every problem and its line.
    pub async fn check_access(&self, caller: &Caller, text: &str) -> Result<AccessChecked> {
        let text = text.to_owned();
        let look = move || {
            let rules = Rules::parse(Side::Tenant, &text)?;
            Ok(AccessChecked { digest: rules.digest(), warnings: check(&rules) })
        };
        self.0.desk.work(&caller.tenant.id, look).await?
    }

    /// Puts access rules in force, from the next request on.
    ///
    /// # Errors
    ///
    /// `denied` unless the key may change them; `invalid-policy`, with every problem and its line; `conflict` where they would
    /// keep the same key from changing them again. Nothing is changed then.
    pub async fn set_access(&self, caller: &Caller, text: &str) -> Result<PolicyPut> {
        caller.may(Action::ChangeAccess)?;
        let (asking, text) = (caller.clone(), text.to_owned());
        let rules = self.0.desk.work(&caller.tenant.id, move || lawful(&asking, &text)).await??;
        let (this, tenant, by) = (self.clone(), caller.tenant.id.clone(), caller.principal.id);
        let caller = caller.clone();
        finish(async move {
            let (mut turn, caller) = this.turn_for(&caller, |caller| caller.may(Action::ChangeAccess)).await?;
            let (before, after) = (caller.tenant.access.digest(), rules.digest());
            if before == after {
                return Ok(PolicyPut { digest: after, before, changed: false });
            }
            turn.change.insert_policy(&tenant, PolicyKind::Access, &after, rules.text()).await?;
            let changed = |change| AccessChanged { after, before: Some(before), change, platform: false };
            turn.record(&tenant, Some(by), changed).await?;
            turn.commit(&tenant).await?;
            Ok(PolicyPut { digest: after, before, changed: true })
        })
        .await
    }

    /// Puts the platform's access rules in force, from the next request on; nothing where they are in force already.
    pub(crate) async fn set_platform_access(&self, rules: Rules) -> Result<bool> {
        let this = self.clone();
        finish(async move {
            let platform = TenantId::platform();
            let after = rules.digest();
            let kept = this.0.store.policy(&platform, PolicyKind::PlatformAccess).await?;
            let before = kept.map_or_else(|| Rules::none(Side::Platform).digest(), |kept| kept.digest);
            if before != after {
                let mut turn = this.turn().await?;
                turn.change.insert_policy(&platform, PolicyKind::PlatformAccess, &after, rules.text()).await?;
                let changed = |change| AccessChanged { after, before: Some(before), change, platform: true };
                turn.record(&platform, None, changed).await?;
                turn.commit(&platform).await?;
            }
            let changed = this.0.snapshot.platform().access.digest() != after;
            let _alone = this.0.turn.lock().await;
            this.0.snapshot.swap_access(rules);
            Ok(changed)
        })
        .await
    }
}

/// The rules of a text, where they let the same key change them again in some hour of the week.
fn lawful(caller: &Caller, text: &str) -> Result<Rules> {
    let rules = Rules::parse(Side::Tenant, text)?;
    caller.could_ever(&Who::from(&*caller.principal), &rules, Action::ChangeAccess).map_err(|error| {
        let rule = error.facts().get("rule").cloned().unwrap_or_default();
        Error::new(Code::Conflict, "these access rules would keep this key from ever changing them again")
            .next("make an exception for the operators who are to change them; nothing was changed")
            .fact("rule", rule)
    })?;
    Ok(rules)
}
