//! Which tools a call may call, and what such calls hold at most.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::pattern::Pattern;
use crate::id::PackageRef;

/// What a call that a call makes holds at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Passing {
    /// What the call holds that makes it.
    Caller,
    /// What policy gives its own package, whoever calls it.
    Own,
}

/// One rule: packages whose tools may be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallRule {
    #[serde(serialize_with = "as_text")]
    tool: Pattern,
    grants: Passing,
}

impl CallRule {
    pub(super) fn new(tool: Pattern, grants: Passing) -> Self {
        Self { tool, grants }
    }

    /// What it is about.
    pub(super) const fn tool(&self) -> &Pattern {
        &self.tool
    }

    /// Whether it is about `package`.
    pub(super) fn names(&self, package: &PackageRef) -> bool {
        self.tool.matches(package)
    }

    /// Whether there can be a package that both are about.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (&self.tool, &other.tool) {
            (Pattern::One(one), other) => other.matches(one),
            (one, Pattern::One(other)) => one.matches(other),
            (Pattern::Every(one), Pattern::Every(other)) => one == other,
        }
    }

    /// Whether whatever this lets go goes by `other`, too.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        let named = match (&self.tool, &other.tool) {
            (Pattern::One(one), other) => other.matches(one),
            (one, other) => one == other,
        };
        named && self.grants <= other.grants
    }

    /// What goes by both, where they overlap.
    fn and(&self, other: &Self) -> Option<Self> {
        let narrow = if matches!(self.tool, Pattern::One(_)) { self } else { other };
        self.overlaps(other).then(|| narrow.capped(self.grants.min(other.grants)))
    }

    /// The same, giving no more than `most`.
    pub(super) fn capped(&self, most: Passing) -> Self {
        Self { tool: self.tool.clone(), grants: self.grants.min(most) }
    }

    /// What calls by this rule hold at most.
    pub(super) const fn grants(&self) -> Passing {
        self.grants
    }
}

impl fmt::Display for CallRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tools of \"{}\"", self.tool)?;
        match self.grants {
            Passing::Caller => Ok(()),
            Passing::Own => f.write_str(", with grants of their own"),
        }
    }
}

/// The rules that a call of a tool has to satisfy: one of the tenant's, one of the platform's ceiling, and the same of every
/// call above the one that makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallGrant {
    tenant: Vec<CallRule>,
    ceiling: Vec<CallRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<Arc<CallGrant>>,
}

/// Why a tool may not be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRefusal {
    /// What decided.
    pub rule: String,
    /// The rule that came nearest.
    pub nearest: Option<String>,
}

impl CallGrant {
    pub(super) const fn new(tenant: Vec<CallRule>, ceiling: Vec<CallRule>) -> Self {
        Self { tenant, ceiling, within: None }
    }

    /// The same where it is made by a call that holds `above`.
    #[must_use]
    pub(super) fn within(&self, above: &Self) -> Self {
        let within = match &self.within {
            Some(within) => within.within(above),
            None => above.clone(),
        };
        Self { within: Some(Arc::new(within)), ..self.clone() }
    }

    /// Whether a tool of `package` may be called, and what it holds then at most: of several rules of a file the one that
    /// gives most, of the files and the calls above the one that gives least.
    ///
    /// # Errors
    ///
    /// What decided against it: the tenant's rules are asked first.
    pub fn decide(&self, package: &PackageRef) -> Result<Passing, CallRefusal> {
        let tenant = find(&self.tenant, package, "no call rule of the policy names it")?;
        let ceiling = find(&self.ceiling, package, "no call rule of the platform's ceiling names it")?;
        let above = match &self.within {
            Some(above) => above.decide(package).map_err(|CallRefusal { rule, nearest }| CallRefusal {
                rule: format!("a call above it may not make this one: {rule}"),
                nearest,
            })?,
            None => Passing::Own,
        };
        Ok(tenant.min(ceiling).min(above))
    }

    /// Whether some tool can be called that holds what its caller does not.
    pub(super) fn passes_own(&self) -> bool {
        let own = |rules: &[CallRule]| rules.iter().any(|rule| rule.grants == Passing::Own);
        own(&self.tenant) && own(&self.ceiling) && self.within.as_ref().is_none_or(|above| above.passes_own())
    }

    /// What goes by the tenant's rules and the ceiling's, in as few rules as say it: none is within another.
    pub(super) fn rules(&self) -> Vec<CallRule> {
        let mut rules: Vec<CallRule> = Vec::new();
        for rule in self.tenant.iter().flat_map(|rule| self.ceiling.iter().filter_map(|ceiling| rule.and(ceiling))) {
            if !rules.iter().any(|known| rule.is_within(known)) {
                rules.retain(|known| !known.is_within(&rule));
                rules.push(rule);
            }
        }
        rules
    }

    /// A grant without a decision, for tests of what uses it.
    #[cfg(test)]
    pub(crate) fn for_test(packages: &[&str], grants: Passing) -> Self {
        let rules: Vec<CallRule> =
            packages.iter().map(|package| CallRule::new(package.parse().unwrap(), grants)).collect();
        Self::new(rules.clone(), rules)
    }
}

fn find(rules: &[CallRule], package: &PackageRef, otherwise: &str) -> Result<Passing, CallRefusal> {
    let named = rules.iter().filter(|rule| rule.names(package)).map(CallRule::grants).max();
    named.ok_or_else(|| {
        let patterns: Vec<String> = rules.iter().map(|rule| rule.tool.to_string()).collect();
        let near = super::problem::nearest(&package.to_string(), patterns.iter().map(String::as_str));
        let nearest = near.map(|pattern| format!("a call rule names \"{pattern}\""));
        CallRefusal { rule: otherwise.to_owned(), nearest }
    })
}

fn as_text<S: Serializer>(pattern: &Pattern, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(pattern)
}
