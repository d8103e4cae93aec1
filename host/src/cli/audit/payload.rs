//! Payloads and replays over the API, shown to people.

use std::path::Path;

use semver::Version;

use crate::audit::entry::ReplayOutcome;
use crate::cli::client::Client;
use crate::cli::style::{BAD, CARE, GOOD, QUIET, STRONG, one_line, paint};
use crate::cli::{Exit, Output, Result, files, words};
use crate::error::{Code, Error};
use crate::http::wire;
use crate::id::CallId;

/// A file of arguments, in bytes: more fits no request.
const ARGUMENTS_BYTES_MAX: u64 = 9 << 20;
/// A line of a payload that goes to a terminal, in characters; all of it is in the JSON.
const LINE_CHARS: usize = 2_000;

/// What is kept of a call.
pub(super) fn get(client: &Client, id: CallId) -> Result<wire::Payload> {
    client.get(&["v1", "calls", &id.to_string(), "payload"], &[])
}

/// Erases what is kept of a call, or of all of them.
pub(super) fn erase(client: &Client, id: Option<CallId>) -> Result<()> {
    match id {
        Some(id) => client.delete(&["v1", "calls", &id.to_string(), "payload"]),
        None => client.delete(&["v1", "payloads"]),
    }
}

/// Runs a call again; exit code 1 where it did not do the same.
pub(super) fn replay(
    client: &Client,
    id: CallId,
    arguments: Option<&Path>,
    version: Option<Version>,
    output: Output,
) -> Result<Exit> {
    let arguments = arguments.map(|path| -> Result<_> {
        let text = files::text(path, "arguments", ARGUMENTS_BYTES_MAX)?;
        Ok(serde_json::from_str(&text).map_err(|error| {
            let message = format!("the arguments {} are not a JSON object: {error}", path.display());
            Error::new(Code::InvalidArguments, message).next("give those that the call was made with")
        })?)
    });
    let request = wire::ReplayRequest { arguments: arguments.transpose()?, version };
    let replayed: wire::Replayed = client.post(&["v1", "calls", &id.to_string(), "replay"], &request)?;
    output.show(&replayed, came_to)?;
    Ok(if replayed.outcome == ReplayOutcome::Same { Exit::Ok } else { Exit::Failed })
}

/// A payload, for people.
pub(super) fn shown(payload: &wire::Payload) -> String {
    let mut text = format!("{}, kept until {}\n", paint(STRONG, payload.call), words::moment(payload.until.0));
    let mut row = |name: &str, what: &str| text += &format!("  {:<10} {}\n", name, one_line(what, LINE_CHARS));
    if let Some(arguments) = &payload.arguments {
        row("arguments", arguments.text());
    }
    if let Some(result) = &payload.result {
        let name = if result.is_error { "error" } else { "result" };
        for content in &result.content {
            match content {
                wire::Content::Text { text } => row(name, text),
                wire::Content::Json { json } => row(name, json.text()),
                wire::Content::Image { media_type, data, .. } | wire::Content::File { media_type, data, .. } => {
                    row(name, &format!("{media_type}, {data:?}"));
                }
            }
        }
    }
    if let Some(host_calls) = payload.host_calls {
        row("host calls", &words::count(host_calls));
    }
    for missing in &payload.not_there {
        let why = match missing.why {
            wire::WhyNot::NoRoom => paint(CARE, "not kept: the tenant's payloads had no room for it"),
            wire::WhyNot::Altered => paint(BAD, "ALTERED: what lies there is not what the host kept of this call"),
        };
        text += &format!("  {:<10} {why}\n", missing.piece);
    }
    text
}

/// What came of a replay, for people.
fn came_to(replayed: &wire::Replayed) -> String {
    let outcome = match replayed.outcome {
        ReplayOutcome::Same => paint(GOOD, "the same"),
        ReplayOutcome::Differs => paint(BAD, "not the same"),
        ReplayOutcome::NotComparable => paint(CARE, "not comparable"),
    };
    let why = replayed.difference.as_ref().map(|why| format!(": {}", one_line(why, LINE_CHARS))).unwrap_or_default();
    let fuel = replayed.fuel.map(|fuel| format!(", {} fuel", words::count(fuel))).unwrap_or_default();
    let what = format!("{} {}{fuel}", replayed.tool, replayed.version);
    format!("{outcome}{why}\n  {}\n", paint(QUIET, what))
}
