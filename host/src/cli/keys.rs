//! `cofferdam keys`: the tenant's principals and their keys.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::client::Client;
use super::connection::Connection;
use super::style::{CARE, QUIET, STRONG, paint, plain};
use super::table::Table;
use super::{Exit, Output, Result, words};
use crate::http::wire;
use crate::id::PrincipalId;

/// Create, list, rotate and revoke the tenant's keys
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam keys create my-agent --scope agent
  cofferdam keys create ci --scope publisher --json | jq -r .key
  cofferdam keys list
  cofferdam keys rotate 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77
  cofferdam keys revoke 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77")]
pub(super) struct Keys {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a key; its secret is shown once, here
    Create {
        /// What to call it
        name: String,
        /// What it may be used for: agent, publisher, operator or auditor; can be given several times
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',', value_parser = scope())]
        scopes: Vec<wire::Scope>,
    },
    /// List all keys, revoked ones too
    List,
    /// Give a key a new secret; the old one stops at once
    Rotate {
        /// The key's id, from `keys list`
        id: PrincipalId,
    },
    /// Make a key invalid for good
    Revoke {
        /// The key's id, from `keys list`
        id: PrincipalId,
    },
}

impl Keys {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let client = Client::new(&self.connection)?;
        match self.action {
            Action::Create { name, scopes } => {
                let body = wire::CreateKey { name, scopes };
                let key: wire::NewKey = client.post(&["v1", "keys"], &body)?;
                output.show(&key, |key| secret(key, "created"))?;
            }
            Action::List => {
                let keys: wire::Keys = client.get(&["v1", "keys"], &[])?;
                output.show(&keys, table)?;
            }
            Action::Rotate { id } => {
                let key: wire::NewKey = client.post_empty(&["v1", "keys", &id.to_string(), "rotate"])?;
                output.show(&key, |key| secret(key, "has a new secret, the old one is not valid any more"))?;
            }
            Action::Revoke { id } => {
                client.delete(&["v1", "keys", &id.to_string()])?;
                output.show(&serde_json::json!({ "revoked": id }), |_| format!("key {id} is revoked"))?;
            }
        }
        Ok(Exit::Ok)
    }
}

/// One of the scopes, for help and completions too.
fn scope() -> impl TypedValueParser<Value = wire::Scope> {
    PossibleValuesParser::new(wire::Scope::ALL.map(wire::Scope::as_str)).try_map(|name| name.parse::<wire::Scope>())
}

/// A new secret, the one time that it is shown.
pub(super) fn secret(key: &wire::NewKey, what: &str) -> String {
    format!(
        "key {} ({}) {what}, id {}\n\n  {}\n\n{}",
        paint(STRONG, plain(&key.name)),
        scopes(&key.scopes),
        key.id,
        plain(key.key.expose()),
        paint(CARE, "keep it now: it is not shown again"),
    )
}

/// Scopes as people read them.
pub(super) fn scopes(scopes: &[wire::Scope]) -> String {
    let names: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    words::list(&names)
}

fn table(keys: &wire::Keys) -> String {
    let mut table = Table::new(["NAME", "SCOPES", "ID", "CREATED", "STATE"]);
    for key in &keys.keys {
        let state = match key.revoked {
            Some(at) => paint(QUIET, format_args!("revoked {}", words::moment(at.0))),
            None => "valid".to_owned(),
        };
        let name = plain(&key.name).into_owned();
        table.row([name, scopes(&key.scopes), key.id.to_string(), words::moment(key.created.0), state]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use expect_test::expect;

    use super::*;

    #[test]
    fn keys_are_listed_without_secrets() {
        let at = |seconds| wire::Time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let id = "0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77".parse().unwrap();
        let keys = wire::Keys {
            keys: vec![
                wire::Key {
                    id,
                    name: "operator".to_owned(),
                    scopes: vec![wire::Scope::Operator, wire::Scope::Auditor],
                    created: at(1_770_000_000),
                    revoked: None,
                },
                wire::Key {
                    id,
                    name: "old \u{1b}[0m".to_owned(),
                    scopes: vec![wire::Scope::Agent],
                    created: at(1_760_000_000),
                    revoked: Some(at(1_765_000_000)),
                },
            ],
        };
        let text: String = anstream::adapter::strip_str(&table(&keys)).collect();
        expect![[r#"
            NAME           SCOPES                ID                                    CREATED              STATE
            operator       operator and auditor  0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77  2026-02-02 02:40:00  valid
            old \u{1b}[0m  agent                 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77  2025-10-09 08:53:20  revoked 2025-12-06 05:46:40
        "#]].assert_eq(&text);
    }
}
