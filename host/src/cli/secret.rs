//! `cofferdam secret`: the tenant's secrets, which tools use without holding them.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use zeroize::Zeroizing;

use super::client::Client;
use super::connection::Connection;
use super::style::{STRONG, paint};
use super::table::Table;
use super::{Exit, Output, Result, files, words};
use crate::http::wire;
use crate::id::SecretName;

/// What is read of a file: more than a secret may have, so that the host says what is wrong.
pub(super) const FILE_BYTES_MAX: u64 = 64 << 10;

/// Set, list and remove the tenant's secrets; no value is ever shown
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam secret set github --file token.txt
  cofferdam secret list
  cofferdam secret remove github

Without --file the value is read from standard input. A policy says where a secret is sent, such as http = [{ host = \"api.github.com\", credential = \"github\" }]. A tool's
requests leave with it; the tool itself never has it. A new value is in force from the next call on.")]
pub(super) struct Secret {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Set a secret's value, from standard input or a file; one end of line at its end is left out
    Set {
        /// What policies call it
        name: SecretName,
        /// The file that holds the value, instead of standard input
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// List all secrets: names, versions, and when each was set
    List,
    /// Remove a secret
    Remove {
        /// What policies call it
        name: SecretName,
    },
}

impl Secret {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let client = Client::new(&self.connection)?;
        match self.action {
            Action::Set { name, file } => {
                if file.is_none() && std::io::stdin().is_terminal() {
                    output.note("the value, then the end of the file (ctrl-d)");
                }
                let path = file.unwrap_or_else(|| PathBuf::from("-"));
                let value = Zeroizing::new(files::text(&path, "secret", FILE_BYTES_MAX)?);
                let value = one_line(&value).to_owned();
                let path = ["v1", "secrets", name.as_str()];
                let set: wire::SecretInfo = client.send_text(Method::PUT, &path, "text/plain", value)?;
                output
                    .show(&set, |set| format!("secret {} is set, version {}", paint(STRONG, &set.name), set.version))?;
            }
            Action::List => {
                let secrets: wire::Secrets = client.get(&["v1", "secrets"], &[])?;
                output.show(&secrets, table)?;
            }
            Action::Remove { name } => {
                client.delete(&["v1", "secrets", name.as_str()])?;
                output.show(&serde_json::json!({ "removed": name }), |_| format!("secret {name} is removed"))?;
            }
        }
        Ok(Exit::Ok)
    }
}

/// The text without the one end of line that editors and `echo` put behind it.
pub(super) fn one_line(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line))
}

fn table(secrets: &wire::Secrets) -> String {
    let mut table = Table::new(["NAME", "VERSION", "SET"]);
    for secret in &secrets.secrets {
        table.row([secret.name.to_string(), words::count(secret.version), words::moment(secret.since.0)]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_end_of_line_is_left_out() {
        for (text, value) in [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a "), ("\r", "\r")]
        {
            assert_eq!(one_line(text), value, "{text:?}");
        }
    }
}
