//! `cofferdam usage`: what the tenant's calls used, by day, tool and principal.

use std::time::Duration;

use clap::Args;

use super::client::Client;
use super::connection::Connection;
use super::style::{BAD, QUIET, STRONG, paint};
use super::table::Table;
use super::{Exit, Output, Result, words};
use crate::http::wire;

/// Show what was used, by day, tool and principal
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam usage
  cofferdam usage --since 2026-03-01 --until 2026-03-31
  cofferdam usage --json | jq '.total.fuel'")]
pub(super) struct Usage {
    /// The first day, in UTC
    #[arg(long, value_name = "YYYY-MM-DD")]
    since: Option<wire::Day>,
    /// The last day, itself included
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<wire::Day>,
    #[command(flatten)]
    connection: Connection,
}

impl Usage {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let mut query = Vec::new();
        query.extend(self.since.map(|day| ("since", day.to_string())));
        query.extend(self.until.map(|day| ("until", day.to_string())));
        let usage: wire::Usage = Client::new(&self.connection)?.get(&["v1", "usage"], &query)?;
        output.show(&usage, table)?;
        Ok(Exit::Ok)
    }
}

fn table(usage: &wire::Usage) -> String {
    if usage.rows.is_empty() {
        return "no calls in that time".to_owned();
    }
    let mut table =
        Table::new(["DAY", "TOOL", "CALLS", "FAILED", "FUEL", "TIME", "MEMORY", "HTTP", "KV", "WRITTEN", "PRINCIPAL"])
            .right(&[2, 3, 4, 5, 6, 7, 8, 9]);
    for row in &usage.rows {
        let principal = row.principal.map_or_else(|| "the host".to_owned(), |id| id.to_string());
        table.row(cells(row.day.to_string(), row.tool.to_string(), &row.used, paint(QUIET, principal)));
    }
    table.row(cells(paint(STRONG, "total"), String::new(), &usage.total, String::new()));
    table.to_string()
}

fn cells(day: String, tool: String, used: &wire::Used, principal: String) -> [String; 11] {
    let failed = words::count(used.failed);
    [
        day,
        tool,
        words::count(used.calls),
        if used.failed > 0 { paint(BAD, failed) } else { failed },
        words::count(used.fuel),
        words::span(Duration::from_micros(used.duration_us)),
        words::bytes(used.memory_bytes),
        words::count(used.http_requests),
        words::count(used.kv_operations),
        words::bytes(used.files_bytes_written),
        principal,
    ]
}
