//! `cofferdam usage`: what the tenant's calls used, by day, tool and principal, and how its budgets stand.

use std::time::Duration;

use clap::Args;

use super::client::Client;
use super::connection::Connection;
use super::style::{BAD, QUIET, STRONG, paint};
use super::table::Table;
use super::{Exit, Output, Result, words};
use crate::amounts::{BUDGETS, Unit};
use crate::http::wire;

/// Show what was used, by day, tool and principal, or how budgets stand
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam usage
  cofferdam usage --since 2026-03-01 --until 2026-03-31
  cofferdam usage --budgets
  cofferdam usage --csv > usage.csv
  cofferdam usage --json | jq '.total.fuel'")]
pub(super) struct Usage {
    /// The first day, in UTC
    #[arg(long, value_name = "YYYY-MM-DD")]
    since: Option<wire::Day>,
    /// The last day, itself included
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<wire::Day>,
    /// Show how budgets stand instead: the tenant's, and those of keys and packages that used something
    #[arg(long, conflicts_with = "csv")]
    budgets: bool,
    /// One line for each day, tool and principal, with commas between
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Usage {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let mut query = Vec::new();
        query.extend(self.since.map(|day| ("since", day.to_string())));
        query.extend(self.until.map(|day| ("until", day.to_string())));
        let usage: wire::Usage = Client::new(&self.connection)?.get(&["v1", "usage"], &query)?;
        match (self.budgets, self.csv) {
            (true, _) => output.show(&usage.budgets, budgets)?,
            (_, true) => output.raw(csv(&usage).as_bytes())?,
            _ => output.show(&usage, table)?,
        }
        Ok(Exit::Ok)
    }
}

fn table(usage: &wire::Usage) -> String {
    if usage.rows.is_empty() {
        return "no calls in that time".to_owned();
    }
    let mut table = Table::new([
        "DAY",
        "TOOL",
        "CALLS",
        "FAILED",
        "FUEL",
        "TIME",
        "MEMORY",
        "HTTP",
        "KV",
        "WRITTEN",
        "TOKENS",
        "COST",
        "PRINCIPAL",
    ])
    .right(&[2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    for row in &usage.rows {
        let principal = row.principal.map_or_else(|| "the host".to_owned(), |id| id.to_string());
        table.row(cells(row.day.to_string(), row.tool.to_string(), &row.used, paint(QUIET, principal)));
    }
    table.row(cells(paint(STRONG, "total"), String::new(), &usage.total, String::new()));
    let mut text = table.to_string();
    if !usage.total.outcomes.is_empty() {
        let outcomes = usage.total.outcomes.iter().map(|(code, times)| format!("{} {code}", words::count(*times)));
        text.push_str(&format!("failed: {}\n", words::list(&outcomes.collect::<Vec<_>>())));
    }
    text
}

/// How budgets stand, a line each.
fn budgets(budgets: &Vec<wire::BudgetStanding>) -> String {
    if budgets.is_empty() {
        return "no budget bounds anything".to_owned();
    }
    let mut table = Table::new(["BUDGET", "OF", "LEFT", "USED", "RESERVED", "MAXIMUM", "RESETS", "RULE"]);
    table = table.right(&[2, 3, 4, 5]);
    for budget in budgets {
        let unit = BUDGETS.iter().find(|key| key.name == budget.limit).map_or(Unit::Count, |key| key.bound.unit());
        let left = unit.words(budget.left);
        table.row([
            budget.limit.clone(),
            budget.of.clone().unwrap_or_else(|| "the tenant".to_owned()),
            if budget.left == 0 { paint(BAD, left) } else { left },
            unit.words(budget.used),
            unit.words(budget.reserved),
            unit.words(budget.maximum),
            budget.resets_at.clone(),
            paint(QUIET, &budget.rule),
        ]);
    }
    table.to_string()
}

/// The rows for a spreadsheet. Days, names of tools, ids and numbers hold nothing that would need quotes.
fn csv(usage: &wire::Usage) -> String {
    let mut text = String::from(
        "day,tool,principal,calls,failed,interrupted,fuel,duration_us,memory_bytes,http_requests,http_sent_bytes,\
         http_received_bytes,kv_operations,files_bytes_written,model_requests,model_input_tokens,model_output_tokens,\
         model_cost\n",
    );
    for wire::UsageRow { day, tool, principal, used } in &usage.rows {
        let principal = principal.map(|id| id.to_string()).unwrap_or_default();
        let numbers = [
            used.calls,
            used.failed,
            used.interrupted,
            used.fuel,
            used.duration_us,
            used.memory_bytes,
            used.http_requests,
            used.http_sent_bytes,
            used.http_received_bytes,
            used.kv_operations,
            used.files_bytes_written,
            used.model_requests,
            used.model_input_tokens,
            used.model_output_tokens,
            used.model_cost,
        ];
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        text.push_str(&format!("{day},{tool},{principal},{}\n", numbers.join(",")));
    }
    text
}

fn cells(day: String, tool: String, used: &wire::Used, principal: String) -> [String; 13] {
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
        words::count(used.model_input_tokens.saturating_add(used.model_output_tokens)),
        Unit::Money.words(used.model_cost),
        principal,
    ]
}
