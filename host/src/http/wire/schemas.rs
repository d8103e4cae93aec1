//! How the host's own types look in the OpenAPI document. They know nothing of it themselves.

use utoipa::openapi::schema::{Schema, SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::audit::entry::ReplayOutcome;
use crate::engine::Class;
use crate::id::{
    ApprovalId, CallId, CallTarget, DefinitionName, Digest, PackageName, PackageRef, PrincipalId, RouteName,
    SecretName, SessionId, SubmissionId, TenantId, ToolName, ToolRequest,
};
use crate::identity::Scope;
use crate::policy::{Access, GrantKind, LimitsPatch, LogLevel};
use crate::registry::Kind;

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}

/// Lower-case words joined by single hyphens.
fn slug(description: &str, chars_max: usize) -> ObjectBuilder {
    text(description).pattern(Some("^[a-z][a-z0-9]*(-[a-z0-9]+)*$")).max_length(Some(chars_max))
}

fn uuid(description: &str) -> ObjectBuilder {
    text(description).format(Some(SchemaFormat::Custom("uuid".to_owned())))
}

fn one_of<const N: usize>(description: &str, values: [&str; N]) -> ObjectBuilder {
    text(description).enum_values(Some(values))
}

/// Which limits there are is in docs/policy.md, which is made from the table that they are read by.
fn limits() -> ObjectBuilder {
    let value = OneOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)))
        .item(ObjectBuilder::new().schema_type(Type::String));
    ObjectBuilder::new()
        .description(Some(
            "Limits of a call by their names in docs/policy.md: numbers, sizes such as `\"64MiB\"`, times such as `\"5s\"`.",
        ))
        .additional_properties(Some(Schema::from(value.build())))
}

const ACCESS: [Access; 2] = [Access::ReadOnly, Access::ReadWrite];
const KINDS: [&str; 4] = ["native", "command", "http", "functions"];

macro_rules! schemas {
    ($($type:ty: $schema:expr;)*) => {$(
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }
        impl ToSchema for $type {}
    )*};
}

schemas! {
    SessionId: text("A session of a key, by a name of the agent's own.").pattern(Some("^[0-9A-Za-z._:-]{1,128}$"));
    SecretName: text("A secret, by its name.").pattern(Some("^[a-z0-9][a-z0-9_-]{0,63}$"));
    ReplayOutcome: one_of("What came of a replay.", ["same", "differs", "not-comparable"]);
    TenantId: slug("A tenant.", 40);
    PackageName: slug("A package.", 64);
    DefinitionName: slug("A tool within its package.", 64);
    Digest: text("The SHA-256 digest of a component or of a policy's text.").pattern(Some("^sha256:[0-9a-f]{64}$"));
    CallId: uuid("A call.");
    PrincipalId: uuid("A principal: a key of a tenant.");
    ApprovalId: uuid("An approval that a call waits for, or waited for.");
    SubmissionId: uuid("A submission to the catalogue.");
    ToolName: text("A tool, such as `notes.add`, or `catalogue/text.count` from the catalogue.");
    ToolRequest: text("A tool, and optionally the version to hold to: `notes.add`, `notes.add@1`, `notes.add@1.2.0`.");
    CallTarget: text("A tool as in `ToolRequest`, or a route: `routes/summarise`.");
    RouteName: slug("A route.", 64);
    Scope: one_of("What a key may be used for.", Scope::ALL.map(Scope::as_str));
    PackageRef: text("A package: `notes`, or `catalogue/text` from the catalogue.");
    GrantKind: one_of("A kind of grant.", GrantKind::ALL.map(GrantKind::as_str));
    Access: one_of("Whether what is granted may be changed.", ACCESS.map(Access::as_str));
    Class: one_of("Which engine a component runs in, by how much data it starts with.", Class::ALL.map(Class::as_str));
    Kind: one_of("How a component's exports become tools.", KINDS);
    LogLevel: one_of("How severe a line is.", LogLevel::ALL.map(LogLevel::as_str));
    LimitsPatch: limits();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in the document are those on the wire.
    #[test]
    fn names_are_as_serde_writes_them() {
        fn written<T: serde::Serialize, const N: usize>(values: &[T; N]) -> Vec<String> {
            values.iter().map(|value| serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()).collect()
        }
        use Kind as K;
        assert_eq!(written(&Scope::ALL), Scope::ALL.map(Scope::as_str));
        assert_eq!(written(&Class::ALL), Class::ALL.map(Class::as_str));
        assert_eq!(written(&GrantKind::ALL), GrantKind::ALL.map(GrantKind::as_str));
        assert_eq!(written(&ACCESS), ACCESS.map(Access::as_str));
        assert_eq!(written(&[K::Native, K::Command, K::Http, K::Functions]), KINDS);
        assert_eq!(written(&LogLevel::ALL), LogLevel::ALL.map(LogLevel::as_str));
    }
}
