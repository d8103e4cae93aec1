//! What was not let in: calls, keys, and requests that a key may not make. A denied call is an entry of its own, with an
//! id to ask about; what a flood would bring by the thousand (malformed, unknown, throttled, shed, unauthenticated) is
//! counted, and is one entry a second for each principal and reason.

use std::borrow::Cow;
use std::collections::HashMap;

use parking_lot::Mutex;

use super::Failed;
use super::call::access_of;
use super::flow::HeldBack;
use crate::audit::entry::{CallRefused, DecidedAccess, LoginFailed, RequestRefused};
use crate::audit::{Audit, Event};
use crate::error::{Code, Error};
use crate::id::{CallId, DecisionId, PrincipalId, SessionId, TenantId, ToolName};
use crate::labels::Brought;
use crate::routed::DecidedRoute;
use crate::snapshot::{CallDecision, Caller, Refused as SnapshotRefused, Resolved};

/// Different refusals that are told apart within a second; further ones are counted together by tenant.
const KINDS_MAX: usize = 10_000;

/// A call that was not let in, as it is counted. It names a tool only where there is such a tool: made-up names would
/// make as many entries as anybody likes.
#[derive(Debug)]
pub(super) struct Refused<'a> {
    pub(super) error: &'a Error,
    pub(super) tool: Option<ToolName>,
}

/// A request, other than a call, that the key may not make.
#[derive(Debug, Clone)]
pub struct RefusedRequest {
    /// What was asked for.
    pub operation: String,
    /// Why not, in words.
    pub reason: String,
    /// The rules that decided.
    pub rules: Vec<String>,
    /// The id that the answer has.
    pub decision: Option<DecisionId>,
}

/// Ids of decisions that an entry about many alike has: the first ones.
const DECISIONS_MAX: usize = 16;

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
    /// The operation, and the rules that decided.
    Request(Cow<'static, str>, Vec<String>),
}

