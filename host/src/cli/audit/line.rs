//! An entry of the record on one line, for people.

use std::time::Duration;

use crate::audit::Entry;
use crate::audit::entry::{Event, Outcome, ReplayOutcome};
use crate::cli::style::{BAD, CARE, GOOD, QUIET, one_line, paint};
use crate::cli::words;
use crate::uses::CapabilityUse;

/// A text of an entry on the line, in characters.
const TEXT: usize = 100;

/// `12  2026-03-01 12:00:00  call.ended  …`.
pub(in crate::cli) fn of(entry: &Entry) -> String {
    let principal = entry.principal.map_or_else(|| "the host".to_owned(), |id| id.to_string());
    format!(
        "{:>6}  {}  {:<18} {}  {}\n",
        entry.index,
        paint(QUIET, words::moment(entry.time)),
        entry.event.kind(),
        what(&entry.event),
        paint(QUIET, format_args!("by {principal}")),
    )
}

/// What happened, in words.
pub(in crate::cli) fn what(event: &Event) -> String {
    let short = |text: &str| one_line(text, TEXT);
    match event {
        Event::CallDecided(e) => {
            let limits = format!(
                "{} fuel, {}, {}",
                words::count(e.limits.fuel),
                words::bytes(e.limits.memory_bytes),
                words::span(Duration::from_millis(e.limits.deadline_ms))
            );
            let route = e.route.as_ref().map(|route| match route.attempt {
                1 => format!(" by routes/{}", route.name),
                attempt => format!(" by routes/{}, attempt {attempt}", route.name),
            });
            let route = route.unwrap_or_default();
            format!("{} {} may run as {}{route}: {} ({limits})", e.tool, e.version, e.call, short(&e.rule))
        }
        Event::CallEnded(e) => {
            let outcome = match e.outcome {
                Outcome::Ok => paint(GOOD, e.outcome),
                Outcome::Failed(_) => paint(BAD, e.outcome),
            };
            let took = words::span(Duration::from_micros(e.duration_us));
            let uses = uses(e.uses.as_deref().unwrap_or_default(), e.uses_left_out);
            format!("{outcome} after {took}, {} fuel{uses}, call {}", words::count(e.fuel), e.call)
        }
        Event::ModelRequested(e) => {
            let taken = e.considered.iter().find(|choice| choice.taken);
            let model =
                taken.map_or_else(|| "no model".to_owned(), |choice| format!("{}/{}", choice.provider, choice.model));
            let outcome = if e.outcome == "ok" { paint(GOOD, &e.outcome) } else { paint(BAD, &e.outcome) };
            let tokens = words::count(e.input_tokens.saturating_add(e.output_tokens));
            let downgrade = e.downgrade.as_ref().map(|why| format!(", {}", short(why))).unwrap_or_default();
            format!("{outcome} by {} from {model}, {tokens} tokens for {}{downgrade}, call {}", e.route, e.cost, e.call)
        }
        Event::CallReplayed(e) => {
            let outcome = match e.outcome {
                ReplayOutcome::Same => paint(GOOD, "same"),
                ReplayOutcome::Differs => paint(BAD, "differs"),
                ReplayOutcome::NotComparable => paint(CARE, "not comparable"),
            };
            let why = e.difference.as_ref().map(|text| format!(": {}", short(text))).unwrap_or_default();
            format!("{outcome}{why}, call {}", e.call)
        }
        Event::CallRefused(e) => {
            let tool = e.tool.as_ref().map(|tool| format!("{tool} ")).unwrap_or_default();
            let rule = e.rule.as_ref().map(|rule| format!(" [{}]", short(rule))).unwrap_or_default();
            format!("{tool}{}: {}{rule}{}", paint(CARE, e.code), short(&e.reason), times(e.count))
        }
        Event::CapabilityDenied(e) => {
            let nearest = e.nearest.as_ref().map(|rule| format!(", nearest: {}", short(rule))).unwrap_or_default();
            let denied = paint(CARE, format_args!("{} denied", short(&e.capability)));
            format!("{denied}: {} [{}{nearest}], call {}", short(&e.action), short(&e.rule), e.call)
        }
        Event::ComponentAdmitted(e) => format!("{} ({}, {})", e.component, short(&e.tool_kind), words::bytes(e.bytes)),
        Event::ComponentRejected(e) => {
            let which = e.component.map(|digest| format!("{digest}: ")).unwrap_or_default();
            format!("{which}{}", short(&e.reasons.join("; ")))
        }
        Event::ComponentRecalled(e) => format!("{}: {}", e.component, short(&e.reason)),
        Event::RecallLifted(e) => e.component.to_string(),
        Event::SubmissionOpened(e) => {
            format!("{} {} of {} runs {}, {}", e.package, e.version, e.tenant, e.component, e.submission)
        }
        Event::SubmissionDecided(e) => {
            let became = if e.approved { paint(GOOD, "approved") } else { paint(CARE, "refused") };
            let why = e.reason.as_ref().map(|text| format!(": {}", short(text))).unwrap_or_default();
            format!("{} {} of {} {became}{why}, {}", e.package, e.version, e.tenant, e.submission)
        }
        Event::ToolApproved(e) => format!("{} {}: {}", e.package, e.version, short(&e.asks)),
        Event::ToolPublished(e) => {
            let signer = e.signer.as_ref().map(|signer| format!(", signed by {}", short(signer))).unwrap_or_default();
            format!("{} {} runs {}{signer}", e.package, e.version, e.component)
        }
        Event::ToolPromoted(e) => format!("{} {}{}", e.package, e.version, before(e.before.as_ref())),
        Event::ToolRolledBack(e) => format!("{} to {}{}", e.package, e.version, before(e.before.as_ref())),
        Event::ToolDeprecated(e) => format!("{} {}: {}", e.package, e.version, short(&e.message)),
        Event::PolicyChanged(e) => format!("{}{}", e.after, before(e.before.as_ref())),
        Event::AccessChanged(e) => {
            let whose = if e.platform { "the platform's " } else { "" };
            format!("{whose}{}{}", e.after, before(e.before.as_ref()))
        }
        Event::TenantCreated(_) => String::new(),
        Event::TenantSuspended(e) => e.reason.as_deref().map(short).unwrap_or_default(),
        Event::TenantResumed(_) => String::new(),
        Event::KeyCreated(e) => format!("{} ({}), {}", short(&e.name), e.scopes.join(", "), e.key),
        Event::KeyRotated(e) => e.key.to_string(),
        Event::KeyRevoked(e) => e.key.to_string(),
        Event::CallAnswered(e) => format!("{} {} by the answer of {}: {}", e.tool, e.version, e.answer_of, e.because),
        Event::ApprovalAsked(e) => {
            format!("{} {} waits as {}: {}", e.tool, e.version, e.approval, short(&e.rules.join(", ")))
        }
        Event::ApprovalDecided(e) => {
            let became = if e.approved { "may be made" } else { "may not be made" };
            let why = e.reason.as_ref().map(|text| format!(": {}", short(text))).unwrap_or_default();
            format!("{} of {} {became}{why}, {}", e.tool, e.principal, e.approval)
        }
        Event::ApprovalExpired(e) => format!("{} by {}", e.approval, e.why.as_str()),
        Event::SessionCleared(e) => format!("{} of {}: {}", e.session, e.principal, short(&e.reason)),
        Event::SecretSet(e) => format!("{} version {}", e.name, e.version),
        Event::SecretRemoved(e) => format!("{} version {}", e.name, e.version),
        Event::LogKeyRotated(e) => format!("signed by {} from here on", short(&e.after)),
        Event::PayloadErased(e) => e.call.map_or_else(|| "of every call".to_owned(), |call| format!("of call {call}")),
        Event::LoginFailed(e) => format!("{}{}", short(&e.reason), times(e.count)),
        Event::RequestRefused(e) => format!("{}: {}{}", short(&e.operation), short(&e.reason), times(e.count)),
        Event::HostStarted(e) => format!("version {}, engine {}", short(&e.version), short(&e.engine)),
        Event::HostKeysRotated(e) => {
            let (secrets, payloads) = (words::count(e.secrets), words::count(e.payloads));
            format!("wrapped {secrets} keys for secrets and {payloads} for payloads anew")
        }
        Event::HostRecovered(e) => format!("{} calls were interrupted", words::count(e.interrupted)),
    }
}

