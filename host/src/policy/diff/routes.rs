//! Routes of two policies compared: which come, which go, and what is another one.

use super::{Effect, EffectKind, RouteEffects};
use crate::id::CallTarget;
use crate::policy::Policy;
use crate::policy::route::Route;

/// Those that differ, in the order of the new file, then those that are gone.
pub(super) fn compare(before: &Policy, after: &Policy) -> Vec<RouteEffects> {
    let mut all = Vec::new();
    for route in after.routes() {
        let effect = match before.route(&route.name) {
            None => Some(Effect::new(EffectKind::Gains, format!("a route: {route}"), vec![route.rule()])),
            Some(known) if same(known, route) => None,
            Some(known) => {
                Some(Effect::new(EffectKind::Changes, format!("{route}; before: {known}"), vec![route.rule()]))
            }
        };
        all.extend(effect.map(|effect| of(route, effect)));
    }
    for route in before.routes().iter().filter(|route| after.route(&route.name).is_none()) {
        all.push(of(route, Effect::new(EffectKind::Loses, format!("what it was: {route}"), vec![route.rule()])));
    }
    all
}

fn of(route: &Route, effect: Effect) -> RouteEffects {
    RouteEffects { route: CallTarget::Route(route.name.clone()), effects: vec![effect] }
}

/// The same but for the lines that it stands in.
fn same(one: &Route, other: &Route) -> bool {
    let choices = one.choices.iter().zip(&other.choices);
    one.choices.len() == other.choices.len()
        && choices.into_iter().all(|(one, other)| one.same(other))
        && (one.fallback, one.breaker) == (other.fallback, other.breaker)
}
