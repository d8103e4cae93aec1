//! `cofferdam policy`: what a policy says, what it would give, and putting one in force. Offline it decides with the
//! very code that the host decides with.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Serialize;

use super::client::Client;
use super::connection::Connection;
use super::style::{CARE, GOOD, QUIET, STRONG, mark, paint, plain};
use super::table::Table;
use super::{Exit, Failure, Output, Result, files, words};
use crate::access::Side;
use crate::error::Error;
use crate::http::wire;
use crate::policy::{self as rules, Ceiling, GrantKind, check, check_ceiling};

mod access;
mod asked;
mod diff;
mod explain;
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
    Explain(Box<explain::Explain>),
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

impl Policy {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        match self.action {
            Action::Check { file, access, ceiling, offline, connection } => {
                let host = !offline && ceiling.is_none() && connection.is_given();
                let client = if host { Some(Client::new(&connection)?) } else { None };
                let asked = ToCheck::sort(file, access, ceiling)?;
                output.show(&asked.check(client.as_ref())?, Checked::shown)?;
            }
            Action::Explain(command) => return command.run(output),
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
mod tests;
