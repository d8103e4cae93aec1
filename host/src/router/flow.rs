//! A call under its tenant's rules of flow: what its session has touched, what it touches itself, and what it may not do
//! then.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::Router;
use crate::capability::effects::{Flow as FlowOfCall, FlowDenied};
use crate::error::{Code, Error, Result};
use crate::id::{CallId, PackageRef, SessionId};
use crate::labels::{Brought, Labels, labels};
use crate::policy::{Flow, FlowRefusal, GrantKind, way_out};
use crate::sessions::Session;
use crate::snapshot::{Caller, Resolved};
use crate::uses::CapabilityUse;

/// How much of a use's words is kept with the label that it brought, in bytes.
const BY_BYTES_MAX: usize = 200;

/// The rules that one call is under.
pub(super) struct Gate {
    flow: Flow,
    session: Arc<Session>,
    call: CallId,
    /// What its session had when it was let in.
    touched: Vec<Brought>,
    /// What the call itself brought, or those that it made. It stays the call's, also where its session is cleared
    /// meanwhile: the call may hold what it read.
    own: Mutex<Vec<Brought>>,
    /// Of the call that made it, which gets back what it reads.
    above: Option<Arc<Gate>>,
    /// The labels that whoever approved the call saw; where nobody did, unset.
    approved: OnceLock<Labels>,
}

/// Why a call does not come through its gate.
pub(super) enum NotThrough {
    /// It is not as the policy wants calls to be.
    Refused(Error),
    /// A rule of flow is against it.
    HeldBack(Box<HeldBack>),
}

/// A call that a rule of flow is against before it starts.
pub(super) struct HeldBack {
    pub(super) error: Error,
    pub(super) rule: String,
    /// What its session had.
    pub(super) labels: Vec<Brought>,
    pub(super) session: Option<SessionId>,
}

impl Router {
    /// What the session that a call names has touched so far, where rules of flow ask for it.
    pub(super) fn touched(&self, caller: &Caller, named: Option<&SessionId>) -> Vec<Brought> {
        let Some(named) = named.filter(|_| caller.tenant.policy.has_flow()) else { return Vec::new() };
        let key = (caller.principal.id, named.clone());
        // What speaks against naming it is told where the call is let in.
        self.0.sessions.name(&caller.tenant.id, key).map(|session| session.brought()).unwrap_or_default()
    }

    /// The gate of a call, where the tenant's policy has rules of flow. It is not let through where its package cannot do
    /// without what its session may not do. One that a call made is of the session of that call, whose gate is `above`,
    /// also where this is a session without a name.
    pub(super) fn gate(
        &self,
        caller: &Caller,
        resolved: &Resolved,
        call: CallId,
        named: Option<&SessionId>,
        above: Option<Arc<Gate>>,
    ) -> Result<Option<Arc<Gate>>, NotThrough> {
        let policy = &caller.tenant.policy;
        if named.is_none() && policy.sessions_required() {
            let error = Error::new(Code::InvalidRequest, "the tenant's policy wants each call to name its session")
                .next("send \"session\": a name of your own for calls that belong together")
                .fact("rule", "policy: [labels] sessions = \"required\"");
            return Err(NotThrough::Refused(error));
        }
        let Some(flow) = policy.flow(&resolved.package) else { return Ok(None) };
        let session = match (&above, named) {
            (Some(above), _) => Arc::clone(&above.session),
            (None, Some(named)) => {
                let key = (caller.principal.id, named.clone());
                self.0.sessions.name(&caller.tenant.id, key).map_err(NotThrough::Refused)?
            }
            // Such a call stands alone.
            (None, None) => Arc::new(Session::new()),
        };
        let touched = session.brought();
        if let Err((kind, refusal)) = flow.may_start(&resolved.version.needs, labels(&touched)) {
            let error = refused(&resolved.package, kind, &refusal, &touched);
            let held = HeldBack { error, rule: refusal.rule, labels: touched, session: named.cloned() };
            return Err(NotThrough::HeldBack(Box::new(held)));
        }
        let gate = Gate::new(flow, session, (call, touched), above);
        let by_call = gate
            .all(gate.flow.of_package(resolved.version.publisher.as_deref()), &format!("called {}", resolved.package));
        gate.bring(&by_call);
        Ok(Some(Arc::new(gate)))
    }
}

/// Why a call is not made at all.
fn refused(package: &PackageRef, kind: GrantKind, refusal: &FlowRefusal, brought: &[Brought]) -> Error {
    let brought = about(refusal, brought);
    let words: Vec<String> = brought.iter().map(ToString::to_string).collect();
    let message = format!("{package} cannot do without {kind}, which this session may not have: {}", words.join(", "));
    facts(Error::new(Code::Denied, message), &refusal.rule, &brought)
}

