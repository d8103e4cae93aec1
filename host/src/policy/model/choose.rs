//! The choice of a model: a pure function of the route and of recorded facts, so that it can be made again.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ModelChoice, ModelKind, ModelRoute, Offered};
use crate::money::Money;
use crate::policy::words;
use crate::routed::{Level, percent};

/// What a choice depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelFacts {
    /// What is wanted.
    pub kind: ModelKind,
    /// How hard it is.
    pub complexity: Level,
    /// How risky the call or the request is, the greater of both.
    pub risk: Level,
    /// The request's tokens, as estimated: what conditions are held against.
    pub input_tokens: u64,
    /// What they can be at most: what is reserved.
    pub input_tokens_max: u64,
    /// The answer's at most.
    pub output_tokens_max: u64,
    /// Tokens that are left of the tightest limit or budget.
    pub tokens_left: u64,
    /// Money that is left of it.
    pub cost_left: Money,
    /// How much of the tightest is left, in millionths.
    pub budget_left_ppm: u32,
}

impl ModelFacts {
    /// The most tokens that it can come to.
    pub const fn tokens_max(&self) -> u64 {
        self.input_tokens_max.saturating_add(self.output_tokens_max)
    }
}

/// What was decided on a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelDecision {
    /// Every choice in the route's order, with the fact that decided.
    pub considered: Vec<ModelConsidered>,
    /// Which of them is taken, or why none is.
    pub taken: Result<usize, ModelRefusal>,
    /// That a cheaper one is taken than would be with more of a budget left, and why.
    pub downgrade: Option<String>,
}

/// A choice that was considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelConsidered {
    /// The provider's name.
    pub provider: String,
    /// The model's.
    pub model: String,
    /// Whether it is taken.
    pub taken: bool,
    /// The fact that decided.
    pub reason: String,
}

/// Why no choice is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelRefusal {
    /// One would be, if more were left of a budget.
    Budget,
    /// None is for such requests.
    Conditions,
    /// Those that are failed, or the platform does not have them.
    Unavailable,
}

/// What stands against a choice.
enum Against {
    Failed(String),
    Missing(&'static str),
    Condition(String),
    Budget(String),
    /// Nothing else: what is too hard for a choice it can still do, if nothing better is left.
    Complexity(String),
}

impl Against {
    fn into_reason(self) -> String {
        match self {
            Self::Missing(why) => why.to_owned(),
            Self::Failed(why) | Self::Condition(why) | Self::Budget(why) | Self::Complexity(why) => why,
        }
    }
}

/// Chooses: the first in the route's order that nothing stands against. Where only a budget keeps the request from the
/// choices that are good enough, the first that is merely not good enough is taken, and the decision says so; risk is
/// never traded for money. `failed` are choices that were tried for this request, with what came of it.
pub fn choose(route: &ModelRoute, facts: &ModelFacts, failed: &BTreeMap<usize, String>) -> ModelDecision {
    let against: Vec<Option<Against>> = route
        .choices
        .iter()
        .enumerate()
        .map(|(nth, choice)| match failed.get(&nth) {
            Some(why) => Some(Against::Failed(why.clone())),
            None => against(choice, facts),
        })
        .collect();
    let over_budget = against.iter().position(|against| matches!(against, Some(Against::Budget(_))));
    let free = against.iter().position(Option::is_none);
    let lesser = || {
        over_budget?;
        against.iter().position(|against| matches!(against, Some(Against::Complexity(_))))
    };
    let taken = free.or_else(lesser);
    let name = |nth: usize| route.choices.get(nth).map(|choice| format!("{}/{}", choice.provider, choice.model));
    let downgrade =
        taken.zip(over_budget).filter(|(taken, over)| over < taken || free.is_none()).and_then(|(_, over)| {
            let Some(Some(Against::Budget(why))) = against.get(over) else { return None };
            Some(format!("downgraded from {}: {why}", name(over)?))
        });
    let refusal = match () {
        () if over_budget.is_some() => ModelRefusal::Budget,
        () if against.iter().any(|against| matches!(against, Some(Against::Condition(_) | Against::Complexity(_)))) => {
            ModelRefusal::Conditions
        }
        () => ModelRefusal::Unavailable,
    };
    let considered = route.choices.iter().zip(against).enumerate().map(|(nth, (choice, against))| {
        let reason = match against {
            // Behind the one that is taken nothing decides.
            _ if taken.is_some_and(|taken| taken < nth) && free.is_some() => "not reached".to_owned(),
            None => "the first that nothing stands against".to_owned(),
            Some(against) => against.into_reason(),
        };
        let (provider, model) = (choice.provider.clone(), choice.model.clone());
        ModelConsidered { provider, model, taken: taken == Some(nth), reason }
    });
    ModelDecision { considered: considered.collect(), taken: taken.ok_or(refusal), downgrade }
}

/// What stands against `choice`; of several things the one that can least be changed.
fn against(choice: &ModelChoice, facts: &ModelFacts) -> Option<Against> {
    let Offered { model, .. } = match &choice.offered {
        Ok(offered) => offered,
        Err(why) => return Some(Against::Missing(why)),
    };
    let conditions = &choice.conditions;
    let condition = |why: String| Some(Against::Condition(why));
    if model.kind != facts.kind {
        return condition(format!("it is for {}, not {}", model.kind.as_str(), facts.kind.as_str()));
    }
    if let Some(most) = conditions.max_risk.filter(|most| facts.risk > *most) {
        return condition(format!("risk {} > max {most}", facts.risk));
    }
    if let Some(most) = conditions.max_input_tokens.filter(|most| facts.input_tokens > *most) {
        return condition(format!("about {} input tokens > max {}", count(facts.input_tokens), count(most)));
    }
    let wanted = facts.input_tokens.saturating_add(facts.output_tokens_max);
    if wanted > model.context_tokens {
        return condition(format!("about {} tokens > context of {}", count(wanted), count(model.context_tokens)));
    }
    if let Some(least) = conditions.min_budget_left_ppm.filter(|least| facts.budget_left_ppm < *least) {
        let (left, least) = (percent(facts.budget_left_ppm), percent(least));
        return Some(Against::Budget(format!("budget left {left} < min {least}")));
    }
    if facts.tokens_max() > facts.tokens_left {
        let (most, left) = (count(facts.tokens_max()), count(facts.tokens_left));
        return Some(Against::Budget(format!("up to {most} tokens, and {left} are left")));
    }
    let cost = model.cost(facts.input_tokens_max, facts.output_tokens_max);
    if cost > facts.cost_left {
        return Some(Against::Budget(format!("up to {cost}, and {} is left", facts.cost_left)));
    }
    let most = conditions.max_complexity.unwrap_or(model.strength);
    (facts.complexity > most).then(|| Against::Complexity(format!("complexity {} > max {most}", facts.complexity)))
}

fn count(tokens: u64) -> String {
    words::count(tokens)
}
