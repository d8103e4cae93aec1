//! Calls that calls make: they come in by the same way as any other, with the call that makes them in hand.
//!
//! A child is decided upon by the same point and for the same key as if that key made it, under what is in force by then;
//! then what it holds is cut to what its caller holds.

mod door;
mod room;
mod tree;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

pub use self::tree::{CallNode, CallTree};

pub(super) use self::room::{ChildPass, ChildRoom};
pub(super) use self::tree::{Branch, Member};

use self::door::RouterDoor;
use super::Router;
use super::call::{Attempt, CallRequest, Failed, Reply};
use super::flow::Gate;
use crate::admission::budget::Line;
use crate::amounts::Amount;
use crate::audit::entry::Mac;
use crate::capability::call::{Family, Kin, UsedBelow};
use crate::error::{Code, Error, Result};
use crate::id::{CallId, SessionId, ToolName, ToolRequest};
use crate::limits::CallLimits;
use crate::policy::{self, Allowed, GrantKind, Holding, Passing};
use crate::routed::Declared;
use crate::snapshot::{Admitted, CallDecision, Caller, Refused, Resolved};

/// What is above a call that another call makes.
pub(super) struct Lineage {
    /// The call that makes it, and those above that one.
    above: Arc<Link>,
    holding: Holding,
    passing: Passing,
    /// By when it has to be done.
    until: Instant,
    fuel: u64,
    /// Where it stands in the tree, until it is in the record.
    member: parking_lot::Mutex<Option<Member>>,
    kin: Arc<Kin>,
    branch: Arc<Branch>,
    /// Of the call that makes it, where the tenant has rules of flow.
    gate: Option<Arc<Gate>>,
    /// Of the call that makes it: what is kept for that one in the budgets.
    line: Arc<Line>,
}

/// A call in the line from a root downwards.
pub(super) struct Link {
    call: CallId,
    tool: ToolName,
    arguments: Mac,
    level: usize,
    above: Option<Arc<Link>>,
}

impl Link {
    fn root(&self) -> CallId {
        self.above.as_ref().map_or(self.call, |above| above.root())
    }

    fn line(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |link| link.above.as_deref())
    }
}

/// A call's place among its kin: what is put into the record with it.
pub(super) struct Kinship {
    /// What is above it.
    pub(super) member: Option<Member>,
    /// What is below it.
    pub(super) kin: Option<Arc<Kin>>,
    pub(super) branch: Option<Arc<Branch>>,
}

impl Kinship {
    /// Of a call that has none.
    pub(super) const fn none() -> Self {
        Self { member: None, kin: None, branch: None }
    }

    /// How many calls it made, and what they used, each with those below.
    pub(super) fn below(&self) -> (u64, UsedBelow) {
        self.kin.as_ref().map(|kin| (kin.calls(), kin.used())).unwrap_or_default()
    }

    /// Waits until none is left below it.
    pub(super) async fn alone(&self) {
        if let Some(kin) = &self.kin {
            kin.alone().await;
        }
    }
}

impl Lineage {
    pub(super) fn parent(&self) -> CallId {
        self.above.call
    }

    pub(super) fn root(&self) -> CallId {
        self.above.root()
    }

    /// The gate of the call that makes it.
    pub(super) fn gate(&self) -> Option<Arc<Gate>> {
        self.gate.clone()
    }

    /// How many calls are above it.
    pub(super) fn level(&self) -> usize {
        self.above.level + 1
    }

    /// What was decided of the call, and of that what its caller holds.
    pub(super) fn attenuate(&self, resolved: &Resolved, decision: &CallDecision) -> Arc<CallDecision> {
        let outcome = match &decision.outcome {
            Ok(admitted) => {
                let subject = resolved.version.subject(&resolved.package);
                let under = admitted.allowed.under(&subject, &self.holding, self.passing);
                under.map(|allowed| self.admitted(admitted, allowed)).map_err(Refused::Policy)
            }
            Err(refused) => Err(refused.clone()),
        };
        Arc::new(CallDecision { outcome, moment: decision.moment })
    }

    fn admitted(&self, alone: &Admitted, allowed: Allowed) -> Admitted {
        let mut needs = policy::worst_case(&allowed.limits, &allowed.grants);
        needs[Amount::Fuel] = needs[Amount::Fuel].min(self.fuel);
        (needs[Amount::Calls], needs[Amount::ChildCalls]) = (0, 1);
        Admitted { allowed, needs, ..alone.clone() }
    }

    /// That no call above is of the same tool with the same arguments: it would be made again and again.
    pub(super) fn check_cycle(&self, tool: &ToolName, arguments: Mac) -> Result<()> {
        match self.above.line().find(|link| link.tool == *tool && link.arguments == arguments) {
            None => Ok(()),
            Some(link) => Err(Error::new(
                Code::CallCycle,
                format!("{tool} is called by itself with the same arguments: the call {} has not ended", link.call),
            )
            .next("call it with other arguments, or do not call it from what it calls")
            .fact("call", link.call.to_string())),
        }
    }

