//! A call that policy wants approved: parked, or let go by what somebody decided.

use std::time::SystemTime;

use super::flow::Gate;
use super::{Refused, Router};
use crate::access::Who;
use crate::approvals::{Approval, Asking, Claim, NotApproved, State, Wanted};
use crate::audit::entry::{ApprovalEnd, ApprovalExpired};
use crate::error::{Code, Error, Result};
use crate::id::{ApprovalId, CallId, PrincipalId, SessionId, ToolName};
use crate::policy::{self, GrantKind};
use crate::routed::Level;
use crate::snapshot::{Admitted, Caller, Resolved};

/// What the question is about: a call that could begin.
pub(super) struct Ask<'a> {
    pub(super) call: CallId,
    pub(super) resolved: &'a Resolved,
    pub(super) admitted: &'a Admitted,
    pub(super) risk: Level,
    /// Where the tenant has rules of flow.
    pub(super) gate: Option<&'a Gate>,
    pub(super) session: Option<&'a SessionId>,
    /// In their one spelling.
    pub(super) arguments: &'a str,
    /// A tool makes the call, which can name no approval.
    pub(super) by_tool: bool,
    /// It is an attempt of a call of a route: the approval that this names is for one of the route's choices.
    pub(super) of_route: bool,
}

impl Ask<'_> {
    /// The rules that want it approved, as things are now.
    pub(super) fn rules(&self, caller: &Caller) -> Vec<String> {
        let (ceiling, policy) = (&caller.platform.ceiling, &caller.tenant.policy);
        let mut rules = policy::approval(ceiling, policy, &self.resolved.package, self.risk);
        let (imports, grants) = (&self.resolved.version.admission.inspection.grants, &self.admitted.allowed.grants);
        let leads_out = |kind: GrantKind| imports.contains(&kind) && grants.lead_out(kind);
        rules.extend(self.gate.map(|gate| gate.wants_approval(leads_out)).unwrap_or_default());
        rules
    }

    fn wanted(&self, caller: &Caller, rules: Vec<String>) -> Wanted {
        Wanted {
            call: self.call,
            principal: caller.principal.id,
            tool: self.resolved.name(),
            version: self.resolved.version.version.clone(),
            component: *self.resolved.version.component(),
            arguments: caller.tenant.digest_key.digest([self.arguments.as_bytes()]),
            arguments_bytes: self.arguments.len() as u64,
            session: self.session.cloned(),
            labels: self.gate.map(Gate::brought_by_now).unwrap_or_default(),
            risk: self.risk,
            rules,
        }
    }

    /// Whether the key that approved it may still do so.
    fn still_approves(&self, caller: &Caller, by: PrincipalId) -> bool {
        let approver = caller.tenant.keyring.principals().find(|principal| principal.id == by);
        approver.is_some_and(|approver| {
            caller.may_approve(&Who::from(&**approver), self.resolved, self.admitted.risk).is_ok()
        })
    }
}

impl Router {
    /// What lets the call go: nothing, where nothing is against it, or an approval, which is the call's until it is given back.
    /// `caller` is who calls as things are now.
    ///
    /// # Errors
    ///
    /// [`Code::ApprovalRequired`] with the approval that it waits for, once that is in the record; [`Code::Denied`],
    /// [`Code::Conflict`] or [`Code::NotFound`] where the approval that it names does not let it go.
    pub(super) async fn approval(
        &self,
        caller: &Caller,
        ask: &Ask<'_>,
        named: Option<ApprovalId>,
    ) -> Result<Option<Claim>> {
        let rules = ask.rules(caller);
        // Another choice's attempt goes without: it needs none, or waits for its own.
        let is_for_another = |id: &ApprovalId| {
            let wanted = ask.wanted(caller, Vec::new());
            self.0.approvals.is_for_another(&caller.tenant.id, *id, &wanted)
        };
        let named = named.filter(|id| !(ask.of_route && is_for_another(id)));
        let result = match named {
            None if rules.is_empty() => return Ok(None),
            None => match self.given(caller, ask, &rules) {
                Some(id) => self.claim(caller, ask, rules, id).map(Some),
                None => Err(self.park(caller, ask, rules).await),
            },
            Some(id) => self.claim(caller, ask, rules, id).map(Some),
        };
        if let (Ok(Some(claim)), Some(gate)) = (&result, ask.gate) {
            gate.approved(claim.labels());
        }
        result
    }

    /// What somebody gave a call that a tool makes: whoever called the tool makes that call again, and it makes this one.
    fn given(&self, caller: &Caller, ask: &Ask<'_>, rules: &[String]) -> Option<ApprovalId> {
        let wanted = || ask.wanted(caller, rules.to_vec());
        ask.by_tool.then(|| self.0.approvals.given(&caller.tenant.id, &wanted(), SystemTime::now())).flatten()
    }

    /// Why the call is not run: it waits from now on, or goes on waiting.
    async fn park(&self, caller: &Caller, ask: &Ask<'_>, rules: Vec<String>) -> Error {
        let (tenant, kept) = (&caller.tenant.id, &self.0.approvals);
        let wanted = ask.wanted(caller, rules);
        let time = policy::approval_time(&caller.platform.ceiling, &caller.tenant.policy);
        let asking = || kept.ask(tenant, wanted.clone(), ask.arguments, time, SystemTime::now());
        let mut asked = asking();
        if let Ok(Asking::Known(Approval { id, state: State::Approved { by }, .. })) = &asked
            && !ask.still_approves(caller, *by)
        {
            self.end_approval(caller, *id);
            asked = asking();
        }
        let refused = match asked {
            Ok(Asking::New(approval)) => match self.record_asked(caller, &approval).await {
                Ok(()) => return waits(&approval),
                Err(error) => {
                    kept.close(tenant, approval.id);
                    return error;
                }
            },
            Ok(Asking::Known(Approval { id, state: State::Denied { reason, .. }, .. })) => denied(id, &reason),
            Ok(Asking::Known(approval)) => waits(&approval),
            Err(error) => error,
        };
        self.count(caller, ask, refused)
    }

