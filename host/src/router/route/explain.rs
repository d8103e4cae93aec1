//! What would be decided of a call of a route, without making it.

use std::time::Instant;

use super::facts::{Choices, Health};
use super::unknown;
use crate::access::Action;
use crate::error::Result;
use crate::id::{CallTarget, RouteName, ToolName};
use crate::policy::route::{Route, choose};
use crate::policy::{Denied, Explanation, Use};
use crate::routed::{DecidedRoute, Declared};
use crate::router::list::listed;
use crate::router::{AskedFor, ListedTool, Router};
use crate::snapshot::Caller;

/// What is asked of a route.
#[derive(Debug, Clone, Copy, Default)]
pub struct AskedRoute<'a> {
    /// The arguments of the call, the text of a JSON document; absent: none.
    pub arguments: Option<&'a str>,
    /// What its caller would declare.
    pub declared: Declared,
}

impl Router {
    /// Which choice of a route would take a call, and what policy gives that one's tool: for the caller, for another
    /// principal of its tenant, or for any with a scope. Where none would, why, and what policy gives the first that there is.
    ///
    /// # Errors
    ///
    /// `not-found` for a route of which the caller may call nothing, unless it may read policies, and for a principal
    /// that there is not; `denied` when it asks about another principal and may not.
    pub fn explain_route(
        &self,
        caller: &Caller,
        name: &RouteName,
        asked_for: AskedFor,
        asked: Option<&Use>,
        call: AskedRoute<'_>,
    ) -> Result<Explanation> {
        let who = asked_for.who(caller)?;
        let route = caller.route(name).ok_or_else(|| unknown(name))?;
        let mut choices = Choices::of_other(caller, &who, route);
        if !choices.any_callable() && caller.may(Action::ReadPolicy).is_err() {
            return Err(unknown(name));
        }
        let arguments = call.arguments.unwrap_or("{}");
        let inputs = self.inputs(caller, &who, name, call.declared, arguments);
        // A session is not asked about: what it touched until the call is made is not known.
        self.weigh(caller, &who, &mut choices, &[], &[]);
        let health = Health::now(&self.0.breakers, &caller.tenant.id, route, Instant::now());
        let decided = choose(route, &inputs, choices.facts(&health));
        let decision = DecidedRoute { attempt: 1, choices: decided, first: None, inputs, name: name.clone() };
        let taken = decision.taken();
        let place = taken.or_else(|| choices.first());
        let Some((shown, choice)) = place.and_then(|place| Some((choices.at(place)?, route.choices.get(place)?)))
        else {
            return Err(unknown(name));
        };
        let mut explanation = self.explained(caller, (asked_for, &who), shown, asked, &choice.without);
        if taken.is_none() {
            let error = self.nobody(caller, &who, route, &decision, &choices);
            explanation.deny(Denied {
                reason: error.message().to_owned(),
                rule: route.rule(),
                nearest: None,
                remedy: error.what_next().unwrap_or_default().to_owned(),
            });
        }
        explanation.go_without(&choice.without, &route.rule());
        explanation.route = Some(decision);
        Ok(explanation)
    }

    /// The routes of which the caller may call something, each as the first such choice is.
    pub(in crate::router) fn listed_routes(&self, caller: &Caller) -> Vec<ListedTool> {
        caller.tenant.policy.routes().iter().filter_map(|route| self.listed_route(caller, route)).collect()
    }

    /// One of these.
    pub(in crate::router) fn listed_route(&self, caller: &Caller, route: &Route) -> Option<ListedTool> {
        let choices = Choices::of(caller, route);
        let callable: Vec<_> = (0..route.choices.len()).filter_map(|place| choices.callable(place)).collect();
        let (resolved, decision) = callable.first()?;
        let names: Vec<ToolName> = callable.iter().map(|(resolved, _)| resolved.name()).collect();
        let admitted = decision.outcome.as_ref().ok()?;
        let name = CallTarget::Route(route.name.clone());
        Some(ListedTool { name, choices: names, ..listed(resolved, admitted) })
    }
}
