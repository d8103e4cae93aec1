//! What a decision on a call of a route follows from, as it is at this moment.

use std::sync::Arc;
use std::time::Instant;

use crate::access::Who;
use crate::admission::{BreakerKey, Breakers};
use crate::error::{Code, Error};
use crate::id::{RouteName, TenantId};
use crate::labels::{Brought, labels};
use crate::policy::BudgetStanding;
use crate::policy::route::{Choice, ChoiceKey, Route, draw, measure, needed};
use crate::routed::{self, ChoiceFacts, Declared, Level, RouteInputs, Standing, WHOLE_PPM};
use crate::router::Router;
use crate::snapshot::{CallDecision, Caller, Resolved};

/// Load is told by twentieths: what a decision follows from is coarse enough to be the same for calls that are alike.
const LOAD_STEP_PPM: u32 = WHOLE_PPM / 20;

/// The choices of a route, as one key finds them.
pub(super) struct Choices(Vec<Found>);

struct Found {
    resolved: Option<Resolved>,
    decision: Option<Arc<CallDecision>>,
    choice: ChoiceKey,
    /// Kinds of grant that the choice goes without and the tool cannot.
    needed: Vec<String>,
    tried: Option<Code>,
    /// The rule of flow that holds it back.
    flow: Option<String>,
    /// Why the budgets have no room for it.
    full: Option<Error>,
}

impl Choices {
    /// As the caller finds them.
    pub(super) fn of(caller: &Caller, route: &Route) -> Self {
        Self::found(caller, route, |resolved| caller.decide(resolved))
    }

    /// As another key of its tenant does.
    pub(super) fn of_other(caller: &Caller, who: &Who<'_>, route: &Route) -> Self {
        Self::found(caller, route, |resolved| Arc::new(caller.decide_for(who, resolved)))
    }

    fn found(caller: &Caller, route: &Route, decide: impl Fn(&Resolved) -> Arc<CallDecision>) -> Self {
        let find = |choice: &Choice| {
            let resolved = caller.resolve(&choice.tool).ok();
            let decision = resolved.as_ref().map(&decide).map(|decision| match choice.without.is_empty() {
                true => decision,
                false => Arc::new(decision.without(&choice.without)),
            });
            let needed = resolved.as_ref().map(|resolved| needed(choice, &resolved.version.needs)).unwrap_or_default();
            Found { resolved, decision, choice: choice.key(), needed, tried: None, flow: None, full: None }
        };
        Self(route.choices.iter().map(find).collect())
    }

    /// Whether the key may call one of them.
    pub(super) fn any_callable(&self) -> bool {
        self.0.iter().any(|found| found.standing() == Standing::Callable)
    }

    /// The one at `place`, if the key may call it.
    pub(super) fn callable(&self, place: usize) -> Option<(Resolved, Arc<CallDecision>)> {
        let Found { resolved, decision, .. } = self.0.get(place)?;
        let decision = decision.as_ref().filter(|decision| decision.outcome.is_ok())?;
        Some((resolved.clone()?, Arc::clone(decision)))
    }

    /// The place of the first of them that there is, whether or not the key may call it.
    pub(super) fn first(&self) -> Option<usize> {
        self.0.iter().position(|found| found.resolved.is_some())
    }

    /// The one at `place`, if there is such a tool.
    pub(super) fn at(&self, place: usize) -> Option<&Resolved> {
        self.0.get(place)?.resolved.as_ref()
    }

    /// Why the budgets have no room for the one at `place`.
    pub(super) fn full(&self, place: usize) -> Option<&Error> {
        self.0.get(place)?.full.as_ref()
    }

    /// Another call took what was left for the one at `place`.
    pub(super) fn fill_up(&mut self, place: usize, full: Error) {
        if let Some(found) = self.0.get_mut(place) {
            found.full = Some(full);
        }
    }

