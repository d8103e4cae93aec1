//! `cofferdam policy suggest`: the smallest grant that covers what a tool's calls really used.

use std::time::Duration;

use clap::Args;

use super::span::Span;
use crate::cli::client::Client;
use crate::cli::connection::Connection;
use crate::cli::style::plain;
use crate::cli::{Exit, Output, Result, words};
use crate::http::wire;
use crate::id::ToolName;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam policy suggest catalogue/http-fetch --since 30d
  cofferdam policy suggest notes.add >> policy.toml

The lines go to standard output; what they rest on and what was not seen, to standard error.
Rules are for whole packages: all tools of the package are covered. Grants add up, so take what
the package is given elsewhere out of the policy.")]
pub(super) struct Suggest {
    /// The tool, or its package
    tool: ToolName,
    #[command(flatten)]
    span: Span,
    #[command(flatten)]
    connection: Connection,
}

impl Suggest {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let Self { tool, span, connection } = self;
        let request = wire::SuggestRequest { tool, since: Some(span.since), until: span.until };
        let suggested: wire::PolicySuggested =
            Client::new(&connection)?.post(&["v1", "policy", "suggest"], &request)?;
        // The lines alone: what is redirected into a file is a policy.
        output.show(&suggested, |suggested| plain(&suggested.suggestion.text).into_owned())?;
        output.note(plain(&basis(&suggested)));
        Ok(Exit::Ok)
    }
}

/// What it rests on, and what was not seen.
fn basis(suggested: &wire::PolicySuggested) -> String {
    let wire::PolicySuggested { looked_at, suggestion } = suggested;
    let calls = words::some(usize::try_from(suggestion.calls).unwrap_or(usize::MAX), "call", "calls");
    let (since, until) = (words::moment(looked_at.since.0), words::moment(looked_at.until.0));
    let mut text = format!("it rests on {calls} from {since} to {until}");
    if suggestion.calls > 0 {
        let most = &suggestion.most;
        let took = words::span(Duration::from_micros(most.duration_us));
        let (fuel, memory) = (words::count(most.fuel), words::bytes(most.memory_bytes));
        text += &format!(", which took {fuel} fuel, {memory} and {took} at most");
    }
    if let Some(cut) = looked_at.cut {
        text += &format!("\ncalls from {} on were not looked at: there are too many", words::moment(cut.0));
    }
    for note in &suggestion.notes {
        text += &format!("\n{note}");
    }
    text
}
