//! Which tool is meant, and what policy says of it.

use std::sync::Arc;

use super::ask::CallDecision;
use super::package::{Package, PackageVersion, Packages, ToolDefinition};
use super::{Caller, Platform, Tenant};
use crate::error::{Error, Result};
use crate::id::{Origin, PackageRef, RouteName, ToolName, ToolRequest, VersionRequest};
use crate::policy::route::Route;
use crate::policy::{self, Ceiling, Decision, Policy};

/// A tool that was found: what would run.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The package, as the tenant names it.
    pub package: PackageRef,
    /// The version.
    pub version: Arc<PackageVersion>,
    /// The tool.
    pub tool: Arc<ToolDefinition>,
}

impl Resolved {
    /// The tool's name, as the tenant names it.
    pub fn name(&self) -> ToolName {
        ToolName::new(self.package.clone(), self.tool.definition.name.clone())
    }
}

/// What `policy` under `ceiling` says of calls of a version: the one function that decides, a call that is made now as
/// well as one that was made and is decided again.
pub fn decide(ceiling: &Ceiling, policy: &Policy, package: &PackageRef, version: &PackageVersion) -> Decision {
    policy::decide(ceiling, policy, &version.subject(package))
}

impl Platform {
    fn packages<'a>(&'a self, tenant: &'a Tenant, origin: Origin) -> &'a Packages {
        match origin {
            Origin::Catalogue => &self.catalogue,
            Origin::Own => &tenant.packages,
        }
    }
}

impl Tenant {
    /// What policy says of a version of a package for this tenant's calls.
    pub fn decide(&self, platform: &Platform, package: &PackageRef, version: &PackageVersion) -> Arc<Decision> {
        let key = (package.clone(), version.version.clone());
        if let Some(decision) = self.decisions.get(&key, platform.generation) {
            return decision;
        }
        let decision = Arc::new(decide(&platform.ceiling, &self.policy, package, version));
        self.decisions.put(key, platform.generation, &decision);
        decision
    }
}

impl Caller {
    /// The package, if there is one of that name that this tenant can see.
    ///
    /// # Errors
    ///
    /// `not-found`.
    pub fn package(&self, package: &PackageRef) -> Result<&Arc<Package>> {
        let packages = self.platform.packages(&self.tenant, package.origin);
        packages.get(&package.name).ok_or_else(|| Error::not_found("package", package))
    }

    /// The tool that is asked for.
    ///
    /// # Errors
    ///
    /// `not-found`: no such tool, or no such version of it.
    pub fn resolve(&self, request: &ToolRequest) -> Result<Resolved> {
        let unknown = || Error::not_found("tool", request).next("GET /v1/tools lists what this key may call");
        let package = self.package(&request.name.package).map_err(|_| unknown())?;
        let version = package.version(request.version.as_ref()).ok_or_else(unknown)?;
        let tool = version.tools.get(&request.name.definition).ok_or_else(unknown)?;
        Ok(Resolved { package: request.name.package.clone(), version: Arc::clone(version), tool: Arc::clone(tool) })
    }

    /// The route of this name, whether or not the key may call one of its choices.
    pub fn route(&self, name: &RouteName) -> Option<&Route> {
        self.tenant.policy.route(name)
    }

    /// Every tool that a call would be let in to, in order of name: the catalogue's, then the tenant's own; of those behind
    /// `after` the first `most`. Asks for each of them, which takes a while where there are thousands.
    pub fn tools(&self, after: Option<&ToolName>, most: usize) -> Vec<(Resolved, Arc<CallDecision>)> {
        let moment = self.moment();
        let mut tools = Vec::new();
        for origin in [Origin::Catalogue, Origin::Own] {
            for (name, package) in self.platform.packages(&self.tenant, origin) {
                let reference = PackageRef { origin, name: name.clone() };
                if after.is_some_and(|after| reference < after.package) {
                    continue;
                }
                let Some(version) = package.version(None::<&VersionRequest>) else { continue };
                for tool in version.tools.values() {
                    if tools.len() >= most {
                        return tools;
                    }
                    let (version, tool) = (Arc::clone(version), Arc::clone(tool));
                    let resolved = Resolved { package: reference.clone(), version, tool };
                    if after.is_some_and(|after| resolved.name() <= *after) {
                        continue;
                    }
                    let decision = self.decide_at(&resolved, moment, false);
                    if decision.outcome.is_ok() {
                        tools.push((resolved, decision));
                    }
                }
            }
        }
        tools
    }
}
