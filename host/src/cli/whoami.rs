//! `cofferdam whoami`: the key's principal and tenant.

use clap::Args;

use super::client::Client;
use super::connection::Connection;
use super::style::{STRONG, paint, plain};
use super::{Exit, Output, Result, keys, words};
use crate::http::wire;

/// Show whose key this is
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam whoami
  cofferdam whoami --json | jq -r .tenant")]
pub(super) struct Whoami {
    #[command(flatten)]
    connection: Connection,
}

impl Whoami {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let who: wire::Whoami = Client::new(&self.connection)?.get(&["v1", "whoami"], &[])?;
        output.show(&who, |who| {
            format!(
                "{} of tenant {}, may act as {}\nprincipal {}, created {}",
                paint(STRONG, plain(&who.principal.name)),
                paint(STRONG, &who.tenant),
                keys::scopes(&who.principal.scopes),
                who.principal.id,
                words::moment(who.principal.created.0),
            )
        })?;
        Ok(Exit::Ok)
    }
}