    /// The limits of a call that starts now: within what its caller has given it.
    ///
    /// # Errors
    ///
    /// `deadline-exceeded` when there is no time left.
    pub(super) fn limits(&self, limits: &CallLimits) -> Result<Arc<CallLimits>> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.too_late());
        }
        let (fuel, deadline) = (limits.fuel.min(self.fuel), limits.deadline.min(left));
        Ok(Arc::new(CallLimits { fuel, deadline, ..limits.clone() }))
    }

    /// Waits for room for it, as long as there is time.
    pub(super) async fn enter(&self, room: &ChildRoom, caller: &Caller) -> Result<ChildPass> {
        let entering = room.enter(&caller.tenant.id, self.level());
        tokio::time::timeout_at(self.until.into(), entering).await.map_err(|_| self.too_late())
    }

    fn too_late(&self) -> Error {
        Error::new(Code::DeadlineExceeded, "the call was not begun by its deadline")
            .next("give it more time, or make fewer calls at once")
            .fact("limit", "deadline")
    }

    /// It is not let in.
    pub(super) fn refused(&self, error: &Error) {
        if let Some(member) = self.member.lock().take() {
            member.refused(error.code());
        }
    }
}

/// What of a call those below it take over.
pub(super) struct OfCall {
    pub(super) call: CallId,
    pub(super) arguments: Mac,
    pub(super) session: Option<SessionId>,
    pub(super) gate: Option<Arc<Gate>>,
    pub(super) line: Arc<Line>,
    pub(super) declared: Declared,
}

/// What a call is to those above and below it, once it is known that it runs.
pub(super) struct Begun {
    pub(super) kinship: Kinship,
    pub(super) family: Option<Family>,
}

impl Router {
    /// Makes a call for a call: by the same way as for a key, within what its lineage leaves it.
    pub(super) async fn call_below(
        &self,
        caller: &Caller,
        tool: &ToolRequest,
        request: CallRequest,
        lineage: Lineage,
    ) -> Result<Reply, Failed> {
        let lineage = Arc::new(lineage);
        let done = self.come_in(caller, tool, &request, &lineage).await;
        done.inspect_err(|failed| lineage.refused(&failed.error))
    }

    async fn come_in(
        &self,
        caller: &Caller,
        tool: &ToolRequest,
        request: &CallRequest,
        lineage: &Arc<Lineage>,
    ) -> Result<Reply, Failed> {
        // Its caller took a while to make it: what let that begin can have been taken away since.
        let caller = &self.0.snapshot.again(caller)?;
        let refused = |error: Error, tool: Option<&ToolName>| {
            self.0.refusals.note(caller, super::Refused { error: &error, tool: tool.cloned() });
            Failed::from(error)
        };
        // What is under way goes on while the host drains.
        self.goes_on().map_err(|error| refused(error, None))?;
        caller.may_call_at_all().map_err(|error| refused(error, None))?;
        let resolved = caller.resolve(tool).map_err(|error| refused(error, None))?;
        let decision = lineage.attenuate(&resolved, &caller.decide(&resolved));
        let tool = resolved.name();
        let attempt = Attempt { resolved, decision, route: None, lineage: Some(Arc::clone(lineage)) };
        let ready = self.let_in(caller, attempt, request).await?;
        let reserved = ready
            .admitted()
            .and_then(|admitted| self.reserve_below(caller, &tool.package, admitted, Some(&lineage.line)));
        let reservation = reserved.map_err(|error| refused(error, Some(&tool)))?;
        let call = Some(ready.id);
        self.run(caller, ready, reservation, None).await.map_err(|error| Failed { call, error })
    }

    /// A call's place among its kin, and its door to calls of its own where it may make any.
    pub(super) fn found_family(
        &self,
        caller: &Caller,
        lineage: Option<&Lineage>,
        resolved: &Resolved,
        holding: Holding,
        OfCall { call, arguments, session, gate, line, declared }: OfCall,
    ) -> Begun {
        let calls =
            holding.grants.call.is_some() && resolved.version.admission.inspection.grants.contains(&GrantKind::Call);
        if !calls && lineage.is_none() {
            return Begun { kinship: Kinship::none(), family: None };
        }
        let tool = resolved.name();
        let member = lineage.and_then(|lineage| lineage.member.lock().take());
        let member = member.map(|member| member.named(call, tool.clone(), resolved.version.version.clone()));
        let kin = Kin::new(&holding.limits, lineage.map(|lineage| Arc::clone(&lineage.kin)));
        let branch = Arc::new(lineage.map_or_else(Branch::default, |lineage| lineage.branch.below()));
        let door = calls.then(|| {
            let level = lineage.map_or(0, Lineage::level);
            let above = lineage.map(|lineage| Arc::clone(&lineage.above));
            let link = Arc::new(Link { call, tool, arguments, level, above });
            let (kin, branch) = (Arc::clone(&kin), Arc::clone(&branch));
            let (router, caller) = (self.clone(), caller.clone());
            Arc::new(RouterDoor { router, caller, link, holding, kin, branch, session, gate, line, declared }) as Arc<_>
        });
        Begun {
            kinship: Kinship { member, kin: Some(Arc::clone(&kin)), branch: Some(branch) },
            family: Some(Family { kin, door }),
        }
    }
}

/// Fuel that a call used with those below it, for whoever lent it.
#[derive(Debug, Clone, Default)]
pub(super) struct Spent(Arc<AtomicU64>);

impl Spent {
    fn put(&self, fuel: u64) {
        self.0.store(fuel, Ordering::Release);
    }

    fn fuel(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}
