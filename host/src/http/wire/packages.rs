//! Packages: what is published under a name, in immutable versions.

use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AsksMore, LimitsPatch, Needs, Time};
use crate::id::{Digest, PackageName};

/// A version to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishVersion {
    /// A semantic version that the package does not have yet.
    #[schema(value_type = String)]
    pub version: Version,
    /// A component that was admitted before.
    pub component: Digest,
    /// The grants that it asks for; absent: none required, and optionally every kind that its imports imply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Needs>,
    /// The most of each limit that it needs, by the limit's name in the policy: `{"deadline": "15s"}`. What is not named
    /// here is not tightened.
    #[serde(default, skip_serializing_if = "LimitsPatch::is_empty")]
    pub limits: LimitsPatch,
    /// Whether it is the version that runs from now on. One that asks for more than the version that runs waits for an
    /// operator all the same.
    #[serde(default = "yes")]
    pub promote: bool,
    /// A signed note that says what it is, as `cofferdam sign` makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

const fn yes() -> bool {
    true
}

/// Which version to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PromoteVersion {
    /// One that was published.
    #[schema(value_type = String)]
    pub version: Version,
}

/// Which version not to use any more, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeprecateVersion {
    /// One that was published.
    #[schema(value_type = String)]
    pub version: Version,
    /// What to tell whoever uses it.
    pub message: String,
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Package {
    /// Its name.
    pub name: PackageName,
    /// The version that runs; absent when none was promoted yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub current: Option<Version>,
    /// The version that was rolled back from, where that was the last change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub rolled_back: Option<Version>,
    /// Everything that was published under this name.
    pub versions: Vec<PackageVersion>,
}

/// The tenant's packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Packages {
    /// By name.
    pub packages: Vec<Package>,
}

/// A published version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageVersion {
    /// The version.
    #[schema(value_type = String)]
    pub version: Version,
    /// What it runs.
    pub component: Digest,
    /// The grants that it asks for.
    pub needs: Needs,
    /// The limits that it states, by name.
    pub limits: LimitsPatch,
    /// What its publisher says, where it is not to be used any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// When it was published.
    pub published: Time,
    /// Who signed it, by the key's name and id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// What the key was called that published it; absent where an earlier host did not write it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// What it asks for beyond the version that runs, where that keeps it from running before an operator approves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits_approval: Option<AsksMore>,
}
