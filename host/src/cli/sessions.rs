//! `cofferdam sessions`: what sessions have touched, and taking that away.

use clap::{Args, Subcommand};

use super::client::Client;
use super::connection::Connection;
use super::style::{STRONG, one_line, paint};
use super::table::Table;
use super::{Exit, Output, Result, words};
use crate::http::wire;
use crate::id::{PrincipalId, SessionId};

/// Look at what sessions have touched, and let them go on
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam sessions list
  cofferdam sessions clear 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77 chat-7 'read through: nothing of the notes left'

A session gets labels by what its calls use, as [labels] of the policy says; a [[flow]] says what it may not do then. An
agent lists its own sessions; an operator clears those of others.", after_long_help = super::exit::HELP)]
pub(super) struct Sessions {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List sessions that have labels, and the calls that brought them
    List,
    /// Take a session's labels away
    Clear {
        /// The key whose session it is, by its id
        principal: PrincipalId,
        /// The session
        session: SessionId,
        /// Why it may go on, for the record
        reason: String,
    },
}

impl Sessions {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let client = Client::new(&self.connection)?;
        match self.action {
            Action::List => {
                let sessions: wire::Sessions = client.get(&["v1", "sessions"], &[])?;
                output.show(&sessions, table)?;
            }
            Action::Clear { principal, session, reason } => {
                let clear = wire::ClearSession { principal, session: session.clone(), reason };
                client.post_nothing(&["v1", "sessions", "clear"], &clear)?;
                let cleared = serde_json::json!({ "principal": principal, "session": session });
                output.show(&cleared, |_| format!("session {} has no labels any more", paint(STRONG, &session)))?;
            }
        }
        Ok(Exit::Ok)
    }
}

fn table(sessions: &wire::Sessions) -> String {
    if sessions.sessions.is_empty() {
        return "no session has a label".to_owned();
    }
    let mut table = Table::new(["KEY", "SESSION", "LABEL", "BY", "CALL", "LAST NAMED"]);
    for session in &sessions.sessions {
        for brought in &session.labels {
            table.row([
                session.principal.to_string(),
                session.session.to_string(),
                brought.label.to_string(),
                one_line(&brought.by, 60),
                brought.call.to_string(),
                words::moment(session.named.0),
            ]);
        }
    }
    table.to_string()
}
