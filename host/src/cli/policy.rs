//! `cofferdam policy`: what a policy says, what it would give, and putting one in force. Offline it decides with the
//! very code that the host decides with.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use cofferdam_toolchain::Manifest;
use reqwest::Method;
use serde::Serialize;

use super::client::Client;
use super::connection::Connection;
use super::style::{CARE, GOOD, QUIET, STRONG, mark, paint, plain};
use super::table::Table;
use super::{Exit, Failure, Output, Result, arguments, build, files, words};
use crate::access::Side;
use crate::error::Error;
use crate::http::wire;
use crate::id::{CallTarget, PackageRef, PrincipalId};
use crate::identity::Scope;
use crate::policy::{
    self as rules, Ceiling, Explanation, GrantKind, LimitsPatch, Needs, Subject, Use, check, check_ceiling, explain,
};
use crate::routed::Level;

mod access;
mod asked;
mod diff;
mod span;
mod suggest;
mod trial;

/// A policy's text, in bytes: as the host takes it.
const POLICY_BYTES_MAX: u64 = rules::Policy::TEXT_BYTES_MAX as u64;
/// What policies are sent as.
const TOML: &str = "application/toml";

/// Check, explain, compare, try, suggest, show and apply the tenant's policy
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam policy check policy.toml
  cofferdam policy check policy.toml --ceiling platform.toml --offline
  cofferdam policy check --ceiling platform.toml
  cofferdam policy check policy.toml --access access.cedar
  cofferdam policy explain policy.toml --manifest tools/http-fetch --use 'GET https://api.github.com/repos/a/b'
  cofferdam policy explain --tool catalogue/notes.add --use kv:notes:write
  cofferdam policy explain --tool notes.add --scope agent
  cofferdam policy explain --tool routes/summarise --args @note.json --risk high
  cofferdam policy try policy.toml --since 30d
  cofferdam policy try --access access.cedar
  cofferdam policy diff policy.toml new.toml
  cofferdam policy diff new.toml
  cofferdam policy suggest catalogue/notes
  cofferdam policy show > policy.toml
  cofferdam policy apply policy.toml
  cofferdam policy access apply access.cedar

docs/policy.md says what can stand in a policy, docs/access.md what in access rules. Exit code 7: a file is not valid; 3: `explain` finds
that it is denied, or `try` that recorded calls would be.")]
pub(super) struct Policy {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check a policy, a ceiling alone, or access rules; offline, or by a host, which knows its ceiling and the tenant's packages
    Check {
        /// The policy, or access rules where its name ends in .cedar; - is a policy on standard input
        #[arg(required_unless_present_any = ["ceiling", "access"])]
        file: Option<PathBuf>,
        /// Access rules to check beside it, Cedar, against the schema of docs/access.md; - is standard input
        #[arg(long, value_name = "FILE")]
        access: Option<PathBuf>,
        /// The platform's ceiling that it stands under [default: the host's own, offline the built-in one]
        #[arg(long, value_name = "FILE")]
        ceiling: Option<PathBuf>,
        /// Ask no host, even where one is given
        #[arg(long)]
        offline: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// Say what a tool would be given, by which line, and what would have to change
    Explain(Box<Explain>),
    /// Try a policy, or access rules, on recorded calls, before they are in force
    Try(trial::Try),
    /// Say what another policy would change: what each package gains and loses
    Diff(diff::Diff),
    /// Suggest the smallest grant that covers what a tool's calls really used
    Suggest(suggest::Suggest),
    /// Who may do what: check, show and apply access rules
    #[command(subcommand)]
    Access(access::Access),
    /// Show the policy in force
    Show {
        #[command(flatten)]
        connection: Connection,
    },
    /// Put a policy in force, from the next call on
    #[command(alias = "set")]
    Apply {
        /// The policy; - is standard input
        file: PathBuf,
        #[command(flatten)]
        connection: Connection,
    },
}

/// With a file: offline, by its rules. Without: by a host, under the policy in force.
#[derive(Debug, Args)]
struct Explain {
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

impl Policy {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        match self.action {
            Action::Check { file, access, ceiling, offline, connection } => {
                let host = !offline && ceiling.is_none() && connection.is_given();
                let client = if host { Some(Client::new(&connection)?) } else { None };
                let asked = ToCheck::sort(file, access, ceiling)?;
                output.show(&asked.check(client.as_ref())?, Checked::shown)?;
            }
            Action::Explain(command) => {
                let explanation = command.explain()?;
                output.show(&explanation, |explanation| plain(&explanation.to_string()).into_owned())?;
                let denied = !explanation.allowed || explanation.asked.is_some_and(|answer| !answer.allowed);
                return Ok(if denied { Exit::Denied } else { Exit::Ok });
            }
            Action::Try(command) => return command.run(output),
            Action::Diff(command) => return command.run(output),
            Action::Suggest(command) => return command.run(output),
            Action::Access(command) => return command.run(output),
            Action::Show { connection } => {
                let policy: wire::Policy = Client::new(&connection)?.get(&["v1", "policy"], &[])?;
                // The text alone: what is redirected into a file is a policy.
                output.show(&policy, |policy| plain(&policy.text).into_owned())?;
                let since = policy.since.map_or_else(
                    || "since the tenant was created".to_owned(),
                    |since| format!("since {}", words::moment(since.0)),
                );
                output.note(format_args!("{} in force {since}", policy.digest));
            }
            Action::Apply { file, connection } => {
                let text = text(&file)?;
                let put: wire::PolicyPut =
                    Client::new(&connection)?.send_text(Method::PUT, &["v1", "policy"], TOML, text)?;
                output.show(&put, |put| match put.changed {
                    true => format!("{} {} is in force from the next call on", paint(GOOD, "✓"), put.digest),
                    false => format!("{} was in force already", put.digest),
                })?;
            }
        }
        Ok(Exit::Ok)
    }
}

/// The files that are to be checked.
#[derive(Debug, Default)]
struct ToCheck {
    policy: Option<PathBuf>,
    access: Option<PathBuf>,
    ceiling: Option<PathBuf>,
}

/// What is said of each file: the policy's members beside one for access rules.
#[derive(Debug, Serialize)]
struct Checked {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    policy: Option<wire::PolicyChecked>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<wire::AccessChecked>,
}

impl ToCheck {
    /// Which file is what: Cedar is known by its ending.
    fn sort(file: Option<PathBuf>, access: Option<PathBuf>, ceiling: Option<PathBuf>) -> Result<Self> {
        let is_cedar = |file: &Path| file.extension().is_some_and(|extension| extension == "cedar");
        match (file, access) {
            (Some(file), Some(_)) if is_cedar(&file) => {
                Err(Failure::usage("two files of access rules are given", "leave out one of them, or name a policy"))
            }
            (Some(file), None) if is_cedar(&file) => Ok(Self { access: Some(file), ceiling, policy: None }),
            (policy, access) => Ok(Self { policy, access, ceiling }),
        }
    }

