//! Listing: exactly the tools that a call by the same principal would be let in to, with what is derived of their risk.

use std::sync::Arc;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::Router;
use crate::error::{Code, Error, Result};
use crate::id::{ToolName, ToolRequest};
use crate::identity::Scope;
use crate::policy::{Allowed, Decision};
use crate::registry::GrantKind;
use crate::snapshot::{Caller, Resolved, ToolDefinition};

/// A tool that may be called.
#[derive(Debug, Clone)]
pub struct ListedTool {
    /// Its name.
    pub name: ToolName,
    /// The version that would run.
    pub version: Version,
    /// What it says of itself.
    pub tool: Arc<ToolDefinition>,
    /// What is derived of its risk.
    pub annotations: Annotations,
    /// What its publisher says of this version, where it is deprecated.
    pub deprecated: Option<String>,
}

/// What a call of a tool can do, from what it imports and what policy grants: facts, which a tool's own claims can only
/// make worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotations {
    /// It holds nothing that it could change.
    pub read_only: bool,
    /// It may destroy or overwrite: it holds something that it could change.
    pub destructive: bool,
    /// Calling it again with the same arguments changes nothing more.
    pub idempotent: bool,
    /// It reaches the network.
    pub open_world: bool,
}

impl Annotations {
    fn of(resolved: &Resolved, allowed: &Allowed) -> Self {
        let imports = &resolved.version.admission.inspection.grants;
        let hints = resolved.tool.definition.hints;
        let open_world = imports.contains(&GrantKind::Http) && allowed.grants.http.is_some();
        let changes = imports.iter().any(|kind| allowed.grants.can_change(*kind));
        let read_only = !changes && !hints.destructive;
        Self { read_only, destructive: !read_only, idempotent: read_only, open_world }
    }
}

impl Router {
    /// The tools that `caller` may call, by name: the catalogue's, then the tenant's own. Nothing for a key that may
    /// not call.
    pub fn tools(&self, caller: &Caller) -> Vec<ListedTool> {
        if !caller.principal.scopes.has(Scope::Agent) {
            return Vec::new();
        }
        caller.tools().into_iter().map(|(resolved, allowed)| listed(&resolved, &allowed)).collect()
    }

    /// One tool that `caller` may call.
    ///
    /// # Errors
    ///
    /// `not-found`, also for one that policy does not let be called: what is not listed is not here either.
    pub fn tool(&self, caller: &Caller, request: &ToolRequest) -> Result<ListedTool> {
        caller.principal.needs(&[Scope::Agent])?;
        let resolved = caller.resolve(request)?;
        match &*caller.decide(&resolved) {
            Decision::Allowed(allowed) => Ok(listed(&resolved, allowed)),
            Decision::Denied(_) => {
                Err(Error::new(Code::NotFound, format!("there is no tool {:?}", request.to_string()))
                    .next("GET /v1/tools lists what this key may call; POST /v1/explain says why not"))
            }
        }
    }
}

fn listed(resolved: &Resolved, allowed: &Allowed) -> ListedTool {
    ListedTool {
        name: resolved.name(),
        version: resolved.version.version.clone(),
        tool: Arc::clone(&resolved.tool),
        annotations: Annotations::of(resolved, allowed),
        deprecated: resolved.version.deprecated.clone(),
    }
}
