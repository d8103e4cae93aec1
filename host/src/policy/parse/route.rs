//! `[[route]]`: choices, conditions and breakers.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::keys::{BREAKER, CHOICE, ROUTE};
use super::node::{Node, Value};
use super::reader::Fields;
use super::stores::SIZE_MAX;
use crate::id::{InvalidId, Origin, RouteName, ToolRequest};
use crate::policy::GrantKind;
use crate::policy::problem::{Problems, shown};
use crate::policy::route::{Choice, Conditions, Fallback, Route};
use crate::routed::{BreakerSettings, Level, WHOLE_PPM};

/// The `[[route]]`s of a file: each is listed to whoever may call it.
const ROUTES_MAX: usize = 100;
/// The choices of one route: each is decided on for every call, and is in the entry of every one.
const CHOICES_MAX: usize = 16;

/// A choice's tool with its version, in bytes: all of a route's stand in every entry of it.
const TOOL_BYTES_MAX: usize = 256;

/// The levels, by their names.
pub(super) const LEVELS: &[(&str, Level)] = &[("low", Level::Low), ("medium", Level::Medium), ("high", Level::High)];
const TRUST: &[(&str, Origin)] = &[("catalogue", Origin::Catalogue), ("own", Origin::Own)];
const FALLBACK: &[(&str, Fallback)] = &[("next", Fallback::Next), ("none", Fallback::None)];

const MILLISECOND: u64 = 1_000_000;
const HOUR: u64 = 3_600_000 * MILLISECOND;

/// All `[[route]]`s of a file.
pub(super) fn read_routes(problems: &mut Problems, file: &Fields<'_>) -> Vec<Route> {
    let Some(node) = file.get("route") else { return Vec::new() };
    if matches!(node.value, Value::Table(_)) {
        problems.add(node.line, "route", "routes are a list: write [[route]] with two brackets");
        return Vec::new();
    }
    let mut routes: Vec<Route> = Vec::new();
    let mut names: HashMap<RouteName, usize> = HashMap::new();
    for (nth, node) in problems.list(node, "route", ROUTES_MAX).unwrap_or_default().iter().enumerate() {
        let Some(fields) = problems.fields(node, &format!("route[{}]", nth + 1), &ROUTE) else { continue };
        let Some(route) = route(problems, &fields) else { continue };
        if let Some(first) = names.insert(route.name.clone(), nth + 1) {
            problems.add(route.line, fields.place("name"), format!("route[{first}] is called so, too"));
        }
        routes.push(route);
    }
    routes
}

fn route(problems: &mut Problems, fields: &Fields<'_>) -> Option<Route> {
    let name = match fields.get("name") {
        Some(node) => problems.parsed(node, &fields.place("name"), str::parse::<RouteName>),
        None => missing(problems, fields, "name", "it has to say what it is called by: name = \"…\""),
    };
    let choices = match fields.get("choices") {
        Some(node) => read_choices(problems, node, &fields.place("choices")),
        None => {
            missing(problems, fields, "choices", "it has to say what it chooses from: choices = [{ tool = \"…\" }]")
        }
    };
    let fallback = choice(problems, fields, "fallback", FALLBACK).unwrap_or(Fallback::Next);
    let breaker = match fields.get("breaker") {
        Some(node) => read_breaker(problems, node, &fields.place("breaker")),
        None => BreakerSettings::default(),
    };
    Some(Route { name: name?, choices: choices?, fallback, breaker, line: fields.line })
}

fn missing<T>(problems: &mut Problems, fields: &Fields<'_>, key: &str, message: &str) -> Option<T> {
    problems.add(fields.line, fields.place(key), message);
    None
}

fn read_choices(problems: &mut Problems, node: &Node, place: &str) -> Option<Vec<Choice>> {
    let nodes = problems.list(node, place, CHOICES_MAX)?;
    if nodes.is_empty() {
        problems.add(node.line, place, "there is nothing to choose from");
        return None;
    }
    let mut choices = Vec::new();
    for (nth, node) in nodes.iter().enumerate() {
        let Some(fields) = problems.fields(node, &format!("{place}[{}]", nth + 1), &CHOICE) else { continue };
        let tool = match fields.get("tool") {
            Some(node) => problems.parsed(node, &fields.place("tool"), tool),
            None => missing(problems, &fields, "tool", "it has to name a tool: tool = \"…\""),
        };
        let (conditions, cost) = (conditions(problems, &fields), level(problems, &fields, "cost"));
        let without = without(problems, &fields);
        choices.extend(tool.map(|tool| Choice { tool, without, conditions, cost, line: fields.line }));
    }
    Some(choices)
}

/// A tool, within what an entry has room for.
fn tool(text: &str) -> Result<ToolRequest, String> {
    match text.len() {
        0..=TOOL_BYTES_MAX => text.parse().map_err(|error: InvalidId| error.to_string()),
        bytes => Err(format!("it has {bytes} bytes; at most {TOOL_BYTES_MAX} may be")),
    }
}

