//! What a package gets, by which line of which file, and what would have to change: a decision as data and in words.

mod again;
mod answer;
mod uses;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::again::{Lost, lost};
pub use self::uses::{Use, UseAnswer};

use super::budget::BudgetStanding;
use super::decide::{Denied, Subject, Withheld};
use super::grant::GrantKind;
use super::limits::LIMITS;
use super::rows::{File, Source};
use super::weigh::{Layers, Weighed, weigh};
use super::{Ceiling, Policy, RiskLevel};
use crate::id::{PackageRef, PrincipalId};
use crate::limits::CallLimits;
use crate::routed::{DecidedRoute, percent};

/// The decision on a package, as [`super::decide()`] makes it, with everything that it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The package.
    pub package: PackageRef,
    /// Whether a call of it would start.
    pub allowed: bool,
    /// The rule that decided that.
    pub rule: String,
    /// Why not, as one clause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The rule that came nearest to allowing it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// What would allow it: lines for the policy, or whom to ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// What a call of it holds, thing by thing; were it not for what denies it, where it is denied.
    pub grants: Vec<Held>,
    /// How many further things it holds; of very many the first hundred are told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub grants_left_out: usize,
    /// What was granted or declared, and is not held all the same; of very many such things about the first hundred.
    pub withheld: Vec<Withheld>,
    /// What a call of it may use.
    pub limits: Vec<InForce>,
    /// What all calls together may use, and what of it is left; absent where only policy was asked, or nothing is bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<BudgetStanding>,
    /// The rules that want such a call approved before it is made; absent where none does, or only policy was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approval: Vec<String>,
    /// The use that was asked about.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub asked: Option<UseAnswer>,
    /// The key that it was asked for; absent where only policy was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<AskedKey>,
    /// Which of a route's choices takes the call, where it was asked of a route; the rest is about the one that does, or
    /// about the first one where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<DecidedRoute>,
}

/// A key that a decision was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskedKey {
    /// Its principal; absent where it was asked for any key with a scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<PrincipalId>,
    /// What its owner calls it, or which keys are meant.
    pub name: String,
    /// The rules that decided whether this key may call the tool.
    pub rules: Vec<String>,
    /// What a call could bring about; absent where it may not be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<RiskLevel>,
}

impl Explanation {
    /// The same of a call that goes without some kinds of grant, by this rule.
    pub fn go_without(&mut self, kinds: &BTreeSet<GrantKind>, rule: &str) {
        self.grants.retain(|held| !kinds.contains(&held.kind));
        if let Some(asked) = self.asked.as_mut().filter(|asked| kinds.contains(&asked.asked.kind())) {
            asked.deny(&Denied {
                reason: "the choice that takes the call goes without it".to_owned(),
                rule: rule.to_owned(),
                nearest: None,
                remedy: "call the tool by its own name, or change what the route's choices go without".to_owned(),
            });
        }
    }

    /// The same where policy would allow it and something else does not.
    pub fn deny(&mut self, denied: Denied) {
        if let Some(asked) = &mut self.asked {
            asked.deny(&denied);
        }
        self.allowed = false;
        self.rule = denied.rule;
        self.reason = Some(denied.reason);
        self.nearest = denied.nearest;
        self.remedy = Some(denied.remedy);
    }
}

/// One thing that a call holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// The kind.
    pub kind: GrantKind,
    /// What it is, in words.
    pub what: String,
    /// The rules that give it, of both files.
    pub by: Vec<String>,
}

/// One limit as it is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InForce {
    /// Its key in the policy.
    pub limit: String,
    /// Its value, in words.
    pub value: String,
    /// What set it: the lowest of the layers.
    pub by: String,
}

/// The things held that are told. Bounds an answer about many packages.
const GRANTS_TOLD_MAX: usize = 100;

const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Explains what is decided on `subject`, and whether a call of it could do `asked`.
pub fn explain(ceiling: &Ceiling, policy: &Policy, subject: &Subject<'_>, asked: Option<&Use>) -> Explanation {
    let weighed = weigh(ceiling, policy, subject);
    let denied = weighed.gate.as_ref().err().or(weighed.missing.as_ref());
    let answer = asked.map(|asked| answer::answer(asked, &weighed, denied));
    let limits = in_force(&weighed.layers);
    let denied = denied.cloned();
    let Weighed { gate, given, withheld, .. } = weighed;
    let grants_left_out = given.len().saturating_sub(GRANTS_TOLD_MAX);
    let given = given.into_iter().take(GRANTS_TOLD_MAX);
    let grants = given.map(|given| Held { kind: given.kind, what: given.what, by: given.by }).collect();
    let (allowed, rule, reason, nearest, remedy) = match denied {
        Some(denied) => (false, denied.rule, Some(denied.reason), denied.nearest, Some(denied.remedy)),
        None => (true, gate.unwrap_or_default(), None, None, None),
    };
    let package = subject.package.clone();
    Explanation {
        package,
        allowed,
        rule,
        reason,
        nearest,
        remedy,
        grants,
        grants_left_out,
        withheld,
        limits,
        budgets: Vec::new(),
        approval: Vec::new(),
        asked: answer,
        key: None,
        route: None,
    }
}

