//! `cofferdam policy explain`: what a tool would be given, by which line, and what would have to change.

use std::path::{Path, PathBuf};

use clap::Args;
use cofferdam_toolchain::Manifest;

use super::{asked, ceiling, policy};
use crate::cli::client::Client;
use crate::cli::connection::Connection;
use crate::cli::style::plain;
use crate::cli::{Exit, Failure, Output, Result, arguments, build};
use crate::error::Error;
use crate::http::wire;
use crate::id::{CallTarget, PackageRef, PrincipalId};
use crate::identity::Scope;
use crate::policy::{Explanation, GrantKind, LimitsPatch, Needs, Subject, Use, explain};
use crate::routed::Level;

/// With a file: offline, by its rules. Without: by a host, under the policy in force.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// A policy to explain, offline; without it, the one in force at the host
    file: Option<PathBuf>,
    /// The platform's ceiling that it stands under [default: the built-in one]
    #[arg(long, value_name = "FILE", requires = "file")]
    ceiling: Option<PathBuf>,
    /// With a file: the package, as the tenant names it [default: that of the manifest]
    #[arg(long, value_name = "PACKAGE", requires = "file", required_unless_present_any = ["manifest", "tool"])]
    package: Option<PackageRef>,
    /// With a file: the folder whose cofferdam.toml says what the package declares [default: it may use every kind]
    #[arg(long, value_name = "DIR", requires = "file")]
    manifest: Option<PathBuf>,
    /// Without a file: the tool, or the route
    #[arg(long, value_name = "TOOL", conflicts_with = "file", required_unless_present = "file")]
    tool: Option<CallTarget>,
    /// Without a file: for this principal of the tenant
    #[arg(long, value_name = "ID", conflicts_with = "file")]
    principal: Option<PrincipalId>,
    /// Without a file: for any key of the tenant with this scope, such as agent
    #[arg(long, value_name = "SCOPE", conflicts_with_all = ["file", "principal"])]
    scope: Option<Scope>,
    /// A use to decide upon: 'GET https://…', kv:BUCKET, files:/PATH (with :write to write), clock, random, log, config, or JSON
    #[arg(long = "use", value_name = "USE", value_parser = asked::read)]
    asked: Option<Use>,
    /// Of a route: the call's arguments as one JSON object, which decide by their size; @FILE reads them from a file
    #[arg(long = "args", value_name = "JSON", conflicts_with = "file")]
    arguments: Option<String>,
    /// Of a route: how much the call is declared to bring about: low, medium or high
    #[arg(long, value_name = "LEVEL", conflicts_with = "file")]
    risk: Option<Level>,
    /// Of a route: how hard it is declared to be: low, medium or high
    #[arg(long, value_name = "LEVEL", conflicts_with = "file")]
    complexity: Option<Level>,
    #[command(flatten)]
    connection: Connection,
}

impl Explain {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let explanation = self.explain()?;
        output.show(&explanation, |explanation| plain(&explanation.to_string()).into_owned())?;
        let denied = !explanation.allowed || explanation.asked.is_some_and(|answer| !answer.allowed);
        Ok(if denied { Exit::Denied } else { Exit::Ok })
    }

    fn explain(self) -> Result<Explanation> {
        let Some(file) = &self.file else {
            let Some(tool) = self.tool else { return Err(Error::internal("clap").into()) };
            let arguments = self.arguments.as_deref().map(arguments::object).transpose()?;
            let Self { principal, scope, asked, risk, complexity, .. } = self;
            let request = wire::ExplainRequest { tool, principal, scope, asked, arguments, risk, complexity };
            return Client::new(&self.connection)?.post(&["v1", "explain"], &request);
        };
        let (ceiling, policy) = (ceiling(self.ceiling.as_deref())?, policy(file)?);
        let Declared { package, needs, limits } = Declared::read(self.package, self.manifest.as_deref())?;
        let subject = Subject { package: &package, needs: &needs, limits: &limits };
        Ok(explain(&ceiling, &policy, &subject, self.asked.as_ref()))
    }
}

/// A package, by what it declares.
struct Declared {
    package: PackageRef,
    needs: Needs,
    limits: LimitsPatch,
}

impl Declared {
    fn read(package: Option<PackageRef>, folder: Option<&Path>) -> Result<Self> {
        // What its imports imply is not known here: as if it were everything.
        let every = || Needs { optional: GrantKind::ALL.into_iter().collect(), ..Needs::default() };
        let Some(folder) = folder else {
            let package = package.ok_or_else(|| Failure::usage("there is no package", "name one with --package"))?;
            return Ok(Self { package, needs: every(), limits: LimitsPatch::default() });
        };
        let manifest = Manifest::read(folder)
            .map_err(|error| Failure::invalid(format!("{error:#}"), "correct the manifest"))?
            .ok_or_else(|| Error::not_found("manifest", folder.join(cofferdam_toolchain::MANIFEST).display()))?;
        let package = match package {
            Some(package) => package,
            None => manifest.package.name.parse().map_err(Error::from)?,
        };
        let needs = manifest.needs.as_ref().map(build::needs).transpose()?.unwrap_or_else(every);
        Ok(Self { package, needs, limits: build::limits(&manifest.limits)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_explained_by_its_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "[package]\nname = \"notes\"\nversion = \"1.0.0\"\n[needs]\nrequired = [\"kv\"]\n";
        std::fs::write(folder.path().join("cofferdam.toml"), manifest).unwrap();
        let explain = |text: &str, asked: Option<&str>| {
            let file = folder.path().join("policy.toml");
            std::fs::write(&file, text).unwrap();
            let asked = asked.map(|asked| asked::read(asked).unwrap());
            Explain {
                file: Some(file),
                ceiling: None,
                package: None,
                manifest: Some(folder.path().to_owned()),
                tool: None,
                principal: None,
                scope: None,
                asked,
                arguments: None,
                risk: None,
                complexity: None,
                connection: Connection::to("http://127.0.0.1:1".parse().unwrap(), wire::Secret::new("x")),
            }
            .explain()
            .unwrap()
        };
        let denied = explain("", None);
        assert!(!denied.allowed && denied.remedy.is_some());
        let granted = "[[grant]]\ntools = [\"notes\"]\nkv = [{ bucket = \"notes\", access = \"read-only\" }]\n";
        assert!(explain(granted, Some("kv:notes")).asked.unwrap().allowed);
        assert!(!explain(granted, Some("kv:notes:write")).asked.unwrap().allowed);
    }
}
