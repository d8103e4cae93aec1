//! Reading the record over the API: shown, followed, exported.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{line, ocsf};
use crate::audit::Entry;
use crate::cli::client::Client;
use crate::cli::progress::Progress;
use crate::cli::{Output, Result};
use crate::error::{Code, Error};
use crate::http::wire;
use crate::id::{CallId, PrincipalId, ToolName};

/// Entries in one request.
const PAGE: u64 = 1_000;
/// How often more entries are asked for by whoever follows.
const FOLLOW_PAUSE: Duration = Duration::from_secs(1);

/// Which entries; all that are given have to be true.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which entries")]
pub(super) struct Which {
    /// Of this kind, such as call.refused; with a dot at its end, of all that begin so: call.
    #[arg(long)]
    kind: Option<String>,
    /// Done with this key
    #[arg(long, value_name = "KEY ID")]
    principal: Option<PrincipalId>,
    /// Decisions and refusals about this tool, or about any tool of this package
    #[arg(long)]
    tool: Option<ToolName>,
    /// About this call
    #[arg(long)]
    call: Option<CallId>,
    /// What was refused, denied, or failed
    #[arg(long)]
    failed: bool,
    /// From then on: a time in RFC 3339, or how long ago, such as 7d
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<SystemTime>,
    /// Before then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<SystemTime>,
}

/// A time in RFC 3339, or how long ago.
fn moment(text: &str) -> Result<SystemTime, String> {
    if let Ok(time) = humantime::parse_rfc3339_weak(text) {
        return Ok(time);
    }
    let ago = humantime::parse_duration(text)
        .map_err(|_| "give a time such as 2026-03-01T12:00:00Z, or how long ago, such as 7d".to_owned())?;
    SystemTime::now().checked_sub(ago).ok_or_else(|| "that is before the beginning of time".to_owned())
}

impl Which {
    fn query(&self, from: u64, limit: u64) -> Result<Vec<(&'static str, String)>> {
        let asked = wire::AuditQuery {
            from: Some(from),
            limit: u32::try_from(limit).ok(),
            kind: self.kind.clone(),
            principal: self.principal,
            tool: self.tool.clone(),
            call: self.call,
            failed: self.failed.then_some(true),
            since: self.since.map(Into::into),
            until: self.until.map(Into::into),
        };
        const NAMES: [&str; 9] = ["from", "limit", "kind", "principal", "tool", "call", "failed", "since", "until"];
        let Value::Object(members) = serde_json::to_value(&asked).map_err(Error::internal)? else {
            return Ok(Vec::new());
        };
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Ok(NAMES.iter().filter_map(|name| Some((*name, text(members.get(*name)?)))).collect())
    }
}

/// How entries are written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Each entry as the log has it, one a line
    Jsonl,
    /// Each as an event of OCSF's class API Activity, one a line
    Ocsf,
}

fn page(client: &Client, which: &Which, from: u64, limit: u64) -> Result<wire::AuditPage> {
    client.get(&["v1", "audit"], &which.query(from, limit)?)
}

/// Up to `limit` entries from index `from` on, in as many requests as that takes.
pub(in crate::cli) fn entries(client: &Client, from: u64, limit: u64) -> Result<wire::AuditPage> {
    some(client, &Which::default(), from, limit)
}

/// The same, of some entries.
pub(super) fn some(client: &Client, which: &Which, from: u64, limit: u64) -> Result<wire::AuditPage> {
    let mut all = wire::AuditPage { entries: Vec::new(), next: Some(from) };
    while let Some(next) = all.next
        && (all.entries.len() as u64) < limit
    {
        let page = page(client, which, next, (limit - all.entries.len() as u64).min(PAGE))?;
        // A page that does not point onwards would go on for ever.
        all.next = page.next.filter(|further| *further > next);
        all.entries.extend(page.entries);
    }
    Ok(all)
}

/// The index that the next entry to come will have.
pub(super) fn end(client: &Client) -> Result<u64> {
    Ok(client.get::<wire::Log>(&["v1", "log"], &[])?.size)
}

/// Shows entries as they come, until the command is ended.
pub(super) fn follow(client: &Client, which: &Which, mut from: u64, output: Output) -> Result<()> {
    loop {
        let page = page(client, which, from, PAGE)?;
        for entry in &page.entries {
            from = entry.index + 1;
            output.line(entry, line::of)?;
        }
        match page.next {
            Some(next) if next > from || !page.entries.is_empty() => from = from.max(next),
            _ => std::thread::sleep(FOLLOW_PAUSE),
        }
    }
}

/// Writes all of them to a file, or to standard output.
pub(super) fn export(
    client: &Client,
    which: &Which,
    from: u64,
    format: Format,
    to: Option<&PathBuf>,
    output: Output,
) -> Result<()> {
    let failed = |error: std::io::Error| match to {
        Some(path) => Error::new(Code::Unavailable, format!("{}: {error}", path.display())),
        None => Error::new(Code::Unavailable, format!("standard output: {error}")),
    };
    let file: Box<dyn std::io::Write> = match to {
        Some(path) => Box::new(std::fs::File::create(path).map_err(failed)?),
        None => Box::new(std::io::stdout().lock()),
    };
    let mut file = std::io::BufWriter::new(file);
    let progress = Progress::steps("exporting", 0);
    let (mut next, mut written) = (Some(from), 0);
    while let Some(here) = next {
        let page = page(client, which, here, PAGE)?;
        for entry in &page.entries {
            serde_json::to_writer(&mut file, &spelt(entry, format)?).map_err(|error| failed(error.into()))?;
            file.write_all(b"\n").map_err(failed)?;
            written += 1;
        }
        progress.set(written);
        next = page.next.filter(|further| *further > here);
    }
    file.flush().map_err(failed)?;
    drop(file);
    output.note(format_args!("{written} entries"));
    Ok(())
}

fn spelt(entry: &Entry, format: Format) -> Result<Value> {
    Ok(match format {
        Format::Jsonl => serde_json::to_value(entry).map_err(Error::internal)?,
        Format::Ocsf => ocsf::of(entry),
    })
}