/// Every limit and the layer that set it.
fn in_force(layers: &Layers<'_>) -> Vec<InForce> {
    let (policy, ceiling) = (layers.policy.rules(), layers.ceiling.rules());
    let tenants = policy.limits.apply_to(&CallLimits::default());
    let most = layers.ceiling.limits();
    let declared = layers.subject.limits.tighten(&most.min(&tenants));
    let limits = LIMITS.iter().enumerate();
    let in_force = limits.map(|(nth, limit)| {
        let (tenants, most, declared) = ((limit.get)(&tenants), (limit.get)(&most), (limit.get)(&declared));
        let what = format!("limits.{}", limit.name);
        let by = if declared < tenants.min(most) {
            format!("package {}: {what}", layers.subject.package)
        } else if most < tenants {
            match ceiling.limit_lines.get(&nth) {
                Some(line) => Source { file: layers.ceiling.file, line: *line, what }.to_string(),
                None => "ceiling: built-in".to_owned(),
            }
        } else {
            match policy.limit_lines.get(&nth) {
                Some(line) => Source { file: File::Policy, line: *line, what }.to_string(),
                None => "default".to_owned(),
            }
        };
        InForce { limit: limit.name.to_owned(), value: limit.words(declared), by }
    });
    in_force.collect()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { package, rule, .. } = self;
        if let Some(route) = &self.route {
            write_route(f, route)?;
        }
        match &self.reason {
            None => writeln!(f, "{package} may be called\n  by {rule}")?,
            Some(reason) => writeln!(f, "{package} may not be called: {reason}\n  by {rule}")?,
        }
        write_hints(f, self.nearest.as_deref(), self.remedy.as_deref())?;
        if let Some(AskedKey { id, name, rules, risk }) = &self.key {
            match id {
                Some(id) => writeln!(f, "asked for the key {name:?} ({id})")?,
                None => writeln!(f, "asked for a key: {name}")?,
            }
            writeln!(f, "  by {}", rules.join("\n  and "))?;
            if let Some(risk) = risk {
                writeln!(f, "  risk {}", risk.as_str())?;
            }
        }
        if !self.approval.is_empty() {
            writeln!(f, "a call waits until somebody approves it\n  by {}", self.approval.join("\n  and "))?;
        }
        let held = if self.allowed { "it holds" } else { "it would hold" };
        match self.grants.as_slice() {
            [] => writeln!(f, "{held} nothing: clocks stand still, random bytes follow from the call's id")?,
            grants => {
                writeln!(f, "{held}")?;
                for grant in grants {
                    writeln!(f, "  {}: {}\n    by {}", grant.kind, grant.what, grant.by.join("\n    and "))?;
                }
                if self.grants_left_out > 0 {
                    writeln!(f, "  and {} more", self.grants_left_out)?;
                }
            }
        }
        if !self.withheld.is_empty() {
            writeln!(f, "withheld")?;
        }
        for withheld in &self.withheld {
            writeln!(f, "  {}: {}\n    by {}", withheld.kind, withheld.words, withheld.rule)?;
        }
        writeln!(f, "each call may use at most")?;
        for limit in &self.limits {
            writeln!(f, "  {:<20} {:<18} {}", limit.limit, limit.value, limit.by)?;
        }
        if !self.budgets.is_empty() {
            writeln!(f, "all calls together may use")?;
        }
        for budget in &self.budgets {
            writeln!(f, "  {budget}\n    by {}", budget.rule)?;
        }
        match &self.asked {
            Some(answer) => write!(f, "{answer}"),
            None => Ok(()),
        }
    }
}

/// What was decided of a route: what is known of the call, then choice by choice.
fn write_route(f: &mut fmt::Formatter<'_>, route: &DecidedRoute) -> fmt::Result {
    let inputs = &route.inputs;
    writeln!(
        f,
        "routes/{}: {} bytes, complexity {}, risk {} at least, load {}, budget left {}, draw {}",
        route.name,
        inputs.input_bytes,
        inputs.complexity,
        inputs.risk,
        percent(inputs.load_ppm),
        percent(inputs.budget_left_ppm),
        percent(inputs.draw_ppm)
    )?;
    for (nth, choice) in route.choices.iter().enumerate() {
        write!(f, "  {} {}", nth + 1, choice.tool)?;
        if !choice.without.is_empty() {
            write!(f, " without {}", choice.without.join(" and "))?;
        }
        write!(f, " {}", choice.verdict.as_str())?;
        match &choice.why {
            Some(why) => writeln!(f, ": {why}")?,
            None => writeln!(f)?,
        }
    }
    Ok(())
}

/// What came nearest and what would help, each on lines of its own.
fn write_hints(f: &mut fmt::Formatter<'_>, nearest: Option<&str>, remedy: Option<&str>) -> fmt::Result {
    if let Some(nearest) = nearest {
        writeln!(f, "  nearest: {nearest}")?;
    }
    match remedy {
        Some(remedy) => writeln!(f, "  to allow it, {}", remedy.replace('\n', "\n    ")),
        None => Ok(()),
    }
}
