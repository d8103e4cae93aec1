//! `[labels]` and `[[flow]]`.

use std::collections::BTreeSet;

use super::keys::{FLOW, LABELS};
use super::node::{Node, Value};
use super::reader::Fields;
use super::tenant::read_patterns;
use super::{ENTRIES_MAX, NAME_RULE, TOOLS_MAX, is_name};
use crate::labels::{Label, Labels};
use crate::policy::GrantKind;
use crate::policy::flow::{FlowRow, FlowRules, LabelRules, WAYS_OUT};
use crate::policy::http::HostPattern;
use crate::policy::pattern::Pattern;
use crate::policy::problem::{Problems, shown};

/// The `[[flow]]`s of a file: each use of a labelled session is held against all of them.
const FLOWS_MAX: usize = 100;

const SESSIONS: &[(&str, bool)] = &[("optional", false), ("required", true)];
const LABEL: &[(&str, Label)] =
    &[(Label::Private.as_str(), Label::Private), (Label::Untrusted.as_str(), Label::Untrusted)];

/// Both, of a tenant's file.
pub(super) fn read_flow(problems: &mut Problems, file: &Fields<'_>) -> FlowRules {
    FlowRules { labels: read_labels(problems, file), rows: read_rows(problems, file) }
}

fn read_labels(problems: &mut Problems, file: &Fields<'_>) -> LabelRules {
    let fields = file.get("labels").and_then(|node| problems.fields(node, "labels", &LABELS));
    let Some(fields) = fields else { return LabelRules::default() };
    let sessions = fields.get("sessions").and_then(|node| problems.choice(node, "labels.sessions", SESSIONS));
    LabelRules {
        line: fields.line,
        sessions_required: sessions.unwrap_or_default(),
        private_buckets: names(problems, &fields, "private_buckets"),
        private_volumes: names(problems, &fields, "private_volumes"),
        private_hosts: hosts(problems, &fields, "private_hosts"),
        private_tools: patterns(problems, &fields, "private_tools"),
        trusted_hosts: hosts(problems, &fields, "trusted_hosts"),
        trusted_providers: names(problems, &fields, "trusted_providers"),
        untrusted_tools: patterns(problems, &fields, "untrusted_tools"),
        trusted_publishers: publishers(problems, &fields),
    }
}

fn read_rows(problems: &mut Problems, file: &Fields<'_>) -> Vec<FlowRow> {
    let Some(node) = file.get("flow") else { return Vec::new() };
    if matches!(node.value, Value::Table(_)) {
        problems.add(node.line, "flow", "rules of flow are a list: write [[flow]] with two brackets");
        return Vec::new();
    }
    let mut rows = Vec::new();
    for (nth, node) in problems.list(node, "flow", FLOWS_MAX).unwrap_or_default().iter().enumerate() {
        let number = nth + 1;
        let Some(fields) = problems.fields(node, &format!("flow[{number}]"), &FLOW) else { continue };
        let when: Labels = words(problems, &fields, "when", LABEL).into_iter().collect();
        let deny: Vec<GrantKind> = words(problems, &fields, "deny", WAYS_OUT);
        let except = patterns(problems, &fields, "except");
        let require = fields.get("require");
        let require = require.and_then(|node| problems.choice(node, &fields.place("require"), &[("approval", ())]));
        rows.push(FlowRow { number, line: fields.line, when, deny, except, or_approval: require.is_some() });
    }
    rows
}

/// A list of words that has to be there and to have something in it: an empty `when` would hold for every call.
fn words<T: Copy>(problems: &mut Problems, fields: &Fields<'_>, key: &str, words: &[(&str, T)]) -> Vec<T> {
    let place = fields.place(key);
    let node = fields.get(key);
    let found = match node {
        Some(node) => each(problems, node, &place, |problems, node, place| problems.choice(node, place, words)),
        None => Vec::new(),
    };
    if node.is_none_or(|node| matches!(&node.value, Value::List(list) if list.is_empty())) {
        let known: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        problems.add(node.map_or(fields.line, |node| node.line), place, format!("name some of {}", known.join(", ")));
    }
    found
}

fn each<T>(
    problems: &mut Problems,
    node: &Node,
    place: &str,
    read: impl Fn(&mut Problems, &Node, &str) -> Option<T>,
) -> Vec<T> {
    let nodes = problems.list(node, place, ENTRIES_MAX).unwrap_or_default().iter().enumerate();
    nodes.filter_map(|(nth, node)| read(problems, node, &format!("{place}[{}]", nth + 1))).collect()
}

fn patterns(problems: &mut Problems, fields: &Fields<'_>, key: &str) -> Vec<Pattern> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    read_patterns(problems, node, &fields.place(key), TOOLS_MAX).into_iter().map(|at| at.value).collect()
}

fn hosts(problems: &mut Problems, fields: &Fields<'_>, key: &str) -> Vec<HostPattern> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    let read = |text: &str| HostPattern::read(text).map_err(|problem| format!("{}: {problem}", shown(text)));
    each(problems, node, &fields.place(key), |problems, node, place| problems.parsed(node, place, read))
}

/// Names of keys, which can be any text.
fn publishers(problems: &mut Problems, fields: &Fields<'_>) -> Option<BTreeSet<String>> {
    let (key, node) = ("trusted_publishers", fields.get("trusted_publishers")?);
    let names =
        each(problems, node, &fields.place(key), |problems, node, place| problems.text(node, place).map(str::to_owned));
    Some(names.into_iter().collect())
}

fn names(problems: &mut Problems, fields: &Fields<'_>, key: &str) -> BTreeSet<String> {
    let Some(node) = fields.get(key) else { return BTreeSet::new() };
    let read = |text: &str| match is_name(text) {
        true => Ok(text.to_owned()),
        false => Err(format!("{} is no name: {NAME_RULE}", shown(text))),
    };
    each(problems, node, &fields.place(key), |problems, node, place| problems.parsed(node, place, read))
        .into_iter()
        .collect()
}
