//! Versions on their way from a tenant to the catalogue, and components that are not to run any more.

use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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
    /// Who signed it, by the key's name and id: to the platform's team of the keys that the platform knows, to the tenant of
    /// its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// Whether a key signed it that the tenant knows and the platform does not; told to the platform's team.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed_by_tenant: bool,
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

/// Which submissions to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SubmissionsQuery {
    /// Those that this became of; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<SubmissionState>,
    /// Those older than this one, which is `next` of the part before; absent: from the newest on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<SubmissionId>,
}

/// Submissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Submissions {
    /// Newest first.
    pub submissions: Vec<Submission>,
    /// Where to go on; absent where there are no further ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<SubmissionId>,
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
