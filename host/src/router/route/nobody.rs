//! Why no choice of a route takes a call, and what would help: to wait, where what stands in its way passes, or an answer
//! that the same call had before.

use std::time::SystemTime;

use super::facts::Choices;
use super::{Attempted, Routed, is_for_room};
use crate::access::Who;
use crate::error::{Code, Error, Result};
use crate::id::CallTarget;
use crate::policy::route::{Route, choose};
use crate::routed::{ChoiceFacts, DecidedRoute, Health, RouteInputs, Verdict, WHOLE_PPM};
use crate::router::Router;
use crate::router::call::{Attempt, CallRequest, Failed, Reply};
use crate::router::watch::Watcher;
use crate::snapshot::Caller;

/// How long whoever waits for what its tenant's running calls have, room or a part of a budget, is told to wait.
const RUNNING_RETRY_MS: u64 = 1_000;

impl Router {
    /// The refusal of a call by `who` that no choice takes. Of what would have to be otherwise, what passes soonest is
    /// told: load, then breakers, then budgets; what does not pass by itself denies it.
    pub(super) fn nobody(
        &self,
        caller: &Caller,
        who: &Who<'_>,
        route: &Route,
        decision: &DecidedRoute,
        choices: &Choices,
    ) -> Error {
        let why: Vec<String> = decision
            .choices
            .iter()
            .map(|choice| format!("{}: {}", choice.tool, choice.why.as_deref().unwrap_or_default()))
            .collect();
        let name = CallTarget::Route(route.name.clone());
        let message = format!("no choice of {name} takes the call: {}", why.join("; "));
        let told = |code, next: &str| {
            let rule = route.rule();
            let error = Error::new(code, &*message).next(next).fact("rule", rule.clone()).fact("rules", vec![rule]);
            error.fact("choices", why.clone())
        };
        let calm = |inputs: &mut RouteInputs, _: &mut ChoiceFacts| inputs.load_ppm = 0;
        let well = |inputs: &mut RouteInputs, facts: &mut ChoiceFacts| {
            calm(inputs, facts);
            facts.health = Health::Closed;
        };
        let rich = |inputs: &mut RouteInputs, facts: &mut ChoiceFacts| {
            well(inputs, facts);
            inputs.budget_left_ppm = WHOLE_PPM;
            facts.budget = None;
        };
        if let Some(place) = otherwise(route, decision, calm) {
            let most = route.choices.get(place).and_then(|choice| choice.conditions.max_load_ppm);
            return told(Code::Throttled, "wait as long as retry-after says, and have fewer calls open at once")
                .fact("limit", "max_load")
                .fact("maximum_ppm", most.unwrap_or(WHOLE_PPM))
                .fact("used_ppm", decision.inputs.load_ppm)
                .fact("left", 0)
                .fact("retry_after_ms", RUNNING_RETRY_MS);
        }
        if otherwise(route, decision, well).is_some() {
            let retry = u64::try_from(route.breaker.open.as_millis()).unwrap_or(u64::MAX);
            return told(Code::Unavailable, "try again later").fact("retry_after_ms", retry);
        }
        let Some(place) = otherwise(route, decision, rich) else {
            let remedy = format!("ask for less, or change what the choices of [[route]] {} take", route.name);
            return told(Code::Denied, &remedy).fact("remedy", remedy);
        };
        // With which budget, what is left of it and when it begins anew, as a call of the tool itself would be refused.
        if let Some(full) = choices.full(place) {
            let error = told(Code::BudgetExceeded, full.what_next().unwrap_or_default());
            return full.facts().iter().fold(error, |error, (name, value)| error.fact(name, value.clone()));
        }
        let error = told(Code::BudgetExceeded, "wait until the budget begins anew, or have it raised");
        let Some(scarcest) = self.scarcest_budget(caller, who) else { return error };
        let until = humantime::parse_rfc3339(&scarcest.resets_at).ok();
        let wait = until.and_then(|until| until.duration_since(SystemTime::now()).ok()).unwrap_or_default();
        let retry_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        let least = route.choices.get(place).and_then(|choice| choice.conditions.min_budget_left_ppm);
        // Running calls have it: what they do not use comes back with their ends.
        let comes_back = least.is_some_and(|least| scarcest.unused_ppm() >= least);
        let retry_ms = if comes_back { retry_ms.min(RUNNING_RETRY_MS) } else { retry_ms };
        error
            .fact("limit", scarcest.limit)
            .fact("maximum", scarcest.maximum)
            .fact("used", scarcest.used)
            .fact("reserved", scarcest.reserved)
            .fact("left", scarcest.left)
            .fact("resets_at", scarcest.resets_at)
            .fact("retry_after_ms", retry_ms)
    }

    /// What stands in for a call that no choice has room for, if something does.
    pub(super) async fn earlier(
        &self,
        caller: &Caller,
        (route, choices): (&Route, &Choices),
        decision: &DecidedRoute,
        request: &CallRequest,
        refusal: &Error,
        watcher: Option<&Watcher>,
    ) -> Result<Option<Reply>, Failed> {
        let because = refusal.code();
        if !is_for_room(because) {
            return Ok(None);
        }
        let found = with_room(route, decision).and_then(|place| choices.callable(place));
        let Some((resolved, by_rules)) = found else { return Ok(None) };
        let attempt = Attempt { resolved, decision: by_rules, route: Some(decision.clone()), lineage: None };
        let reply = self.without_room_in_route(caller, attempt, request, because, watcher).await?;
        Ok(reply.map(|reply| {
            let Reply { call, tool, version, .. } = &reply;
            let attempt = Attempted { call: *call, tool: tool.clone(), version: version.clone(), error: None };
            let routed = Routed { decision: decision.clone(), attempts: vec![attempt] };
            Reply { route: Some(Box::new(routed)), ..reply }
        }))
    }
}

/// Which choice would take the call if there were room for it: in the tenant's budgets, and in its load.
fn with_room(route: &Route, decision: &DecidedRoute) -> Option<usize> {
    otherwise(route, decision, |inputs, facts| {
        (inputs.load_ppm, inputs.budget_left_ppm) = (0, WHOLE_PPM);
        facts.budget = None;
    })
}

/// Which choice would take the call if something were otherwise.
fn otherwise(
    route: &Route,
    decision: &DecidedRoute,
    change: impl Fn(&mut RouteInputs, &mut ChoiceFacts),
) -> Option<usize> {
    let mut inputs = decision.inputs.clone();
    let mut facts: Vec<ChoiceFacts> = decision.choices.iter().map(|choice| choice.facts.clone()).collect();
    facts.iter_mut().for_each(|facts| change(&mut inputs, facts));
    choose(route, &inputs, facts).iter().position(|choice| choice.verdict == Verdict::Taken)
}
