//! Packages: versions published by the tenant's publishers, promoted, rolled back, deprecated. Versions are immutable.

use std::sync::Arc;
use std::time::SystemTime;

use semver::Version;

use super::tenants::bounded_message;
use super::turn::Turn;
use super::{Control, bounds, finish};
use crate::access::Action;
use crate::audit::entry::{ToolApproved, ToolDeprecated, ToolPromoted, ToolPublished, ToolRolledBack};
use crate::error::{Code, Error, Result};
use crate::id::{Digest, PackageName, PrincipalId, TenantId};
use crate::policy::{LimitsPatch, Needs, PublicKey, Trust};
use crate::registry::{Admission, Asking, AsksMore, Inspection, Statement};
use crate::snapshot::{Caller, Package, Recall, Tenant};
use crate::storage::{PackageRow, VersionRow};

/// A version to publish.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Its number.
    pub version: Version,
    /// The component that it runs, uploaded before.
    pub component: Digest,
    /// What it declares that it needs; absent: everything that its imports imply, and nothing without fail.
    pub needs: Option<Needs>,
    /// The most that it needs of the limits of a call.
    pub limits: LimitsPatch,
    /// Whether it becomes what runs where no version is asked for. One that asks for more than the version that runs waits
    /// for an operator all the same.
    pub promote: bool,
    /// A signed note that says what it is.
    pub signature: Option<String>,
}

/// The needs of a component that declares none.
pub fn default_needs(inspection: &Inspection) -> Needs {
    Needs { required: Default::default(), optional: inspection.grants.clone() }
}

impl Control {
    /// Publishes a version. Publishing the same again changes nothing.
    ///
    /// # Errors
    ///
    /// `denied` unless the key may publish, and promote where it is to run; `not-found` for a component that the tenant has
    /// not; `invalid-request` for a version that is too long; `conflict` when the version was published with other
    /// content, or when there are as many as may be.
    pub async fn publish(&self, caller: &Caller, name: PackageName, publication: Publication) -> Result<Arc<Package>> {
        let Publication { version, component, needs, limits, promote, signature } = publication;
        may_publish(caller, &name, promote)?;
        let missing = || Error::not_found("component", component).next("upload it first: POST /v1/components");
        let row = self.0.store.component(&caller.tenant.id, &component).await?.ok_or_else(missing)?;
        let admission: Admission = serde_json::from_str(&row.facts).map_err(Error::internal)?;
        if version.to_string().len() > bounds::VERSION_BYTES_MAX {
            let maximum = bounds::VERSION_BYTES_MAX;
            return Err(Error::new(Code::InvalidRequest, format!("a version's text has at most {maximum} bytes"))
                .next("publish it under a shorter version"));
        }
        let needs = needs.unwrap_or_else(|| default_needs(&admission.inspection));
        let (this, tenant, by) = (self.clone(), caller.tenant.id.clone(), caller.principal.id);
        let caller = caller.clone();
        let mut row = VersionRow {
            tenant: tenant.clone(),
            package: name.clone(),
            version: version.clone(),
            component,
            needs: serde_json::to_string(&needs).map_err(Error::internal)?,
            limits: serde_json::to_string(&limits).map_err(Error::internal)?,
            deprecated: None,
            published: SystemTime::now(),
            signature,
            signer: None,
            publisher: Some(caller.principal.name.to_string()),
            approved: None,
        };
        finish(async move {
            let (mut turn, caller) = this.turn_for(&caller, |caller| may_publish(caller, &name, promote)).await?;
            if let Some(recall) = caller.recall_of(&component) {
                return Err(recalled(&recall).next("publish another component"));
            }
            let signer = signed_by(&caller, &row)?;
            row.signer.clone_from(&signer);
            let before = caller.tenant.packages.get(&name).cloned();
            if let Some(known) = published(&caller.tenant, &row)? {
                let is_current = known.promoted.last() == Some(&version);
                let waits = known.versions.get(&version).and_then(|version| known.awaits_approval(version));
                return if promote && !is_current && waits.is_none() {
                    this.make_current(turn, tenant, by, name, version).await
                } else {
                    Ok(known)
                };
            }
            room_for_version(&caller.tenant, &name)?;
            let mut package = package_row(&tenant, &name, before.as_deref());
            let current = package.promoted.last().cloned();
            let next = Asking { inspection: &admission.inspection, needs: &needs, limits: &limits };
            let running = before.as_deref().and_then(Package::current);
            let promote =
                promote && running.is_none_or(|running| AsksMore::between(&running.asking(), &next).is_nothing());
            if promote {
                package.promoted.push(version.clone());
                package.rolled_back = None;
            }
            turn.change.put_package(&package).await?;
            turn.change.insert_version(&row).await?;
            let (package, shown) = (name.clone(), version.clone());
            turn.record(&tenant, Some(by), |change| ToolPublished {
                change,
                component,
                package,
                signer,
                version: shown,
            })
            .await?;
            if promote {
                let (package, shown) = (name.clone(), version.clone());
                let promoted = |change| ToolPromoted { before: current, change, package, version: shown };
                turn.record(&tenant, Some(by), promoted).await?;
            }
            turn.commit(&tenant).await?;
            this.existing(&tenant, &name)
        })
        .await
    }

