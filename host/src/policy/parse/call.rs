//! Rules for calls of other tools.

use super::THINGS_MAX;
use super::grants::{Room, take, word};
use super::keys::CALL;
use super::node::{Node, Value};
use super::reader::Fields;
use crate::id::Origin;
use crate::policy::call::{CallRule, Passing};
use crate::policy::pattern::Pattern;
use crate::policy::problem::Problems;
use crate::policy::rows::At;

const GRANTS: &[(&str, Passing)] = &[("caller", Passing::Caller), ("own", Passing::Own)];

/// The rules of a grant of either file.
pub(super) fn calls(problems: &mut Problems, fields: &Fields<'_>, room: &mut Room) -> Vec<At<CallRule>> {
    let Some(node) = fields.get("call") else { return Vec::new() };
    let place = fields.place("call");
    let Some(nodes) = problems.list(node, &place, THINGS_MAX) else { return Vec::new() };
    if take(problems, &mut room.calls, nodes.len(), node, &place).is_none() {
        return Vec::new();
    }
    let mut rules = Vec::new();
    for (nth, node) in nodes.iter().enumerate() {
        let rule = rule(problems, node, &format!("{place}[{}]", nth + 1));
        rules.extend(rule.map(|value| At { line: node.line, value }));
    }
    rules
}

/// A pattern, or a table that says what such calls hold besides.
fn rule(problems: &mut Problems, node: &Node, place: &str) -> Option<CallRule> {
    if matches!(node.value, Value::Text(_)) {
        let tool = problems.parsed(node, place, str::parse::<Pattern>)?;
        return Some(CallRule::new(tool, Passing::Caller));
    }
    if !matches!(node.value, Value::Table(_)) {
        return problems.wrong(node, place, "a pattern such as \"catalogue/text\", or a table");
    }
    let fields = problems.fields(node, place, &CALL)?;
    let grants = match fields.get("grants") {
        Some(_) => word(problems, &fields, "grants", GRANTS)?.value,
        None => Passing::Caller,
    };
    let Some(tool) = fields.get("tool") else {
        problems.add(node.line, fields.place("tool"), "it has to say which tools may be called: tool = \"…\"");
        return None;
    };
    let tool = problems.parsed(tool, &fields.place("tool"), str::parse::<Pattern>)?;
    Some(CallRule::new(tool, grants))
}

/// What `call = true` is.
pub(super) fn any_tool() -> [CallRule; 2] {
    [Origin::Own, Origin::Catalogue].map(|origin| CallRule::new(Pattern::Every(origin), Passing::Own))
}
