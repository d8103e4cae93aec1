//! Degrading before refusing: where there is no room for a call, the answer that the same call had before stands in for it, if
//! policy keeps answers of its tool and the tool is one whose answers can be kept.

use std::sync::Arc;
use std::time::SystemTime;

use super::approval::Ask;
use super::arguments::Arguments;
use super::call::{Attempt, CallEvent, CallRequest, CallUsage, Failed, Ready, access_of, admitted, risk_of};
use super::children::CallTree;
use super::payload::Keeper;
use super::watch::Watcher;
use super::{Refused, Reply, Router, digest};
use crate::answers::{Answer, AnswerKey, Keep};
use crate::audit::entry::{CallAnswered, Mac};
use crate::capability::effects::Flow as _;
use crate::engine::output::ToolOutput;
use crate::error::{Code, Error, Result};
use crate::id::{CallId, TenantId};
use crate::policy::{self, Caching, Ceiling, GrantKind, Risk};
use crate::snapshot::{Admitted, Caller, Resolved};

/// What an answer is that an earlier call gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandIn {
    /// Why there was no room for the call.
    pub because: Code,
    /// The call that gave the answer.
    pub call: CallId,
    /// When it was given.
    pub made: SystemTime,
}

/// Whether what a call answers can be kept: by what follows from what it holds, and by what the tool says of itself. Neither
/// alone is enough.
fn keeps(resolved: &Resolved, risk: Risk) -> bool {
    let Risk { read_only, idempotent, open_world, deterministic, .. } = risk;
    let claims = resolved.tool.definition.hints;
    let by_derivation = read_only && idempotent && deterministic && !open_world;
    by_derivation && claims.read_only && claims.idempotent && !claims.destructive
}

fn caching(caller: &Caller, resolved: &Resolved, risk: Risk) -> Option<Caching> {
    let (ceiling, policy) = (&caller.platform.ceiling, &caller.tenant.policy);
    policy::caching(ceiling, policy, &resolved.package).filter(|_| keeps(resolved, risk))
}

fn key(caller: &Caller, resolved: &Resolved, admitted: &Admitted, arguments: Mac) -> AnswerKey {
    let holds = |kind: &GrantKind| admitted.allowed.grants.holds(*kind);
    AnswerKey {
        tool: resolved.name(),
        component: *resolved.version.component(),
        policy: caller.tenant.policy.digest(),
        ceiling: caller.platform.ceiling.digest(),
        held: GrantKind::ALL.into_iter().filter(holds).collect(),
        arguments,
    }
}

impl Router {
    /// Keeps what a call answered, where that can stand in for another. Only once its outcome is durable.
    pub(super) fn keep_answer(
        &self,
        caller: &Caller,
        (resolved, admitted): (&Resolved, &Admitted),
        (call, arguments): (CallId, Mac),
        output: &ToolOutput,
    ) {
        let caching = caching(caller, resolved, admitted.risk).filter(|_| !output.is_error);
        let Some(Caching { time, bytes_max }) = caching else { return };
        let answer = Answer { call, made: SystemTime::now(), output: Arc::new(output.clone()) };
        let keep = Keep { time, bytes_max };
        self.0.answers.keep(&caller.tenant.id, key(caller, resolved, admitted, arguments), answer, keep);
    }

    /// What becomes of a call that there is no room for: an answer that stands in, or the refusal.
    ///
    /// # Errors
    ///
    /// `refusal`, which is counted in the record then.
    pub(super) async fn without_room(
        &self,
        caller: &Caller,
        ready: &Ready,
        refusal: Error,
        watcher: Option<&Watcher>,
    ) -> Result<Reply> {
        let error = match self.stand_in(caller, ready, refusal.code(), watcher).await {
            Ok(Some(reply)) => return Ok(reply),
            Ok(None) => refusal,
            Err(error) => error,
        };
        self.0.refusals.note(caller, Refused { error: &error, tool: Some(ready.tool.clone()) });
        Err(error)
    }

    /// The same for a call of a route, none of whose choices had room for it: what the one answered before that would take
    /// it. Where nothing stands in, the refusal is the route's.
    ///
    /// # Errors
    ///
    /// Where the call would not be let in if there were room.
    pub(super) async fn without_room_in_route(
        &self,
        caller: &Caller,
        attempt: Attempt,
        request: &CallRequest,
        because: Code,
        watcher: Option<&Watcher>,
    ) -> Result<Option<Reply>, Failed> {
        let risk = admitted(&attempt.decision)?.risk;
        // What costs something is asked last: of refusals there are as many as anybody likes.
        if caching(caller, &attempt.resolved, risk).is_none() {
            return Ok(None);
        }
        let ready = self.let_in(caller, attempt, request).await?;
        let call = Some(ready.id);
        self.stand_in(caller, &ready, because, watcher).await.map_err(|error| Failed { call, error })
    }

