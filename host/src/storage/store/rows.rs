//! Rows of the metadata store, as plain data.

use std::time::SystemTime;

use semver::Version;

use crate::id::{ChangeId, Digest, PackageName, PrincipalId, SecretName, SubmissionId, TenantId};
use crate::storage::seal::WrappedKey;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Its name.
    pub id: TenantId,
    /// Whether its keys are refused.
    pub suspended: bool,
    /// Keys the digests of its arguments and results.
    pub digest_key: [u8; 32],
    /// When it was created.
    pub created: SystemTime,
}

/// A principal: a key of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalRow {
    /// Its id.
    pub id: PrincipalId,
    /// Whose.
    pub tenant: TenantId,
    /// What its owner calls it.
    pub name: String,
    /// A JSON list.
    pub scopes: String,
    /// SHA-256 of its secret.
    pub hash: [u8; 32],
    /// When it was created.
    pub created: SystemTime,
    /// When it was revoked.
    pub revoked: Option<SystemTime>,
}

/// Which of the texts of a tenant: only the platform has what holds for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKind {
    /// What holds for the tenant's own calls.
    Policy,
    /// What holds for every tenant.
    Ceiling,
    /// The tenant's access rules.
    Access,
    /// Access rules that hold for every tenant.
    PlatformAccess,
}

impl PolicyKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Ceiling => "ceiling",
            Self::Access => "access",
            Self::PlatformAccess => "platform-access",
        }
    }
}

/// A policy or ceiling in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// Of its text.
    pub digest: Digest,
    /// The text.
    pub text: String,
    /// From when on it is in force.
    pub since: SystemTime,
}

/// A component that was admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentRow {
    /// Whose.
    pub tenant: TenantId,
    /// Its digest.
    pub digest: Digest,
    /// Its length.
    pub bytes: u64,
    /// JSON: what inspection and `describe` found.
    pub facts: String,
    /// When it was admitted.
    pub admitted: SystemTime,
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRow {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub name: PackageName,
    /// Versions that were promoted, each once; the last one is what runs.
    pub promoted: Vec<Version>,
    /// The version that the last change rolled back from, where it was that.
    pub rolled_back: Option<Version>,
}

/// A version of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// Whose.
    pub tenant: TenantId,
    /// The package.
    pub package: PackageName,
    /// The version.
    pub version: Version,
    /// What it runs.
    pub component: Digest,
    /// JSON: what it declares that it needs.
    pub needs: String,
    /// JSON: the limits that it states.
    pub limits: String,
    /// What its publisher says of it, where it is deprecated.
    pub deprecated: Option<String>,
    /// When it was published.
    pub published: SystemTime,
    /// The signed note that it was published with.
    pub signature: Option<String>,
    /// Who signed it, by the key's name and id.
    pub signer: Option<String>,
    /// What the key was called that published it; absent where an earlier host did not write it down.
    pub publisher: Option<String>,
    /// Who let it run although it asks for more than the one before.
    pub approved: Option<PrincipalId>,
}

/// A component that is not to run any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecallRow {
    /// Who recalled it; the platform for everyone.
    pub tenant: TenantId,
    /// The component.
    pub digest: Digest,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: SystemTime,
}

/// A version that was submitted to the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionRow {
    /// Its id.
    pub id: SubmissionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The package.
    pub package: PackageName,
    /// The version.
    pub version: Version,
    /// What it runs.
    pub component: Digest,
    /// What its publisher says.
    pub message: String,
    /// What became of it.
    pub state: SubmissionState,
    /// Why it was refused.
    pub reason: Option<String>,
    /// When it was submitted.
    pub since: SystemTime,
}

/// What became of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmissionState {
    /// Nobody has decided on it.
    Open,
    /// It is in the catalogue.
    Approved,
    /// It is not.
    Refused,
}

impl SubmissionState {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Open, Self::Approved, Self::Refused];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Refused => "refused",
        }
    }
}

/// A secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// Its name.
    pub name: SecretName,
    /// Counted from 1.
    pub version: u64,
    /// When it was set.
    pub since: SystemTime,
    /// Its value, sealed.
    pub sealed: Vec<u8>,
}

/// Everything of one tenant that calls depend on, read at one moment.
#[derive(Debug, Clone)]
pub struct TenantRows {
    /// The tenant.
    pub tenant: TenantRow,
    /// Its policy, where it has one.
    pub policy: Option<PolicyRow>,
    /// Its access rules, where it has some.
    pub access: Option<PolicyRow>,
    /// Its keys that are not revoked.
    pub principals: Vec<PrincipalRow>,
    /// Its packages.
    pub packages: Vec<PackageRow>,
    /// Their versions.
    pub versions: Vec<VersionRow>,
    /// The components of those versions.
    pub components: Vec<ComponentRow>,
    /// The key that seals its secrets, where it has had one.
    pub secret_key: Option<WrappedKey>,
    /// Its secrets, but for those that were removed.
    pub secrets: Vec<SecretRow>,
    /// What it recalled.
    pub recalls: Vec<RecallRow>,
}

/// An entry that may not be in the journal yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// The change that it records.
    pub change: ChangeId,
    /// Whose log it belongs in.
    pub tenant: TenantId,
    /// Who did it; absent where the host did.
    pub principal: Option<PrincipalId>,
    /// JSON of the event.
    pub event: String,
}
