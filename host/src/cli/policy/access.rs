//! `cofferdam policy access`: who may do what, in Cedar. Offline it checks with the very code that the host checks with.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use reqwest::Method;

use super::named;
use crate::access::{Rules, Side, check};
use crate::cli::client::Client;
use crate::cli::connection::Connection;
use crate::cli::style::{CARE, GOOD, QUIET, STRONG, mark, paint, plain};
use crate::cli::{Exit, Output, Result, files, words};
use crate::http::wire;

/// What access rules are sent as.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
/// A text, in bytes: as the host takes it.
const BYTES_MAX: u64 = Rules::TEXT_BYTES_MAX as u64;

#[derive(Debug, Subcommand)]
pub(super) enum Access {
    /// Check access rules: every problem with its line; offline, or by a host where one is given
    Check {
        /// The rules; - is standard input
        file: PathBuf,
        /// They are the platform's own, platform.cedar: these only forbid
        #[arg(long, conflicts_with = "offline")]
        platform: bool,
        /// Ask no host, even where one is given
        #[arg(long)]
        offline: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show the access rules in force
    Show {
        #[command(flatten)]
        connection: Connection,
    },
    /// Put access rules in force, from the next request on
    #[command(alias = "set")]
    Apply {
        /// The rules; - is standard input
        file: PathBuf,
        #[command(flatten)]
        connection: Connection,
    },
}

impl Access {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        const PATH: [&str; 3] = ["v1", "policy", "access"];
        match self {
            Self::Check { file, platform: false, offline: false, connection } if connection.is_given() => {
                output.show(&check_by_host(&Client::new(&connection)?, &file)?, shown)?;
            }
            Self::Check { file, platform, .. } => {
                let side = if platform { Side::Platform } else { Side::Tenant };
                output.show(&check_offline(&file, side)?, shown)?;
            }
            Self::Show { connection } => {
                let access: wire::AccessRules = Client::new(&connection)?.get(&PATH, &[])?;
                // The text alone: what is redirected into a file is access rules.
                output.show(&access, |access| plain(&access.text).into_owned())?;
                let since = access.since.map_or_else(
                    || "since the tenant was created".to_owned(),
                    |since| format!("since {}", words::moment(since.0)),
                );
                output.note(format_args!("{} in force {since}", access.digest));
            }
            Self::Apply { file, connection } => {
                let text = text(&file)?;
                let put: wire::PolicyPut = Client::new(&connection)?.send_text(Method::PUT, &PATH, TEXT, text)?;
                output.show(&put, |put| match put.changed {
                    true => format!("{} {} is in force from the next request on", paint(GOOD, "✓"), put.digest),
                    false => format!("{} was in force already", put.digest),
                })?;
            }
        }
        Ok(Exit::Ok)
    }
}

pub(super) fn text(file: &Path) -> Result<String> {
    files::text(file, "access rules", BYTES_MAX)
}

pub(super) fn check_offline(file: &Path, side: Side) -> Result<wire::AccessChecked> {
    let rules = Rules::parse(side, &text(file)?).map_err(|error| named(error.into(), file))?;
    Ok(wire::AccessChecked { digest: rules.digest(), warnings: check(&rules) })
}

/// What a host says of access rules: as it would if they were to be in force.
pub(super) fn check_by_host(client: &Client, file: &Path) -> Result<wire::AccessChecked> {
    client.send_text(Method::POST, &["v1", "policy", "access", "check"], TEXT, text(file)?)
}

pub(super) fn shown(checked: &wire::AccessChecked) -> String {
    let mut text = String::new();
    for warning in &checked.warnings {
        text += &format!("{} {}\n", paint(CARE, "warning:"), plain(&warning.to_string()));
    }
    text + &format!("{} {} {}\n", mark(true), paint(STRONG, "the access rules are valid"), paint(QUIET, checked.digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_rules_are_checked_offline() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("access.cedar");
        let check = |text: &str, side| {
            std::fs::write(&file, text).unwrap();
            check_offline(&file, side)
        };
        assert!(check("forbid (principal, action == Action::\"call\", resource);", Side::Tenant).is_ok());
        let text = shown(&check("permit (principal, action, resource);", Side::Tenant).unwrap());
        assert!(text.contains("warning:") && text.contains("line 1"), "{text}");
        let failure = check("\nforbid (principal, action == Action::\"cal\", resource);", Side::Tenant).unwrap_err();
        assert_eq!(failure.exit(), Exit::Invalid);
        assert!(failure.said().unwrap().detail.contains("line 2"), "{:?}", failure.said());
        assert!(check("permit (principal, action, resource);", Side::Platform).is_err());
    }
}
