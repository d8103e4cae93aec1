//! From a tenant to the catalogue: a version is submitted by the tenant's publisher, looked at and decided on by the
//! platform's operators, and then published once more as the platform's own. Both records have it.

use std::sync::Arc;
use std::time::SystemTime;

use semver::Version;

use super::packages::package_row;
use super::tenants::bounded_message;
use super::{Control, bounds, finish, of_platform};
use crate::access::Action;
use crate::audit::entry::{SubmissionDecided, SubmissionOpened, ToolPromoted, ToolPublished};
use crate::error::{Code, Error, Result};
use crate::id::{PackageName, SubmissionId, TenantId};
use crate::registry::{AsksMore, Inspection, Statement};
use crate::snapshot::{Caller, Package, PackageVersion};
use crate::storage::{ComponentRow, SubmissionRow, VersionRow};

/// A submission, with what the platform's operators decide by.
#[derive(Debug, Clone)]
pub struct SubmissionView {
    /// What was submitted, and what became of it.
    pub row: SubmissionRow,
    /// What was found out about its component; absent where the tenant is gone from this host's view.
    pub inspection: Option<Inspection>,
    /// Who signed it, where it is signed.
    pub signer: Option<String>,
    /// What it asks for beyond the version of that name that the catalogue runs now; beyond nothing, where it has none.
    pub asks: Option<AsksMore>,
    /// The version that the catalogue runs now.
    pub current: Option<Version>,
}

impl Control {
    /// Submits a version to the catalogue, under its own name.
    ///
    /// # Errors
    ///
    /// `denied` unless the key may submit; `not-found` for a version that the tenant has not; `conflict` where it is submitted
    /// already, the tenant has too many open, it is recalled, or the tenant is the platform itself.
    pub async fn submit(
        &self,
        caller: &Caller,
        name: &PackageName,
        version: Version,
        message: String,
    ) -> Result<SubmissionView> {
        caller.may_on(Action::Submit, name)?;
        bounded_message("the message", &message)?;
        if caller.tenant.id.is_platform() {
            return Err(Error::new(Code::Conflict, "what the platform publishes is in the catalogue"));
        }
        let (this, tenant, by, name) = (self.clone(), caller.tenant.id.clone(), caller.principal.id, name.clone());
        let found = self.with_version(&tenant, &name, &version)?;
        let found = found.versions.get(&version).cloned().ok_or_else(|| Error::not_found("version", &version))?;
        let row = finish(async move {
            let mut turn = this.turn().await?;
            let known = this.0.store.submissions(Some(&tenant)).await?;
            let open = known.iter().filter(|row| row.approved.is_none());
            if open.clone().any(|row| row.package == name && row.version == version) {
                return Err(Error::new(Code::Conflict, format!("{name} {version} is submitted already"))
                    .next("wait for the platform's operators; `cofferdam submissions list` shows what became of it"));
            }
            if open.count() >= bounds::SUBMISSIONS_MAX {
                let maximum = bounds::SUBMISSIONS_MAX;
                return Err(Error::new(Code::Conflict, format!("{maximum} submissions are open, as many as may be"))
                    .next("wait for the platform's operators")
                    .fact("maximum", maximum));
            }
            let (id, component) = (SubmissionId::new(), *found.component());
            let row = SubmissionRow {
                id,
                tenant: tenant.clone(),
                package: name.clone(),
                version: version.clone(),
                component,
                message,
                approved: None,
                reason: None,
                since: SystemTime::now(),
            };
            turn.change.submit(&row).await?;
            let opened = |change| SubmissionOpened {
                change,
                component,
                package: name.clone(),
                submission: id,
                tenant: tenant.clone(),
                version: version.clone(),
            };
            turn.record(&tenant, Some(by), opened).await?;
            turn.record(&TenantId::platform(), None, opened).await?;
            turn.commit(&tenant).await?;
            Ok(row)
        })
        .await?;
        Ok(self.view(caller, row))
    }