    async fn stand_in(
        &self,
        caller: &Caller,
        ready: &Ready,
        because: Code,
        watcher: Option<&Watcher>,
    ) -> Result<Option<Reply>> {
        let (resolved, admitted) = (&ready.attempt.resolved, admitted(&ready.attempt.decision)?);
        let Some(Caching { time, .. }) = caching(caller, resolved, admitted.risk) else { return Ok(None) };
        // What it holds is cut to what its caller does.
        if ready.attempt.lineage.is_some() {
            return Ok(None);
        }
        // What is checked apart is checked behind admission, where there is no room.
        let Arguments::Checked(arguments) = &ready.arguments else { return Ok(None) };
        // It may have waited. What is kept is of what was in force then: where that is another now, nothing stands in.
        if !self.0.snapshot.again(caller)?.is_as(caller) {
            return Ok(None);
        }
        let ask = Ask {
            call: ready.id,
            resolved,
            admitted,
            risk: risk_of(admitted, ready.declared),
            gate: ready.gate.as_deref(),
            session: ready.session.as_ref(),
            arguments,
            by_tool: false,
            of_route: ready.attempt.route.is_some(),
        };
        if ready.approval.is_some() || !ask.rules(caller).is_empty() {
            return Ok(None);
        }
        let mac = caller.tenant.digest_key.digest([arguments.as_bytes()]);
        let key = key(caller, resolved, admitted, mac);
        let found = self.0.answers.get(&caller.tenant.id, &key, time, SystemTime::now());
        let Some(answer) = found else { return Ok(None) };
        if let Some(keeper) = Keeper::of(&self.0.payloads, &self.0.quotas, caller, ready.id, arguments) {
            keeper.keep(Some(&answer.output)).await?;
        }
        self.record_answered(caller, ready, (mac, arguments.len() as u64), &answer, because).await?;
        let (call, tool) = (ready.id, ready.tool.clone());
        let (version, component) = (resolved.version.version.clone(), *resolved.version.component());
        if let Some(watcher) = watcher {
            let (tool, version) = (tool.clone(), version.clone());
            watcher.show(CallEvent::Decided { call, tool, version, component });
        }
        Ok(Some(Reply {
            call,
            tool,
            version,
            component,
            output: ToolOutput::clone(&answer.output),
            usage: CallUsage::default(),
            route: None,
            tree: CallTree::default(),
            stand_in: Some(StandIn { because, call: answer.call, made: answer.made }),
        }))
    }

    async fn record_answered(
        &self,
        caller: &Caller,
        ready: &Ready,
        (arguments, arguments_bytes): (Mac, u64),
        answer: &Answer,
        because: Code,
    ) -> Result<()> {
        let (version, decision) = (&ready.attempt.resolved.version, &ready.attempt.decision);
        let admitted = admitted(decision)?;
        let (result, result_bytes) = digest::output(&caller.tenant.digest_key, &answer.output);
        let answered = CallAnswered {
            access: access_of(caller, decision, &admitted.by),
            answer_of: answer.call,
            arguments,
            arguments_bytes,
            because,
            call: ready.id,
            ceiling: caller.platform.ceiling.digest(),
            component: *version.component(),
            labels: ready.gate.as_ref().map(|gate| gate.brought()).unwrap_or_default(),
            policy: caller.tenant.policy.digest(),
            result,
            result_bytes,
            route: ready.attempt.route.clone(),
            rule: admitted.allowed.rule.clone(),
            session: ready.session.clone(),
            tool: ready.tool.clone(),
            version: version.version.clone(),
        };
        let position = self.0.audit.append(&caller.tenant.id, Some(caller.principal.id), &answered.into())?;
        self.0.audit.durable(position).await
    }

    /// Forgets answers that are older than policies let them get. Called once a minute.
    pub fn prune_answers(&self) {
        let (snapshot, platform) = (&self.0.snapshot, self.0.snapshot.platform());
        let ceiling: &Ceiling = &platform.ceiling;
        let time = |tenant: &TenantId| {
            snapshot.tenant(tenant).and_then(|tenant| policy::caching_time(ceiling, &tenant.policy))
        };
        self.0.answers.prune(SystemTime::now(), time);
    }
}
