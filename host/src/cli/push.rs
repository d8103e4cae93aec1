//! `cofferdam push`: builds a tool, uploads and publishes it, and says what it asks for, what policy gives it, and what it
//! would need.

use std::path::PathBuf;

use clap::Args;
use semver::Version;
use serde::Serialize;

use super::build::{self, Packaged};
use super::client::Client;
use super::connection::Connection;
use super::progress::Progress;
use super::style::{CARE, GOOD, QUIET, STRONG, mark, one_line, paint, plain};
use super::table::Table;
use super::{Exit, Output, Result, files};
use crate::http::wire;
use crate::id::{Origin, PackageRef, ToolName, ToolRequest};
use crate::identity::Scope;
use crate::policy::Explanation;
use crate::registry::NOTE_BYTES_MAX;

/// Build a tool, upload it, and publish it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam push
  cofferdam push tools/notes
  cofferdam push target/notes.wasm --no-promote
  cofferdam push tools/notes --as-version 1.3.0-rc.1 --no-promote

What it imports, what the policy grants it and what it would need is said in plain words. Versions are immutable: publish
changes under a higher one.", after_long_help = super::exit::HELP)]
pub(super) struct Push {
    /// The tool's folder, or a component; the manifest beside it says the package's name and version
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    path: PathBuf,
    /// Publish under this version instead of the manifest's
    #[arg(long, value_name = "VERSION")]
    as_version: Option<Version>,
    /// Publish it without making it the version that runs
    #[arg(long)]
    no_promote: bool,
    /// A signed note that says what it is, as `cofferdam sign` makes it
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(super) struct Pushed {
    /// What the host found out about the component.
    pub(super) component: wire::Component,
    /// The package as it is now.
    pub(super) package: wire::Package,
    /// The version that was published.
    pub(super) version: Version,
    /// What calls of it by an agent's key would be given, by the policy in force.
    pub(super) explanation: Explanation,
}

impl Push {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let client = Client::new(&self.connection)?;
        if client.is_exposed() {
            output.note("the key goes over the network in clear; use https");
        }
        let mut packaged = build::folder_or_component(&self.path)?;
        if let Some(version) = self.as_version {
            packaged.version = version;
        }
        output.note(build::built(&packaged));
        let signature = self.signature.as_deref().map(|file| files::text(file, "signature", NOTE_BYTES_MAX as u64));
        let pushed = push(&client, &mut packaged, !self.no_promote, signature.transpose()?)?;
        output.show(&pushed, people)?;
        Ok(Exit::Ok)
    }
}

/// Uploads and publishes; the bytes are taken out of `packaged`.
pub(super) fn push(
    client: &Client,
    packaged: &mut Packaged,
    promote: bool,
    signature: Option<String>,
) -> Result<Pushed> {
    let bytes = std::mem::take(&mut packaged.bytes);
    let progress = Progress::bytes(format!("uploading {}", packaged.package), bytes.len() as u64);
    let component: wire::Component = client.upload(&["v1", "components"], bytes, &progress)?;
    drop(progress);
    let publish = wire::PublishVersion {
        version: packaged.version.clone(),
        component: component.digest,
        needs: packaged.needs.clone(),
        limits: packaged.limits.clone(),
        promote,
        signature,
    };
    let path = ["v1", "packages", packaged.package.as_str(), "versions"];
    let package: wire::Package = client.post(&path, &publish)?;
    let explanation = explain(client, packaged, &component)?;
    Ok(Pushed { component, package, version: packaged.version.clone(), explanation })
}

/// What calls of the version are given, made by an agent's key: the key that publishes need not be one. Every tool of a
/// package is given the same, so the first one stands for all.
fn explain(client: &Client, packaged: &Packaged, component: &wire::Component) -> Result<Explanation> {
    let package = PackageRef { origin: Origin::Own, name: packaged.package.clone() };
    let definition = component.definitions.first().map(|definition| definition.name.clone());
    let definition = definition.ok_or_else(|| crate::Error::internal("a component without a tool was admitted"))?;
    let version = Some(crate::id::VersionRequest::Exact(packaged.version.clone()));
    let tool = ToolRequest { name: ToolName::new(package, definition), version };
    let request = wire::ExplainRequest { scope: Some(Scope::Agent), ..wire::ExplainRequest::new(tool) };
    client.post(&["v1", "explain"], &request)
}