    /// Makes a published version the one that runs.
    ///
    /// # Errors
    ///
    /// `denied` without the scope publisher; `not-found` for a package or version that the tenant has not.
    pub async fn promote(&self, caller: &Caller, name: &PackageName, version: Version) -> Result<Arc<Package>> {
        caller.may_on(Action::Promote, name)?;
        let (this, tenant, by, name) = (self.clone(), caller.tenant.id.clone(), caller.principal.id, name.clone());
        let caller = caller.clone();
        finish(async move {
            let (turn, _) = this.turn_for(&caller, |caller| caller.may_on(Action::Promote, &name)).await?;
            this.make_current(turn, tenant, by, name, version).await
        })
        .await
    }

    async fn make_current(
        &self,
        mut turn: Turn,
        tenant: TenantId,
        by: PrincipalId,
        name: PackageName,
        version: Version,
    ) -> Result<Arc<Package>> {
        let package = self.with_version(&tenant, &name, &version)?;
        let before = package.promoted.last().cloned();
        if before.as_ref() == Some(&version) {
            return Ok(package);
        }
        let found = package.versions.get(&version).ok_or_else(|| Error::not_found("version", &version))?;
        if let Some(asks) = package.awaits_approval(found) {
            return Err(awaits(&name, &version, &asks));
        }
        let mut row = package_row(&tenant, &name, Some(&*package));
        row.promoted.retain(|promoted| *promoted != version);
        row.promoted.push(version.clone());
        row.rolled_back = None;
        turn.change.put_package(&row).await?;
        let package = name.clone();
        turn.record(&tenant, Some(by), |change| ToolPromoted { before, change, package, version }).await?;
        turn.commit(&tenant).await?;
        self.existing(&tenant, &name)
    }

    /// Lets a version run that asks for more than the one that runs, and makes it the one.
    ///
    /// # Errors
    ///
    /// `denied` unless the key may approve; `not-found` for a package or version that the tenant has not; `conflict` where it
    /// asks for nothing more, so that there is nothing to approve.
    pub async fn approve(&self, caller: &Caller, name: &PackageName, version: Version) -> Result<Arc<Package>> {
        caller.may_on(Action::Approve, name)?;
        let (this, tenant, by, name) = (self.clone(), caller.tenant.id.clone(), caller.principal.id, name.clone());
        let caller = caller.clone();
        finish(async move {
            let (mut turn, _) = this.turn_for(&caller, |caller| caller.may_on(Action::Approve, &name)).await?;
            let package = this.with_version(&tenant, &name, &version)?;
            let found = package.versions.get(&version).ok_or_else(|| Error::not_found("version", &version))?;
            let Some(asks) = package.awaits_approval(found) else {
                return Err(Error::new(Code::Conflict, format!("{name} {version} waits for no approval"))
                    .next("promote it, if it is to run"));
            };
            let mut row = package_row(&tenant, &name, Some(&*package));
            let before = row.promoted.last().cloned();
            row.promoted.push(version.clone());
            row.rolled_back = None;
            turn.change.approve_version(&tenant, &name, &version, by).await?;
            turn.change.put_package(&row).await?;
            let (package, shown, asks) = (name.clone(), version.clone(), asks.to_string());
            turn.record(&tenant, Some(by), |change| ToolApproved { asks, change, package, version: shown }).await?;
            let package = name.clone();
            turn.record(&tenant, Some(by), |change| ToolPromoted { before, change, package, version }).await?;
            turn.commit(&tenant).await?;
            this.existing(&tenant, &name)
        })
        .await
    }

