//! The decision: which choice takes a call. Pure: the same route and the same facts give the same verdicts, so that a
//! recorded one can be made again.

use super::{Choice, Route, trust_word};
use crate::error::Code;
use crate::id::{Digest, PrincipalId, RouteName, TenantId};
use crate::policy::parse::size_words;
use crate::policy::words;
use crate::routed::{ChoiceFacts, DecidedChoice, Health, Level, RouteInputs, Standing, Verdict, WHOLE_PPM, percent};

/// Decides which of the route's choices takes a call. `facts` are of the choices, in their order; a choice without is
/// not there.
pub fn choose(route: &Route, inputs: &RouteInputs, facts: Vec<ChoiceFacts>) -> Vec<DecidedChoice> {
    let mut taken = false;
    let mut share_start_ppm = 0;
    let decide = |(choice, facts): (&Choice, ChoiceFacts)| {
        let start = share_start_ppm;
        // Shares lie one behind the other, whether or not the choices before take anything.
        share_start_ppm += u64::from(choice.conditions.share_ppm.unwrap_or(0));
        let why = rejection(choice, inputs, &facts, start);
        let verdict = match (&why, taken) {
            (Some(_), _) => Verdict::Rejected,
            (None, true) => Verdict::StandingBy,
            (None, false) => Verdict::Taken,
        };
        taken |= verdict == Verdict::Taken;
        let (tool, without) = (choice.tool.clone(), choice.without_words());
        DecidedChoice { cost: choice.cost, facts, tool, verdict, why, without }
    };
    route.choices.iter().zip(facts).map(decide).collect()
}

/// The first fact that speaks against a choice, in words.
fn rejection(choice: &Choice, inputs: &RouteInputs, facts: &ChoiceFacts, share_start_ppm: u64) -> Option<String> {
    let conditions = &choice.conditions;
    let above = |what: &str, is: Level, max: Option<Level>| {
        max.filter(|max| is > *max).map(|max| format!("{what} {is} > max {max}"))
    };
    let standing = || match facts.standing {
        Standing::Callable => None,
        Standing::Denied => Some("this key may not call it".to_owned()),
        Standing::NotFound => Some("there is no such tool".to_owned()),
    };
    let trust = || {
        let origin = choice.tool.name.package.origin;
        let trust = conditions.trust.filter(|trust| *trust != origin)?;
        Some(format!("trust {} is not {}", trust_word(origin), trust_word(trust)))
    };
    let flow = || facts.flow.as_ref().map(|rule| format!("the session may not have what it needs: {rule}"));
    let needed = || {
        let needed = &facts.needed;
        (!needed.is_empty()).then(|| format!("the tool cannot do without {}", needed.join(" and ")))
    };
    let tried = || facts.tried.map(|code: Code| format!("an attempt with it ended: {code}"));
    let health = || match facts.health {
        Health::Closed | Health::HalfOpen => None,
        Health::Open => Some("its breaker is open".to_owned()),
        Health::Probing => Some("its breaker waits for how a call ends".to_owned()),
        Health::Unproven => Some("as many of its calls are under way as would open its breaker".to_owned()),
    };
    let input = || {
        let (bytes, max) = (inputs.input_bytes, conditions.max_input_bytes?);
        (bytes > max).then(|| format!("input {} bytes > max {}", words::count(bytes), size_words(max)))
    };
    // What the tool could do counts where the call itself counts for less.
    let risk = || above("risk", facts.risk.map_or(inputs.risk, |risk| risk.max(inputs.risk)), conditions.max_risk);
    let complexity = || above("complexity", inputs.complexity, conditions.max_complexity);
    let load = || {
        let max = conditions.max_load_ppm.filter(|max| inputs.load_ppm > *max)?;
        Some(format!("load {} > max {}", percent(inputs.load_ppm), percent(max)))
    };
    let budget = || {
        let min = conditions.min_budget_left_ppm.filter(|min| inputs.budget_left_ppm < *min)?;
        let of = inputs.budget.as_ref().map(|budget| format!(" of {budget}")).unwrap_or_default();
        Some(format!("budget left {}{of} < min {}", percent(inputs.budget_left_ppm), percent(min)))
    };
    let share = || {
        let share = conditions.share_ppm?;
        let within = share_start_ppm..share_start_ppm + u64::from(share);
        let out = !within.contains(&u64::from(inputs.draw_ppm));
        out.then(|| format!("draw {} is not in its share of {}", percent(inputs.draw_ppm), percent(share)))
    };
    // Last: what a choice would not take anyway needs no room.
    let room = || facts.budget.as_ref().map(|budget| format!("no room in the budget {budget}"));
    standing()
        .or_else(trust)
        .or_else(needed)
        .or_else(flow)
        .or_else(tried)
        .or_else(health)
        .or_else(input)
        .or_else(risk)
        .or_else(complexity)
        .or_else(load)
        .or_else(budget)
        .or_else(share)
        .or_else(room)
}

/// Where a key stands among all keys of a tenant for one route, in millionths: evenly spread, the same for every call of
/// the key, and unrelated to where it stands for another route.
pub fn draw(tenant: &TenantId, route: &RouteName, principal: PrincipalId) -> u32 {
    // No name holds the byte between them.
    let text = format!("cofferdam route draw\n{tenant}\n{route}\n{principal}");
    let digest = Digest::of(text.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_bytes()[..8]);
    let drawn = (u128::from(u64::from_be_bytes(first)) * u128::from(WHOLE_PPM)) >> 64;
    u32::try_from(drawn).unwrap_or(WHOLE_PPM - 1)
}
