//! One call from request to reply: resolve, decide, validate, admit, load, record, run, record, reply.

mod output;
mod told;

pub use self::told::{CallEvent, CallRequest, CallUsage, Failed, Reply};

use std::sync::Arc;
use std::time::SystemTime;

use semver::Version;

use super::approval::Ask;
use super::arguments::Arguments;
use super::children::{Begun, CallTree, Lineage, OfCall};
use super::flow::{self, Gate, NotThrough};
use super::payload::Keeper;
use super::record::{Below, Held, Record, Room};
use super::watch::Watcher;
use super::{Refused, Router, arguments, digest};
use crate::admission::Asked;
use crate::admission::budget::Reservation;
use crate::approvals::Claim;
use crate::audit::entry::time::whole_micros;
use crate::audit::entry::{CallDecided, DecidedAccess, Outcome};
use crate::capability::effects::Flow;
use crate::capability::model::ModelSetting;
use crate::engine::output::ToolOutput;
use crate::engine::{Class, Ended, Run};
use crate::error::{Error, Result};
use crate::id::{ApprovalId, CallId, CallTarget, SessionId, ToolName};
use crate::policy::{self, Clock, Holding, Plan, Priority};
use crate::routed::{DecidedRoute, Declared, Level};
use crate::snapshot::{Admitted, CallDecision, Caller, Resolved, ToolDefinition};

/// A tool that is about to be called, and what was decided of that.
pub(super) struct Attempt {
    pub(super) resolved: Resolved,
    pub(super) decision: Arc<CallDecision>,
    /// How a route came to it.
    pub(super) route: Option<DecidedRoute>,
    /// What is above it, where a call makes it.
    pub(super) lineage: Option<Arc<Lineage>>,
}

/// A call that may run: everything that was found out before it started.
pub(super) struct Ready {
    pub(super) id: CallId,
    pub(super) attempt: Attempt,
    pub(super) tool: ToolName,
    pub(super) arguments: Arguments,
    pub(super) session: Option<SessionId>,
    /// Where the tenant has rules of flow.
    pub(super) gate: Option<Arc<Gate>>,
    priority: Priority,
    pub(super) declared: Declared,
    pub(super) approval: Option<ApprovalId>,
}

impl Ready {
    pub(super) fn admitted(&self) -> Result<&Admitted> {
        admitted(&self.attempt.decision)
    }

    /// The version that runs.
    pub(super) fn version(&self) -> &Version {
        &self.attempt.resolved.version.version
    }
}

/// How much a call could bring about: what is derived of its tool, or what its caller declares where that is more.
pub(super) fn risk_of(admitted: &Admitted, declared: Declared) -> Level {
    Level::from(admitted.risk.level).max(declared.risk.unwrap_or(Level::Low))
}

/// What a call that was let in holds.
pub(super) fn admitted(decision: &CallDecision) -> Result<&Admitted> {
    decision.outcome.as_ref().map_err(|_| Error::internal("a denied call came as far as running"))
}

impl Router {
    /// Runs a call to its end. Dropping the future gives it up; its outcome is recorded all the same.
    ///
    /// # Errors
    ///
    /// Why there is no output, with the call's id where it was decided upon. Once the record holds the outcome, and
    /// not before, this returns.
    pub async fn call(&self, caller: &Caller, request: CallRequest, watcher: Option<Watcher>) -> Result<Reply, Failed> {
        // The request took a while to arrive: what let it begin can have been taken away since.
        let caller = &self.0.snapshot.again(caller)?;
        let refused = |error: Error| {
            self.0.refusals.note(caller, Refused { error: &error, tool: None });
            Failed::from(error)
        };
        self.ready().map_err(refused)?;
        caller.may_call_at_all().map_err(refused)?;
        let tool = match &request.tool {
            CallTarget::Tool(tool) => tool,
            CallTarget::Route(name) => return Box::pin(self.call_route(caller, name, &request, watcher)).await,
        };
        let resolved = caller.resolve(tool).map_err(refused)?;
        let decision = caller.decide(&resolved);
        let ready = self.let_in(caller, Attempt { resolved, decision, route: None, lineage: None }, &request).await?;
        let reservation = ready.admitted().and_then(|admitted| self.reserve(caller, &ready.tool.package, admitted));
        let reservation = match reservation {
            Ok(reservation) => reservation,
            Err(error) => return Ok(self.without_room(caller, &ready, error, watcher.as_ref()).await?),
        };
        let call = Some(ready.id);
        self.run(caller, ready, reservation, watcher).await.map_err(|error| Failed { call, error })
    }

