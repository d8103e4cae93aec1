//! `[budget]`, of either file.

use super::keys::{BUDGET, BUDGET_CAP, BUDGET_FOR, Section};
use super::node::{Node, Value};
use super::reader::Fields;
use super::tenant::read_patterns;
use super::{ENTRIES_MAX, TOOLS_MAX};
use crate::amounts::{BUDGETS, Unit};
use crate::money::Money;
use crate::policy::budget::{BudgetRow, BudgetRules, Stated};
use crate::policy::problem::{Problems, shown};
use crate::policy::rows::At;

/// What TOML can write.
const MOST: u64 = i64::MAX as u64;
/// The `[[budget.for]]`s of a file. Bounds what one decision has to look at.
const ROWS_MAX: usize = 1_000;
/// A key's name, in bytes: longer ones there are not.
const NAME_BYTES_MAX: usize = 256;

/// Of a tenant's file.
pub(super) fn read_budget(problems: &mut Problems, file: &Fields<'_>) -> BudgetRules {
    let Some(fields) = section(problems, file, &BUDGET) else { return BudgetRules::default() };
    let mut rules = read(problems, &fields);
    if let Some(node) = fields.get("for") {
        rules.rows = rows(problems, node);
    }
    rules
}

/// Of the platform's file.
pub(super) fn read_budget_cap(problems: &mut Problems, file: &Fields<'_>) -> BudgetRules {
    section(problems, file, &BUDGET_CAP).map(|fields| read(problems, &fields)).unwrap_or_default()
}

fn section<'a>(problems: &mut Problems, file: &Fields<'a>, section: &'static Section) -> Option<Fields<'a>> {
    file.get("budget").and_then(|node| problems.fields(node, "budget", section))
}

fn read(problems: &mut Problems, fields: &Fields<'_>) -> BudgetRules {
    let all = stated(problems, fields);
    let at_once = fields.get("concurrent_calls").and_then(|node| {
        // None at once would be a tenant that is suspended: that has a command of its own.
        let value = problems.count(node, &fields.place("concurrent_calls"), 1, MOST)?;
        Some(At { line: node.line, value })
    });
    BudgetRules { all, concurrent_calls: at_once, rows: Vec::new() }
}

fn rows(problems: &mut Problems, node: &Node) -> Vec<BudgetRow> {
    if matches!(node.value, Value::Table(_)) {
        problems.add(node.line, "budget.for", "these are a list: write [[budget.for]] with two brackets");
        return Vec::new();
    }
    let mut rows = Vec::new();
    for (nth, node) in problems.list(node, "budget.for", ROWS_MAX).unwrap_or_default().iter().enumerate() {
        let number = nth + 1;
        let Some(fields) = problems.fields(node, &format!("budget.for[{number}]"), &BUDGET_FOR) else { continue };
        let principals = fields.get("principals").map(|node| names(problems, node, &fields.place("principals")));
        let tools = fields.get("tools").map(|node| {
            let patterns = read_patterns(problems, node, &fields.place("tools"), TOOLS_MAX);
            patterns.into_iter().map(|at| at.value).collect()
        });
        if principals.is_none() && tools.is_none() {
            let message = "it has to say for whom: principals = [\"…\"], tools = [\"…\"] or both; what is for all calls \
                           stands in [budget] itself";
            problems.add(fields.line, format!("budget.for[{number}]"), message);
            continue;
        }
        let stated = stated(problems, &fields);
        rows.push(BudgetRow { number, line: fields.line, principals, tools, stated });
    }
    rows
}

/// Names of keys; `*` is every key.
pub(super) fn names(problems: &mut Problems, node: &Node, place: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (nth, node) in problems.list(node, place, ENTRIES_MAX).unwrap_or_default().iter().enumerate() {
        let place = format!("{place}[{}]", nth + 1);
        names.extend(problems.parsed(node, &place, |name| {
            let good = (1..=NAME_BYTES_MAX).contains(&name.len());
            if good { Ok(name.to_owned()) } else { Err(format!("{} is no key's name", shown(name))) }
        }));
    }
    names
}

fn stated(problems: &mut Problems, fields: &Fields<'_>) -> Stated {
    let mut stated = Stated::new();
    for (nth, key) in BUDGETS.iter().enumerate() {
        let Some(node) = fields.get(key.name) else { continue };
        let place = fields.place(key.name);
        let value = match key.bound.unit() {
            Unit::Count => problems.count(node, &place, 0, MOST),
            Unit::Bytes => problems.size(node, &place, 0, MOST),
            Unit::Money => problems.money(node, &place).map(Money::as_billionths),
        };
        if let Some(value) = value {
            stated.insert(nth, At { line: node.line, value });
        }
    }
    stated
}