    /// Submissions, newest first: to the platform's operators all, to a tenant its own.
    ///
    /// # Errors
    ///
    /// `denied` unless the key may read packages.
    pub async fn submissions(&self, caller: &Caller) -> Result<Vec<SubmissionView>> {
        caller.may(Action::ReadPackages)?;
        let own = (!caller.tenant.id.is_platform()).then_some(&caller.tenant.id);
        let rows = self.0.store.submissions(own).await?;
        Ok(rows.into_iter().map(|row| self.view(caller, row)).collect())
    }

    /// One submission.
    ///
    /// # Errors
    ///
    /// As for [`Control::submissions`]; `not-found` for another tenant's.
    pub async fn submission(&self, caller: &Caller, id: SubmissionId) -> Result<SubmissionView> {
        caller.may(Action::ReadPackages)?;
        let row = self.0.store.submission(id).await?;
        let visible = |row: &SubmissionRow| caller.tenant.id.is_platform() || row.tenant == caller.tenant.id;
        let row = row.filter(visible).ok_or_else(|| Error::not_found("submission", id))?;
        Ok(self.view(caller, row))
    }

    /// Refuses a submission.
    ///
    /// # Errors
    ///
    /// `not-found` to tenants, and where there is none; `denied` unless the key may review; `conflict` where it was decided on
    /// before.
    pub async fn refuse_submission(&self, caller: &Caller, id: SubmissionId, reason: String) -> Result<SubmissionView> {
        of_platform(caller, Action::Review)?;
        bounded_message("the reason", &reason)?;
        let (this, by) = (self.clone(), caller.principal.id);
        let row = finish(async move {
            let mut turn = this.turn().await?;
            let row = this.open(id).await?;
            turn.change.decide_submission(id, false, Some(&reason)).await?;
            let platform = TenantId::platform();
            for (log, by) in [(&row.tenant, None), (&platform, Some(by))] {
                turn.record(log, by, |change| decided(change, &row, false, Some(reason.clone()))).await?;
            }
            turn.commit(&platform).await?;
            Ok(SubmissionRow { approved: Some(false), reason: Some(reason), ..row })
        })
        .await?;
        Ok(self.view(caller, row))
    }

    /// Approves a submission: the version is published and runs in the catalogue, as the platform's own component, which is
    /// compiled and looked at once more.
    ///
    /// # Errors
    ///
    /// As for [`Control::refuse_submission`]; `conflict` too where the catalogue has that version, or the component is
    /// recalled; `denied` where the catalogue takes signed versions alone and it has no signature that holds there.
    pub async fn approve_submission(&self, caller: &Caller, id: SubmissionId) -> Result<SubmissionView> {
        of_platform(caller, Action::Review)?;
        let platform = TenantId::platform();
        let row = self.open(id).await?;
        let version = self.submitted(&row)?;
        if caller.recall_of(&row.component).is_some() {
            return Err(Error::new(Code::Conflict, format!("{} is recalled", row.component)));
        }
        let trust = caller.platform.ceiling.trust();
        let (package, component) = (row.package.clone(), row.component);
        let statement = Statement { package, version: row.version.clone(), component };
        let signer = super::packages::signer(&statement, version.signature.as_deref(), trust, &trust.keys, "catalogue");
        // Where none is needed, one by a key that only the tenant knows says nothing here.
        let signer = if trust.require { signer? } else { signer.unwrap_or_default() };
        // What the platform runs it has looked at itself: nothing of what the tenant's upload was found to be is taken over.
        let admission = self.0.registry.admit_again(&row.tenant, &component, &platform).await?;
        let (this, by) = (self.clone(), caller.principal.id);
        let row = finish(async move {
            let mut turn = this.turn().await?;
            let row = this.open(id).await?;
            let before = this.package_now(&platform, &row.package);
            if before.as_ref().is_some_and(|package| package.versions.contains_key(&row.version)) {
                return Err(Error::new(Code::Conflict, format!("the catalogue has {} {}", row.package, row.version))
                    .next("refuse it: the tenant can submit a higher version"));
            }
            if this.0.store.component(&platform, &component).await?.is_none() {
                let (bytes, facts) = (admission.inspection.bytes, serde_json::to_string(&admission));
                let (digest, admitted, tenant) = (component, SystemTime::now(), platform.clone());
                let facts = facts.map_err(Error::internal)?;
                turn.change.insert_component(&ComponentRow { tenant, digest, bytes, facts, admitted }).await?;
            }
            let mut package = package_row(&platform, &row.package, before.as_deref());
            let current = package.promoted.last().cloned();
            package.promoted.push(row.version.clone());
            package.rolled_back = None;
            turn.change.put_package(&package).await?;
            turn.change.insert_version(&version_row(&platform, &row, &version, signer.clone(), by)?).await?;
            turn.change.decide_submission(id, true, None).await?;
            for (log, by) in [(&row.tenant, None), (&platform, Some(by))] {
                turn.record(log, by, |change| decided(change, &row, true, None)).await?;
            }
            let (package, shown) = (row.package.clone(), row.version.clone());
            let published = |change| ToolPublished { change, component, package, signer, version: shown };
            turn.record(&platform, Some(by), published).await?;
            let (package, shown) = (row.package.clone(), row.version.clone());
            let promoted = |change| ToolPromoted { before: current, change, package, version: shown };
            turn.record(&platform, Some(by), promoted).await?;
            turn.commit(&platform).await?;
            Ok(SubmissionRow { approved: Some(true), ..row })
        })
        .await?;
        Ok(self.view(caller, row))
    }