fn people(pushed: &Pushed) -> String {
    let Pushed { component, package, version, explanation } = pushed;
    let published = package.versions.iter().find(|known| known.version == *version);
    let awaits = published.and_then(|known| known.awaits_approval.as_ref());
    let runs = match &package.current {
        _ if awaits.is_some() => "it runs once an operator approves it".to_owned(),
        Some(current) if current == version => "it runs from the next call on".to_owned(),
        Some(current) => format!("{current} still runs; `cofferdam packages promote {} {version}`", package.name),
        None => format!("nothing runs yet; `cofferdam packages promote {} {version}`", package.name),
    };
    let name = paint(STRONG, format_args!("{} {version}", package.name));
    let mut text = format!("{} {name}: {runs}\n  {}\n\n", paint(GOOD, "published"), paint(QUIET, component.digest));
    if let Some(signer) = published.and_then(|known| known.signer.as_ref()) {
        text += &format!("  {} signed by {}\n\n", mark(true), plain(signer));
    }
    if let Some(asks) = awaits {
        let command = format!("cofferdam packages approve {} {version}", package.name);
        text += &format!("  {} it {}: `{command}`\n\n", paint(CARE, "!"), plain(&asks.to_string()));
    }
    text += &tools(package, component);
    text += "\n";
    text += &imports(&component.words);
    text += "\n";
    text += &given(explanation);
    text
}

fn tools(package: &wire::Package, component: &wire::Component) -> String {
    let mut table = Table::plain().indent(2);
    let reference = PackageRef { origin: Origin::Own, name: package.name.clone() };
    for definition in &component.definitions {
        let name = ToolName::new(reference.clone(), definition.name.clone());
        let first = definition.description.lines().next().unwrap_or_default();
        table.row([name.to_string(), one_line(first, 80)]);
    }
    format!("{}\n{table}", paint(STRONG, "its tools"))
}

/// What it imports, in the host's own words.
fn imports(words: &[String]) -> String {
    let lines: String = words.iter().map(|line| format!("  {}\n", plain(line))).collect();
    let lines = if lines.is_empty() { "  nothing: a pure function\n".to_owned() } else { lines };
    format!("{}\n{lines}", paint(STRONG, "what it imports"))
}

/// What policy gives, and what it would take to give the rest.
pub(super) fn given(explanation: &Explanation) -> String {
    let mut text = format!("{}\n", paint(STRONG, "what the policy gives it"));
    match &explanation.reason {
        None => text += &format!("  {} calls may start, by {}\n", mark(true), plain(&explanation.rule)),
        Some(reason) => {
            text += &format!("  {} calls are denied: {}\n", mark(false), plain(reason));
            text += &quiet(&format!("by {}", explanation.rule), 4);
        }
    }
    for held in &explanation.grants {
        text += &format!("  {} {}: {}\n", mark(true), held.kind, plain(&held.what));
        text += &quiet(&format!("by {}", held.by.join(" and ")), 4);
    }
    if explanation.grants.is_empty() {
        text += "  it holds nothing: clocks stand still, random bytes follow from the call's id\n";
    }
    let mut needed = String::new();
    if let Some(remedy) = &explanation.remedy {
        needed += &format!("  {} to be called at all,\n{}", paint(CARE, "!"), indented(remedy, 4));
    }
    for withheld in &explanation.withheld {
        needed += &format!("  {} {}: {}\n", paint(CARE, "·"), withheld.kind, plain(&withheld.words));
        needed += &indented(&withheld.remedy, 4);
    }
    if !needed.is_empty() {
        text += &format!("\n{}\n{needed}", paint(STRONG, "what it would need"));
    }
    text
}

fn indented(text: &str, spaces: usize) -> String {
    plain(text).lines().map(|line| format!("{}{line}\n", " ".repeat(spaces))).collect()
}

fn quiet(text: &str, spaces: usize) -> String {
    plain(text).lines().map(|line| format!("{}{}\n", " ".repeat(spaces), paint(QUIET, line))).collect()
}
