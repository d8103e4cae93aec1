//! `[admission]` of either file, and the platform's `[[plan]]`s.

use super::ENTRIES_MAX;
use super::budget::names;
use super::keys::{ADMISSION, ADMISSION_CAP, ADMISSION_FOR, PLAN, Section};
use super::node::Value;
use super::reader::Fields;
use crate::policy::plan::{AdmissionRules, PlanRow, Priority};
use crate::policy::problem::Problems;
use crate::policy::rows::At;

/// The rows of either list. They are looked through for each call.
const ROWS_MAX: usize = 100;
/// What a plan can weigh: shares that differ by more are better told by what may run at once.
const WEIGHT_MAX: u64 = 1_000;
/// Calls at once or in line: more than there is memory for.
const CALLS_MAX: u64 = 1_000_000;

const PRIORITIES: &[(&str, Priority)] =
    &[("low", Priority::Low), ("normal", Priority::Normal), ("high", Priority::High)];

/// Of a tenant's file.
pub(super) fn read_admission(problems: &mut Problems, file: &Fields<'_>) -> AdmissionRules {
    let Some(fields) = section(problems, file, &ADMISSION) else { return AdmissionRules::default() };
    let mut rules = AdmissionRules { priority_max: priority(problems, &fields), rows: Vec::new() };
    let Some(node) = fields.get("for") else { return rules };
    if matches!(node.value, Value::Table(_)) {
        problems.add(node.line, "admission.for", "these are a list: write [[admission.for]] with two brackets");
        return rules;
    }
    for (nth, node) in problems.list(node, "admission.for", ROWS_MAX).unwrap_or_default().iter().enumerate() {
        let Some(fields) = problems.fields(node, &format!("admission.for[{}]", nth + 1), &ADMISSION_FOR) else {
            continue;
        };
        let principals = fields.get("principals").map(|node| names(problems, node, &fields.place("principals")));
        let most = priority(problems, &fields);
        match (principals, most) {
            (Some(principals), Some(most)) => rules.rows.push((principals, most.value)),
            (None, _) => problems.add(fields.line, fields.place("principals"), "it has to say whose calls"),
            // What is no priority was told.
            (_, None) if fields.get("priority_max").is_some() => {}
            (_, None) => problems.add(fields.line, fields.place("priority_max"), "it has to say how important"),
        }
    }
    rules
}

/// Of the platform's file.
pub(super) fn read_admission_cap(problems: &mut Problems, file: &Fields<'_>) -> AdmissionRules {
    let fields = section(problems, file, &ADMISSION_CAP);
    let priority_max = fields.and_then(|fields| priority(problems, &fields));
    AdmissionRules { priority_max, rows: Vec::new() }
}

/// The platform's `[[plan]]`s.
pub(super) fn read_plans(problems: &mut Problems, file: &Fields<'_>) -> Vec<PlanRow> {
    let Some(node) = file.get("plan") else { return Vec::new() };
    if matches!(node.value, Value::Table(_)) {
        problems.add(node.line, "plan", "plans are a list: write [[plan]] with two brackets");
        return Vec::new();
    }
    let mut rows = Vec::new();
    for (nth, node) in problems.list(node, "plan", ROWS_MAX).unwrap_or_default().iter().enumerate() {
        let Some(fields) = problems.fields(node, &format!("plan[{}]", nth + 1), &PLAN) else { continue };
        let place = fields.place("tenants");
        let Some(node) = fields.get("tenants") else {
            problems.add(fields.line, place, "it has to say which tenants it is for: tenants = [\"…\"]");
            continue;
        };
        let mut tenants = Vec::new();
        for (nth, node) in problems.list(node, &place, ENTRIES_MAX).unwrap_or_default().iter().enumerate() {
            tenants.extend(problems.parsed(node, &format!("{place}[{}]", nth + 1), str::parse));
        }
        let mut count = |key, least, most| {
            let value = fields.get(key).and_then(|node| problems.count(node, &fields.place(key), least, most));
            value.and_then(|value| u32::try_from(value).ok())
        };
        let weight = count("weight", 1, WEIGHT_MAX);
        let (concurrent_calls, queue_calls) =
            (count("concurrent_calls", 1, CALLS_MAX), count("queue_calls", 0, CALLS_MAX));
        rows.push(PlanRow { tenants, weight, concurrent_calls, queue_calls });
    }
    rows
}

fn section<'a>(problems: &mut Problems, file: &Fields<'a>, section: &'static Section) -> Option<Fields<'a>> {
    file.get("admission").and_then(|node| problems.fields(node, "admission", section))
}

fn priority(problems: &mut Problems, fields: &Fields<'_>) -> Option<At<Priority>> {
    let node = fields.get("priority_max")?;
    let value = problems.choice(node, &fields.place("priority_max"), PRIORITIES)?;
    Some(At { line: node.line, value })
}
