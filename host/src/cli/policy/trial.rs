//! `cofferdam policy try`: what a policy, or access rules, would change for calls that were recorded.

use std::path::PathBuf;

use clap::Args;
use reqwest::Method;

use super::span::Span;
use super::{TOML, access, text};
use crate::cli::client::Client;
use crate::cli::connection::Connection;
use crate::cli::style::{BAD, CARE, QUIET, STRONG, mark, one_line, paint};
use crate::cli::{Exit, Output, Result, words};
use crate::error::Error;
use crate::http::wire::{Change, ChangeKind, NotCompared, PolicyTried};
use crate::id::CallId;

/// Calls of each change that programs get: as many as the host names.
const CALLS_MAX: u32 = 10_000;
/// And people.
const CALLS: u32 = 5;
/// A rule on a line, in characters.
const RULE: usize = 200;

#[derive(Debug, Args)]
#[command(after_help = "\
The host decides the tenant's recorded calls again, under this policy or these access rules
and all else as it is now, and compares. It names up to 5 calls of each change; with --json up to 10,000, and 50,000 in all.
Exit code 3: calls that were let in would be denied, or denied something that they really used.")]
pub(super) struct Try {
    /// The policy; - is standard input
    #[arg(required_unless_present = "access")]
    file: Option<PathBuf>,
    /// Access rules to try instead, Cedar; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    access: Option<PathBuf>,
    #[command(flatten)]
    span: Span,
    #[command(flatten)]
    connection: Connection,
}

impl Try {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let calls = if output.json() { CALLS_MAX } else { CALLS };
        let mut query = vec![("since", self.span.since.to_string()), ("calls", calls.to_string())];
        query.extend(self.span.until.map(|until| ("until", until.to_string())));
        let client = Client::new(&self.connection)?;
        let tried: PolicyTried = match (&self.file, &self.access) {
            (_, Some(file)) => {
                let (path, text) = (["v1", "policy", "access", "try"], access::text(file)?);
                client.send_text_with(Method::POST, &path, &query, access::TEXT, text)?
            }
            (Some(file), None) => {
                client.send_text_with(Method::POST, &["v1", "policy", "try"], &query, TOML, text(file)?)?
            }
            (None, None) => return Err(Error::internal("clap").into()),
        };
        output.show(&tried, shown)?;
        if let Some(cut) = tried.looked_at.cut {
            output.note(format_args!("calls from {} on were not looked at: --since {cut}", words::moment(cut.0)));
        }
        let takes = |change: &Change| matches!(change.kind, ChangeKind::Denied | ChangeKind::UseDenied);
        Ok(if tried.trial.changes.iter().any(takes) { Exit::Denied } else { Exit::Ok })
    }
}

fn shown(tried: &PolicyTried) -> String {
    let PolicyTried { looked_at, trial } = tried;
    let (since, until) = (words::moment(looked_at.since.0), words::moment(looked_at.until.0));
    let mut text = format!(
        "{} decided upon from {since} to {until}: {} as before, {} not\n",
        words::some(usize::try_from(trial.decisions).unwrap_or(usize::MAX), "call", "calls"),
        words::count(trial.same),
        words::count(trial.changed),
    );
    let mut heading = None;
    for change in &trial.changes {
        if heading.replace(change.kind) != Some(change.kind) {
            text += &format!("\n{}\n", title(change.kind));
        }
        text += &of_change(change);
    }
    if trial.changes_left_out > 0 {
        text += &format!("\nand further changes, {} calls\n", words::count(trial.changes_left_out));
    }
    if !trial.not_compared.is_empty() {
        text += &format!("\n{}\n", paint(STRONG, "cannot be compared"));
    }
    for NotCompared { words: why, count, calls, calls_left_out, .. } in &trial.not_compared {
        text += &format!("  {}  {why}\n", words::count(*count));
        text += &examples(calls, *calls_left_out);
    }
    if trial.uses_unknown > 0 {
        let unknown = words::count(trial.uses_unknown);
        text += &format!("\nof {unknown} calls the record does not have all that they used: they may need more\n");
    }
    if trial.changed == 0 {
        text +=
            &format!("\n{} {}\n", mark(true), paint(STRONG, "nothing would change for the calls that were compared"));
    }
    text
}

