//! `cofferdam packages`: what is published, and which version runs.

use clap::{Args, Subcommand};
use semver::Version;

use super::client::Client;
use super::connection::Connection;
use super::style::{CARE, GOOD, QUIET, STRONG, one_line, paint};
use super::table::Table;
use super::{Exit, Output, Result, words};
use crate::http::wire;
use crate::id::{Digest, PackageName};

/// List, promote, approve, roll back, deprecate and recall the tenant's packages
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam packages list
  cofferdam packages promote notes 1.3.0
  cofferdam packages approve notes 2.0.0
  cofferdam packages rollback notes
  cofferdam packages recall sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 'leaks its input'
  cofferdam packages deprecate notes 1.1.0 'loses notes with a slash in their name; use 1.2'")]
pub(super) struct Packages {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List packages with all their versions
    List {
        /// Only this one
        package: Option<PackageName>,
    },
    /// Make a published version the one that runs
    Promote {
        /// The package
        package: PackageName,
        /// The version
        version: Version,
    },
    /// Let a version run that asks for more than the one that runs, and make it the one
    Approve {
        /// The package
        package: PackageName,
        /// The version
        version: Version,
    },
    /// Recall a component: from the next call on it does not run any more; the platform's operators, for every tenant
    Recall {
        /// The component's digest
        component: Digest,
        /// Why, for whoever calls it
        reason: String,
    },
    /// Lift a recall of the tenant's own
    Unrecall {
        /// The component's digest
        component: Digest,
    },
    /// Make the version before the present one run again
    Rollback {
        /// The package
        package: PackageName,
    },
    /// Tell whoever uses a version not to; it still runs where it is asked for
    Deprecate {
        /// The package
        package: PackageName,
        /// The version
        version: Version,
        /// What to tell
        message: String,
    },
}

impl Packages {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let client = Client::new(&self.connection)?;
        match self.action {
            Action::List { package: None } => {
                let packages: wire::Packages = client.get(&["v1", "packages"], &[])?;
                output.show(&packages, |packages| table(&packages.packages))?;
            }
            Action::List { package: Some(package) } => {
                let package: wire::Package = client.get(&["v1", "packages", package.as_str()], &[])?;
                output.show(&package, |package| table(std::slice::from_ref(package)))?;
            }
            Action::Promote { package, version } => {
                let path = ["v1", "packages", package.as_str(), "promote"];
                let package: wire::Package = client.post(&path, &wire::PromoteVersion { version })?;
                output.show(&package, runs)?;
            }
            Action::Approve { package, version } => {
                let path = ["v1", "packages", package.as_str(), "approve"];
                let package: wire::Package = client.post(&path, &wire::PromoteVersion { version })?;
                output.show(&package, runs)?;
            }
            Action::Recall { component, reason } => {
                let (recall, digest) = (wire::RecallComponent { reason }, component.to_string());
                let recalled: wire::Recall = client.post(&["v1", "components", &digest, "recall"], &recall)?;
                output.show(&recalled, |_| format!("{component} runs no more, from the next call on"))?;
            }
            Action::Unrecall { component } => {
                client.delete(&["v1", "components", &component.to_string(), "recall"])?;
                let what = serde_json::json!({ "lifted": component });
                output.show(&what, |_| format!("{component} may run again"))?;
            }
            Action::Rollback { package } => {
                let package: wire::Package = client.post_empty(&["v1", "packages", package.as_str(), "rollback"])?;
                output.show(&package, runs)?;
            }
            Action::Deprecate { package, version, message } => {
                let path = ["v1", "packages", package.as_str(), "deprecate"];
                let body = wire::DeprecateVersion { version: version.clone(), message };
                let package: wire::Package = client.post(&path, &body)?;
                output.show(&package, |package| format!("{} {version} is deprecated", package.name))?;
            }
        }
        Ok(Exit::Ok)
    }
}

/// Which version runs now.
fn runs(package: &wire::Package) -> String {
    let name = paint(STRONG, &package.name);
    let after = package.rolled_back.as_ref().map_or_else(String::new, |from| format!(", rolled back from {from}"));
    match &package.current {
        Some(version) => format!("{name} runs {version}{after}"),
        None => format!("{name} has no version that runs{after}"),
    }
}

fn table(packages: &[wire::Package]) -> String {
    if packages.is_empty() {
        return "nothing is published; `cofferdam push DIR` publishes a tool".to_owned();
    }
    let mut table = Table::new(["PACKAGE", "VERSION", "STATE", "PUBLISHED", "NEEDS", "COMPONENT"]);
    for package in packages {
        for version in &package.versions {
            let state = if package.current.as_ref() == Some(&version.version) {
                paint(GOOD, "runs")
            } else if package.rolled_back.as_ref() == Some(&version.version) {
                paint(CARE, "rolled back")
            } else {
                String::new()
            };
            let state = match &version.deprecated {
                Some(message) => format!("{state} {}", paint(CARE, one_line(&format!("deprecated: {message}"), 40))),
                None => state,
            };
            let state = match &version.awaits_approval {
                Some(asks) => format!("{state} {}", paint(CARE, one_line(&format!("awaits approval: {asks}"), 60))),
                None => state,
            };
            let component: String = version.component.to_string().chars().take(19).collect();
            table.row([
                package.name.to_string(),
                version.version.to_string(),
                state.trim().to_owned(),
                words::moment(version.published.0),
                needs(&version.needs),
                paint(QUIET, component),
            ]);
        }
    }
    table.to_string()
}

/// What a version asks for: `http, and if granted log`.
pub(super) fn needs(needs: &wire::Needs) -> String {
    let kinds = |kinds: &std::collections::BTreeSet<crate::registry::GrantKind>| {
        kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
    };
    match (needs.required.is_empty(), needs.optional.is_empty()) {
        (true, true) => "nothing".to_owned(),
        (false, true) => kinds(&needs.required),
        (true, false) => format!("if granted {}", kinds(&needs.optional)),
        (false, false) => format!("{}; if granted {}", kinds(&needs.required), kinds(&needs.optional)),
    }
}
