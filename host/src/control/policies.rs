//! Policies: the tenant's, set by its operators, and the platform's ceiling, which is a file that the host watches.

use std::time::{Duration, Instant, SystemTime};

use super::{Control, bounds, finish};
use crate::access::Action;
use crate::audit::entry::PolicyChanged;
use crate::error::{Code, Error, Result};
use crate::id::{Digest, Origin, PackageRef, TenantId};
use crate::policy::{self, Ceiling, Effects, Explanation, Policy, Warning};
use crate::snapshot::{Caller, PackageVersion};
use crate::storage::PolicyKind;

/// A policy in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyView {
    /// Of the text.
    pub digest: Digest,
    /// From when on; absent for the policy that a tenant begins with.
    pub since: Option<SystemTime>,
    /// The text, TOML.
    pub text: String,
}

/// What came of setting a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyPut {
    /// In force now.
    pub digest: Digest,
    /// In force before.
    pub before: Digest,
    /// Whether that is another one.
    pub changed: bool,
}

/// What a policy would do, if it were in force.
#[derive(Debug)]
pub struct PolicyChecked {
    /// Of the text.
    pub digest: Digest,
    /// What is probably not meant.
    pub warnings: Vec<Warning>,
    /// For each package that the tenant can see: what calls of its current version would get.
    pub packages: Vec<(PackageRef, Explanation)>,
    /// How many further packages there was no time for.
    pub packages_left_out: usize,
}

impl Control {
    /// The tenant's policy.
    ///
    /// # Errors
    ///
    /// `denied` without the scope operator or auditor.
    pub fn policy(&self, caller: &Caller) -> Result<PolicyView> {
        caller.may(Action::ReadPolicy)?;
        let tenant = &caller.tenant;
        let text = tenant.policy.text().to_owned();
        Ok(PolicyView { digest: tenant.policy.digest(), since: tenant.policy_since, text })
    }

    /// Puts a policy in force, from the next call on.
    ///
    /// # Errors
    ///
    /// `denied` without the scope operator; `invalid-policy`, with every problem and its line, and nothing is changed.
    pub async fn set_policy(&self, caller: &Caller, text: &str) -> Result<PolicyPut> {
        self.replace_policy(caller, text, None).await
    }

    /// The same in the place of a certain one.
    ///
    /// # Errors
    ///
    /// As of [`Control::set_policy`]; `conflict` where another policy is in force than the one with the digest
    /// `expected`, and nothing is changed.
    pub async fn replace_policy(&self, caller: &Caller, text: &str, expected: Option<Digest>) -> Result<PolicyPut> {
        caller.may(Action::ChangePolicy)?;
        let text = text.to_owned();
        let policy = self.0.desk.work(&caller.tenant.id, move || Policy::parse(&text)).await??;
        let (this, tenant, by) = (self.clone(), caller.tenant.id.clone(), caller.principal.id);
        let caller = caller.clone();
        finish(async move {
            let (mut turn, caller) = this.turn_for(&caller, |caller| caller.may(Action::ChangePolicy)).await?;
            let (before, after) = (caller.tenant.policy.digest(), policy.digest());
            if let Some(expected) = expected.filter(|expected| *expected != before) {
                return Err(Error::new(Code::Conflict, format!("the policy in force is {before}, not {expected}"))
                    .next("nothing was changed; read the policy in force and make the change again")
                    .fact("in_force", before.to_string()));
            }
            if before == after {
                return Ok(PolicyPut { digest: after, before, changed: false });
            }
            turn.change.insert_policy(&tenant, PolicyKind::Policy, &after, policy.text()).await?;
            turn.record(&tenant, Some(by), |change| PolicyChanged { after, before: Some(before), change }).await?;
            turn.commit(&tenant).await?;
            Ok(PolicyPut { digest: after, before, changed: true })
        })
        .await
    }

    /// What a policy would change for each package that the tenant can see, compared with the one in force. Compares for ten
    /// seconds, and says how many packages it did not come to.
    ///
    /// # Errors
    ///
    /// `denied` unless the key may read policies; `invalid-policy`, with every problem and its line.
    pub async fn diff_policy(&self, caller: &Caller, text: &str) -> Result<Effects> {
        caller.may(Action::ReadPolicy)?;
        let (asking, text) = (caller.clone(), text.to_owned());
        self.0.desk.work(&caller.tenant.id, move || compare(&asking, &text, bounds::COMPARE_TIME_MAX)).await?
    }

