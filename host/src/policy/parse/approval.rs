//! `[approval]`, of either file.

use std::time::Duration;

use super::TOOLS_MAX;
use super::keys::Section;
use super::node::Node;
use super::reader::Fields;
use super::tenant::read_patterns;
use crate::policy::approval::ApprovalRules;
use crate::policy::pattern::Pattern;
use crate::policy::problem::Problems;
use crate::policy::rows::At;
use crate::routed::Level;

/// Less, and it is over before anyone can decide; in nanoseconds.
const LEAST: u64 = 1_000_000_000;
/// More, and what was looked at is long forgotten: a week.
const MOST: u64 = 7 * 86_400 * LEAST;

const LEVELS: &[(&str, Level)] = &[("low", Level::Low), ("medium", Level::Medium), ("high", Level::High)];

pub(super) fn read_approval(problems: &mut Problems, file: &Fields<'_>, section: &Section) -> ApprovalRules {
    let fields = file.get("approval").and_then(|node| problems.fields(node, "approval", section));
    let Some(fields) = fields else { return ApprovalRules::default() };
    let mut patterns = |key: &str| -> Vec<At<Pattern>> {
        let read = |node: &Node| read_patterns(problems, node, &fields.place(key), TOOLS_MAX);
        fields.get(key).map(read).unwrap_or_default()
    };
    let (tools, except) = (patterns("tools"), patterns("except"));
    let from_risk = fields.get("from_risk").and_then(|node| {
        let value = problems.choice(node, "approval.from_risk", LEVELS)?;
        Some(At { line: node.line, value })
    });
    let time = fields.get("time").and_then(|node| {
        let value = Duration::from_nanos(problems.duration(node, "approval.time", LEAST, MOST)?);
        Some(At { line: node.line, value })
    });
    ApprovalRules { line: fields.line, from_risk, tools, except: except.into_iter().map(|at| at.value).collect(), time }
}
