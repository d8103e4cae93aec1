//! Calls that wait for somebody's word: who may see them, and who may give it.

use std::sync::Arc;
use std::time::SystemTime;

use super::tenants::bounded_message;
use super::turn::Turn;
use super::{Control, finish};
use crate::access::{Action, Who};
use crate::approvals::{Approval, State, Wanted};
use crate::audit::entry::ApprovalDecided;
use crate::audit::entry::time::whole_micros;
use crate::error::{Code, Error, Result};
use crate::id::{ApprovalId, ToolRequest, VersionRequest};
use crate::identity::Scope;
use crate::policy::{self, Risk};
use crate::snapshot::{Caller, Resolved};

/// An approval, as somebody sees it who may.
#[derive(Debug, Clone)]
pub struct ApprovalView {
    /// The approval.
    pub approval: Approval,
    /// The name of the key whose call it is; absent where that is not valid any more.
    pub name: Option<String>,
    /// The arguments, to those who may decide; absent where they are not known here.
    pub arguments: Option<Shown>,
}

/// Arguments of a call, which nothing but an answer shows.
#[derive(Clone)]
pub struct Shown(pub Arc<str>);

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown(…)")
    }
}

impl Control {
    /// Approvals of the tenant, oldest first, without arguments: of all keys to operators and auditors, to an agent its own.
    ///
    /// # Errors
    ///
    /// `denied` unless the key may read approvals.
    pub fn approvals(&self, caller: &Caller) -> Result<Vec<ApprovalView>> {
        caller.may(Action::ReadApprovals)?;
        let all = self.0.approvals.all(&caller.tenant.id, SystemTime::now()).into_iter();
        let seen = all.filter(|approval| sees(caller, approval));
        Ok(seen.map(|approval| view(caller, approval, None)).collect())
    }

    /// One approval; with its arguments, where they are known, to a key that may decide.
    ///
    /// # Errors
    ///
    /// `denied` unless the key may read approvals; `not-found` for another tenant's, one that is over, and another key's to an
    /// agent.
    pub fn approval(&self, caller: &Caller, id: ApprovalId) -> Result<ApprovalView> {
        caller.may(Action::ReadApprovals)?;
        let (approval, arguments) = self.found(caller, id)?;
        let decides = may_decide(caller, &approval.wanted).is_ok();
        Ok(view(caller, approval, arguments.filter(|_| decides).map(Shown)))
    }

    /// Lets a call go that waits.
    ///
    /// # Errors
    ///
    /// `denied` unless the key may approve it, and for a call of its own; `not-found` for another tenant's and one that is over;
    /// `conflict` where it was decided on before, or such a call would not be let in as things are.
    pub async fn approve_call(&self, caller: &Caller, id: ApprovalId) -> Result<ApprovalView> {
        self.decide_approval(caller, id, None).await
    }

    /// Refuses a call that waits, or that was let go and is not made yet. The same call is refused, until the time of the
    /// approval is over.
    ///
    /// # Errors
    ///
    /// As for [`Control::approve_call`]; `invalid-request` for a reason that is too long.
    pub async fn deny_call(&self, caller: &Caller, id: ApprovalId, reason: String) -> Result<ApprovalView> {
        bounded_message("the reason", &reason)?;
        self.decide_approval(caller, id, Some(reason)).await
    }

    async fn decide_approval(&self, caller: &Caller, id: ApprovalId, refusal: Option<String>) -> Result<ApprovalView> {
        caller.may_approve_at_all()?;
        let (approval, _) = self.found(caller, id)?;
        let may = move |caller: &Caller| {
            may_decide(caller, &approval.wanted)?;
            // Who makes a call does not decide on it, whatever rules say: two pairs of eyes.
            if approval.wanted.principal == caller.principal.id { Err(own()) } else { Ok(()) }
        };
        may(caller)?;
        let (this, asking) = (self.clone(), caller.clone());
        finish(async move {
            let (turn, caller) = this.turn_for(&asking, may).await?;
            let (approval, _) = this.found(&caller, id)?;
            if !approval.state.gives_way_to(&becomes(&caller, refusal.as_deref())) {
                let became = approval.state.as_str();
                return Err(Error::new(Code::Conflict, format!("the approval {id} was {became} before")));
            }
            if refusal.is_none() {
                would_be_let_in(&caller, &approval.wanted)?;
            }
            this.record_decision(turn, &caller, approval, refusal).await
        })
        .await
    }

