//! `cofferdam call`: one call of one tool on a host.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::arguments::Arguments;
use super::client::Client;
use super::connection::Connection;
use super::failure::Failure;
use super::progress::Progress;
use super::style::{CARE, QUIET, paint, plain};
use super::{Exit, Output, Result, tools};
use crate::error::Error;
use crate::http::wire;
use crate::id::{ApprovalId, CallTarget, SessionId};
use crate::policy::Priority;
use crate::routed::Level;

pub(super) mod answer;
mod tree;

/// Call a tool
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam call catalogue/text.count text='how many words are these'
  cofferdam call catalogue/json-query --args '{\"query\": \".a\", \"document\": {\"a\": 1}}'
  cofferdam call notes.add@1 @note.json
  cofferdam call report year=2026 --stream --save .
  cofferdam call routes/summarise @note.json --risk high
  cofferdam call catalogue/team.supervisor @task.json --tree
  cofferdam call notes.remove id=7 --approval 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77

What the tool answers goes to standard output; what the call used, to standard error. Exit code 1: the tool says that
its work failed.", after_long_help = super::exit::HELP)]
pub(super) struct Call {
    /// The tool, and optionally the version to hold to: notes.add, notes.add@1, catalogue/text.count@1.2.0; or a route:
    /// routes/summarise
    tool: CallTarget,
    /// How much the call could bring about, where that is more than can be derived of the tool: low, medium or high
    #[arg(long, value_name = "LEVEL")]
    risk: Option<Level>,
    /// How hard it is: low, medium or high [default: a route estimates it from the arguments]
    #[arg(long, value_name = "LEVEL")]
    complexity: Option<Level>,
    #[command(flatten)]
    arguments: Arguments,
    /// The session that the call belongs to, by a name of your own: what its calls touch, rules of flow ask for
    #[arg(long, value_name = "NAME")]
    session: Option<SessionId>,
    /// Show progress and log lines while the call runs (with --json: one event a line)
    #[arg(long)]
    stream: bool,
    /// How important the call is where others of the tenant wait [default: normal]
    #[arg(long, value_name = "PRIORITY")]
    priority: Option<Priority>,
    /// Show the calls that it made, and those that these made
    #[arg(long)]
    tree: bool,
    /// The approval that somebody gave this call when it was made before and waited
    #[arg(long, value_name = "ID")]
    approval: Option<ApprovalId>,
    /// Write images and files of the answer into this folder
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

impl Call {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let client = Client::new(&self.connection)?;
        if client.is_exposed() {
            output.note("the key goes over the network in clear; use https");
        }
        let schema = match self.arguments.need_schema() {
            true => tools::one(&client, &named(&self.tool))?.input_schema,
            false => Value::Null,
        };
        let arguments = self.arguments.resolve(&schema)?;
        let Self { tool, session, priority, risk, complexity, approval, .. } = self;
        let request = wire::CallRequest { tool, arguments, session, priority, risk, complexity, approval };
        let path = ["v1", "calls"];
        let result = if self.stream {
            stream(&client, &path, &request, output)?
        } else {
            let _waiting = Progress::spinner(format!("calling {}", request.tool));
            client.post(&path, &request)?
        };
        if let Some(folder) = &self.save {
            answer::save(&result.content, folder, output)?;
        }
        // As a line of the stream it has been printed already.
        if !(self.stream && output.json()) {
            answer::show(&result, output)?;
            if self.tree {
                tree::show(&result, output);
            }
        }
        Ok(if result.is_error { Exit::Failed } else { Exit::Ok })
    }
}

/// What is called, whatever its version.
fn named(tool: &CallTarget) -> CallTarget {
    tool.tool().cloned().map_or_else(|| tool.clone(), CallTarget::from)
}

/// Follows the call to its end: the result.
fn stream(client: &Client, path: &[&str], request: &wire::CallRequest, output: Output) -> Result<wire::CallResult> {
    let progress = Progress::spinner(format!("calling {}", request.tool));
    client.stream(path, request, |event| {
        let unreadable = |error| Error::internal(format_args!("event {:.80?}: {error}", event.name));
        let Some(event) = wire::CallEvent::parse(&event.name, &event.data).map_err(unreadable)? else {
            return Ok(None);
        };
        if output.json() && !matches!(event, wire::CallEvent::Problem(_)) {
            output.line(&event, |_| String::new())?;
        }
        match event {
            wire::CallEvent::Result(result) => return Ok(Some(*result)),
            wire::CallEvent::Problem(problem) => return Err(Failure::from(*problem)),
            _ if output.json() => {}
            wire::CallEvent::Decided(decided) => {
                progress.say(format!("{} {} runs as {}", decided.tool, decided.version, decided.call));
            }
            wire::CallEvent::Progress(report) => progress.say(said(&report)),
            wire::CallEvent::Log(line) => progress.above(&logged(&line)),
            wire::CallEvent::LogCut(cut) => {
                let bytes = super::words::bytes(cut.bytes_max);
                progress.above(&paint(CARE, format_args!("further log lines are dropped: {bytes} is the limit")));
            }
        }
        Ok(None)
    })
}

/// A report of progress on one line: `3 of 10 pages`.
fn said(report: &wire::Progress) -> String {
    let message = super::style::one_line(&report.message, 60);
    match report.total {
        Some(total) if total > 0.0 => format!("{:3.0} % {message}", (report.done / total * 100.0).clamp(0.0, 100.0)),
        _ => format!("{} {message}", report.done),
    }
}

/// A log line: its level and context before it.
pub(super) fn logged(line: &wire::LogLine) -> String {
    let level = format!("{:?}", line.level).to_lowercase();
    let before = match line.context.as_str() {
        "" => level,
        context => format!("{level} {}", super::style::one_line(context, 30)),
    };
    format!("{} {}", paint(QUIET, before), plain(&line.message))
}
