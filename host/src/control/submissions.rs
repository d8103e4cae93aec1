//! From a tenant to the catalogue: a version is submitted by the tenant's publisher, looked at and decided on by the
//! platform's operators, and then published once more as the platform's own. Both records have it.

use std::sync::Arc;
use std::time::SystemTime;

use semver::Version;

use super::packages::{package_row, recalled, room_for_version, signer};
use super::tenants::bounded_message;
use super::{Control, bounds, finish, of_platform};
use crate::access::Action;
use crate::audit::entry::{SubmissionDecided, SubmissionOpened, ToolPromoted, ToolPublished};
use crate::error::{Code, Error, Result};
use crate::id::{PackageName, SubmissionId, TenantId};
use crate::registry::{AsksMore, Inspection, Statement};
use crate::snapshot::{Caller, PackageVersion, Platform};
use crate::storage::{ComponentRow, SubmissionRow, SubmissionState, VersionRow};

/// A submission, with what the platform's operators decide by.
#[derive(Debug, Clone)]
pub struct SubmissionView {
    /// What was submitted, and what became of it.
    pub row: SubmissionRow,
    /// What was found out about its component; absent where the tenant is gone from this host's view.
    pub inspection: Option<Inspection>,
    /// Who signed it: to the platform by the keys that it knows, to the tenant by its own.
    pub signer: Option<String>,
    /// Whether it is signed by a key of the tenant's that the platform does not know; told to the platform.
    pub signed_by_tenant: bool,
    /// What it asks for beyond the version of that name that the catalogue runs now; beyond nothing, where it has none.
    pub asks: Option<AsksMore>,
    /// The version that the catalogue runs now.
    pub current: Option<Version>,
}

/// Which submissions are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubmissionsAsked {
    /// Those that this became of; absent: all.
    pub state: Option<SubmissionState>,
    /// Those older than this one; absent: from the newest on.
    pub before: Option<SubmissionId>,
}