    /// A submission that nobody has decided on.
    async fn open(&self, id: SubmissionId) -> Result<SubmissionRow> {
        let row = self.0.store.submission(id).await?.ok_or_else(|| Error::not_found("submission", id))?;
        match row.approved {
            None => Ok(row),
            Some(approved) => {
                let became = if approved { "approved" } else { "refused" };
                Err(Error::new(Code::Conflict, format!("the submission {id} was {became} before")))
            }
        }
    }

    /// The tenant's version. Versions are immutable, so it is what was submitted.
    fn submitted(&self, row: &SubmissionRow) -> Result<Arc<PackageVersion>> {
        let tenant = self.0.snapshot.tenant(&row.tenant);
        let package = tenant.and_then(|tenant| tenant.packages.get(&row.package).cloned());
        let version = package.and_then(|package| package.versions.get(&row.version).cloned());
        version.ok_or_else(|| Error::internal(format_args!("the submission {} is of no version", row.id)))
    }

    fn view(&self, caller: &Caller, row: SubmissionRow) -> SubmissionView {
        let current: Option<&Package> = caller.platform.catalogue.get(&row.package).map(|package| &**package);
        let current = current.and_then(Package::current);
        let version = self.submitted(&row).ok();
        let asks = version.as_ref().map(|version| match current {
            Some(current) => AsksMore::between(&current.asking(), &version.asking()),
            None => AsksMore::of(&version.asking()),
        });
        SubmissionView {
            inspection: version.as_ref().map(|version| version.admission.inspection.clone()),
            signer: version.and_then(|version| version.signer.clone()),
            asks,
            current: current.map(|current| current.version.clone()),
            row,
        }
    }
}

fn decided(
    change: crate::id::ChangeId,
    row: &SubmissionRow,
    approved: bool,
    reason: Option<String>,
) -> SubmissionDecided {
    SubmissionDecided {
        approved,
        change,
        component: row.component,
        package: row.package.clone(),
        reason,
        submission: row.id,
        tenant: row.tenant.clone(),
        version: row.version.clone(),
    }
}

fn version_row(
    platform: &TenantId,
    row: &SubmissionRow,
    version: &PackageVersion,
    signer: Option<String>,
    by: crate::id::PrincipalId,
) -> Result<VersionRow> {
    Ok(VersionRow {
        tenant: platform.clone(),
        package: row.package.clone(),
        version: row.version.clone(),
        component: row.component,
        needs: serde_json::to_string(&version.needs).map_err(Error::internal)?,
        limits: serde_json::to_string(&version.limits).map_err(Error::internal)?,
        deprecated: None,
        published: SystemTime::now(),
        signature: version.signature.clone().filter(|_| signer.is_some()),
        signer,
        approved: Some(by),
    })
}
