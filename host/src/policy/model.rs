//! Models: which providers the platform has, which of them a tenant's routes may choose from, and the choice itself.
//!
//! A route is a name with choices. What a call may use of it is worked out once, with its other grants; each request is
//! then decided by [`choose()`], which is a pure function of that and of facts that are recorded.

mod choose;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use self::choose::{ModelConsidered, ModelDecision, ModelFacts, ModelRefusal, choose};

use super::http::{Credential, HttpTarget, Scheme};
use super::words;
use crate::money::Money;
use crate::routed::{Level, percent};

/// Tokens up to which a request that says nothing of itself counts as simple.
const LOW_TOKENS_MAX: u64 = 1_000;
/// And as one in between.
const MEDIUM_TOKENS_MAX: u64 = 8_000;

/// How hard a request is by its size and kind: one with tools is never simple.
pub fn complexity(input_tokens: u64, has_tools: bool) -> Level {
    let by_size = if input_tokens <= LOW_TOKENS_MAX {
        Level::Low
    } else if input_tokens <= MEDIUM_TOKENS_MAX {
        Level::Medium
    } else {
        Level::High
    };
    if has_tools { by_size.max(Level::Medium) } else { by_size }
}

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// Answers messages.
    Chat,
    /// Makes vectors of texts.
    Embeddings,
}

impl ModelKind {
    /// Its name in the policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
        }
    }
}

/// What a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// What OpenAI's API began, and many servers speak.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
}

/// A provider, as the platform's file has it. The value of its key is nowhere here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it is.
    pub endpoint: Endpoint,
    /// What its requests leave with: a secret of the platform's tenant.
    pub credential: Option<Credential>,
    /// How long an attempt may take until the answer begins, and from then on between two pieces of it.
    pub timeout: Duration,
    /// How often one request is tried.
    pub attempts: u32,
    /// What the member is called that says how long an answer may be.
    pub output_member: &'static str,
    /// Its models.
    pub models: Vec<Model>,
    /// Addresses that requests may go to although they are private or otherwise special.
    #[serde(skip)]
    pub private: Arc<[IpNet]>,
}

/// Where a provider is: what stands before the paths of its protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    pub(super) scheme: Scheme,
    pub(super) authority: String,
    /// Without a slash at its end.
    pub(super) path: String,
}

impl Endpoint {
    /// The request to `path` there; nothing where there can be none, which the parser has seen to.
    pub fn post(&self, path: &str) -> Option<HttpTarget> {
        HttpTarget::read(self.scheme.as_str(), &self.authority, "POST", &format!("{}{path}", self.path)).ok()
    }
}

/// A model of a provider's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    /// As the provider calls it.
    pub name: String,
    /// What it does.
    pub kind: ModelKind,
    /// What a million tokens of a request cost.
    pub input_price: Money,
    /// What a million tokens of an answer cost.
    pub output_price: Money,
    /// Tokens of request and answer together.
    pub context_tokens: u64,
    /// What it is good for.
    pub strength: Level,
}

impl Model {
    /// What a request costs that comes to so many tokens.
    pub fn cost(&self, input_tokens: u64, output_tokens: u64) -> Money {
        self.input_price.of_millions(input_tokens).plus(self.output_price.of_millions(output_tokens))
    }
}

/// What the calls of a package may use: routes, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ModelGrant {
    /// By name.
    pub routes: BTreeMap<String, ModelRoute>,
    /// Whether the platform has any provider at all.
    pub has_providers: bool,
}

/// One route that a call may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelRoute {
    /// Its name.
    pub name: String,
    /// In the order of the policy.
    pub choices: Vec<ModelChoice>,
    /// Whether the next choice is tried where one fails.
    pub falls_back: bool,
    /// Tokens that one call may use of it; absent: as many as the call's limits say.
    pub tokens_max: Option<u64>,
}

impl ModelGrant {
    /// What both have: routes of both, over models that both may use.
    #[must_use]
    pub(super) fn within(&self, above: &Self) -> Self {
        let routes = self.routes.iter().filter_map(|(name, route)| {
            let route = route.within(above.routes.get(name)?);
            Some((name.clone(), route))
        });
        Self { routes: routes.collect(), has_providers: self.has_providers && above.has_providers }
    }
}

impl ModelRoute {
    fn within(&self, above: &Self) -> Self {
        let has = |choice: &ModelChoice| {
            let same = |other: &&ModelChoice| other.provider == choice.provider && other.model == choice.model;
            above.choices.iter().filter(same).any(|other| other.offered.is_ok())
        };
        let choices = self.choices.iter().map(|choice| match choice.offered.is_err() || has(choice) {
            true => choice.clone(),
            false => ModelChoice { offered: Err(NOT_ABOVE), ..choice.clone() },
        });
        Self {
            name: self.name.clone(),
            choices: choices.collect(),
            falls_back: self.falls_back,
            tokens_max: [self.tokens_max, above.tokens_max].into_iter().flatten().min(),
        }
    }
}

/// Why a choice is none for a call that another makes.
const NOT_ABOVE: &str = "the call that makes this one may not use it";

impl fmt::Display for ModelRoute {
    /// In words, all that a tenant's file says of it: `acme/small (max_risk medium), then acme/large; fallback none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let choices: Vec<String> = self.choices.iter().map(ToString::to_string).collect();
        f.write_str(&choices.join(", then "))?;
        if !self.falls_back {
            f.write_str("; fallback none")?;
        }
        match self.tokens_max {
            Some(most) => write!(f, "; at most {} tokens a call", words::count(most)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ModelChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, model, conditions, offered } = self;
        let missing = offered.is_err().then(|| "not to be had".to_owned());
        let words: Vec<String> =
            missing.into_iter().chain(Some(conditions.to_string()).filter(|takes| !takes.is_empty())).collect();
        write!(f, "{provider}/{model}")?;
        match words.as_slice() {
            [] => Ok(()),
            words => write!(f, " ({})", words.join(", ")),
        }
    }
}

impl fmt::Display for ModelConditions {
    /// In words; nothing where every request is taken.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max_risk, max_complexity, max_input_tokens, min_budget_left_ppm } = self;
        let words = [
            max_risk.map(|level| format!("max_risk {level}")),
            max_complexity.map(|level| format!("max_complexity {level}")),
            max_input_tokens.map(|most| format!("max_input_tokens {}", words::count(most))),
            min_budget_left_ppm.map(|part| format!("min_budget_left {}", percent(part))),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        f.write_str(&words.join(", "))
    }
}

/// One choice of a route, with the model that it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelChoice {
    /// The provider's name.
    pub provider: String,
    /// The model's.
    pub model: String,
    /// When it is taken.
    pub conditions: ModelConditions,
    /// What the platform has of that name and lets the package use.
    pub offered: Result<Offered, &'static str>,
}

/// A model that may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offered {
    /// Whose it is.
    pub provider: Arc<Provider>,
    /// Itself.
    pub model: Model,
}

/// When a choice is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ModelConditions {
    /// For calls and requests that are no riskier; absent: for all.
    pub max_risk: Option<Level>,
    /// For requests that are no harder; absent: as hard as the model is good for.
    pub max_complexity: Option<Level>,
    /// For requests that are no longer, as estimated; absent: as long as the model takes.
    pub max_input_tokens: Option<u64>,
    /// While so much is left of the tightest budget, in millionths.
    pub min_budget_left_ppm: Option<u32>,
}
