//! `cofferdam tenants`: for the platform's operators.

use clap::{Args, Subcommand};

use super::client::Client;
use super::connection::Connection;
use super::style::{CARE, STRONG, paint};
use super::table::Table;
use super::{Exit, Output, Result, keys, words};
use crate::http::wire;
use crate::id::TenantId;

/// Create, list, suspend and resume tenants; for the platform's operators
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam tenants create acme
  cofferdam tenants create acme --json | jq -r .key.key > acme.key
  cofferdam tenants suspend acme --reason 'invoice 2026-041 is open'
  cofferdam tenants resume acme")]
pub(super) struct Tenants {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a tenant; the key of its first operator is shown once, here
    Create {
        /// Its name: lower-case letters, digits and single hyphens
        name: TenantId,
    },
    /// List all tenants
    List,
    /// Refuse a tenant's keys until it is resumed; nothing of it is lost
    Suspend {
        /// Which
        name: TenantId,
        /// Why, for the record
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Take a tenant's keys again
    Resume {
        /// Which
        name: TenantId,
    },
}

impl Tenants {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let client = Client::new(&self.connection)?;
        match self.action {
            Action::Create { name } => {
                let created: wire::TenantCreated = client.post(&["v1", "tenants"], &wire::CreateTenant { name })?;
                output.show(&created, |created| {
                    let name = paint(STRONG, &created.tenant.name);
                    format!("tenant {name} is created; its {}", keys::secret(&created.key, "is its first"))
                })?;
            }
            Action::List => {
                let tenants: wire::Tenants = client.get(&["v1", "tenants"], &[])?;
                output.show(&tenants, table)?;
            }
            Action::Suspend { name, reason } => {
                let path = ["v1", "tenants", name.as_str(), "suspend"];
                let tenant: wire::Tenant = client.post(&path, &wire::SuspendTenant { reason })?;
                output.show(&tenant, |tenant| format!("tenant {} is {}", tenant.name, state(tenant)))?;
            }
            Action::Resume { name } => {
                let tenant: wire::Tenant = client.post_empty(&["v1", "tenants", name.as_str(), "resume"])?;
                output.show(&tenant, |tenant| format!("tenant {} is {}", tenant.name, state(tenant)))?;
            }
        }
        Ok(Exit::Ok)
    }
}

fn state(tenant: &wire::Tenant) -> String {
    match tenant.state {
        wire::TenantState::Active => "active".to_owned(),
        wire::TenantState::Suspended => paint(CARE, "suspended"),
    }
}

fn table(tenants: &wire::Tenants) -> String {
    let mut table = Table::new(["NAME", "STATE", "CREATED"]);
    for tenant in &tenants.tenants {
        table.row([tenant.name.to_string(), state(tenant), words::moment(tenant.created.0)]);
    }
    table.to_string()
}