    /// Everything that may refuse the call of a tool before it costs anything.
    pub(super) async fn let_in(
        &self,
        caller: &Caller,
        attempt: Attempt,
        request: &CallRequest,
    ) -> Result<Ready, Failed> {
        let Attempt { resolved, decision, lineage, .. } = &attempt;
        let id = CallId::new();
        let tool = resolved.name();
        let admitted = match &decision.outcome {
            Ok(admitted) => admitted,
            Err(refused) => {
                let error = Error::from(refused.clone()).fact("decision", id.to_string());
                let parent = lineage.as_deref().map(Lineage::parent);
                self.0.refusals.denied(caller, id, resolved, &error, decision, parent).await?;
                return Err(Failed { call: Some(id), error });
            }
        };
        let bytes_max = admitted.allowed.limits.arguments_bytes;
        let faulty = |error: Error| {
            self.0.refusals.note(caller, Refused { error: &error, tool: Some(tool.clone()) });
            Failed::from(error)
        };
        let above = lineage.as_deref().and_then(Lineage::gate);
        let gate = match self.gate(caller, resolved, id, request.session.as_ref(), above) {
            Ok(gate) => gate,
            Err(NotThrough::Refused(error)) => return Err(faulty(error)),
            Err(NotThrough::HeldBack(held)) => {
                let error = held.error.clone().fact("decision", id.to_string());
                let parent = lineage.as_deref().map(Lineage::parent);
                self.0.refusals.held_back(caller, id, resolved, decision, *held, parent).await?;
                return Err(Failed { call: Some(id), error });
            }
        };
        arguments::within(&request.arguments, bytes_max).map_err(faulty)?;
        let arguments = Arguments::read(&resolved.tool, &request.arguments).map_err(faulty)?;
        let (ceiling, rules) = (&caller.platform.ceiling, &caller.tenant.policy);
        let priority = policy::priority(ceiling, rules, &caller.principal.name, request.priority);
        let (session, declared, approval) = (request.session.clone(), request.declared, request.approval);
        Ok(Ready { id, attempt, tool, arguments, session, gate, priority, declared, approval })
    }