    /// What a policy would do if it were put in force. Looks for ten seconds, and says how many packages it did not come to.
    ///
    /// # Errors
    ///
    /// `invalid-policy`, with every problem and its line.
    pub async fn check_policy(&self, caller: &Caller, text: &str) -> Result<PolicyChecked> {
        let (asking, text) = (caller.clone(), text.to_owned());
        self.0.desk.work(&caller.tenant.id, move || check(&asking, &text, bounds::COMPARE_TIME_MAX)).await?
    }

    /// Puts a ceiling in force, from the next call on; nothing where it is in force already.
    pub(crate) async fn set_ceiling(&self, ceiling: Ceiling) -> Result<bool> {
        let this = self.clone();
        finish(async move {
            let platform = TenantId::platform();
            let after = ceiling.digest();
            let before = this.0.store.policy(&platform, PolicyKind::Ceiling).await?.map(|kept| kept.digest);
            if before != Some(after) {
                let mut turn = this.turn().await?;
                turn.change.insert_policy(&platform, PolicyKind::Ceiling, &after, ceiling.text()).await?;
                turn.record(&platform, None, |change| PolicyChanged { after, before, change }).await?;
                turn.commit(&platform).await?;
            }
            let changed = this.0.snapshot.platform().ceiling.digest() != after;
            this.enforce(ceiling).await;
            Ok(changed)
        })
        .await
    }

    /// Swaps the ceiling in, its quotas for storage included.
    async fn enforce(&self, ceiling: Ceiling) {
        use std::sync::atomic::Ordering;
        let _alone = self.0.turn.lock().await;
        self.0.quotas.buckets_bytes_max.store(ceiling.buckets_bytes_max(), Ordering::Relaxed);
        self.0.quotas.volumes_bytes_max.store(ceiling.volumes_bytes_max(), Ordering::Relaxed);
        self.0.quotas.payloads_bytes_max.store(ceiling.payloads_bytes_max(), Ordering::Relaxed);
        self.0.snapshot.swap_ceiling(ceiling);
    }
}

fn compare(caller: &Caller, text: &str, time_max: Duration) -> Result<Effects> {
    let policy = Policy::parse(text)?;
    let (visible, end, mut compared) = (current(caller), Instant::now() + time_max, 0);
    let in_time = visible.iter().take_while(|_| Instant::now() < end).inspect(|_| compared += 1);
    let subjects = in_time.map(|(package, version)| version.subject(package));
    let effects = policy::diff(&caller.platform.ceiling, &caller.tenant.policy, &policy, subjects);
    Ok(Effects { packages_left_out: visible.len() - compared, ..effects })
}

fn check(caller: &Caller, text: &str, time_max: Duration) -> Result<PolicyChecked> {
    let policy = Policy::parse(text)?;
    let (visible, ceiling, end) = (current(caller), &caller.platform.ceiling, Instant::now() + time_max);
    let all = visible.len();
    let in_time = visible.into_iter().take_while(|_| Instant::now() < end);
    let explained = in_time.map(|(package, version)| {
        let explanation = policy::explain(ceiling, &policy, &version.subject(&package), None);
        (package, explanation)
    });
    let packages: Vec<_> = explained.collect();
    let packages_left_out = all - packages.len();
    let mut warnings = policy::check(ceiling, &policy);
    warnings.extend(policy::nothing_chosen(&policy, |tool| Some(caller.resolve(tool).ok()?.version.needs.clone())));
    // Which secrets there are is for those alone who may list them.
    if caller.may(Action::ReadSecrets).is_ok() {
        warnings.extend(policy::unset(&policy, |name| caller.tenant.secrets.secrets.contains_key(name)));
    }
    Ok(PolicyChecked { digest: policy.digest(), warnings, packages, packages_left_out })
}

/// The packages that the tenant can see, each as it runs now.
fn current(caller: &Caller) -> Vec<(PackageRef, &PackageVersion)> {
    let packages = [(Origin::Catalogue, &caller.platform.catalogue), (Origin::Own, &caller.tenant.packages)];
    let current = packages.into_iter().flat_map(|(origin, packages)| {
        let current = packages.values().filter_map(|package| Some((package.name.clone(), &**package.current()?)));
        current.map(move |(name, version)| (PackageRef { origin, name }, version))
    });
    current.collect()
}