impl Kind {
    /// The same with fewer differences, for a table that is full.
    fn coarse(self) -> Self {
        let what = match self.what {
            What::Login => What::Login,
            What::Call(code, _) => What::Call(code, None),
            What::Request(..) => What::Request(Cow::Borrowed("several"), Vec::new()),
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
    /// The rule that decided the first, where one did.
    rule: Option<String>,
    /// Of the first ones.
    decisions: Vec<DecisionId>,
}

impl Count {
    fn of(reason: &str, rule: Option<String>) -> Self {
        Self { times: 0, reason: reason.to_owned(), rule, decisions: Vec::new() }
    }
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
        let Refused { error, tool } = refused;
        let fact = |name| error.facts().get(name).and_then(|value| value.as_str());
        let decision = fact("decision").and_then(|id| id.parse().ok());
        // Of other refusals a fact of this name is no rule of ours.
        let rule = fact("rule").filter(|_| error.code() == Code::Denied).map(str::to_owned);
        self.count(of(caller, What::Call(error.code(), tool)), Count::of(error.message(), rule), decision);
    }

    /// Counts a request, other than a call, that the key may not make.
    pub(super) fn note_request(&self, caller: &Caller, refused: RefusedRequest) {
        let RefusedRequest { operation, reason, rules, decision } = refused;
        self.count(of(caller, What::Request(operation.into(), rules)), Count::of(&reason, None), decision);
    }

    /// Counts a key of `tenant` that was not valid.
    pub(super) fn note_login(&self, tenant: TenantId) {
        let kind = Kind { tenant, principal: None, what: What::Login };
        self.count(kind, Count::of("the key is not valid", None), None);
    }

    /// Records a denial, durably: the answer names its id.
    pub(super) async fn denied(
        &self,
        caller: &Caller,
        call: CallId,
        resolved: &Resolved,
        error: &Error,
        decision: &CallDecision,
        parent: Option<CallId>,
    ) -> Result<(), Failed> {
        let (rule, by) = match &decision.outcome {
            Err(SnapshotRefused::Access(denied)) => (denied.rule(), denied.rules.as_slice()),
            Err(refused) => (refused.rule(), &[][..]),
            Ok(_) => (String::new(), &[][..]),
        };
        let recalled = match &decision.outcome {
            Err(SnapshotRefused::Recalled(recall)) => Some(recall.by().to_owned()),
            _ => None,
        };
        let awaits = matches!(decision.outcome, Err(SnapshotRefused::Awaits(_)));
        // With what it takes to decide the same again.
        let event = CallRefused {
            access: Some(DecidedAccess { awaits, recalled, ..access_of(caller, decision, by) }),
            call: Some(call),
            ceiling: Some(caller.platform.ceiling.digest()),
            code: error.code(),
            count: 1,
            decisions: Vec::new(),
            labels: Vec::new(),
            parent,
            policy: Some(caller.tenant.policy.digest()),
            reason: error.message().to_owned(),
            route: None,
            rule: Some(rule),
            session: None,
            tool: Some(resolved.name()),
            version: Some(resolved.version.version.clone()),
        };
        self.durable(caller, event).await
    }

    /// Records, durably, that rules of flow were against a call that may be made otherwise.
    pub(super) async fn held_back(
        &self,
        caller: &Caller,
        call: CallId,
        resolved: &Resolved,
        decision: &CallDecision,
        held: HeldBack,
        parent: Option<CallId>,
    ) -> Result<(), Failed> {
        let by = decision.outcome.as_ref().map(|admitted| admitted.by.as_slice()).unwrap_or_default();
        let HeldBack { error, rule, labels, session } = held;
        let event = CallRefused {
            access: Some(access_of(caller, decision, by)),
            call: Some(call),
            ceiling: Some(caller.platform.ceiling.digest()),
            code: error.code(),
            count: 1,
            decisions: Vec::new(),
            labels,
            parent,
            policy: Some(caller.tenant.policy.digest()),
            reason: error.message().to_owned(),
            route: None,
            rule: Some(rule),
            session,
            tool: Some(resolved.name()),
            version: Some(resolved.version.version.clone()),
        };
        self.durable(caller, event).await
    }

    async fn durable(&self, caller: &Caller, event: CallRefused) -> Result<(), Failed> {
        let position = self.audit.append(&caller.tenant.id, Some(caller.principal.id), &event.into())?;
        Ok(self.audit.durable(position).await?)
    }

    /// Records that no choice of a route takes a call, durably: the answer names its id.
    pub(super) async fn no_choice(
        &self,
        caller: &Caller,
        call: CallId,
        error: &Error,
        decision: DecidedRoute,
        (labels, session): (Vec<Brought>, Option<SessionId>),
    ) -> Result<(), Failed> {
        let rule = error.facts().get("rule").and_then(|rule| rule.as_str());
        let (reason, rule) = (error.message().to_owned(), rule.map(str::to_owned));
        let event = CallRefused {
            call: Some(call),
            ceiling: Some(caller.platform.ceiling.digest()),
            labels,
            policy: Some(caller.tenant.policy.digest()),
            route: Some(decision),
            session,
            ..counted(error.code(), 1, (reason, rule), None, Vec::new())
        };
        self.durable(caller, event).await
    }

    fn count(&self, kind: Kind, first: Count, decision: Option<DecisionId>) {
        let mut counts = self.counts.lock();
        let full = counts.len() >= KINDS_MAX && !counts.contains_key(&kind);
        let kind = if full { kind.coarse() } else { kind };
        let count = counts.entry(kind).or_insert(first);
        count.times += 1;
        if count.decisions.len() < DECISIONS_MAX {
            count.decisions.extend(decision);
        }
    }

    /// Puts what was counted into the record, and waits for nothing.
    pub(super) fn flush(&self) {
        let counts = std::mem::take(&mut *self.counts.lock());
        for (kind, count) in counts {
            let Kind { tenant, principal, what } = kind;
            let Count { times: count, reason, rule, decisions } = count;
            let event = match what {
                What::Login => Event::from(LoginFailed { count, reason }),
                What::Call(code, tool) => counted(code, count, (reason, rule), tool, decisions).into(),
                What::Request(operation, rules) => {
                    RequestRefused { count, decisions, operation: operation.into_owned(), reason, rules }.into()
                }
            };
            if let Err(error) = self.audit.append(&tenant, principal, &event) {
                tracing::warn!(%tenant, ?error, "refusals are not recorded");
            }
        }
    }
}

/// The entry of calls that were refused before policy was asked, or for another reason.
fn counted(
    code: Code,
    count: u64,
    (reason, rule): (String, Option<String>),
    tool: Option<ToolName>,
    decisions: Vec<DecisionId>,
) -> CallRefused {
    CallRefused {
        access: None,
        call: None,
        ceiling: None,
        code,
        count,
        decisions,
        labels: Vec::new(),
        parent: None,
        policy: None,
        reason,
        route: None,
        rule,
        session: None,
        tool,
        version: None,
    }
}