/// A part of the submissions.
#[derive(Debug, Clone)]
pub struct Submissions {
    /// Newest first.
    pub submissions: Vec<SubmissionView>,
    /// The one to go on before; absent where there are no further ones.
    pub next: Option<SubmissionId>,
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
        let asking = caller.clone();
        let row = finish(async move {
            let (mut turn, caller) = this.turn_for(&asking, |caller| caller.may_on(Action::Submit, &name)).await?;
            let found = this.with_version(&tenant, &name, &version)?;
            let found = found.versions.get(&version).cloned().ok_or_else(|| Error::not_found("version", &version))?;
            if let Some(recall) = caller.recall_of(found.component()) {
                return Err(recalled(&recall).next("submit a version of another component"));
            }
            let open = this.0.store.open_submissions(&tenant).await?;
            if open.iter().any(|row| row.package == name && row.version == version) {
                return Err(Error::new(Code::Conflict, format!("{name} {version} is submitted already"))
                    .next("wait for the platform's operators; `cofferdam submissions list` shows what became of it"));
            }
            if open.len() >= bounds::SUBMISSIONS_MAX {
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
                state: SubmissionState::Open,
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
    pub async fn submissions(&self, caller: &Caller, asked: SubmissionsAsked) -> Result<Submissions> {
        caller.may(Action::ReadPackages)?;
        let own = (!caller.tenant.id.is_platform()).then_some(&caller.tenant.id);
        let SubmissionsAsked { state, before } = asked;
        let mut rows = self.0.store.submissions(own, state, before, bounds::SUBMISSIONS_LISTED_MAX + 1).await?;
        let more = rows.len() > bounds::SUBMISSIONS_LISTED_MAX;
        rows.truncate(bounds::SUBMISSIONS_LISTED_MAX);
        let next = rows.last().filter(|_| more).map(|row| row.id);
        Ok(Submissions { submissions: rows.into_iter().map(|row| self.view(caller, row)).collect(), next })
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
        let (this, asking, by) = (self.clone(), caller.clone(), caller.principal.id);
        let row = finish(async move {
            let may = |caller: &Caller| of_platform(caller, Action::Review);
            let (mut turn, _) = this.turn_for(&asking, may).await?;
            let row = this.open(id).await?;
            turn.change.decide_submission(id, false, Some(&reason)).await?;
            let platform = TenantId::platform();
            for (log, by) in [(&row.tenant, None), (&platform, Some(by))] {
                turn.record(log, by, |change| decided(change, &row, false, Some(reason.clone()))).await?;
            }
            turn.commit(&platform).await?;
            Ok(SubmissionRow { state: SubmissionState::Refused, reason: Some(reason), ..row })
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
        self.not_recalled(caller, &row)?;
        signed_for_catalogue(&caller.platform, &row, &version)?;
        let component = row.component;
        // What the platform runs it has looked at itself: nothing of what the tenant's upload was found to be is taken over.
        let admission = self.0.registry.admit_again(&row.tenant, &component, &platform).await?;
        let (this, asking, by) = (self.clone(), caller.clone(), caller.principal.id);
        let row = finish(async move {
            let may = |caller: &Caller| of_platform(caller, Action::Review);
            let (mut turn, caller) = this.turn_for(&asking, may).await?;
            let row = this.open(id).await?;
            // Compiling took a while: what held before it holds still, or nothing is published.
            this.not_recalled(&caller, &row)?;
            let signer = signed_for_catalogue(&caller.platform, &row, &version)?;
            room_for_version(&caller.tenant, &row.package)?;
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
            Ok(SubmissionRow { state: SubmissionState::Approved, ..row })
        })
        .await?;
        Ok(self.view(caller, row))
    }

    /// That neither the platform nor the tenant that submitted it recalled a component.
    fn not_recalled(&self, caller: &Caller, row: &SubmissionRow) -> Result<()> {
        if let Some(recall) = caller.recall_of(&row.component) {
            return Err(recalled(&recall).next("refuse the submission"));
        }
        let tenant = self.0.snapshot.tenant(&row.tenant);
        if tenant.is_some_and(|tenant| tenant.recalls.contains_key(&row.component)) {
            let what = format!("{} was recalled by the tenant that submitted it", row.component);
            return Err(Error::new(Code::Conflict, what).next("refuse the submission"));
        }
        Ok(())
    }

    /// A submission that nobody has decided on.
    async fn open(&self, id: SubmissionId) -> Result<SubmissionRow> {
        let row = self.0.store.submission(id).await?.ok_or_else(|| Error::not_found("submission", id))?;
        match row.state {
            SubmissionState::Open => Ok(row),
            became => {
                let became = became.as_str();
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
        // As it is now: the answer to an approval shows what it came to.
        let platform = self.0.snapshot.platform();
        let current = platform.catalogue.get(&row.package).and_then(|package| package.current());
        let version = self.submitted(&row).ok();
        let asks = version.as_ref().map(|version| match current {
            Some(current) => AsksMore::between(&current.asking(), &version.asking()),
            None => AsksMore::of(&version.asking()),
        });
        let (signer, signed_by_tenant) =
            version.as_ref().map_or((None, false), |version| shown_signer(caller, &platform, &row, version));
        SubmissionView {
            inspection: version.as_ref().map(|version| version.admission.inspection.clone()),
            signer,
            signed_by_tenant,
            asks,
            current: current.map(|current| current.version.clone()),
            row,
        }
    }
}

/// Who signed a version by a key that the catalogue takes; nothing where it needs no signature and has none of those.
fn signed_for_catalogue(platform: &Platform, row: &SubmissionRow, version: &PackageVersion) -> Result<Option<String>> {
    let trust = platform.ceiling.trust();
    let signer = signer(&statement(row), version.signature.as_deref(), trust, &trust.keys, "catalogue");
    // Where none is needed, one by a key that only the tenant knows says nothing here.
    if trust.require { signer } else { Ok(signer.unwrap_or_default()) }
}

/// Who signed it, for whoever looks at it, and whether only a key did that the platform does not know. What a tenant calls
/// its keys is its own affair: they could be called like the platform's, so that their names are nothing to decide by.
fn shown_signer(
    caller: &Caller,
    platform: &Platform,
    row: &SubmissionRow,
    version: &PackageVersion,
) -> (Option<String>, bool) {
    let Some(signer) = &version.signer else { return (None, false) };
    if !caller.tenant.id.is_platform() {
        return (Some(signer.clone()), false);
    }
    let note = version.signature.as_deref().unwrap_or_default();
    let known = statement(row).signer(note, &platform.ceiling.trust().keys).ok();
    let unknown = known.is_none();
    (known, unknown)
}

fn statement(row: &SubmissionRow) -> Statement {
    Statement { package: row.package.clone(), version: row.version.clone(), component: row.component }
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
        // The platform did, by an operator that `approved` names.
        publisher: None,
        approved: Some(by),
    })
}