/// What an error says of rules of flow.
fn facts(error: Error, rule: &str, brought: &[Brought]) -> Error {
    error
        .next("make the call in another session, one that has not touched both; or have an operator clear this one")
        .fact("rule", rule.to_owned())
        .fact("rules", vec![rule.to_owned()])
        .fact("labels", serde_json::to_value(brought).unwrap_or_default())
}

/// The same of a call that failed, where a rule of flow was against something that it did.
pub(super) fn explain(error: Error, denied: Option<&FlowDenied>) -> Error {
    match denied {
        Some(FlowDenied { rule, brought }) => facts(error, rule, brought),
        None => error,
    }
}

/// Those of `brought` that the refusal is about.
fn about(refusal: &FlowRefusal, brought: &[Brought]) -> Vec<Brought> {
    brought.iter().filter(|brought| refusal.when.has(brought.label)).cloned().collect()
}

impl Gate {
    fn new(
        flow: Flow,
        session: Arc<Session>,
        (call, touched): (CallId, Vec<Brought>),
        above: Option<Arc<Self>>,
    ) -> Self {
        // What it is given can be of all that its caller has read by now.
        let own = above.as_ref().map(|above| above.own.lock().clone()).unwrap_or_default();
        Self { flow, session, call, touched, own: Mutex::new(own), above, approved: OnceLock::new() }
    }

    /// What its session had when it was let in.
    pub(super) fn touched(&self) -> &[Brought] {
        &self.touched
    }

    /// What its session has now, and what it has itself: of the call that made it, too.
    pub(super) fn brought_by_now(&self) -> Vec<Brought> {
        let mut brought = self.session.brought();
        let own = self.own.lock();
        let more = own.iter().filter(|own| !brought.iter().any(|known| known.label == own.label));
        let more: Vec<Brought> = more.cloned().collect();
        brought.extend(more);
        brought
    }

    /// The rules that want the call approved, which has these ways out, as its session is now.
    pub(super) fn wants_approval(&self, has: impl Fn(GrantKind) -> bool) -> Vec<String> {
        self.flow.wants_approval(has, labels(&self.brought_by_now()))
    }

    /// Somebody approved the call who saw these labels.
    pub(super) fn approved(&self, labels: Labels) {
        // It is approved once.
        let _ = self.approved.set(labels);
    }

    fn all(&self, labels: Labels, by: &str) -> Vec<Brought> {
        let mut by = by.to_owned();
        by.truncate(by.floor_char_boundary(BY_BYTES_MAX));
        labels.each().map(|label| Brought { by: by.clone(), call: self.call, label }).collect()
    }

    /// The labels of a use.
    fn brings(&self, used: &CapabilityUse) -> Vec<Brought> {
        self.all(self.flow.of_use(used), &used.to_string())
    }

    fn bring(&self, with: &[Brought]) {
        if !with.is_empty() {
            self.note(with);
            self.session.add(with);
        }
    }

    fn note(&self, with: &[Brought]) {
        for gate in std::iter::successors(Some(self), |gate| gate.above.as_deref()) {
            let mut own = gate.own.lock();
            for brought in with {
                if !own.iter().any(|known| known.label == brought.label) {
                    own.push(brought.clone());
                }
            }
        }
    }

    fn may_begin(&self, used: &CapabilityUse, session: &[Brought]) -> Result<(), FlowDenied> {
        way_out(used).map_or(Ok(()), |kind| self.may_go_out(kind, session))
    }

    /// That something may go out through `kind`, by what the session has and what the call has.
    fn may_go_out(&self, kind: GrantKind, session: &[Brought]) -> Result<(), FlowDenied> {
        let own = self.own.lock();
        let approved = self.approved.get().copied().unwrap_or(Labels::NONE);
        self.flow.may_go_out(kind, labels(session).and(labels(&own)), approved).map_err(|refusal| {
            let mut brought = about(&refusal, session);
            let more = about(&refusal, &own);
            brought.extend(more.into_iter().filter(|more| !session.iter().any(|known| known.label == more.label)));
            FlowDenied { rule: refusal.rule, brought }
        })
    }
}

impl FlowOfCall for Gate {
    fn pass(&self, used: &CapabilityUse) -> Result<(), FlowDenied> {
        let with = self.brings(used);
        self.session.pass(|session| self.may_begin(used, session), &with)?;
        self.note(&with);
        Ok(())
    }

    fn ask(&self, used: &CapabilityUse) -> Result<(), FlowDenied> {
        self.session.pass(|session| self.may_begin(used, session), &[])
    }

    fn answered(&self, used: &CapabilityUse) {
        self.bring(&self.brings(used));
    }

    fn go_on(&self, kind: GrantKind) -> Result<(), FlowDenied> {
        self.may_go_out(kind, &self.session.brought())
    }

    fn brought(&self) -> Vec<Brought> {
        self.own.lock().clone()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // What the call gives back can be of what it read, also where its session was cleared while it ran.
        let own = self.own.lock().clone();
        self.session.add(&own);
    }
}

#[cfg(test)]
mod tests;