fn title(kind: ChangeKind) -> String {
    match kind {
        ChangeKind::Denied => paint(BAD, "would be denied"),
        ChangeKind::UseDenied => paint(BAD, "would be let in, and denied something that they used"),
        ChangeKind::UseUncertain => paint(CARE, "would be let in, and perhaps denied a request that they sent"),
        ChangeKind::Routed => paint(CARE, "would go elsewhere by their route"),
        ChangeKind::Waits => paint(CARE, "would wait for approval"),
        ChangeKind::Limited => paint(CARE, "would run under another limit"),
        ChangeKind::Allowed => paint(STRONG, "had been denied, and would be let in"),
    }
}

fn of_change(change: &Change) -> String {
    let tools: Vec<String> = change.tools.iter().map(ToString::to_string).collect();
    let what = match (&change.used, &change.limit) {
        (Some(used), _) => format!("{}: ", one_line(&used.to_string(), RULE)),
        (None, Some(limit)) => {
            let exceeded = match limit.exceeded {
                0 => String::new(),
                calls => format!(", which {} took more than", words::count(calls)),
            };
            let (before, after) = (words::count(limit.before), words::count(limit.after));
            format!("{} {before} becomes {after}{exceeded}: ", limit.limit)
        }
        (None, None) => String::new(),
    };
    let count = words::count(change.count);
    let rule = one_line(&change.rule, RULE);
    let tools = paint(QUIET, one_line(&tools.join(", "), RULE));
    format!("  {count}  {what}{rule}\n     {tools}\n{}", examples(&change.calls, change.calls_left_out))
}

fn examples(calls: &[CallId], left_out: u64) -> String {
    let mut text = String::new();
    for call in calls {
        text += &format!("     {}\n", paint(QUIET, call));
    }
    if left_out > 0 && !calls.is_empty() {
        text += &format!("     {}\n", paint(QUIET, format_args!("and {} more", words::count(left_out))));
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;
    use crate::cli::style::framed;

    #[test]
    fn policy_try_reads_as_a_report() {
        let call = "0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77";
        let change = |kind: &str, rule: &str, count: u64| {
            json!({"kind": kind, "rule": rule, "tools": ["catalogue/notes.add"], "count": count,
                "calls": [call], "calls_left_out": count - 1})
        };
        let mut lost = change("use-denied", "policy line 3: kv in [[grant]] 1: access is read-only", 1_200);
        lost["use"] = json!({"kv": {"access": "write", "bucket": "notes"}});
        let mut limited = change("limited", "policy line 2: limits.fuel", 2);
        limited["limit"] = json!({"limit": "fuel", "before": 1_000_000_000, "after": 5_000, "exceeded": 1});
        let tried: PolicyTried = serde_json::from_value(json!({
            "looked_at": {"since": "2026-03-01T00:00:00Z", "until": "2026-03-08T00:00:00Z", "entries": 9_000},
            "digest": format!("sha256:{}", "0".repeat(64)), "decisions": 4_321, "same": 3_000, "changed": 1_203,
            "changes": [change("denied", "policy line 1: [tools] deny \"catalogue/x\"\u{1b}", 1), lost, limited],
            "changes_left_out": 0, "uses_unknown": 3,
            "not_compared": [{"reason": "ceiling-gone", "words": "the ceiling is gone", "count": 118, "calls": [],
                "calls_left_out": 118}],
        }))
        .unwrap();
        expect![[r#"
            |4,321 calls decided upon from 2026-03-01 00:00:00 to 2026-03-08 00:00:00: 3,000 as before, 1,203 not
            |
            |would be denied
            |  1  policy line 1: [tools] deny "catalogue/x"\u{1b}
            |     catalogue/notes.add
            |     0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77
            |
            |would be let in, and denied something that they used
            |  1,200  write bucket "notes": policy line 3: kv in [[grant]] 1: access is read-only
            |     catalogue/notes.add
            |     0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77
            |     and 1,199 more
            |
            |would run under another limit
            |  2  fuel 1,000,000,000 becomes 5,000, which 1 took more than: policy line 2: limits.fuel
            |     catalogue/notes.add
            |     0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77
            |     and 1 more
            |
            |cannot be compared
            |  118  the ceiling is gone
            |
            |of 3 calls the record does not have all that they used: they may need more
        "#]]
        .assert_eq(&framed(&shown(&tried)));
    }
}
