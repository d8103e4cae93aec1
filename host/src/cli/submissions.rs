//! `cofferdam submissions`: versions on their way from a tenant to the catalogue.

use clap::{Args, Subcommand};
use semver::Version;

use super::client::Client;
use super::connection::Connection;
use super::style::{BAD, CARE, GOOD, QUIET, STRONG, one_line, paint, plain};
use super::table::Table;
use super::{Exit, Output, Result, words};
use crate::http::wire::{self, SubmissionState};
use crate::id::{PackageName, SubmissionId};

/// Submit versions to the catalogue, and decide on them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam submissions submit notes 1.2.0 --message 'what our support team uses'
  cofferdam submissions list --state open
  cofferdam submissions show 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77
  cofferdam submissions approve 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77
  cofferdam submissions refuse 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77 'sign it first'

A tenant's publisher submits; the platform's operators approve or refuse.")]
pub(super) struct Submissions {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Submit a version to the catalogue
    Submit {
        /// The package
        package: PackageName,
        /// The version
        version: Version,
        /// For those who decide on it
        #[arg(long, value_name = "TEXT", default_value = "")]
        message: String,
    },
    /// List submissions, newest first
    List {
        /// Only those that this became of: open, approved or refused
        #[arg(long, value_parser = state_named)]
        state: Option<SubmissionState>,
    },
    /// Show a submission: what it asks for beyond what the catalogue runs now
    Show {
        /// Its id
        submission: SubmissionId,
    },
    /// Publish it in the catalogue
    Approve {
        /// Its id
        submission: SubmissionId,
    },
    /// Refuse it
    Refuse {
        /// Its id
        submission: SubmissionId,
        /// Why, for whoever submitted it
        reason: String,
    },
}

impl Submissions {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let client = Client::new(&self.connection)?;
        let one: wire::Submission = match self.action {
            Action::List { state } => {
                let submissions = list(&client, state)?;
                output.show(&submissions, table)?;
                return Ok(Exit::Ok);
            }
            Action::Submit { package, version, message } => {
                let path = ["v1", "packages", package.as_str(), "submit"];
                client.post(&path, &wire::SubmitVersion { version, message })?
            }
            Action::Show { submission } => client.get(&["v1", "submissions", &submission.to_string()], &[])?,
            Action::Approve { submission } => {
                client.post_empty(&["v1", "submissions", &submission.to_string(), "approve"])?
            }
            Action::Refuse { submission, reason } => {
                let refuse = wire::RefuseSubmission { reason };
                client.post(&["v1", "submissions", &submission.to_string(), "refuse"], &refuse)?
            }
        };
        output.show(&one, detail)?;
        Ok(Exit::Ok)
    }
}

/// All of them, part by part.
fn list(client: &Client, state: Option<SubmissionState>) -> Result<wire::Submissions> {
    let mut all = wire::Submissions { submissions: Vec::new(), next: None };
    loop {
        let state = state.map(|state| ("state", state.as_str().to_owned()));
        let before = all.next.map(|before| ("before", before.to_string()));
        let query: Vec<_> = state.into_iter().chain(before).collect();
        let part: wire::Submissions = client.get(&["v1", "submissions"], &query)?;
        all.submissions.extend(part.submissions);
        all.next = part.next;
        if all.next.is_none() {
            return Ok(all);
        }
    }
}

fn state_named(text: &str) -> std::result::Result<SubmissionState, String> {
    words::named(text, &SubmissionState::ALL, SubmissionState::as_str)
}

fn state(submission: &wire::Submission) -> String {
    let name = submission.state.as_str();
    match submission.state {
        SubmissionState::Open => paint(CARE, name),
        SubmissionState::Approved => paint(GOOD, name),
        SubmissionState::Refused => paint(BAD, name),
    }
}

fn table(submissions: &wire::Submissions) -> String {
    if submissions.submissions.is_empty() {
        return "nothing is submitted; `cofferdam submissions submit PACKAGE VERSION` submits a version".to_owned();
    }
    let mut table = Table::new(["SUBMISSION", "TENANT", "PACKAGE", "VERSION", "STATE", "SUBMITTED", "ASKS"]);
    for submission in &submissions.submissions {
        let asks = submission.asks.as_ref().map(|asks| one_line(&asks.to_string(), 60)).unwrap_or_default();
        table.row([
            submission.id.to_string(),
            submission.tenant.to_string(),
            submission.package.to_string(),
            submission.version.to_string(),
            state(submission),
            words::moment(submission.submitted.0),
            paint(QUIET, asks),
        ]);
    }
    table.to_string()
}

fn detail(submission: &wire::Submission) -> String {
    let name = paint(STRONG, format_args!("{} {}", submission.package, submission.version));
    let mut text = format!("{name} of {}: {}\n", submission.tenant, state(submission));
    if let Some(reason) = &submission.reason {
        text += &format!("  because: {}\n", plain(reason));
    }
    if !submission.message.is_empty() {
        text += &format!("  {}\n", plain(&submission.message));
    }
    text += &format!("  {}\n  {}\n", paint(QUIET, submission.component), paint(QUIET, submission.id));
    text += &match &submission.signer {
        Some(signer) => format!("  {} signed by {}\n", paint(GOOD, "✓"), plain(signer)),
        None if submission.signed_by_tenant => {
            format!("  {} signed by a key of the tenant's, which the platform does not know\n", paint(CARE, "!"))
        }
        None => format!("  {} not signed\n", paint(CARE, "!")),
    };
    if let Some(asks) = &submission.asks {
        let beyond = match &submission.current {
            Some(current) => format!("beyond {current}, which the catalogue runs, it"),
            None => "the catalogue has no version of it; it".to_owned(),
        };
        text += &format!("{beyond} {}\n", plain(&asks.to_string()));
    }
    let lines: String = submission.words.iter().map(|line| format!("  {}\n", plain(line))).collect();
    text + &format!(
        "{}\n{}",
        paint(STRONG, "what it imports"),
        if lines.is_empty() { "  nothing: a pure function\n" } else { &lines }
    )
}
