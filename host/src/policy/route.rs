//! Routes: names under which a tenant's calls go to one of several tools, and which one that is.

mod choose;
mod estimate;

use std::collections::BTreeSet;
use std::fmt;

pub use self::choose::{choose, draw};
pub use self::estimate::{Measured, measure};

use super::parse::size_words;
use super::rows::{File, Source};
use super::{GrantKind, Needs, Policy};
use crate::id::{Origin, RouteName, ToolRequest};
use crate::routed::{BreakerSettings, Level, percent};

/// A `[[route]]` of a tenant's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What it is called by.
    pub name: RouteName,
    /// What it chooses from; the first that takes a call gets it.
    pub choices: Vec<Choice>,
    /// What is done when the one that got it fails.
    pub fallback: Fallback,
    /// When a choice gets no calls for a time.
    pub breaker: BreakerSettings,
    /// The line that it stands in.
    pub line: Option<usize>,
}

impl Route {
    /// What decisions and the record call it.
    pub fn rule(&self) -> String {
        let what = format!("[[route]] {}", self.name);
        Source { file: File::Policy, line: self.line, what }.to_string()
    }
}

/// One of a route's tools, and which calls it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The tool.
    pub tool: ToolRequest,
    /// Kinds of grant that it runs without.
    pub without: BTreeSet<GrantKind>,
    /// What has to hold of a call; what is absent always does.
    pub conditions: Conditions,
    /// What a call of it costs beside the others: told, and nothing follows from it.
    pub cost: Option<Level>,
    /// The line that it stands in.
    pub line: Option<usize>,
}

/// Which choice of a route, whatever its conditions are and wherever it stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChoiceKey {
    /// The tool.
    pub tool: ToolRequest,
    /// Kinds of grant that it runs without.
    pub without: BTreeSet<GrantKind>,
}

impl Choice {
    /// Which one it is.
    pub fn key(&self) -> ChoiceKey {
        ChoiceKey { tool: self.tool.clone(), without: self.without.clone() }
    }

    /// The kinds that it runs without, as the record spells them.
    pub fn without_words(&self) -> Vec<String> {
        self.without.iter().map(ToString::to_string).collect()
    }

    /// The same but for the line that it stands in.
    pub(super) fn same(&self, other: &Self) -> bool {
        let of = |choice: &Self| (choice.key(), choice.conditions.clone(), choice.cost);
        of(self) == of(other)
    }
}

/// The kinds that a choice goes without and its tool cannot, as the record spells them.
pub fn needed(choice: &Choice, needs: &Needs) -> Vec<String> {
    choice.without.intersection(&needs.required).map(ToString::to_string).collect()
}

/// The kinds of grant that the record spells so; one that this host does not know is none that it gives.
pub fn kinds(words: &[String]) -> BTreeSet<GrantKind> {
    GrantKind::ALL.into_iter().filter(|kind| words.iter().any(|word| word == kind.as_str())).collect()
}

/// What has to hold of a call for a choice to take it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Its arguments have no more bytes.
    pub max_input_bytes: Option<u64>,
    /// Its risk is no higher.
    pub max_risk: Option<Level>,
    /// It is no harder.
    pub max_complexity: Option<Level>,
    /// The tenant uses no more of its share of the host, in millionths.
    pub max_load_ppm: Option<u32>,
    /// So much of the tenant's budget is left, in millionths.
    pub min_budget_left_ppm: Option<u32>,
    /// It is made by one of this part of all keys, in millionths.
    pub share_ppm: Option<u32>,
    /// The tool is of this origin.
    pub trust: Option<Origin>,
}

/// What is done when the choice that got a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// The next one that takes the call gets it.
    Next,
    /// The caller is told.
    None,
}

impl Fallback {
    /// Its name in the policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::None => "none",
        }
    }
}

impl Policy {
    /// Its routes, in the order of the file.
    pub fn routes(&self) -> &[Route] {
        &self.rules().routes
    }

    /// The route of this name.
    pub fn route(&self, name: &RouteName) -> Option<&Route> {
        self.routes().iter().find(|route| route.name == *name)
    }
}

/// What a trust condition is called in the policy.
pub(super) const fn trust_word(origin: Origin) -> &'static str {
    match origin {
        Origin::Catalogue => "catalogue",
        Origin::Own => "own",
    }
}

impl fmt::Display for Conditions {
    /// In words: `max_risk medium, share 10 %`; nothing where every call is taken.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max_input_bytes, max_risk, max_complexity, max_load_ppm, min_budget_left_ppm, share_ppm, trust } =
            self;
        let words = [
            max_input_bytes.map(|bytes| format!("max_input_bytes {}", size_words(bytes))),
            max_risk.map(|level| format!("max_risk {level}")),
            max_complexity.map(|level| format!("max_complexity {level}")),
            max_load_ppm.map(|part| format!("max_load {}", percent(part))),
            min_budget_left_ppm.map(|part| format!("min_budget_left {}", percent(part))),
            share_ppm.map(|part| format!("share {}", percent(part))),
            trust.map(|origin| format!("trust {}", trust_word(origin))),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        f.write_str(&words.join(", "))
    }
}

impl fmt::Display for Choice {
    /// In words: `catalogue/text.count@1 without http (max_risk medium, share 10 %, cost low)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let takes = self.conditions.to_string();
        let cost = self.cost.map(|level| format!("cost {level}"));
        let words: Vec<String> = [Some(takes).filter(|takes| !takes.is_empty()), cost].into_iter().flatten().collect();
        write!(f, "{}", self.tool)?;
        if !self.without.is_empty() {
            write!(f, " without {}", self.without_words().join(" and "))?;
        }
        match words.as_slice() {
            [] => Ok(()),
            words => write!(f, " ({})", words.join(", ")),
        }
    }
}

impl fmt::Display for Route {
    /// In words, on one line; what is as without being said is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let choices: Vec<String> = self.choices.iter().map(ToString::to_string).collect();
        write!(f, "{}; fallback {}", choices.join(", then "), self.fallback.as_str())?;
        if self.breaker == BreakerSettings::default() {
            return Ok(());
        }
        let BreakerSettings { failure_rate_ppm, slow_rate_ppm, slow, calls_min, window, open } = self.breaker;
        let time = humantime::format_duration;
        write!(
            f,
            "; breaker at {} failed or {} slow ({}) of {calls_min} calls in {}, open for {}",
            percent(failure_rate_ppm),
            percent(slow_rate_ppm),
            time(slow),
            time(window),
            time(open)
        )
    }
}
