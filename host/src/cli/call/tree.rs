//! The calls that a call made, a line each, indented by who made them.

use std::time::Duration;

use crate::cli::style::{BAD, GOOD, QUIET, paint};
use crate::cli::{Output, words};
use crate::http::wire::{CallNode, CallResult};

/// Shows them on standard error, where what the call used is.
pub(super) fn show(result: &CallResult, output: Output) {
    if result.calls.is_empty() && result.calls_left_out == 0 {
        output.note("it made no calls");
        return;
    }
    for line in lines(&result.calls, result.calls_left_out, "") {
        output.note(line);
    }
}

fn lines(calls: &[CallNode], left_out: u64, before: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (nth, node) in calls.iter().enumerate() {
        let is_last = nth + 1 == calls.len() && left_out == 0;
        let (branch, below) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        lines.push(format!("{before}{branch}{}", line(node)));
        lines.extend(self::lines(&node.calls, node.calls_left_out, &format!("{before}{below}")));
    }
    if left_out > 0 {
        lines.push(format!(
            "{before}└─ {}",
            paint(QUIET, format_args!("and {} more: the record has them", words::count(left_out)))
        ));
    }
    lines
}

/// `catalogue/text.count 1.0.0 ok · 1,234 fuel · 3.20 ms · call 0192…`
fn line(node: &CallNode) -> String {
    let version = node.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let outcome = paint(if node.outcome == "ok" { GOOD } else { BAD }, &node.outcome);
    let mut parts = vec![format!("{}{version} {outcome}", node.tool)];
    if let Some(call) = node.call {
        parts.push(format!("{} fuel", words::count(node.fuel)));
        parts.push(words::span(Duration::from_micros(node.duration_us)));
        parts.push(format!("call {call}"));
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn node(tool: &str, outcome: &str, calls: Vec<CallNode>) -> CallNode {
        CallNode {
            call: None,
            tool: tool.parse().unwrap(),
            version: Some(semver::Version::new(1, 0, 0)),
            outcome: outcome.to_owned(),
            fuel: 0,
            duration_us: 0,
            calls,
            calls_left_out: 0,
        }
    }

    #[test]
    fn a_tree_shows_who_called_whom() {
        let lead = node("lead", "ok", vec![node("a.work", "ok", vec![]), node("b.work", "tool-failed", vec![])]);
        let shown = lines(&[lead, node("c", "ok", vec![])], 3, "");
        let plain: Vec<String> = shown.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
        expect![[r#"
            ├─ lead 1.0.0 ok
            │  ├─ a.work 1.0.0 ok
            │  └─ b.work 1.0.0 tool-failed
            ├─ c 1.0.0 ok
            └─ and 3 more: the record has them
        "#]]
        .assert_eq(&(plain.join("\n") + "\n"));
    }
}
