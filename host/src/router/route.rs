//! A call of a route: which choice takes it, and what is done when that one fails.
//!
//! Each attempt is a call of its own, with a decision of its own: what came of the attempts before is among the facts
//! that it follows from, so that every recorded one can be made again by itself.

mod explain;
mod facts;
mod nobody;

pub use self::explain::AskedRoute;

use std::time::{Duration, Instant};

use serde_json::json;

use self::facts::{Choices, Health};
use super::call::{Attempt, CallRequest, Ready};
use super::watch::Watcher;
use super::{Failed, Refused, Reply, Router};
use crate::access::Who;
use crate::admission::Trial;
use crate::admission::budget::Reservation;
use crate::error::{Code, Error, Result};
use crate::id::{CallId, CallTarget, RouteName, SessionId, ToolName};
use crate::labels::Brought;
use crate::policy::route::{ChoiceKey, Fallback, Route, choose};
use crate::routed::DecidedRoute;
use crate::snapshot::Caller;

/// What came of a call of a route, beside its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// The decision on the last attempt.
    pub decision: DecidedRoute,
    /// Every attempt, in order.
    pub attempts: Vec<Attempted>,
}

/// One attempt of a call of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// The call that it was.
    pub call: CallId,
    /// The tool.
    pub tool: ToolName,
    /// Its version.
    pub version: semver::Version,
    /// How it failed; absent where it gave an output.
    pub error: Option<Code>,
}

/// A choice that takes a call, with all that it takes to run it.
struct Taken {
    choice: ChoiceKey,
    ready: Ready,
    trial: Trial,
    reservation: Reservation,
}

/// Whether a call that ended so has another attempt, where its route says so: what another tool could do better. Nothing
/// that the caller did wrong, or may not.
const fn falls_back(code: Code) -> bool {
    is_failure(code) || matches!(code, Code::Overloaded)
}

/// Whether it counts against the choice. That the host had no room says nothing of a tool.
const fn is_failure(code: Code) -> bool {
    matches!(
        code,
        Code::ToolFailed
            | Code::Unavailable
            | Code::DeadlineExceeded
            | Code::FuelExhausted
            | Code::MemoryExceeded
            | Code::LimitExceeded
    )
}

/// Whether no choice takes a call because there is no room for it.
const fn is_for_room(code: Code) -> bool {
    matches!(code, Code::Throttled | Code::BudgetExceeded)
}