    async fn record_asked(&self, caller: &Caller, approval: &Approval) -> Result<()> {
        let asked = approval.asked(caller.platform.ceiling.digest(), caller.tenant.policy.digest());
        let position = self.0.audit.append(&caller.tenant.id, Some(caller.principal.id), &asked.into())?;
        self.0.audit.durable(position).await
    }

    fn claim(&self, caller: &Caller, ask: &Ask<'_>, rules: Vec<String>, id: ApprovalId) -> Result<Claim> {
        let wanted = ask.wanted(caller, rules);
        let claimed = self.0.approvals.claim(&caller.tenant.id, id, &wanted, SystemTime::now());
        let refused = match claimed {
            Ok(claim) if ask.still_approves(caller, claim.by()) => return Ok(claim),
            Ok(claim) => {
                drop(claim);
                self.end_approval(caller, id);
                not_held(id, "the key that approved the call is not valid any more, or may not approve it any more")
            }
            Err(why) => not_approved(id, &wanted.tool, why),
        };
        Err(self.count(caller, ask, refused))
    }

    /// Forgets an approval that its approver's key is not good for any more.
    fn end_approval(&self, caller: &Caller, id: ApprovalId) {
        if !self.0.approvals.close(&caller.tenant.id, id) {
            return;
        }
        let ended = ApprovalExpired { approval: id, why: ApprovalEnd::Approver };
        if let Err(error) = self.0.audit.append(&caller.tenant.id, None, &ended.into()) {
            // Nothing runs by it all the same: the approver is asked for whenever it is used.
            tracing::error!(approval = %id, ?error, "the end of an approval is not recorded");
        }
    }

    /// Forgets approvals whose time is over, and records of which nobody made use. Called once a second.
    pub fn expire_approvals(&self) {
        for (tenant, approval) in self.0.approvals.expire(SystemTime::now()) {
            let ended = ApprovalExpired { approval: approval.id, why: ApprovalEnd::Time };
            if let Err(error) = self.0.audit.append(&tenant, None, &ended.into()) {
                // Its time is in the record.
                tracing::warn!(%tenant, approval = %approval.id, ?error, "the end of an approval is not recorded");
            }
        }
    }

    fn count(&self, caller: &Caller, ask: &Ask<'_>, error: Error) -> Error {
        self.0.refusals.note(caller, Refused { error: &error, tool: Some(ask.resolved.name()) });
        error
    }
}

/// The call is not run: it waits, or may be made by naming the approval.
fn waits(approval: &Approval) -> Error {
    let Approval { id, wanted: Wanted { tool, version, rules, risk, .. }, state, expires, .. } = approval;
    let (message, next) = match state {
        State::Approved { .. } => (
            format!("{tool} {version} is approved and was not made"),
            format!("make the same call with \"approval\": \"{id}\""),
        ),
        _ => (
            format!("{tool} {version} waits for approval: {}", rules.join(", ")),
            format!(
                "have somebody else approve it (`cofferdam approvals approve {id}`), then make the same call with \
                 \"approval\": \"{id}\""
            ),
        ),
    };
    Error::new(Code::ApprovalRequired, message)
        .next(next)
        .fact("approval", id.to_string())
        .fact("expires", humantime::format_rfc3339_millis(*expires).to_string())
        .fact("risk", risk.as_str())
        .fact("rules", rules.clone())
        .fact("state", state.as_str())
}

fn not_approved(id: ApprovalId, tool: &ToolName, why: NotApproved) -> Error {
    let conflict =
        |message: String, next: &str| Error::new(Code::Conflict, message).next(next).fact("approval", id.to_string());
    match why {
        NotApproved::Unknown => Error::not_found("approval", id)
            .next("make the call without one: where it has to be approved, it waits for one"),
        NotApproved::Waiting => Error::new(Code::ApprovalRequired, format!("nobody has decided on the call of {tool}"))
            .next("wait; `cofferdam approvals show` says what becomes of it")
            .fact("approval", id.to_string())
            .fact("state", State::Waiting.as_str()),
        NotApproved::Denied { reason } => denied(id, &reason),
        NotApproved::Used { call } => conflict(
            format!("the approval was used by call {call}"),
            "make the call without it, to have it approved anew",
        ),
        NotApproved::Claimed => {
            conflict("the approval is about to be used by another call".to_owned(), "make each call once")
        }
        NotApproved::Another => not_held(
            id,
            "the approval is for another call: the tool, its version and component, the arguments and the session have to be \
             the same",
        ),
        NotApproved::Grown => not_held(
            id,
            "there is more behind the call than whoever approved it saw: labels of its session, or its risk",
        ),
    }
}

fn denied(id: ApprovalId, reason: &str) -> Error {
    refused(id, format!("the call was looked at and refused: {reason}"), "do not make it again")
}

fn not_held(id: ApprovalId, message: &str) -> Error {
    refused(id, message.to_owned(), "make the call without it, to have it approved anew")
}

fn refused(id: ApprovalId, message: String, next: &str) -> Error {
    let rule = format!("approval {id}");
    Error::new(Code::Denied, message)
        .next(next)
        .fact("approval", id.to_string())
        .fact("remedy", next)
        .fact("rules", vec![rule.clone()])
        .fact("rule", rule)
}
