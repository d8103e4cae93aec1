//! Components and packages: admitted, published, run, withdrawn.

use semver::Version;

use super::content;
use crate::audit::entry::schema;
use crate::id::{ChangeId, Digest, PackageName, SubmissionId, TenantId};

content! {
    ComponentAdmitted {
        /// Its length.
        bytes: u64,
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The component.
        component: Digest,
        /// The interfaces that it imports.
        imports: Vec<String>,
        /// What kind of component it is, such as `native`.
        tool_kind: String,
    }
    ComponentRejected {
        /// Its digest, where all of it had arrived.
        #[serde(skip_serializing_if = "Option::is_none")]
        component: Option<Digest>,
        /// Why, in words.
        reasons: Vec<String>,
    }
    ComponentRecalled {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The component.
        component: Digest,
        /// Why.
        reason: String,
    }
    RecallLifted {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The component.
        component: Digest,
    }
    SubmissionOpened {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The component that it runs.
        component: Digest,
        /// The package.
        package: PackageName,
        /// The submission.
        submission: SubmissionId,
        /// Whose version it is.
        tenant: TenantId,
        /// The version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    SubmissionDecided {
        /// Whether it is in the catalogue.
        approved: bool,
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The component that it runs.
        component: Digest,
        /// The package.
        package: PackageName,
        /// Why it was refused.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The submission.
        submission: SubmissionId,
        /// Whose version it is.
        tenant: TenantId,
        /// The version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    ToolApproved {
        /// What it asks for beyond that one, in words.
        asks: String,
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The package.
        package: PackageName,
        /// The version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    ToolPublished {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The component that it runs.
        component: Digest,
        /// The package.
        package: PackageName,
        /// Who signed it, by the key's name and id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signer: Option<String>,
        /// The version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    ToolPromoted {
        /// The version before.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<schema::SemanticVersion>")]
        before: Option<Version>,
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The package.
        package: PackageName,
        /// The version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    ToolRolledBack {
        /// The version before.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<schema::SemanticVersion>")]
        before: Option<Version>,
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The package.
        package: PackageName,
        /// The version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    ToolDeprecated {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// What its publisher says.
        message: String,
        /// The package.
        package: PackageName,
        /// The version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
}
