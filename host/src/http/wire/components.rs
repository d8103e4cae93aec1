//! Components: what was uploaded, and what was found out about it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Time;
use crate::engine::Class;
use crate::id::{DefinitionName, Digest};
use crate::registry::{GrantKind, Kind};

/// A component that was admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Component {
    /// `sha256:` and 64 hex digits, of its bytes.
    pub digest: Digest,
    /// Its length.
    pub bytes: u64,
    /// When it was admitted.
    pub admitted: Time,
    /// How its exports become tools: `native`.
    pub kind: Kind,
    /// Which engine it runs in, by how much data it starts with: `small` or `large`.
    pub class: Class,
    /// Interfaces that it imports, with versions.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    /// What the imports mean, in plain words, a line each.
    pub words: Vec<String>,
    /// Kinds of grant that it could make use of: `http`, `kv`, `files`, `clock`, `random`, `log`, `config`.
    pub grants: BTreeSet<GrantKind>,
    /// Its tools.
    pub definitions: Vec<Definition>,
}

/// The tenant's components.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Components {
    /// In the order of their admission.
    pub components: Vec<Component>,
}

/// One tool, as the component describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Definition {
    /// Its name within the component.
    pub name: DefinitionName,
    /// A short name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does and when to use it.
    pub description: String,
    /// JSON Schema (2020-12) of the arguments.
    #[schema(value_type = Object)]
    pub input_schema: Value,
    /// JSON Schema of its `json` answer, where it gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub output_schema: Option<Value>,
    /// What it claims of its effects; claims can only add to the risk that is derived from facts.
    pub hints: Hints,
}

/// What a tool claims of its effects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hints {
    /// Changes nothing that outlives the call.
    pub read_only: bool,
    /// May destroy or overwrite.
    pub destructive: bool,
    /// Calling again changes nothing more.
    pub idempotent: bool,
}
