//! Choices of routes that no call can come to, or fewer than it looks like.

use super::{Warning, Warnings, lets};
use crate::id::ToolRequest;
use crate::policy::route::{Choice, Fallback, Route, needed, trust_word};
use crate::policy::rows::Tools;
use crate::policy::{Ceiling, Needs, Policy};
use crate::routed::{WHOLE_PPM, percent};

/// Choices that name a tool, or a version of one, that there is not, and those that go without what it cannot; `needs`
/// knows what a tool needs that there is.
pub fn nothing_chosen(policy: &Policy, needs: impl Fn(&ToolRequest) -> Option<Needs>) -> Vec<Warning> {
    let mut warnings = Warnings::default();
    for (key, choice) in policy.routes().iter().enumerate().flat_map(choices) {
        let Some(needs) = needs(&choice.tool) else {
            let message = format!("there is no tool {}: until there is, no call comes to it", choice.tool);
            warnings.add(choice.line, format!("{key}.tool"), message);
            continue;
        };
        let needed = needed(choice, &needs);
        if !needed.is_empty() {
            let message = format!("{} cannot do without {}: no call comes to it", choice.tool, needed.join(" and "));
            warnings.add(choice.line, format!("{key}.without"), message);
        }
    }
    warnings.sorted()
}

/// Each choice of a route with its key.
fn choices((nth, route): (usize, &Route)) -> impl Iterator<Item = (String, &Choice)> {
    let place = move |at: usize| format!("route[{}].choices[{}]", nth + 1, at + 1);
    route.choices.iter().enumerate().map(move |(at, choice)| (place(at), choice))
}

impl Warnings {
    /// What of a policy's routes is probably not meant.
    pub(super) fn routes(&mut self, policy: &Policy, ceiling: &Ceiling) {
        let (own, above) = (&policy.rules().tools, &ceiling.rules().tools);
        for (nth, route) in policy.routes().iter().enumerate() {
            self.tools((nth, route), own, above);
            self.behind((nth, route));
            self.shares((nth, route));
        }
    }

    /// Tools that cannot be called, or are not of the origin that is asked of them.
    fn tools(&mut self, route: (usize, &Route), own: &Tools, above: &Tools) {
        for (key, choice) in choices(route) {
            let package = &choice.tool.name.package;
            if !lets(own, package) || !lets(above, package) {
                self.add(choice.line, format!("{key}.tool"), format!("by [tools], {package} cannot be called"));
            }
            if let Some(trust) = choice.conditions.trust.filter(|trust| *trust != package.origin) {
                let (is, wanted) = (trust_word(package.origin), trust_word(trust));
                let message = format!("{} is {is}, not {wanted}: no call comes to it", choice.tool);
                self.add(choice.line, format!("{key}.trust"), message);
            }
        }
    }

    /// Choices behind one that takes every call, where nothing falls back to them, and those that are there twice.
    fn behind(&mut self, route: (usize, &Route)) {
        let mut every: Option<usize> = None;
        for (at, (key, choice)) in choices(route).enumerate() {
            if let Some(first) = every.filter(|_| route.1.fallback == Fallback::None) {
                let message = format!(
                    "choice {} takes every call, so that none comes to it but while that one's breaker \
                                       is open",
                    first + 1
                );
                self.add(choice.line, key, message);
            } else if route.1.choices[..at].iter().any(|other| other.same(choice)) {
                self.add(choice.line, key, "it is there twice".to_owned());
            }
            let conditions = &choice.conditions;
            if every.is_none() && *conditions == Default::default() {
                every = Some(at);
            }
        }
    }

    /// Shares that are more than the whole, or leave keys without a choice.
    fn shares(&mut self, route: (usize, &Route)) {
        let mut start = 0;
        for (key, choice) in choices(route) {
            let Some(share) = choice.conditions.share_ppm else { continue };
            let end = start + u64::from(share);
            if end > u64::from(WHOLE_PPM) {
                let left = u64::from(WHOLE_PPM).saturating_sub(start);
                let left = percent(u32::try_from(left).unwrap_or(0));
                let message = format!("with those before it, the shares are more than the whole: it gets {left}");
                self.add(choice.line, format!("{key}.share"), message);
            }
            start = end;
        }
        let all_shared = route.1.choices.iter().all(|choice| choice.conditions.share_ppm.is_some());
        if all_shared && start < u64::from(WHOLE_PPM) {
            let rest = percent(WHOLE_PPM - u32::try_from(start).unwrap_or(WHOLE_PPM));
            let message =
                format!("every choice has a share, and {rest} of all keys are in none: their calls are refused");
            self.add(route.1.line, format!("route[{}].choices", route.0 + 1), message);
        }
    }
}