impl Router {
    /// Makes a call of a route: of its choices' tools one after the other, until one gives an output or none is left.
    pub(super) async fn call_route(
        &self,
        caller: &Caller,
        name: &RouteName,
        request: &CallRequest,
        watcher: Option<Watcher>,
    ) -> Result<Reply, Failed> {
        let inputs = self.inputs(caller, &Who::from(&*caller.principal), name, request.declared, &request.arguments);
        let mut caller = caller.clone();
        let mut attempts: Vec<Attempted> = Vec::new();
        let mut tried: Vec<(ChoiceKey, Code)> = Vec::new();
        let mut failed: Option<Failed> = None;
        loop {
            if let Some(ended) = failed.take_if(|_| !self.may_go_on(&mut caller)) {
                return Err(told(ended, name, &attempts));
            }
            let found = caller.route(name).map(|route| (route, Choices::of(&caller, route)));
            let Some((route, mut choices)) = found.filter(|(_, choices)| choices.any_callable()) else {
                if let Some(ended) = failed {
                    return Err(told(ended, name, &attempts));
                }
                let error = unknown(name);
                self.0.refusals.note(&caller, Refused { error: &error, tool: None });
                return Err(error.into());
            };
            let touched = self.touched(&caller, request.session.as_ref());
            self.weigh(&caller, &Who::from(&*caller.principal), &mut choices, &tried, &touched);
            let attempt = u32::try_from(attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
            let first = attempts.first().map(|attempt| attempt.call);
            let inputs = inputs.clone();
            let decision = DecidedRoute { attempt, choices: Vec::new(), first, inputs, name: name.clone() };
            let decided = self.decide_route(&caller, route, decision, request, &mut choices).await;
            let (decision, taken) = decided.map_err(|failed| told(failed, name, &attempts))?;
            let Some(Taken { choice, ready, trial, reservation }) = taken else {
                if let Some(failed) = failed {
                    return Err(told(failed, name, &attempts));
                }
                let error = self.nobody(&caller, &Who::from(&*caller.principal), route, &decision, &choices);
                let earlier = self.earlier(&caller, (route, &choices), &decision, request, &error, watcher.as_ref());
                if let Some(reply) = earlier.await? {
                    return Ok(reply);
                }
                return Err(self.refuse_route(&caller, error, decision, (touched, request.session.clone())).await);
            };
            let (call, tool, version) = (ready.id, ready.tool.clone(), ready.version().clone());
            let began = Instant::now();
            let result = self.run(&caller, ready, reservation, watcher.clone()).await;
            end(trial, &result, began.elapsed());
            let error = result.as_ref().err().map(Error::code);
            attempts.push(Attempted { call, tool, version, error });
            match result {
                Ok(reply) => return Ok(Reply { route: Some(Box::new(Routed { decision, attempts })), ..reply }),
                Err(error) => {
                    let another = route.fallback == Fallback::Next && falls_back(error.code());
                    tried.push((choice, error.code()));
                    let ended = Failed { call: Some(call), error };
                    if !another {
                        return Err(told(ended, name, &attempts));
                    }
                    failed = Some(ended);
                }
            }
        }
    }

    /// Whether another attempt may be made: what let the call begin can have been taken away since. Leaves the caller as
    /// it is now.
    fn may_go_on(&self, caller: &mut Caller) -> bool {
        match self.0.snapshot.again(caller) {
            // A host that stops lets nothing further in.
            Ok(now) if self.ready().is_ok() => {
                *caller = now;
                true
            }
            _ => false,
        }
    }

    /// Completes `decision` with the choices: decides, lets the call through the breaker of the choice that takes it and in
    /// as a call of its tool, and reserves what it may use. Where another call was quicker to be the one that shows whether
    /// a choice is well again, or to take what was left of a budget, that is a new fact: it is decided anew.
    ///
    /// # Errors
    ///
    /// Why the call is not let in, whatever tool takes it.
    async fn decide_route(
        &self,
        caller: &Caller,
        route: &Route,
        mut decision: DecidedRoute,
        request: &CallRequest,
        choices: &mut Choices,
    ) -> Result<(DecidedRoute, Option<Taken>), Failed> {
        let (tenant, now) = (&caller.tenant.id, Instant::now());
        let mut health = Health::now(&self.0.breakers, tenant, route, now);
        loop {
            decision.choices = choose(route, &decision.inputs, choices.facts(&health));
            let taken =
                decision.taken().and_then(|place| Some((place, route.choices.get(place)?, choices.callable(place)?)));
            let Some((place, choice, (resolved, by_rules))) = taken else { return Ok((decision, None)) };
            // Each turn closes one off: there are not more turns than choices.
            let key = facts::key(&route.name, choice);
            // Where its failures are the caller's to see, one that is tried out on some keys has no more than it takes to know.
            let few = choice.conditions.share_ppm.is_some() && route.fallback == Fallback::None;
            let trial = match self.0.breakers.begin(tenant, &key, (route.breaker, few), now) {
                Ok(trial) => trial,
                Err(said) => {
                    health.close_off(place, said);
                    continue;
                }
            };
            let attempt = Attempt { resolved, decision: by_rules, route: Some(decision.clone()), lineage: None };
            let ready = self.let_in(caller, attempt, request).await?;
            // Only now, as for a tool: a call that is refused for what it says uses up nothing of a rate.
            let reserved = ready.admitted().and_then(|admitted| self.reserve(caller, &ready.tool.package, admitted));
            match reserved {
                Ok(reservation) => {
                    let choice = choice.key();
                    return Ok((decision, Some(Taken { choice, ready, trial, reservation })));
                }
                Err(full) => {
                    trial.forget();
                    choices.fill_up(place, full);
                }
            }
        }
    }

    /// Records that no choice takes a call, and gives the refusal. What passes by itself is counted, as it is for tools.
    async fn refuse_route(
        &self,
        caller: &Caller,
        error: Error,
        decision: DecidedRoute,
        session: (Vec<Brought>, Option<SessionId>),
    ) -> Failed {
        if is_for_room(error.code()) {
            self.0.refusals.note(caller, Refused { error: &error, tool: None });
            return error.into();
        }
        let call = CallId::new();
        let held_back = decision.choices.iter().any(|choice| choice.facts.flow.is_some());
        let error = error.fact("decision", call.to_string());
        let error = match held_back {
            true => error.fact("labels", serde_json::to_value(&session.0).unwrap_or_default()),
            false => error,
        };
        match self.0.refusals.no_choice(caller, call, &error, decision, session).await {
            Ok(()) => Failed { call: Some(call), error },
            Err(failed) => failed,
        }
    }
}

/// Tells the breaker how the call ended.
fn end(trial: Trial, result: &Result<Reply>, took: Duration) {
    let now = Instant::now();
    match result {
        // Nothing ran.
        Ok(reply) if reply.stand_in.is_some() => trial.forget(),
        // What ran without waiting for room is what counts as slow.
        Ok(reply) => trial.end(false, reply.usage.engine.duration, now),
        Err(error) if is_failure(error.code()) => trial.end(true, took, now),
        // It says nothing of the tool, however long it waited for that.
        Err(_) => trial.forget(),
    }
}

fn unknown(name: &RouteName) -> Error {
    Error::not_found("tool", CallTarget::Route(name.clone())).next("GET /v1/tools lists what this key may call")
}

/// A failure with what was attempted.
fn told(failed: Failed, name: &RouteName, attempts: &[Attempted]) -> Failed {
    if attempts.is_empty() {
        return failed;
    }
    let told: Vec<_> = attempts
        .iter()
        .map(|Attempted { call, tool, version, error }| {
            json!({"call": call, "tool": tool, "version": version.to_string(), "error": error})
        })
        .collect();
    let error = failed.error.fact("route", name.to_string()).fact("attempts", told);
    Failed { error, ..failed }
}

#[cfg(test)]
mod tests;