    /// Runs a call that was let in, within what is reserved for it.
    pub(super) async fn run(
        &self,
        caller: &Caller,
        ready: Ready,
        reservation: Reservation,
        watcher: Option<Watcher>,
    ) -> Result<Reply> {
        let inner = &self.0;
        let asked = self.asked(caller, &ready.tool, ready.priority);
        let room = match &ready.attempt.lineage {
            None => inner.admission.enter(&asked).await.map(Room::Own),
            Some(lineage) => lineage.enter(&inner.child_room, caller).await.map(|pass| Room::Child { _pass: pass }),
        };
        let room = match room {
            Ok(room) => room,
            Err(error) => return self.without_room(caller, &ready, error, watcher.as_ref()).await,
        };
        let Ready { id, attempt, tool, arguments, session, gate, declared, approval, .. } = ready;
        let Attempt { resolved, decision, route, lineage } = attempt;
        let admitted = admitted(&decision)?;
        let allowed = &admitted.allowed;
        let version = &resolved.version;
        let count = |error: Error| {
            inner.refusals.note(caller, Refused { error: &error, tool: Some(tool.clone()) });
            error
        };
        let arguments = arguments.checked(&inner.checks, &caller.tenant.id, &resolved.tool).await.map_err(count)?;
        if let Some(lineage) = &lineage {
            let digest = caller.tenant.digest_key.digest([arguments.as_bytes()]);
            lineage.check_cycle(&tool, digest).map_err(count)?;
        }
        let now = self.still_let_in(caller, id, &resolved, lineage.as_deref()).await?;
        let risk = risk_of(admitted, declared);
        let ask = Ask {
            call: id,
            resolved: &resolved,
            admitted,
            risk,
            gate: gate.as_deref(),
            session: session.as_ref(),
            arguments: &arguments,
            by_tool: lineage.is_some(),
            of_route: route.is_some(),
        };
        let claim = self.approval(&now, &ask, approval).await?;
        let loaded = inner.registry.load(&version.owner, version.component()).await.map_err(count)?;

        // What a frozen clock shows is what the record says it showed.
        let frozen_time = whole_micros(SystemTime::now());
        let limits = match &lineage {
            None => Arc::clone(&allowed.limits),
            Some(lineage) => lineage.limits(&allowed.limits).map_err(count)?,
        };
        let (parent, root) = lineage.as_ref().map(|lineage| (lineage.parent(), lineage.root())).unzip();
        let decided = CallDecided {
            approval: claim.as_ref().map(Claim::id),
            labels: gate.as_ref().map(|gate| gate.touched().to_vec()).unwrap_or_default(),
            limits: (&*limits).into(),
            parent,
            reserved: Some(reservation.reserved()),
            risk: Some(risk),
            root,
            route,
            session: session.clone(),
            ..self.decided(caller, id, &resolved, &tool, (admitted, &decision), &arguments, frozen_time)
        };
        let holding = Holding { grants: Arc::clone(&allowed.grants), limits: Arc::clone(&limits) };
        let (arguments_mac, line) = (decided.arguments, reservation.line());
        let of_call = OfCall { call: id, arguments: arguments_mac, session, gate: gate.clone(), line, declared };
        let Begun { kinship, family } = self.found_family(caller, lineage.as_deref(), &resolved, holding, of_call);
        let held = Held { room, reservation };
        let keeper = Keeper::of(&inner.payloads, &inner.quotas, caller, id, &arguments);
        // What goes on at once has no order that could be given again: see `replay/recall.rs`.
        let is_taped = version.admission.inspection.class != Class::Async;
        let tape = keeper.as_ref().filter(|_| is_taped).and_then(|keeper| keeper.tape().cloned());
        let flow = gate.map(|gate| gate as Arc<dyn Flow>);
        let record =
            Record::begin(&inner.audit, &inner.tasks, caller, decided, watcher.clone(), (held, kinship), keeper, flow)?;
        if let Some(claim) = claim {
            claim.used(id);
        }
        if let Some(watcher) = watcher {
            record.durable().await?;
            let (tool, version) = (tool.clone(), version.version.clone());
            watcher.show(CallEvent::Decided { call: id, tool, version, component: *resolved.version.component() });
        }
        let run = Run {
            call: id,
            tenant: caller.tenant.id.clone(),
            limits,
            grants: Arc::clone(&allowed.grants),
            definition: resolved.tool.definition.name.clone(),
            arguments,
            frozen_time,
            effects: Arc::clone(record.effects()),
            weight: asked.plan.weight,
            meter: record.meter(),
            secrets: Arc::clone(&caller.tenant.secrets),
            models: ModelSetting {
                secrets: Arc::clone(&caller.platform.secrets),
                risk,
                budget_left_ppm: allowed.grants.model.as_ref().map_or(0, |_| self.budget_left_ppm(caller)),
            },
            tape,
            family,
        };
        let ended = inner.engine.run(&loaded, run).await;
        let (output, usage, tree) = self.finish(caller, &resolved.tool, record, ended).await?;
        // What a call below holds is cut to what its caller does: another's would not be the same.
        if lineage.is_none() {
            self.keep_answer(caller, (&resolved, admitted), (id, arguments_mac), &output);
        }
        let (version, component) = (version.version.clone(), *version.component());
        Ok(Reply { call: id, tool, version, component, output, usage, route: None, tree, stand_in: None })
    }