    /// Makes the version that was promoted before the present one run again.
    ///
    /// # Errors
    ///
    /// `denied` without the scope publisher; `not-found` for a package that the tenant has not; `conflict` when there is
    /// no earlier version.
    pub async fn roll_back(&self, caller: &Caller, name: &PackageName) -> Result<Arc<Package>> {
        caller.may_on(Action::RollBack, name)?;
        let (this, tenant, by, name) = (self.clone(), caller.tenant.id.clone(), caller.principal.id, name.clone());
        let caller = caller.clone();
        finish(async move {
            let (mut turn, _) = this.turn_for(&caller, |caller| caller.may_on(Action::RollBack, &name)).await?;
            let package = this.existing(&tenant, &name)?;
            let mut row = package_row(&tenant, &name, Some(&*package));
            let before = row.promoted.pop();
            let Some(version) = row.promoted.last().cloned() else {
                return Err(Error::new(
                    Code::Conflict,
                    format!("no version of {name} was promoted before the present one"),
                )
                .next("promote the version that shall run"));
            };
            row.rolled_back = before.clone();
            turn.change.put_package(&row).await?;
            let package = name.clone();
            turn.record(&tenant, Some(by), |change| ToolRolledBack { before, change, package, version }).await?;
            turn.commit(&tenant).await?;
            this.existing(&tenant, &name)
        })
        .await
    }

    /// Marks a version as one not to use, with a message for whoever does. It still runs.
    ///
    /// # Errors
    ///
    /// `denied` without the scope publisher; `not-found` for a package or version that the tenant has not;
    /// `invalid-request` for a message that is too long.
    pub async fn deprecate(
        &self,
        caller: &Caller,
        name: &PackageName,
        version: Version,
        message: String,
    ) -> Result<Arc<Package>> {
        caller.may_on(Action::Deprecate, name)?;
        bounded_message("the message", &message)?;
        let (this, tenant, by, name) = (self.clone(), caller.tenant.id.clone(), caller.principal.id, name.clone());
        let caller = caller.clone();
        finish(async move {
            let (mut turn, _) = this.turn_for(&caller, |caller| caller.may_on(Action::Deprecate, &name)).await?;
            this.with_version(&tenant, &name, &version)?;
            turn.change.deprecate(&tenant, &name, &version, &message).await?;
            let package = name.clone();
            turn.record(&tenant, Some(by), |change| ToolDeprecated { change, message, package, version }).await?;
            turn.commit(&tenant).await?;
            this.existing(&tenant, &name)
        })
        .await
    }

    /// The tenant's own packages, by name.
    ///
    /// # Errors
    ///
    /// `denied` to a key that is only an agent's.
    pub fn packages(&self, caller: &Caller) -> Result<Vec<Arc<Package>>> {
        caller.may(Action::ReadPackages)?;
        Ok(caller.tenant.packages.values().cloned().collect())
    }

    /// One package of the tenant.
    ///
    /// # Errors
    ///
    /// As for [`Control::packages`]; `not-found` for one that the tenant has not.
    pub fn package(&self, caller: &Caller, name: &PackageName) -> Result<Arc<Package>> {
        caller.may(Action::ReadPackages)?;
        caller.tenant.packages.get(name).cloned().ok_or_else(|| Error::not_found("package", name))
    }

    /// The package as it is now, not as it was when the request came.
    pub(super) fn package_now(&self, tenant: &TenantId, name: &PackageName) -> Option<Arc<Package>> {
        self.0.snapshot.tenant(tenant)?.packages.get(name).cloned()
    }

    fn existing(&self, tenant: &TenantId, name: &PackageName) -> Result<Arc<Package>> {
        self.package_now(tenant, name).ok_or_else(|| Error::not_found("package", name))
    }

    pub(super) fn with_version(
        &self,
        tenant: &TenantId,
        name: &PackageName,
        version: &Version,
    ) -> Result<Arc<Package>> {
        let package = self.existing(tenant, name)?;
        if package.versions.contains_key(version) { Ok(package) } else { Err(Error::not_found("version", version)) }
    }
}

