//! Versions on their way from a tenant to the catalogue, and components that are not to run any more.

use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;
use crate::id::{Digest, PackageName, SubmissionId, TenantId};
pub use crate::registry::AsksMore;

/// A version to submit to the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitVersion {
    /// One that was published.
    #[schema(value_type = String)]
    pub version: Version,
    /// For those who decide on it.
    #[serde(default)]
    pub message: String,
}

/// Why a submission is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefuseSubmission {
    /// For whoever submitted it.
    pub reason: String,
}

/// What became of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SubmissionState {
    /// Nobody has decided on it.
    Open,
    /// It is in the catalogue.
    Approved,
    /// It is not.
    Refused,
}

/// A version that was submitted to the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Submission {
    /// Its id.
    pub id: SubmissionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The package; in the catalogue it has the same name.
    pub package: PackageName,
    /// The version.
    #[schema(value_type = String)]
    pub version: Version,
    /// What it runs.
    pub component: Digest,
    /// What its publisher says.
    pub message: String,
    /// What became of it.
    pub state: SubmissionState,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was submitted.
    pub submitted: Time,
    /// Who signed it, by the key's name and id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// Interfaces that it imports.
    pub imports: Vec<String>,
    /// The same in words.
    pub words: Vec<String>,
    /// The version of that name that the catalogue runs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub current: Option<Version>,
    /// What it asks for beyond that one; all that it asks for, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<AsksMore>,
}

/// Submissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Submissions {
    /// Newest first.
    pub submissions: Vec<Submission>,
}

/// Why a component is recalled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecallComponent {
    /// For whoever calls it, and for the record.
    pub reason: String,
}

/// A component that is not to run any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recall {
    /// The component.
    pub component: Digest,
    /// Why.
    pub reason: String,
}

/// What a tenant has recalled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recalls {
    /// By digest.
    pub recalls: Vec<Recall>,
}