    /// All of that as data.
    pub(super) fn facts(&self, health: &Health) -> Vec<ChoiceFacts> {
        let facts = |(found, health): (&Found, &routed::Health)| ChoiceFacts {
            budget: found.full.as_ref().map(|full| {
                let limit = full.facts().get("limit").and_then(|limit| limit.as_str());
                limit.unwrap_or(full.code().as_str()).to_owned()
            }),
            flow: found.flow.clone(),
            health: *health,
            needed: found.needed.clone(),
            risk: found.risk(),
            standing: found.standing(),
            tried: found.tried,
            version: found.resolved.as_ref().map(|resolved| resolved.version.version.clone()),
        };
        self.0.iter().zip(&health.0).map(facts).collect()
    }
}

impl Found {
    fn standing(&self) -> Standing {
        match &self.decision {
            None => Standing::NotFound,
            Some(decision) if decision.outcome.is_ok() => Standing::Callable,
            Some(_) => Standing::Denied,
        }
    }

    fn risk(&self) -> Option<Level> {
        let admitted = self.decision.as_ref()?.outcome.as_ref().ok()?;
        Some(admitted.risk.level.into())
    }
}

/// What the breakers of a route's choices say.
pub(super) struct Health(Vec<routed::Health>);

impl Health {
    pub(super) fn now(breakers: &Breakers, tenant: &TenantId, route: &Route, now: Instant) -> Self {
        let health = |choice| breakers.health(tenant, &key(&route.name, choice), now);
        Self(route.choices.iter().map(health).collect())
    }

    /// Other calls were let through instead: what its breaker says now.
    pub(super) fn close_off(&mut self, place: usize, said: routed::Health) {
        if let Some(health) = self.0.get_mut(place) {
            *health = said;
        }
    }
}

/// The breaker of a choice.
pub(super) fn key(route: &RouteName, choice: &Choice) -> BreakerKey {
    BreakerKey { route: route.clone(), choice: choice.key() }
}

impl Router {
    /// What stands against choices that the key may call: attempts with some of their tools that ended so, rules of flow
    /// in a session that touched so much, and budgets without room.
    pub(super) fn weigh(
        &self,
        caller: &Caller,
        who: &Who<'_>,
        choices: &mut Choices,
        tried: &[(ChoiceKey, Code)],
        touched: &[Brought],
    ) {
        for found in &mut choices.0 {
            found.tried = tried.iter().find(|(choice, _)| *choice == found.choice).map(|(_, code)| *code);
            let (Some(resolved), Some(decision)) = (&found.resolved, &found.decision) else { continue };
            let Ok(admitted) = &decision.outcome else { continue };
            let flow = caller.tenant.policy.flow(&resolved.package);
            let held_back = flow.and_then(|flow| flow.may_start(&resolved.version.needs, labels(touched)).err());
            found.flow = held_back.map(|(_, refusal)| refusal.rule);
            found.full = self.room(caller, who.id, &resolved.package, admitted).err();
        }
    }

    /// What is the same for all choices, of a call by `who` with these arguments.
    pub(super) fn inputs(
        &self,
        caller: &Caller,
        who: &Who<'_>,
        route: &RouteName,
        declared: Declared,
        arguments: &str,
    ) -> RouteInputs {
        let (tenant, measured) = (&caller.tenant, measure(arguments));
        let scarcest = self.scarcest_budget(caller, who);
        let load_ppm = self.0.admission.load_ppm(&tenant.id);
        let floor = tenant.policy.risk_floor().max(caller.platform.ceiling.risk_floor());
        RouteInputs {
            budget_left_ppm: scarcest.as_ref().map_or(WHOLE_PPM, BudgetStanding::left_ppm),
            budget: scarcest.map(|scarcest| scarcest.limit),
            complexity: declared.complexity.unwrap_or_else(|| measured.complexity()),
            draw_ppm: draw(&tenant.id, route, who.id),
            input_bytes: measured.input_bytes,
            load_ppm: load_ppm / LOAD_STEP_PPM * LOAD_STEP_PPM,
            risk: declared.risk.map_or(floor, |risk| risk.max(floor)),
        }
    }
}
