//! `[audit]`, of either file.

use std::time::Duration;

use super::keys::{AUDIT, AUDIT_CAP};
use super::node::{Node, Value};
use super::reader::Fields;
use crate::policy::problem::Problems;
use crate::policy::rows::{At, AuditCap, AuditRules};

/// What a payload is kept for at least: less, and it is gone before anyone can read it.
const LEAST: u64 = 1_000_000_000;
/// And at most: ten years.
const MOST: u64 = 10 * 31_557_600 * LEAST;

/// Of a tenant's file.
pub(super) fn read_audit(problems: &mut Problems, file: &Fields<'_>) -> AuditRules {
    let mut rules = AuditRules::default();
    let Some(fields) = file.get("audit").and_then(|node| problems.fields(node, "audit", &AUDIT)) else { return rules };
    if let Some(node) = fields.get("payloads") {
        let retention = problems.duration(node, "audit.payloads", LEAST, MOST).map(Duration::from_nanos);
        rules.payloads = retention.map(|value| At { line: node.line, value });
    }
    if let Some(node) = fields.get("record") {
        let record = problems.truth(node, "audit.record").unwrap_or_default();
        rules.record = record.then_some(At { line: node.line, value: () });
        if record && fields.get("payloads").is_none() {
            problems.add(
                node.line,
                "audit.record",
                "it needs audit.payloads: what the host answers is kept with a payload",
            );
        }
    }
    rules
}

/// Of the platform's file.
pub(super) fn read_audit_cap(problems: &mut Problems, file: &Fields<'_>) -> AuditCap {
    let mut cap = AuditCap::default();
    let fields = file.get("audit").and_then(|node| problems.fields(node, "audit", &AUDIT_CAP));
    let Some(fields) = fields else { return cap };
    if let Some(node) = fields.get("payloads") {
        cap.payloads = match node.value {
            Value::Boolean(true) => None,
            Value::Boolean(false) => Some(Duration::ZERO),
            _ => most(problems, node),
        };
    }
    if let Some(node) = fields.get("record") {
        cap.record = problems.truth(node, "audit.record").unwrap_or(cap.record);
    }
    cap
}

fn most(problems: &mut Problems, node: &Node) -> Option<Duration> {
    if !matches!(node.value, Value::Text(_)) {
        return problems.wrong(node, "audit.payloads", "true, false or a time such as \"30d\"");
    }
    problems.duration(node, "audit.payloads", LEAST, MOST).map(Duration::from_nanos)
}