    /// What a call that has ended came to, once its outcome is in the record.
    async fn finish(
        &self,
        caller: &Caller,
        tool: &Arc<ToolDefinition>,
        mut record: Record,
        Ended { result, usage }: Ended,
    ) -> Result<(ToolOutput, CallUsage, CallTree)> {
        // Its store is gone, and with it every call that it had not waited for.
        record.alone().await;
        let mut result = match result {
            Ok(output) => self.checked_output(&caller.tenant.id, tool, output).await,
            Err(error) => Err(error),
        };
        if let Err(error) = record.keep(result.as_ref().ok()).await {
            result = Err(error);
        }
        let (outcome, kept) = match &result {
            Ok(output) => (Outcome::Ok, Some(digest::output(&caller.tenant.digest_key, output))),
            Err(error) => (Outcome::Failed(error.code()), None),
        };
        let effects = Arc::clone(record.effects());
        let (done, Below { calls: child_calls, used, tree }) = record.end(usage, outcome, kept).await?;
        let output = result.map_err(|error| flow::explain(error, effects.flow_denied()))?;
        Ok((output, CallUsage { engine: usage, effects: done, child_calls, child_fuel: used.fuel }, tree))
    }

    /// How many times as much of the processors the caller's tenant gets as one of weight 1.
    pub fn weight(&self, caller: &Caller) -> u32 {
        self.plan(caller).weight
    }

    fn plan(&self, caller: &Caller) -> Plan {
        let (ceiling, rules, tenant) = (&caller.platform.ceiling, &caller.tenant.policy, &caller.tenant.id);
        policy::plan(ceiling, rules, tenant, self.0.admission.default_plan())
    }

    /// What a call asks of admission.
    pub(super) fn asked(&self, caller: &Caller, tool: &ToolName, priority: Priority) -> Asked {
        Asked { tenant: caller.tenant.id.clone(), tool: tool.clone(), priority, plan: self.plan(caller) }
    }

    #[expect(clippy::too_many_arguments, reason = "an entry has as many members")]
    fn decided(
        &self,
        caller: &Caller,
        call: CallId,
        resolved: &Resolved,
        tool: &ToolName,
        (Admitted { allowed, by, .. }, decision): (&Admitted, &CallDecision),
        arguments: &str,
        frozen_time: SystemTime,
    ) -> CallDecided {
        let version = &resolved.version;
        CallDecided {
            access: Some(access_of(caller, decision, by)),
            approval: None,
            arguments: caller.tenant.digest_key.digest([arguments.as_bytes()]),
            arguments_bytes: arguments.len() as u64,
            call,
            ceiling: caller.platform.ceiling.digest(),
            component: *version.component(),
            engine: self.0.engine.compatibility(version.admission.inspection.class).to_owned(),
            frozen_time: (*allowed.grants.clock == Clock::Frozen).then_some(frozen_time),
            labels: Vec::new(),
            limits: (&*allowed.limits).into(),
            parent: None,
            policy: caller.tenant.policy.digest(),
            reserved: None,
            risk: None,
            root: None,
            route: None,
            rule: allowed.rule.clone(),
            session: None,
            tool: tool.clone(),
            version: version.version.clone(),
        }
    }
}

/// What access rules had to do with a decision, as entries have it.
pub(super) fn access_of(caller: &Caller, decision: &CallDecision, by: &[String]) -> DecidedAccess {
    DecidedAccess {
        awaits: false,
        by: by.to_vec(),
        hour: decision.moment.hour,
        platform: caller.platform.access.digest(),
        recalled: None,
        tenant: caller.tenant.access.digest(),
        weekday: decision.moment.day().to_owned(),
    }
}
