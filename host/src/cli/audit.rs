//! `cofferdam audit`: the record, checked from its files alone or read over the API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};

use super::client::Client;
use super::connection::Connection;
use super::progress::Progress;
use super::style::{BAD, CARE, QUIET, STRONG, mark, paint};
use super::table::Table;
use super::{Exit, Output, Result, words};
use crate::audit::{Report, verify_with_progress};
use crate::http::wire;
use crate::id::CallId;

mod line;

pub(super) use self::line::of as line;

/// Entries in one request.
const PAGE: u64 = 1_000;
/// How often `--follow` asks for more.
const FOLLOW_PAUSE: Duration = Duration::from_secs(1);

/// Verify the record, and read it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam audit verify /var/lib/cofferdam
  cofferdam audit show --from 100 --limit 20
  cofferdam audit show --follow --json | jq -c 'select(.kind == \"call.refused\")'
  cofferdam audit call 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77")]
pub(super) struct Audit {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check from its files alone that the record is whole, in order and unaltered; exit code 1 when it is not
    Verify {
        /// A data folder, or the journal's own; a host may be writing to it
        dir: PathBuf,
    },
    /// Show the tenant's entries, oldest first
    Show {
        /// The first entry's index
        #[arg(long, value_name = "INDEX", default_value_t = 0)]
        from: u64,
        /// Entries at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u64,
        /// Go on with new entries as they come (with --json: one a line); --limit does not hold then
        #[arg(long)]
        follow: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show everything that is recorded of one call
    Call {
        /// The call's id
        id: CallId,
        #[command(flatten)]
        connection: Connection,
    },
}

impl Audit {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        match self.action {
            Action::Verify { dir } => {
                let report = verify(&dir)?;
                output.show(&report, found)?;
                return Ok(if report.ok() { Exit::Ok } else { Exit::Failed });
            }
            Action::Show { from, follow: true, connection, .. } => follow(&Client::new(&connection)?, from, output)?,
            Action::Show { from, limit, connection, .. } => {
                let page = entries(&Client::new(&connection)?, from, limit)?;
                output.show(&page, |page| page.entries.iter().map(line::of).collect())?;
                if let Some(next) = page.next {
                    output.note(format_args!("there is more: --from {next}"));
                }
            }
            Action::Call { id, connection } => {
                let record = call(&Client::new(&connection)?, id)?;
                output.show(&record, |record| record.entries.iter().map(line::of).collect())?;
            }
        }
        Ok(Exit::Ok)
    }
}

/// Verifies a journal, given its folder or the data folder that it is in.
pub(super) fn verify(dir: &Path) -> Result<Report> {
    let inner = dir.join("journal");
    let dir = if inner.is_dir() { inner.as_path() } else { dir };
    let progress = Progress::steps("verifying", 0);
    Ok(verify_with_progress(dir, |done, of| {
        progress.total(of);
        progress.set(done);
    })?)
}

/// Everything that is recorded of a call.
pub(super) fn call(client: &Client, id: CallId) -> Result<wire::CallRecord> {
    client.get(&["v1", "calls", &id.to_string()], &[])
}

/// Up to `limit` entries from index `from` on, in as many requests as that takes.
pub(super) fn entries(client: &Client, from: u64, limit: u64) -> Result<wire::AuditPage> {
    let mut all = wire::AuditPage { entries: Vec::new(), next: Some(from) };
    while let Some(next) = all.next
        && (all.entries.len() as u64) < limit
    {
        let page = page(client, next, (limit - all.entries.len() as u64).min(PAGE))?;
        // An empty page that points onwards would go on for ever.
        all.next = page.next.filter(|next| *next > from && !page.entries.is_empty());
        all.entries.extend(page.entries);
    }
    Ok(all)
}

fn page(client: &Client, from: u64, limit: u64) -> Result<wire::AuditPage> {
    client.get(&["v1", "audit"], &[("from", from.to_string()), ("limit", limit.to_string())])
}

fn follow(client: &Client, mut from: u64, output: Output) -> Result<()> {
    loop {
        let page = page(client, from, PAGE)?;
        for entry in &page.entries {
            from = entry.index + 1;
            output.line(entry, line::of)?;
        }
        if page.entries.is_empty() {
            std::thread::sleep(FOLLOW_PAUSE);
        }
    }
}

/// What verifying found, for people.
pub(super) fn found(report: &Report) -> String {
    let entries = words::count(report.entries);
    let tenants = words::some(report.tenants.len(), "tenant", "tenants");
    let segments = words::some(usize::try_from(report.segments).unwrap_or(usize::MAX), "segment", "segments");
    let mut text = format!("{entries} entries of {tenants} in {segments}\n");
    let mut table = Table::new(["TENANT", "ENTRIES", "HEAD"]).right(&[1]).indent(2);
    for (tenant, tip) in &report.tenants {
        table.row([tenant.clone(), words::count(tip.next), paint(QUIET, tip.head)]);
    }
    text += &table.to_string();
    if report.open_calls > 0 {
        let calls = words::count(report.open_calls);
        text += &format!("{calls} calls have not ended: running now, or closed by the next start\n");
    }
    if let Some(tail) = &report.torn_tail {
        let cut = "a write that was never acknowledged was torn; the next start cuts it off";
        text += &format!("{} {tail}: {cut}\n", paint(CARE, "note:"));
    }
    for finding in &report.findings {
        text += &format!("{} {finding}\n", paint(BAD, "found:"));
    }
    if report.more_findings > 0 {
        text += &format!("and {} more\n", words::count(report.more_findings));
    }
    let verdict = match report.findings.len() as u64 + report.more_findings {
        0 => "the record is whole: no entry is missing, out of order or altered".to_owned(),
        1 => "the record is NOT whole: 1 finding".to_owned(),
        n => format!("the record is NOT whole: {} findings", words::count(n)),
    };
    text + &format!("{} {}\n", mark(report.ok()), paint(STRONG, verdict))
}
