//! `cofferdam audit`: the record, checked without trusting the host, or read over the API.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use cofferdam_auditor::cli as auditor;
use semver::Version;

use self::read::{Format, Which};
use super::client::Client;
use super::connection::Connection;
use super::progress::Progress;
use super::style::{BAD, CARE, QUIET, STRONG, mark, paint};
use super::table::Table;
use super::{Exit, Output, Result, words};
use crate::audit::log::{FolderReport, check};
use crate::audit::verify_with_progress;
use crate::error::Error;
use crate::http::wire;
use crate::id::CallId;
use crate::storage::DataFolder;

mod line;
mod log;
mod ocsf;
mod payload;
mod read;

pub(super) use self::line::of as line;
pub(super) use self::log::receipt;
pub(super) use self::read::entries;

/// Verify the record, prove what is in it, and read it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam audit verify /var/lib/cofferdam
  cofferdam audit log
  cofferdam audit mirror https://host.example/v1/log acme-log --key \"$VKEY\"
  cofferdam audit verify-log acme-log --key \"$VKEY\" --held checkpoint.last-month
  cofferdam audit receipt 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77 --output receipt.json
  cofferdam audit check receipt.json --key \"$VKEY\"
  cofferdam audit replay 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77
  cofferdam audit payload 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77
  cofferdam audit erase --all
  cofferdam audit show --from 100 --limit 20
  cofferdam audit tail --failed --json | jq -c '.event'
  cofferdam audit export --format ocsf --since 7d --output week.jsonl")]
