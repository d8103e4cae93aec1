//! `cofferdam approvals`: calls that wait for somebody's word.

use clap::{Args, Subcommand};

use super::client::Client;
use super::connection::Connection;
use super::style::{BAD, CARE, GOOD, QUIET, STRONG, one_line, paint, plain};
use super::table::Table;
use super::{Exit, Output, Result, words};
use crate::http::wire::{self, ApprovalState};
use crate::id::ApprovalId;

/// Look at calls that wait for approval, and decide on them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam approvals list --state waiting
  cofferdam approvals show 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77
  cofferdam approvals approve 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77
  cofferdam approvals deny 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77 'not to that address'
  cofferdam call notes.remove id=7 --approval 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77

Which calls wait, [approval] of the policy says, and a [[flow]] with require = \"approval\". Whoever made the call makes it
again, naming the approval: it holds for the same arguments, once. An agent lists its own; an operator decides, never on a
call of the same key.", after_long_help = super::exit::HELP)]
pub(super) struct Approvals {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List calls that wait, and what became of those that did, oldest first
    List {
        /// Only those that this became of: waiting, approved, denied or used
        #[arg(long, value_parser = state_named)]
        state: Option<ApprovalState>,
    },
    /// Show one, with its arguments while they are known
    Show {
        /// Its id
        approval: ApprovalId,
    },
    /// Let the call go, once
    Approve {
        /// Its id
        approval: ApprovalId,
    },
    /// Refuse the call
    Deny {
        /// Its id
        approval: ApprovalId,
        /// Why, for whoever made it and for the record
        reason: String,
    },
}

impl Approvals {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let client = Client::new(&self.connection)?;
        let one: wire::Approval = match self.action {
            Action::List { state } => {
                let query: Vec<_> = state.map(|state| ("state", state.as_str().to_owned())).into_iter().collect();
                let approvals: wire::Approvals = client.get(&["v1", "approvals"], &query)?;
                output.show(&approvals, table)?;
                return Ok(Exit::Ok);
            }
            Action::Show { approval } => client.get(&["v1", "approvals", &approval.to_string()], &[])?,
            Action::Approve { approval } => {
                client.post_empty(&["v1", "approvals", &approval.to_string(), "approve"])?
            }
            Action::Deny { approval, reason } => {
                let deny = wire::DenyApproval { reason };
                client.post(&["v1", "approvals", &approval.to_string(), "deny"], &deny)?
            }
        };
        output.show(&one, detail)?;
        Ok(Exit::Ok)
    }
}

fn state_named(text: &str) -> std::result::Result<ApprovalState, String> {
    words::named(text, &ApprovalState::ALL, ApprovalState::as_str)
}

fn state(approval: &wire::Approval) -> String {
    let name = approval.state.as_str();
    match approval.state {
        ApprovalState::Waiting => paint(CARE, name),
        ApprovalState::Approved => paint(GOOD, name),
        ApprovalState::Denied => paint(BAD, name),
        ApprovalState::Used => paint(QUIET, name),
    }
}

/// The key that made the call, by name where it has one.
fn key(approval: &wire::Approval) -> String {
    approval.name.as_deref().map_or_else(|| approval.principal.to_string(), |name| one_line(name, 30))
}

fn table(approvals: &wire::Approvals) -> String {
    if approvals.approvals.is_empty() {
        return "no call waits for approval".to_owned();
    }
    let mut table = Table::new(["APPROVAL", "STATE", "KEY", "TOOL", "RISK", "SINCE", "UNTIL"]);
    for approval in &approvals.approvals {
        table.row([
            approval.id.to_string(),
            state(approval),
            key(approval),
            format!("{} {}", approval.tool, approval.version),
            approval.risk.to_string(),
            words::moment(approval.since.0),
            words::moment(approval.expires.0),
        ]);
    }
    table.to_string()
}

fn detail(approval: &wire::Approval) -> String {
    let name = paint(STRONG, format_args!("{} {}", approval.tool, approval.version));
    let mut text = format!("{name} by {}: {}\n", key(approval), state(approval));
    if let Some(reason) = &approval.reason {
        text += &format!("  because: {}\n", plain(reason));
    }
    if let Some(call) = &approval.used_by {
        text += &format!("  made as call {call}\n");
    }
    text += &format!("  {}\n  {}\n", paint(QUIET, approval.component), paint(QUIET, approval.id));
    text += &format!("  risk {}, until {}\n", approval.risk, words::moment(approval.expires.0));
    for rule in &approval.rules {
        text += &format!("  by {}\n", plain(rule));
    }
    if let Some(session) = &approval.session {
        text += &format!("  in session {session}\n");
    }
    for brought in &approval.labels {
        text += &format!("  {} {}\n", paint(CARE, "!"), plain(&brought.to_string()));
    }
    let arguments = match &approval.arguments {
        Some(arguments) => serde_json::to_string_pretty(arguments).unwrap_or_default(),
        None => format!("not shown here ({} bytes)", words::count(approval.arguments_bytes)),
    };
    text + &format!("{}\n{}", paint(STRONG, "arguments"), plain(&arguments))
}