    fn check(&self, client: Option<&Client>) -> Result<Checked> {
        let policy = match (&self.policy, client) {
            (Some(file), Some(client)) => Some(check_by_host(client, text(file)?)?),
            (None, _) if self.ceiling.is_none() => None,
            (file, _) => Some(check_offline(file.as_deref(), self.ceiling.as_deref())?),
        };
        let access = self.access.as_deref().map(|file| match client {
            Some(client) => access::check_by_host(client, file),
            None => access::check_offline(file, Side::Tenant),
        });
        Ok(Checked { policy, access: access.transpose()? })
    }
}

impl Checked {
    fn shown(&self) -> String {
        let access = self.access.as_ref().map(access::shown);
        [self.policy.as_ref().map(shown), access].into_iter().flatten().collect()
    }
}

/// What a host says of a policy: it knows its ceiling, and the packages that the tenant can see.
pub(super) fn check_by_host(client: &Client, text: String) -> Result<wire::PolicyChecked> {
    client.send_text(Method::POST, &["v1", "policy", "check"], TOML, text)
}

/// Reads a policy's text.
pub(super) fn text(file: &Path) -> Result<String> {
    files::text(file, "policy", POLICY_BYTES_MAX)
}

/// Reads a ceiling; the built-in one where there is no file.
fn ceiling(file: Option<&Path>) -> Result<Ceiling> {
    match file {
        Some(file) => {
            let parsed = Ceiling::parse(&files::text(file, "ceiling", POLICY_BYTES_MAX)?);
            Ok(parsed.map_err(|error| named(error.into(), file))?)
        }
        None => Ok(Ceiling::builtin()),
    }
}

fn policy(file: &Path) -> Result<rules::Policy> {
    Ok(rules::Policy::parse(&text(file)?).map_err(|error| named(error.into(), file))?)
}

/// Which file it was: with two of them, a line alone does not say.
fn named(error: Error, file: &Path) -> Error {
    error.fact("file", file.display().to_string())
}

/// The policy under the ceiling; the ceiling alone where there is no policy.
fn check_offline(file: Option<&Path>, ceiling_file: Option<&Path>) -> Result<wire::PolicyChecked> {
    let ceiling = ceiling(ceiling_file)?;
    let (digest, warnings) = match file {
        Some(file) => {
            let policy = policy(file)?;
            (policy.digest(), check(&ceiling, &policy))
        }
        None => (ceiling.digest(), check_ceiling(&ceiling)),
    };
    Ok(wire::PolicyChecked { digest, warnings, tools: Vec::new(), tools_left_out: 0 })
}

impl Explain {
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

/// A valid policy: what is probably not meant, and what packages would be given.
fn shown(checked: &wire::PolicyChecked) -> String {
    let mut text = String::new();
    for warning in &checked.warnings {
        text += &format!("{} {}\n", paint(CARE, "warning:"), plain(&warning.to_string()));
    }
    text += &format!("{} {} {}\n", mark(true), paint(STRONG, "the policy is valid"), paint(QUIET, checked.digest));
    let mut table = Table::new(["PACKAGE", "CALLS", "HOLDS", "WITHHELD"]).indent(2);
    for explanation in &checked.tools {
        let calls = if explanation.allowed { paint(GOOD, "may start") } else { paint(CARE, "denied") };
        let kinds = |kinds: Vec<GrantKind>| {
            let mut names: Vec<&str> = kinds.into_iter().map(GrantKind::as_str).collect();
            names.dedup();
            names.join(", ")
        };
        table.row([
            explanation.package.to_string(),
            calls,
            kinds(explanation.grants.iter().map(|held| held.kind).collect()),
            paint(QUIET, kinds(explanation.withheld.iter().map(|withheld| withheld.kind).collect())),
        ]);
    }
    if checked.tools_left_out > 0 {
        let left_out = checked.tools_left_out;
        text += &format!("{} there was no time for {left_out} further packages\n", paint(CARE, "warning:"));
    }
    if table.is_empty() { text } else { format!("{text}\n{table}") }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn a_policy_is_checked_under_its_ceiling() {
        let folder = tempfile::tempdir().unwrap();
        let policy = written(folder.path(), "policy.toml", "[limits]\nfuel = 5_000_000\n");
        let ceiling = written(folder.path(), "ceiling.toml", "[limits]\nfuel = 1_000_000\n");
        assert!(check_offline(Some(&policy), None).unwrap().warnings.is_empty());
        let text = shown(&check_offline(Some(&policy), Some(&ceiling)).unwrap());
        assert!(text.contains("warning:") && text.contains("limits.fuel"), "{text}");
        let wrong = written(folder.path(), "wrong.toml", "[limits]\nfeul = 1\n");
        let failure = check_offline(Some(&wrong), None).unwrap_err();
        assert_eq!(failure.exit(), Exit::Invalid);
        let said = failure.said().unwrap();
        assert!(said.facts["file"].as_str().unwrap().ends_with("wrong.toml") && said.detail.contains("fuel"));
    }

    #[test]
    fn access_rules_are_checked_beside_a_policy_or_alone() {
        let folder = tempfile::tempdir().unwrap();
        let policy = written(folder.path(), "policy.toml", "");
        let rules = "forbid (principal, action == Action::\"call\", resource) when { resource.risk == \"high\" };";
        let good = written(folder.path(), "access.cedar", rules);
        let both = ToCheck::sort(Some(policy.clone()), Some(good.clone()), None).unwrap().check(None).unwrap();
        assert!(both.policy.is_some() && both.access.is_some());
        let text: String = anstream::adapter::strip_str(&both.shown()).collect();
        assert!(text.contains("the policy is valid") && text.contains("the access rules are valid"), "{text}");
        let json = serde_json::to_value(&both).unwrap();
        assert!(json["digest"].is_string() && json["access"]["digest"].is_string(), "{json}");
        // By its ending, and without a host.
        let alone = ToCheck::sort(Some(good.clone()), None, None).unwrap().check(None).unwrap();
        assert!(alone.policy.is_none() && alone.access.is_some());
        ToCheck::sort(Some(good.clone()), Some(good), None).unwrap_err();
        // Against the schema: there is no such attribute.
        let wrong = written(folder.path(), "wrong.cedar", &rules.replace("risk", "rsk"));
        let failure = ToCheck::sort(Some(policy), Some(wrong), None).unwrap().check(None).unwrap_err();
        assert_eq!(failure.exit(), Exit::Invalid);
        assert!(failure.said().unwrap().detail.contains("rsk"), "{:?}", failure.said());
    }

    #[test]
    fn a_package_is_explained_by_its_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "[package]\nname = \"notes\"\nversion = \"1.0.0\"\n[needs]\nrequired = [\"kv\"]\n";
        written(folder.path(), "cofferdam.toml", manifest);
        let explain = |text: &str, asked: Option<&str>| {
            let file = written(folder.path(), "policy.toml", text);
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

    #[test]
    fn what_is_valid_is_said_so() {
        let digest = crate::id::Digest::of(b"x");
        let text = shown(&wire::PolicyChecked { digest, warnings: Vec::new(), tools: Vec::new(), tools_left_out: 0 });
        let text: String = anstream::adapter::strip_str(&text).collect();
        let cut = shown(&wire::PolicyChecked { digest, warnings: Vec::new(), tools: Vec::new(), tools_left_out: 3 });
        assert!(cut.contains("no time for 3 further packages"), "{cut}");
        expect![[r#"
            ✓ the policy is valid sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881
        "#]]
        .assert_eq(&text);
    }
}