/// What a call really used, in words.
fn uses(uses: &[CapabilityUse], left_out: u64) -> String {
    if uses.is_empty() && left_out == 0 {
        return String::new();
    }
    let mut told: Vec<String> = uses.iter().map(ToString::to_string).collect();
    if left_out > 0 {
        told.push(format!("{} uses more", words::count(left_out)));
    }
    format!(", used: {}", one_line(&told.join(", "), TEXT))
}

fn before(before: Option<&impl std::fmt::Display>) -> String {
    before.map(|before| format!(", before {before}")).unwrap_or_default()
}

fn times(count: u64) -> String {
    if count > 1 { format!(", {} times", words::count(count)) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use expect_test::expect;

    use super::*;
    use crate::audit::entry::{CallRefused, CapabilityDenied, KeyRevoked, LoginFailed};
    use crate::cli::style::framed;
    use crate::error::Code;

    #[test]
    fn entries_read_as_sentences() {
        let call = "0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77".parse().unwrap();
        let refused = CallRefused {
            access: None,
            decisions: vec![],
            call: None,
            ceiling: None,
            code: Code::Throttled,
            count: 1_200,
            labels: Vec::new(),
            parent: None,
            policy: None,
            reason: "more than 32 calls at once".to_owned(),
            route: None,
            rule: None,
            session: None,
            tool: Some("notes.add".parse().unwrap()),
            version: None,
        };
        let denied = CapabilityDenied {
            action: "GET https://example.com/\u{1b}[2J".to_owned(),
            call,
            capability: "http".to_owned(),
            nearest: Some("grant 2, http 1".to_owned()),
            rule: "no rule matches".to_owned(),
        };
        let change = "0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77".parse().unwrap();
        let key = "0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77".parse().unwrap();
        let events: [Event; 4] = [
            refused.into(),
            denied.into(),
            KeyRevoked { change, key }.into(),
            LoginFailed { count: 1, reason: "no such key".to_owned() }.into(),
        ];
        let tenant: crate::id::TenantId = "acme".parse().unwrap();
        let lines: String = events
            .into_iter()
            .zip(0..)
            .map(|(event, index)| {
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_770_000_000);
                of(&Entry { event, index, principal: None, tenant: tenant.clone(), time })
            })
            .collect();
        expect![[r#"
            |     0  2026-02-02 02:40:00  call.refused       notes.add throttled: more than 32 calls at once, 1,200 times  by the host
            |     1  2026-02-02 02:40:00  capability.denied  http denied: GET https://example.com/\u{1b}[2J [no rule matches, nearest: grant 2, http 1], call 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77  by the host
            |     2  2026-02-02 02:40:00  key.revoked        0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77  by the host
            |     3  2026-02-02 02:40:00  login.failed       no such key  by the host
        "#]].assert_eq(&framed(&lines));
    }
}
