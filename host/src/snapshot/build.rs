//! From rows to the value that calls read. Versions are immutable, so those of the value before are taken over.

use std::collections::HashMap;
use std::sync::Arc;

use semver::Version;

use super::package::{Package, PackageVersion, Packages, ToolDefinition, Tools};
use super::tenant::{Calls, Decisions, DigestKey, Tenant};
use crate::access::{Rules, Side};
use crate::error::{Error, Result};
use crate::id::{Digest, PackageName, SecretName};
use crate::identity::{KeyHash, Principal};
use crate::policy::Policy;
use crate::registry::Admission;
use crate::storage::{ComponentRow, PrincipalRow, SealedSecret, SealedSecrets, SecretRow, TenantRows, VersionRow};

/// The value of a tenant, with what is the same taken over from the one `before`.
///
/// # Errors
///
/// `internal` when the store holds what this host cannot have written.
pub fn build_tenant(rows: TenantRows, before: Option<&Tenant>) -> Result<Tenant> {
    let TenantRows {
        tenant: row,
        policy,
        access,
        principals,
        packages,
        versions,
        components,
        recalls,
        secret_key,
        secrets,
    } = rows;
    let unreadable = |what: &str, error: &dyn std::fmt::Display| {
        Error::internal(format_args!("tenant {}: {what} in the store: {error}", row.id))
    };
    let (policy, policy_since) = match policy {
        None => (Arc::new(Policy::default()), None),
        Some(kept) => {
            let same = before.filter(|before| before.policy.digest() == kept.digest);
            let policy = match same {
                Some(before) => Arc::clone(&before.policy),
                None => Arc::new(Policy::parse(&kept.text).map_err(|error| unreadable("policy", &error))?),
            };
            (policy, Some(kept.since))
        }
    };
    let access_since = access.as_ref().map(|kept| kept.since);
    let access = match access {
        None => Rules::none(Side::Tenant),
        Some(kept) => match before.filter(|before| before.access.digest() == kept.digest) {
            Some(before) => before.access.clone(),
            // Compiled when it is first asked.
            None => Rules::kept(Side::Tenant, &kept.text),
        },
    };
    let keyring = principals
        .into_iter()
        .map(|row| Ok((KeyHash::from_bytes(row.hash), Arc::new(principal(row)?))))
        .collect::<serde_json::Result<_>>()
        .map_err(|error| unreadable("a principal", &error))?;
    let mut components = Components::of(components, before);
    let mut of_package: HashMap<PackageName, Vec<VersionRow>> = HashMap::new();
    for version in versions {
        of_package.entry(version.package.clone()).or_default().push(version);
    }
    let mut built = Packages::new();
    for package in packages {
        let before = before.and_then(|before| before.packages.get(&package.name));
        let rows = of_package.remove(&package.name).unwrap_or_default();
        let versions = rows
            .into_iter()
            .map(|row| Ok((row.version.clone(), version(row, before.map(Arc::as_ref), &mut components)?)))
            .collect::<Result<_>>()?;
        let (name, promoted, rolled_back) = (package.name, package.promoted, package.rolled_back);
        built.insert(name.clone(), Arc::new(Package { name, promoted, rolled_back, versions }));
    }
    Ok(Tenant {
        id: row.id,
        suspended: row.suspended,
        created: row.created,
        digest_key: DigestKey::from_bytes(row.digest_key),
        policy,
        policy_since,
        access,
        access_since,
        keyring,
        packages: Arc::new(built),
        secrets: Arc::new(SealedSecrets { key: secret_key, secrets: secrets.into_iter().map(secret).collect() }),
        recalls: Arc::new(recalls.into_iter().map(|row| (row.digest, row.reason)).collect()),
        decisions: Decisions::default(),
        calls: Calls::default(),
    })
}

fn secret(row: SecretRow) -> (SecretName, SealedSecret) {
    let SecretRow { name, version, since, sealed } = row;
    (name, SealedSecret { version, since, sealed: sealed.into() })
}

/// A principal, as it was kept.
///
/// # Errors
///
/// When its scopes are none that this host can have written.
pub fn principal(row: PrincipalRow) -> serde_json::Result<Principal> {
    Ok(Principal {
        id: row.id,
        tenant: row.tenant,
        name: row.name.into(),
        scopes: serde_json::from_str(&row.scopes)?,
        created: row.created,
    })
}

/// What was found out about a tenant's components: each is read once, however many versions run it.
struct Components {
    rows: HashMap<Digest, ComponentRow>,
    read: HashMap<Digest, (Arc<Admission>, Arc<Tools>)>,
}

impl Components {
    fn of(rows: Vec<ComponentRow>, before: Option<&Tenant>) -> Self {
        let read = before
            .into_iter()
            .flat_map(Tenant::versions)
            .map(|version| (*version.component(), (Arc::clone(&version.admission), Arc::clone(&version.tools))));
        Self { read: read.collect(), rows: rows.into_iter().map(|row| (row.digest, row)).collect() }
    }

    fn get(&mut self, digest: &Digest) -> std::result::Result<(Arc<Admission>, Arc<Tools>), String> {
        if let Some(read) = self.read.get(digest) {
            return Ok(read.clone());
        }
        let row = self.rows.remove(digest).ok_or("missing")?;
        let mut admission: Admission = serde_json::from_str(&row.facts).map_err(|error| format!("facts: {error}"))?;
        let definitions = std::mem::take(&mut admission.definitions).into_iter();
        let tools = definitions.map(|definition| (definition.name.clone(), Arc::new(ToolDefinition::new(definition))));
        let read = (Arc::new(admission), Arc::new(tools.collect()));
        self.read.insert(*digest, read.clone());
        Ok(read)
    }
}

fn version(row: VersionRow, before: Option<&Package>, components: &mut Components) -> Result<Arc<PackageVersion>> {
    let same = |before: &&Arc<PackageVersion>| {
        before.deprecated == row.deprecated && before.approved == row.approved.is_some()
    };
    if let Some(before) = before.and_then(|package| package.versions.get(&row.version)).filter(same) {
        return Ok(Arc::clone(before));
    }
    let unreadable = |what: &str, error: &dyn std::fmt::Display| {
        let (tenant, package, version): (_, _, &Version) = (&row.tenant, &row.package, &row.version);
        Error::internal(format_args!("{tenant}: {package}@{version}: {what} in the store: {error}"))
    };
    let (admission, tools) = components.get(&row.component).map_err(|error| unreadable("component", &error))?;
    let needs = serde_json::from_str(&row.needs).map_err(|error| unreadable("needs", &error))?;
    let limits = serde_json::from_str(&row.limits).map_err(|error| unreadable("limits", &error))?;
    Ok(Arc::new(PackageVersion {
        owner: row.tenant,
        version: row.version,
        needs,
        limits,
        deprecated: row.deprecated,
        published: row.published,
        signature: row.signature,
        signer: row.signer,
        publisher: row.publisher,
        approved: row.approved.is_some(),
        admission,
        tools,
    }))
}
