//! Which entries are asked for.

use std::time::SystemTime;

use super::{Entry, Event};
use crate::audit::entry::{Outcome, ReplayOutcome};
use crate::error::{Code, Error, Result};
use crate::id::{CallId, PrincipalId, ToolName};

/// Which entries: those that everything given here is true of; all of them where nothing is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this kind, such as `call.refused`; all of a family where it ends with a dot, such as `call.`.
    pub kind: Option<String>,
    /// Done by this principal.
    pub principal: Option<PrincipalId>,
    /// Naming this tool, or any tool of this package. An outcome does not name its tool; its decision does.
    pub tool: Option<ToolName>,
    /// About this call.
    pub call: Option<CallId>,
    /// What did not end well: refused, denied, failed.
    pub failed: bool,
    /// Not before.
    pub since: Option<SystemTime>,
    /// Before.
    pub until: Option<SystemTime>,
}

impl Filter {
    /// That there are such entries at all.
    ///
    /// # Errors
    /// `invalid-request` for a kind that there is not, naming those that there are.
    pub fn check(&self) -> Result<()> {
        match &self.kind {
            Some(wanted) if !Event::KINDS.iter().any(|kind| is_kind(wanted, kind)) => {
                let kinds = Event::KINDS.join(", ");
                let wanted: String = wanted.chars().take(100).collect();
                Err(Error::new(Code::InvalidRequest, format!("there are no entries of kind {wanted:?}"))
                    .next(format!("give one of {kinds}; or a family, such as \"call.\"")))
            }
            _ => Ok(()),
        }
    }

    /// Whether it is true of the entry.
    pub fn admits(&self, entry: &Entry) -> bool {
        self.kind.as_ref().is_none_or(|wanted| is_kind(wanted, entry.event.kind()))
            && self.principal.is_none_or(|principal| entry.principal == Some(principal))
            && self.tool.as_ref().is_none_or(|wanted| tool(&entry.event).is_some_and(|tool| names(wanted, tool)))
            && self.call.is_none_or(|call| entry.event.call() == Some(call))
            && (!self.failed || failed(&entry.event))
            && self.since.is_none_or(|since| entry.time >= since)
            && self.until.is_none_or(|until| entry.time < until)
    }
}

/// Whether `wanted` is `kind`, or a family that it is of.
fn is_kind(wanted: &str, kind: &str) -> bool {
    kind == wanted || (wanted.ends_with('.') && kind.starts_with(wanted))
}

fn tool(event: &Event) -> Option<&ToolName> {
    match event {
        Event::CallDecided(event) => Some(&event.tool),
        Event::CallAnswered(event) => Some(&event.tool),
        Event::ApprovalAsked(event) => Some(&event.tool),
        Event::ApprovalDecided(event) => Some(&event.tool),
        Event::CallRefused(event) => event.tool.as_ref(),
        _ => None,
    }
}

/// Whether `wanted` is `tool`, or the package that it is of.
fn names(wanted: &ToolName, tool: &ToolName) -> bool {
    let (wanted, tool) = (wanted.to_string(), tool.to_string());
    tool.strip_prefix(&wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn failed(event: &Event) -> bool {
    match event {
        Event::CallEnded(event) => event.outcome != Outcome::Ok,
        Event::CallReplayed(event) => event.outcome != ReplayOutcome::Same,
        Event::ModelRequested(event) => event.outcome != "ok",
        Event::CallRefused(_)
        | Event::CapabilityDenied(_)
        | Event::ComponentRejected(_)
        | Event::LoginFailed(_)
        | Event::RequestRefused(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::samples::{decided, ended, every_event, micros_time};

    fn entry(event: Event) -> Entry {
        Entry { event, index: 0, principal: None, tenant: "acme".parse().unwrap(), time: micros_time() }
    }

    #[test]
    fn a_kind_that_there_is_not_is_an_error_that_names_those_there_are() {
        let of = |kind: &str| Filter { kind: Some(kind.to_owned()), ..Filter::default() };
        for kind in ["call.ended", "call.", "tool."] {
            of(kind).check().unwrap();
        }
        for kind in ["", "call", ".", "call.endet", "calls."] {
            let error = of(kind).check().unwrap_err();
            assert!(error.what_next().unwrap().contains("call.ended"), "{kind}");
        }
    }

    #[test]
    fn everything_that_is_given_has_to_be_true() {
        let call = CallId::new();
        let decided = entry(decided(call));
        let admits = |filter: Filter| filter.admits(&decided);
        assert!(admits(Filter::default()));
        for (text, admitted) in
            [("catalogue/text.count", true), ("catalogue/text", true), ("catalogue/tex", false), ("text", false)]
        {
            assert_eq!(admits(Filter { tool: Some(text.parse().unwrap()), ..Filter::default() }), admitted, "{text}");
        }
        for (text, admitted) in [("call.decided", true), ("call.", true), ("call", false), ("tool.", false)] {
            assert_eq!(admits(Filter { kind: Some(text.to_owned()), ..Filter::default() }), admitted, "{text}");
        }
        assert!(admits(Filter { call: Some(call), since: Some(micros_time()), ..Filter::default() }));
        assert!(!admits(Filter { call: Some(call), until: Some(micros_time()), ..Filter::default() }));
        assert!(!admits(Filter { call: Some(CallId::new()), ..Filter::default() }));
        assert!(!admits(Filter { principal: Some(PrincipalId::new()), ..Filter::default() }));
        assert!(!admits(Filter { failed: true, ..Filter::default() }));
        assert!(!Filter { failed: true, ..Filter::default() }.admits(&entry(ended(call))));
        let failed = every_event().into_iter().filter(failed).count();
        assert!(failed >= 5, "{failed}");
    }
}
