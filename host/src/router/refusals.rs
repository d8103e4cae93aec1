//! Calls that were not let in. A denial is an entry of its own, with an id to ask about; what a flood would bring by
//! the thousand (malformed, unknown, throttled, shed, unauthenticated) is counted, and is one entry a second for each
//! principal and reason.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::Failed;
use crate::audit::entry::{CallRefused, LoginFailed};
use crate::audit::{Audit, Event};
use crate::error::{Code, Error};
use crate::id::{CallId, PrincipalId, TenantId, ToolName};
use crate::policy::Denied;
use crate::snapshot::Caller;

/// Different refusals that are told apart within a second; further ones are counted together by tenant.
const KINDS_MAX: usize = 10_000;

/// A call that was not let in, as it is counted. It names a tool only where there is such a tool: made-up names would
/// make as many entries as anybody likes.
#[derive(Debug)]
pub(super) struct Refused<'a> {
    pub(super) code: Code,
    pub(super) tool: Option<ToolName>,
    pub(super) reason: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    tenant: TenantId,
    principal: Option<PrincipalId>,
    code: Code,
    tool: Option<ToolName>,
}

#[derive(Debug)]
struct Count {
    times: u64,
    /// Of the first.
    reason: String,
}

/// Counts refusals until they are flushed.
#[derive(Debug)]
pub(super) struct Refusals {
    audit: Audit,
    counts: Mutex<HashMap<Kind, Count>>,
}

impl Refusals {
    pub(super) fn new(audit: Audit) -> Self {
        Self { audit, counts: Mutex::default() }
    }

    /// Counts a call that was not let in.
    pub(super) fn note(&self, caller: &Caller, refused: Refused<'_>) {
        let Refused { code, tool, reason } = refused;
        let kind = Kind { tenant: caller.tenant.id.clone(), principal: Some(caller.principal.id), code, tool };
        self.count(kind, reason);
    }

    /// Counts a key of `tenant` that was not valid.
    pub(super) fn note_login(&self, tenant: TenantId) {
        self.count(Kind { tenant, principal: None, code: Code::Unauthenticated, tool: None }, "the key is not valid");
    }

    /// Records a denial, durably: the answer names its id.
    pub(super) async fn denied(
        &self,
        caller: &Caller,
        call: CallId,
        tool: &ToolName,
        error: &Error,
        denied: &Denied,
    ) -> Result<(), Failed> {
        let event = Event::from(CallRefused {
            call: Some(call),
            code: error.code(),
            count: 1,
            reason: error.message().to_owned(),
            rule: Some(denied.rule.clone()),
            tool: Some(tool.clone()),
        });
        let position = self.audit.append(&caller.tenant.id, Some(caller.principal.id), &event)?;
        Ok(self.audit.durable(position).await?)
    }

    fn count(&self, kind: Kind, reason: &str) {
        let mut counts = self.counts.lock();
        let full = counts.len() >= KINDS_MAX && !counts.contains_key(&kind);
        let kind = if full { Kind { principal: None, tool: None, ..kind } } else { kind };
        counts.entry(kind).or_insert_with(|| Count { times: 0, reason: reason.to_owned() }).times += 1;
    }

    /// Puts what was counted into the record, and waits for nothing.
    pub(super) fn flush(&self) {
        let counts = std::mem::take(&mut *self.counts.lock());
        for (kind, count) in counts {
            let Kind { tenant, principal, code, tool } = kind;
            let event = match code {
                Code::Unauthenticated => Event::from(LoginFailed { count: count.times, reason: count.reason }),
                _ => Event::from(CallRefused {
                    call: None,
                    code,
                    count: count.times,
                    reason: count.reason,
                    rule: None,
                    tool,
                }),
            };
            if let Err(error) = self.audit.append(&tenant, principal, &event) {
                tracing::warn!(%tenant, ?error, "refusals are not recorded");
            }
        }
    }
}
