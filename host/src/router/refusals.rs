//! What was not let in: calls, keys, and requests that a key's scopes do not allow. A denied call is an entry of its own, with an
//! id to ask about; what a flood would bring by the thousand (malformed, unknown, throttled, shed, unauthenticated) is
//! counted, and is one entry a second for each principal and reason.

use std::borrow::Cow;
use std::collections::HashMap;

use parking_lot::Mutex;

use super::Failed;
use crate::audit::entry::{CallRefused, LoginFailed, RequestRefused};
use crate::audit::{Audit, Event};
use crate::error::{Code, Error};
use crate::id::{CallId, PrincipalId, TenantId, ToolName};
use crate::policy::Denied;
use crate::snapshot::{Caller, Resolved};

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
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum What {
    Login,
    Call(Code, Option<ToolName>),
    Request(Cow<'static, str>),
}

impl Kind {
    /// The same with fewer differences, for a table that is full.
    fn coarse(self) -> Self {
        let what = match self.what {
            What::Login => What::Login,
            What::Call(code, _) => What::Call(code, None),
            What::Request(_) => What::Request(Cow::Borrowed("several")),
        };
        Self { tenant: self.tenant, principal: None, what }
    }
}

fn of(caller: &Caller, what: What) -> Kind {
    Kind { tenant: caller.tenant.id.clone(), principal: Some(caller.principal.id), what }
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
        self.count(of(caller, What::Call(code, tool)), reason);
    }

    /// Counts a request, other than a call, that the caller's scopes do not allow.
    pub(super) fn note_request(&self, caller: &Caller, operation: String) {
        self.count(of(caller, What::Request(operation.into())), "the key has not the scope");
    }

    /// Counts a key of `tenant` that was not valid.
    pub(super) fn note_login(&self, tenant: TenantId) {
        self.count(Kind { tenant, principal: None, what: What::Login }, "the key is not valid");
    }

    /// Records a denial, durably: the answer names its id.
    pub(super) async fn denied(
        &self,
        caller: &Caller,
        call: CallId,
        resolved: &Resolved,
        error: &Error,
        denied: &Denied,
    ) -> Result<(), Failed> {
        // With what it takes to decide the same again.
        let event = Event::from(CallRefused {
            call: Some(call),
            ceiling: Some(caller.platform.ceiling.digest()),
            code: error.code(),
            count: 1,
            policy: Some(caller.tenant.policy.digest()),
            reason: error.message().to_owned(),
            rule: Some(denied.rule.clone()),
            tool: Some(resolved.name()),
            version: Some(resolved.version.version.clone()),
        });
        let position = self.audit.append(&caller.tenant.id, Some(caller.principal.id), &event)?;
        Ok(self.audit.durable(position).await?)
    }

    fn count(&self, kind: Kind, reason: &str) {
        let mut counts = self.counts.lock();
        let full = counts.len() >= KINDS_MAX && !counts.contains_key(&kind);
        let kind = if full { kind.coarse() } else { kind };
        counts.entry(kind).or_insert_with(|| Count { times: 0, reason: reason.to_owned() }).times += 1;
    }

    /// Puts what was counted into the record, and waits for nothing.
    pub(super) fn flush(&self) {
        let counts = std::mem::take(&mut *self.counts.lock());
        for (kind, count) in counts {
            let Kind { tenant, principal, what } = kind;
            let Count { times: count, reason } = count;
            let event = match what {
                What::Login => Event::from(LoginFailed { count, reason }),
                What::Call(code, tool) => counted(code, count, reason, tool).into(),
                What::Request(operation) => RequestRefused { count, operation: operation.into_owned(), reason }.into(),
            };
            if let Err(error) = self.audit.append(&tenant, principal, &event) {
                tracing::warn!(%tenant, ?error, "refusals are not recorded");
            }
        }
    }
}

/// The entry of calls that were refused before policy was asked, or for another reason.
fn counted(code: Code, count: u64, reason: String, tool: Option<ToolName>) -> CallRefused {
    CallRefused { call: None, ceiling: None, code, count, policy: None, reason, rule: None, tool, version: None }
}