pub(super) struct Audit {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check from a host's files alone that its journal is whole, in order and unaltered, and that each tenant's log is
    /// what the journal says and what was signed; exit code 1 when it is not
    Verify {
        /// A data folder, or the journal's own for the journal alone; a host may be writing to it
        dir: PathBuf,
    },
    /// Check a tenant's log, from a folder or a URL and its public key, without trusting the host; exit code 1 when
    /// something is found
    #[command(after_help = "\
Examples:
  cofferdam audit verify-log ./acme-log --key acme.vkey
  cofferdam audit verify-log https://cofferdam.example/v1/log --key acme.vkey --held may.checkpoint

Every entry, every tile, the root, the signature and the handovers of the key are checked. With --held, also that the log \
continues the checkpoints that you kept: a host that signs can rewrite what nobody remembers.")]
    VerifyLog(auditor::Verify),
    /// Check a call's receipt with the log's public key alone
    #[command(after_help = "\
Examples:
  cofferdam audit check receipt.json --key acme.vkey")]
    Check(auditor::Check),
    /// Check that two checkpoints are of one log that only grew
    #[command(after_help = "\
Examples:
  cofferdam audit consistency may.checkpoint june.checkpoint ./acme-log --key acme.vkey")]
    Consistency(auditor::Consistency),
    /// Copy a log into a folder, verified, in a form that other verifiers read
    #[command(after_help = "\
Examples:
  cofferdam audit mirror https://cofferdam.example/v1/log ./acme-log --key acme.vkey")]
    Mirror(auditor::Mirror),
    /// Prove that the entry at an index is in a log
    #[command(after_help = "\
Examples:
  cofferdam audit prove ./acme-log 42 --key acme.vkey")]
    Prove(auditor::Prove),
    /// Fetch the receipt of a call: what is recorded of it, and the proof that the tenant's log holds it
    Receipt {
        /// The call's id
        id: CallId,
        /// The file to write it to; without it, standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show the tenant's log: its name, and the public keys to check it with
    Log {
        #[command(flatten)]
        connection: Connection,
    },
    /// Have the tenant's log signed by a new key from now on
    RotateKey {
        #[command(flatten)]
        connection: Connection,
    },
    /// Show the tenant's entries, oldest first
    Show {
        /// The first entry's index
        #[arg(long, value_name = "INDEX", default_value_t = 0)]
        from: u64,
        /// Entries at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u64,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show the tenant's entries as they come (with --json: one a line), until the command is ended
    Tail {
        /// The first entry's index; without it, the next one to come
        #[arg(long, value_name = "INDEX")]
        from: Option<u64>,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        connection: Connection,
    },
    /// Write the tenant's entries out, one a line
    Export {
        /// As the log has them, or as other systems read them
        #[arg(long, value_enum, default_value = "jsonl")]
        format: Format,
        /// The first entry's index
        #[arg(long, value_name = "INDEX", default_value_t = 0)]
        from: u64,
        /// The file to write; without it, standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show what is kept of a call beside the record: its arguments and its result
    Payload {
        /// The call's id
        id: CallId,
        #[command(flatten)]
        connection: Connection,
    },
    /// Erase what is kept of a call, or of all calls, for good; the record and its proofs stay as they are
    Erase {
        /// The call's id
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<CallId>,
        /// All that is kept of the tenant's calls, with the key that it is sealed with
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// Run a call again, without any effect, and compare; exit code 1 when it does not do the same
    Replay {
        /// The call's id
        id: CallId,
        /// A file with the call's arguments, where they are not kept; - is standard input
        #[arg(long, value_name = "FILE")]
        arguments: Option<PathBuf>,
        /// Another version of the tool's package, to see whether it would have done the same
        #[arg(long, value_name = "VERSION")]
        version: Option<Version>,
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
            Action::VerifyLog(command) => return log::checked(log::with_progress(|say| command.run(say)), output),
            Action::Check(command) => return log::checked(command.run(), output),
            Action::Consistency(command) => return log::checked(command.run(), output),
            Action::Mirror(command) => return log::checked(log::with_progress(|say| command.run(say)), output),
            Action::Prove(command) => return log::checked(command.run(), output),
            Action::Receipt { id, output: to, connection } => {
                let receipt = receipt(&Client::new(&connection)?, id)?;
                log::write(&receipt, to.as_deref(), output)?;
            }
            Action::Log { connection } => {
                let log: wire::Log = Client::new(&connection)?.get(&["v1", "log"], &[])?;
                output.show(&log, log::shown)?;
            }
            Action::RotateKey { connection } => {
                let log: wire::Log = Client::new(&connection)?.post_empty(&["v1", "log", "rotate"])?;
                output.show(&log, log::shown)?;
            }
            Action::Show { from, limit, which, connection } => {
                let page = read::some(&Client::new(&connection)?, &which, from, limit)?;
                output.show(&page, |page| page.entries.iter().map(line::of).collect())?;
                if let Some(next) = page.next {
                    output.note(format_args!("there is more: --from {next}"));
                }
            }
            Action::Tail { from, which, connection } => {
                let client = Client::new(&connection)?;
                let from = match from {
                    Some(from) => from,
                    None => read::end(&client)?,
                };
                read::follow(&client, &which, from, output)?;
            }
            Action::Export { format, from, output: to, which, connection } => {
                read::export(&Client::new(&connection)?, &which, from, format, to.as_ref(), output)?;
            }
            Action::Payload { id, connection } => {
                output.show(&payload::get(&Client::new(&connection)?, id)?, payload::shown)?;
            }
            Action::Erase { id, all: _, connection } => {
                payload::erase(&Client::new(&connection)?, id)?;
                output.note("it is erased");
            }
            Action::Replay { id, arguments, version, connection } => {
                let client = Client::new(&connection)?;
                return payload::replay(&client, id, arguments.as_deref(), version, output);
            }
            Action::Call { id, connection } => {
                let record = call(&Client::new(&connection)?, id)?;
                output.show(&record, |record| record.entries.iter().map(line::of).collect())?;
            }
        }
        Ok(Exit::Ok)
    }
}

/// Verifies a data folder, or a journal alone, given its folder.
pub(super) fn verify(dir: &Path) -> Result<FolderReport> {
    let progress = Progress::steps("verifying", 0);
    let told = |done, of| {
        progress.total(of);
        progress.set(done);
    };
    match DataFolder::existing(dir) {
        Some(folder) => {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::internal)?;
            Ok(runtime.block_on(check(&folder, told))?)
        }
        None => Ok(FolderReport { journal: verify_with_progress(dir, told)?, logs: BTreeMap::new() }),
    }
}

/// Everything that is recorded of a call.
pub(super) fn call(client: &Client, id: CallId) -> Result<wire::CallRecord> {
    client.get(&["v1", "calls", &id.to_string()], &[])
}

/// What verifying found, for people.
pub(super) fn found(report: &FolderReport) -> String {
    let (whole, logs, report) = (report, &report.logs, &report.journal);
    let entries = words::count(report.entries);
    let tenants = words::some(report.tenants.len(), "tenant", "tenants");
    let segments = words::some(usize::try_from(report.segments).unwrap_or(usize::MAX), "segment", "segments");
    let mut text = format!("{entries} entries of {tenants} in {segments}\n");
    let mut table = Table::new(["TENANT", "ENTRIES", "LOG", "HEAD"]).right(&[1]).indent(2);
    for (tenant, tip) in &report.tenants {
        let log =
            logs.get(tenant).map_or("not looked at", |log| if log.findings.is_empty() { "agrees" } else { "DIFFERS" });
        table.row([tenant.clone(), words::count(tip.next), log.to_owned(), paint(QUIET, tip.head)]);
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
    for (tenant, log) in logs {
        for finding in &log.findings {
            text += &format!("{} the log of {tenant}: {finding}\n", paint(BAD, "found:"));
        }
    }
    let verdict = match whole.findings() {
        0 => "the record is whole: no entry is missing, out of order or altered".to_owned(),
        1 => "the record is NOT whole: 1 finding".to_owned(),
        n => format!("the record is NOT whole: {} findings", words::count(n)),
    };
    text + &format!("{} {}\n", mark(whole.ok()), paint(STRONG, verdict))
}