/// That the key may publish a version of a package, and promote it where it is to run.
fn may_publish(caller: &Caller, name: &PackageName, promote: bool) -> Result<()> {
    caller.may_on(Action::Publish, name)?;
    if promote { caller.may_on(Action::Promote, name) } else { Ok(()) }
}

pub(super) fn package_row(tenant: &TenantId, name: &PackageName, package: Option<&Package>) -> PackageRow {
    PackageRow {
        tenant: tenant.clone(),
        name: name.clone(),
        promoted: package.map(|package| package.promoted.clone()).unwrap_or_default(),
        rolled_back: package.and_then(|package| package.rolled_back.clone()),
    }
}

/// Who signed a statement; nothing where it is not signed and need not be.
pub(super) fn signer(
    statement: &Statement,
    note: Option<&str>,
    trust: &Trust,
    keys: &[PublicKey],
    whose: &str,
) -> Result<Option<String>> {
    match note {
        Some(note) => statement.signer(note, keys).map(Some),
        None if trust.require => {
            let known: Vec<String> = keys.iter().map(PublicKey::short).collect();
            let known = known.join(", ");
            Err(Error::new(Code::Denied, format!("the {whose} takes no version without a signature by {known}"))
                .next("sign it: `cofferdam sign`, then `cofferdam push --signature`")
                .fact("rule", "[trust] require")
                .fact("rules", vec!["[trust] require"]))
        }
        None => Ok(None),
    }
}

/// Who signed a version, as far as its publisher's tenant needs to know.
fn signed_by(caller: &Caller, row: &VersionRow) -> Result<Option<String>> {
    let (platform, own) = (caller.platform.ceiling.trust(), caller.tenant.policy.trust());
    let (trust, whose) = if caller.tenant.id.is_platform() { (platform, "catalogue") } else { (own, "tenant") };
    // The platform's keys are known to everyone; where a signature is needed it has to be by a key of one's own.
    let mut keys = trust.keys.clone();
    if !trust.require {
        keys.extend(platform.keys.iter().filter(|key| !trust.keys.contains(key)).cloned());
    }
    let (package, version) = (row.package.clone(), row.version.clone());
    let statement = Statement { package, version, component: row.component };
    signer(&statement, row.signature.as_deref(), trust, &keys, whose)
}

/// The package as it is when the version is published already with the very same content.
fn published(tenant: &Tenant, row: &VersionRow) -> Result<Option<Arc<Package>>> {
    let Some(package) = tenant.packages.get(&row.package) else { return Ok(None) };
    let Some(known) = package.versions.get(&row.version) else { return Ok(None) };
    let same = *known.component() == row.component
        && serde_json::to_string(&known.needs).is_ok_and(|needs| needs == row.needs)
        && serde_json::to_string(&known.limits).is_ok_and(|limits| limits == row.limits);
    if same { Ok(Some(Arc::clone(package))) } else { Err(published_already(&row.package, &row.version)) }
}

/// That the tenant may have one more version of a package, and the package.
pub(super) fn room_for_version(tenant: &Tenant, name: &PackageName) -> Result<()> {
    let (packages, versions) = (bounds::PACKAGES_MAX, bounds::VERSIONS_MAX);
    match tenant.packages.get(name) {
        None if tenant.packages.len() >= packages => Err(too_many("packages", packages)),
        Some(package) if package.versions.len() >= versions => Err(too_many("versions of a package", versions)),
        _ => Ok(()),
    }
}

/// That nothing is made of a component any more.
pub(super) fn recalled(recall: &Recall) -> Error {
    Error::new(Code::Conflict, format!("{} was recalled by the {}", recall.component, recall.by()))
}

/// That a version does not run by itself.
fn awaits(name: &PackageName, version: &Version, asks: &AsksMore) -> Error {
    Error::new(Code::Conflict, format!("{name} {version} {asks}, so it does not run before an operator approves it"))
        .next("an operator of the tenant approves it: `cofferdam packages approve`")
        .fact("asks", serde_json::to_value(asks).unwrap_or_default())
}

fn published_already(name: &PackageName, version: &Version) -> Error {
    Error::new(Code::Conflict, format!("{name}@{version} is published already, and versions are immutable"))
        .next("publish under a higher version")
}

fn too_many(what: &str, maximum: usize) -> Error {
    Error::new(Code::Conflict, format!("there are {maximum} {what}, as many as may be")).fact("maximum", maximum)
}