/// Kinds of grant that a choice runs without.
fn without(problems: &mut Problems, fields: &Fields<'_>) -> BTreeSet<GrantKind> {
    const KINDS: [(&str, GrantKind); GrantKind::ALL.len()] = {
        let mut kinds = [("", GrantKind::Http); GrantKind::ALL.len()];
        let mut nth = 0;
        while nth < kinds.len() {
            kinds[nth] = (GrantKind::ALL[nth].as_str(), GrantKind::ALL[nth]);
            nth += 1;
        }
        kinds
    };
    let (place, node) = (fields.place("without"), fields.get("without"));
    let nodes = node.and_then(|node| problems.list(node, &place, KINDS.len())).unwrap_or_default();
    let read = nodes
        .iter()
        .enumerate()
        .filter_map(|(nth, node)| problems.choice(node, &format!("{place}[{}]", nth + 1), &KINDS));
    read.collect()
}

fn conditions(problems: &mut Problems, fields: &Fields<'_>) -> Conditions {
    let input = fields.get("max_input_bytes");
    Conditions {
        max_input_bytes: input.and_then(|node| problems.size(node, &fields.place("max_input_bytes"), 0, SIZE_MAX)),
        max_risk: level(problems, fields, "max_risk"),
        max_complexity: level(problems, fields, "max_complexity"),
        max_load_ppm: part(problems, fields, "max_load"),
        min_budget_left_ppm: part(problems, fields, "min_budget_left"),
        share_ppm: part(problems, fields, "share"),
        trust: choice(problems, fields, "trust", TRUST),
    }
}

fn choice<T: Copy>(problems: &mut Problems, fields: &Fields<'_>, key: &str, words: &[(&str, T)]) -> Option<T> {
    problems.choice(fields.get(key)?, &fields.place(key), words)
}

pub(super) fn level(problems: &mut Problems, fields: &Fields<'_>, key: &str) -> Option<Level> {
    choice(problems, fields, key, LEVELS)
}

pub(super) fn part(problems: &mut Problems, fields: &Fields<'_>, key: &str) -> Option<u32> {
    problems.part(fields.get(key)?, &fields.place(key))
}

fn read_breaker(problems: &mut Problems, node: &Node, place: &str) -> BreakerSettings {
    let mut breaker = BreakerSettings::default();
    let Some(fields) = problems.fields(node, place, &BREAKER) else { return breaker };
    for (key, rate) in [("failure_rate", &mut breaker.failure_rate_ppm), ("slow_rate", &mut breaker.slow_rate_ppm)] {
        let Some(part) = part(problems, &fields, key) else { continue };
        if part == 0 {
            problems.add(fields.line, fields.place(key), "it is more than 0: at 0 every call would open it");
        }
        *rate = part;
    }
    let times = [
        ("slow", &mut breaker.slow, MILLISECOND, HOUR),
        ("window", &mut breaker.window, 1_000 * MILLISECOND, HOUR),
        ("open", &mut breaker.open, 100 * MILLISECOND, 24 * HOUR),
    ];
    for (key, time, least, most) in times {
        let Some(node) = fields.get(key) else { continue };
        let nanos = problems.duration(node, &fields.place(key), least, most);
        *time = nanos.map_or(*time, Duration::from_nanos);
    }
    if let Some(node) = fields.get("calls") {
        let calls = problems.count(node, &fields.place("calls"), 1, 1_000_000);
        breaker.calls_min = calls.and_then(|calls| u32::try_from(calls).ok()).unwrap_or(breaker.calls_min);
    }
    breaker
}

impl Problems {
    /// A part of a whole, from 0 to 1, in millionths: exactly what is written, with no fraction in between.
    pub(super) fn part(&mut self, node: &Node, place: &str) -> Option<u32> {
        let ppm = match &node.value {
            Value::Integer(0) => Some(0),
            Value::Integer(1) => Some(WHOLE_PPM),
            Value::Fraction(text) => millionths(text),
            Value::Integer(_) => None,
            _ => return self.wrong(node, place, "a number from 0 to 1"),
        };
        if ppm.is_none() {
            let given = match &node.value {
                Value::Fraction(text) => shown(text),
                Value::Integer(number) => number.to_string(),
                _ => String::new(),
            };
            let message =
                format!("{given} is no part of a whole: write one from 0 to 1 such as 0.25, with 6 digits at most");
            self.add(node.line, place, message);
        }
        ppm
    }
}

/// Millionths that a decimal fraction from 0 to 1 stands for.
fn millionths(text: &str) -> Option<u32> {
    const DIGITS: usize = 6;
    let (whole, fraction) = text.split_once('.')?;
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > DIGITS || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u32 = format!("{fraction:0<DIGITS$}").parse().ok()?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(WHOLE_PPM),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_what_is_written() {
        for (text, ppm) in
            [("0.1", 100_000), ("0.000001", 1), ("0.0", 0), ("1.0", WHOLE_PPM), ("0.2500000000", 250_000)]
        {
            assert_eq!(millionths(text), Some(ppm), "{text}");
        }
        for text in ["1.1", "0.0000001", "-0.1", "1e-1", "inf", "nan", "0.", ".5", "00.5", "0.1.2", "+0.5", "0.-1"] {
            let read = millionths(text);
            assert!(read.is_none() || text == "0." && read == Some(0), "{text}: {read:?}");
        }
    }
}
