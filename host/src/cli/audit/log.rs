//! The tenant's log as a transparency log: receipts, keys, and the auditor's own commands.

use std::path::Path;

use cofferdam_auditor::Error as Fault;
use cofferdam_auditor::cli::Outcome;
use cofferdam_auditor::receipt::Receipt;

use crate::cli::client::Client;
use crate::cli::progress::Progress;
use crate::cli::style::{QUIET, STRONG, paint};
use crate::cli::{Exit, Output, Result, words};
use crate::error::{Code, Error};
use crate::http::wire;
use crate::id::CallId;

/// Runs one of the auditor's commands, and shows how far it is.
pub(super) fn with_progress<T>(command: impl FnOnce(&mut dyn FnMut(String)) -> T) -> T {
    let progress = Progress::spinner("reading the log");
    command(&mut |how_far| progress.say(how_far))
}

/// Shows what one of the auditor's commands came to.
pub(super) fn checked(outcome: Result<Outcome, Fault>, output: Output) -> Result<Exit> {
    let Outcome { json, text, ok } = outcome.map_err(|fault| {
        let code = if fault.is_unreadable() { Code::Unavailable } else { Code::InvalidRequest };
        Error::new(code, fault.to_string())
    })?;
    output.show(&json, |_| text)?;
    Ok(if ok { Exit::Ok } else { Exit::Failed })
}

/// What proves what is recorded of a call.
pub(in crate::cli) fn receipt(client: &Client, id: CallId) -> Result<Receipt> {
    client.get(&["v1", "calls", &id.to_string(), "receipt"], &[])
}

/// Writes the receipt to a file, or to standard output.
pub(super) fn write(receipt: &Receipt, to: Option<&Path>, output: Output) -> Result<()> {
    let mut text = serde_json::to_string_pretty(receipt).map_err(Error::internal)?;
    text.push('\n');
    match to {
        None => output.raw(text.as_bytes()),
        Some(path) => {
            std::fs::write(path, text)
                .map_err(|error| Error::new(Code::Unavailable, format!("{}: {error}", path.display())))?;
            output.note(format_args!("check it with: cofferdam audit check {} --key VKEY", path.display()));
            Ok(())
        }
    }
}

/// The log, for people.
pub(super) fn shown(log: &wire::Log) -> String {
    let mut text = format!("{}, {} entries\n", paint(STRONG, &log.origin), words::count(log.size));
    for (number, key) in log.keys.iter().enumerate() {
        let role = if number + 1 == log.keys.len() { "signs" } else { "signed before" };
        text += &format!("  {key}  {}\n", paint(QUIET, role));
    }
    text
}
