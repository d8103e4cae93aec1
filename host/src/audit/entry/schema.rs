//! The JSON Schema of an entry, for whoever reads logs; `entry.schema.json` is its checked-in text.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Entry, Mac, Outcome};
use crate::id::{
    ApprovalId, CallId, ChangeId, DecisionId, Digest, PackageName, PackageRef, PrincipalId, RouteName, SecretName,
    SessionId, SubmissionId, TenantId, ToolName, ToolRequest,
};

/// The schema as it stands in `entry.schema.json`.
pub fn text() -> String {
    let mut schema = schemars::schema_for!(Entry).to_value();
    // One spelling, whatever order a build's JSON keeps.
    schema.sort_all_objects();
    format!("{schema:#}\n")
}

/// A time as RFC 3339 text, in UTC with microseconds.
pub(super) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

/// The same, where it may be absent; it is never null.
pub(super) fn time_option(generator: &mut SchemaGenerator) -> Schema {
    time(generator)
}

/// A version in the schema.
pub(super) struct SemanticVersion;

/// An error code in the schema.
pub(super) struct CodeText;

const SLUG: &str = "[a-z][a-z0-9]*(-[a-z0-9]+)*";
const UUID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

macro_rules! text_schemas {
    ($($type:ty, $name:literal, $doc:literal, $pattern:expr;)*) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": $doc, "pattern": $pattern })
            }
        }
    )*};
}

text_schemas! {
    TenantId, "TenantId", "A tenant, by its short name.", format!("^{SLUG}$");
    PackageName, "PackageName", "A package, by its name.", format!("^{SLUG}$");
    PackageRef, "PackageRef", "A package, as its tenant names it.", format!("^(catalogue/)?{SLUG}$");
    ToolName, "ToolName", "A tool: package and definition.", format!("^(catalogue/)?{SLUG}(\\.{SLUG})?$");
    ToolRequest, "ToolRequest", "A tool, and possibly which versions of it will do.",
        format!("^(catalogue/)?{SLUG}(\\.{SLUG})?(@[0-9A-Za-z.+-]+)?$");
    RouteName, "RouteName", "A route, by its name.", format!("^{SLUG}$");
    CallId, "CallId", "A call: a UUID of version 7.", UUID;
    ApprovalId, "ApprovalId", "An approval that a call waits for, or waited for: a UUID of version 7.", UUID;
    SubmissionId, "SubmissionId", "A submission to the catalogue: a UUID of version 7.", UUID;
    DecisionId, "DecisionId", "A decision that refused something: a UUID of version 7.", UUID;
    ChangeId, "ChangeId", "An administrative change: a UUID of version 7.", UUID;
    PrincipalId, "PrincipalId", "A principal: a UUID of version 7.", UUID;
    SessionId, "SessionId", "A session of a principal, by the name that its agent gave it.", "^[0-9A-Za-z._:-]{1,128}$";
    SecretName, "SecretName", "A secret, by its name.", "^[a-z0-9][a-z0-9_-]{0,63}$";
    Digest, "Digest", "The SHA-256 digest of a component or of a policy's text.", "^sha256:[0-9a-f]{64}$";
    Mac, "Mac", "The HMAC-SHA-256 of arguments or a result, under a key of the tenant that can be erased.", "^[0-9a-f]{64}$";
    Outcome, "Outcome", "How a call ended: \"ok\", or the code of the error that the caller got.", format!("^{SLUG}$");
    CodeText, "Code", "An error code.", format!("^{SLUG}$");
    SemanticVersion, "Version", "A semantic version.", "^[0-9]+\\.[0-9]+\\.[0-9]+(-[0-9A-Za-z.-]+)?(\\+[0-9A-Za-z.-]+)?$";
}