    async fn record_decision(
        &self,
        mut turn: Turn,
        caller: &Caller,
        approval: Approval,
        refusal: Option<String>,
    ) -> Result<ApprovalView> {
        let (tenant, by) = (caller.tenant.id.clone(), caller.principal.id);
        let time = policy::approval_time(&caller.platform.ceiling, &caller.tenant.policy);
        let Approval { id, wanted, .. } = &approval;
        // As the entry spells it.
        let expires = whole_micros(SystemTime::now() + time);
        let decided = |change| ApprovalDecided {
            approval: *id,
            approved: refusal.is_none(),
            change,
            expires,
            principal: wanted.principal,
            reason: refusal.clone(),
            tool: wanted.tool.clone(),
        };
        turn.record(&tenant, Some(by), decided).await?;
        let committed = turn.commit(&tenant).await;
        let state = becomes(caller, refusal.as_deref());
        // Where the change stands and something failed behind it, a refusal holds at once, and what was let go waits on.
        let holds =
            (committed.is_ok() || refusal.is_some()) && self.0.approvals.decide(&tenant, *id, state.clone(), expires);
        committed?;
        if !holds {
            let message = format!("the approval {id} was decided on by somebody else, or was over, in the same moment");
            return Err(Error::new(Code::Conflict, message).next("`cofferdam approvals show` says what became of it"));
        }
        Ok(view(caller, Approval { state, expires, ..approval }, None))
    }

    fn found(&self, caller: &Caller, id: ApprovalId) -> Result<(Approval, Option<Arc<str>>)> {
        let found = self.0.approvals.get(&caller.tenant.id, id, SystemTime::now());
        found.filter(|(approval, _)| sees(caller, approval)).ok_or_else(|| unknown(id))
    }
}

/// Whether it is there, as far as the key may know.
fn sees(caller: &Caller, approval: &Approval) -> bool {
    let scopes = caller.principal.scopes;
    scopes.has(Scope::Operator) || scopes.has(Scope::Auditor) || approval.wanted.principal == caller.principal.id
}

/// What an approval is by this key's word.
fn becomes(caller: &Caller, refusal: Option<&str>) -> State {
    let by = caller.principal.id;
    match refusal {
        None => State::Approved { by },
        Some(reason) => State::Denied { by, reason: reason.to_owned() },
    }
}

fn unknown(id: ApprovalId) -> Error {
    Error::not_found("approval", id).next("`cofferdam approvals list` shows those that are not over")
}

fn own() -> Error {
    let next = "have another key look at it";
    let rule = "approvals: another key decides".to_owned();
    Error::new(Code::Denied, "a call is not approved by the key that makes it")
        .next(next)
        .fact("remedy", next)
        .fact("rules", vec![rule.clone()])
        .fact("rule", rule)
}

/// That the key may decide on such a call.
fn may_decide(caller: &Caller, wanted: &Wanted) -> Result<()> {
    let who = Who::from(&*caller.principal);
    // Versions stay, so that a tool which was there still is.
    let found = resolved(caller, wanted)?;
    let risk = risk(caller, wanted, &found).unwrap_or_else(|_| worst(wanted));
    caller.may_approve(&who, &found, risk)
}

/// The version that would run.
fn resolved(caller: &Caller, wanted: &Wanted) -> Result<Resolved> {
    let version = Some(VersionRequest::Exact(wanted.version.clone()));
    caller.resolve(&ToolRequest { name: wanted.tool.clone(), version })
}

/// What such a call of the key could do, by what it would be given now.
fn risk(caller: &Caller, wanted: &Wanted, found: &Resolved) -> Result<Risk> {
    let known = caller.tenant.keyring.principals().find(|principal| principal.id == wanted.principal);
    let agent = known.ok_or_else(|| Error::not_found("key", wanted.principal))?;
    let admitted = caller.decide_for(&Who::from(&**agent), found).outcome.map_err(Error::from)?;
    Ok(admitted.risk)
}

/// Of a call that would not be let in, what rules for whoever decides see.
fn worst(wanted: &Wanted) -> Risk {
    Risk {
        level: wanted.risk.into(),
        read_only: false,
        destructive: true,
        idempotent: false,
        open_world: true,
        deterministic: false,
    }
}

/// That such a call would be let in, as things are now: nobody is asked to agree to what cannot happen.
fn would_be_let_in(caller: &Caller, wanted: &Wanted) -> Result<()> {
    let found = resolved(caller, wanted)?;
    let refused = risk(caller, wanted, &found).err();
    match refused {
        None if *found.version.component() == wanted.component => Ok(()),
        None => Err(Error::new(Code::Conflict, "the tool runs another component now")),
        Some(error) => Err(Error::new(Code::Conflict, format!("the call would not be let in: {}", error.message()))
            .next("refuse it, or change what is against it first")),
    }
}

fn view(caller: &Caller, approval: Approval, arguments: Option<Shown>) -> ApprovalView {
    let known = caller.tenant.keyring.principals().find(|principal| principal.id == approval.wanted.principal);
    ApprovalView { name: known.map(|known| known.name.to_string()), approval, arguments }
}
