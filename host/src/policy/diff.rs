//! Two policies compared by what they do, not by their text: what each package gains and loses.

mod held;
mod requests;
mod routes;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::held::Side;
use super::budget;
use super::decide::{Needs, Subject};
use super::flow::FlowRules;
use super::grant::GrantKind;
use super::limits::LimitsPatch;
use super::pattern::Pattern;
use super::{Ceiling, Policy, keeping};
use crate::id::{CallTarget, Origin, PackageRef};

/// Packages that are compared without being known: those that the files name.
const PACKAGES_MAX: usize = 1_000;

/// What another policy would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Effects {
    /// Those packages for which something changes, by name.
    pub packages: Vec<PackageEffects>,
    /// What changes for every call.
    pub general: Vec<Effect>,
    /// Those routes that change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteEffects>,
    /// How many further packages are not compared: of very many those that there is time for are; offline, the first thousand
    /// that the files name.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub packages_left_out: usize,
}

/// What changes for one package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageEffects {
    /// The package; `*` or `catalogue/*` stands for those that neither file names.
    pub package: String,
    /// What changes.
    pub effects: Vec<Effect>,
}

/// What changes for one route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RouteEffects {
    /// The route.
    pub route: CallTarget,
    /// What changes.
    pub effects: Vec<Effect>,
}

/// One thing that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Effect {
    /// How.
    pub kind: EffectKind,
    /// What, in words.
    pub what: String,
    /// The rules that give it: of the new policy, or of the old one for what is lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
}

/// How something changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// It could not be done, and can be.
    Gains,
    /// It could be done, and cannot be any more.
    Loses,
    /// It is another one.
    Changes,
    /// There are too many rules to tell.
    Unclear,
}

const fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Effect {
    fn new(kind: EffectKind, what: impl Into<String>, by: Vec<String>) -> Self {
        Self { kind, what: what.into(), by }
    }
}

impl Effects {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty() && self.general.is_empty() && self.routes.is_empty()
    }

    /// Whether something can be done that could not be.
    pub fn gains(&self) -> bool {
        let packages = self.packages.iter().flat_map(|package| &package.effects);
        let routes = self.routes.iter().flat_map(|route| &route.effects);
        let mut all = packages.chain(routes).chain(&self.general);
        all.any(|effect| matches!(effect.kind, EffectKind::Gains | EffectKind::Unclear))
    }
}

/// Compares `before` with `after`, both under `ceiling`, for these packages.
pub fn diff<'a>(
    ceiling: &Ceiling,
    before: &Policy,
    after: &Policy,
    packages: impl IntoIterator<Item = Subject<'a>>,
) -> Effects {
    let mut effects = whole(ceiling, before, after);
    for subject in packages {
        let found = of_package(ceiling, before, after, &subject);
        if !found.is_empty() {
            effects.packages.push(PackageEffects { package: subject.package.to_string(), effects: found });
        }
    }
    effects
}

/// The same for every package that one of the files names, and for one that none does: each as if it declared that it needs
/// everything, if it can have it.
pub fn diff_offline(ceiling: &Ceiling, before: &Policy, after: &Policy) -> Effects {
    let mut named: BTreeSet<PackageRef> = BTreeSet::new();
    for patterns in [before, after].map(patterns).into_iter().chain([ceiling_patterns(ceiling)]) {
        named.extend(patterns.into_iter().filter_map(|pattern| match pattern {
            Pattern::One(package) => Some(package.clone()),
            Pattern::Every(_) => None,
        }));
    }
    let packages_left_out = named.len().saturating_sub(PACKAGES_MAX);
    let others = [Origin::Own, Origin::Catalogue].map(|origin| (Pattern::Every(origin), unnamed(origin, &named)));
    let needs = Needs { required: BTreeSet::new(), optional: GrantKind::ALL.into_iter().collect() };
    let limits = LimitsPatch::default();
    let mut effects = Effects { packages_left_out, ..whole(ceiling, before, after) };
    let each = named.into_iter().take(PACKAGES_MAX).map(|package| (package.to_string(), package));
    let each = others.into_iter().map(|(pattern, package)| (pattern.to_string(), package)).chain(each);
    for (shown, package) in each {
        let subject = Subject { package: &package, needs: &needs, limits: &limits };
        let found = of_package(ceiling, before, after, &subject);
        if !found.is_empty() {
            effects.packages.push(PackageEffects { package: shown, effects: found });
        }
    }
    effects
}

fn patterns(policy: &Policy) -> Vec<&Pattern> {
    let rules = policy.rules();
    let rows = rules.grants.all.iter().flat_map(|row| &row.tools);
    rows.chain(rules.tools.allow.iter().flatten().chain(&rules.tools.deny).map(|at| &at.value)).collect()
}

fn ceiling_patterns(ceiling: &Ceiling) -> Vec<&Pattern> {
    let rules = ceiling.rules();
    let rows = rules.grants.all.iter().flat_map(|row| &row.tools);
    rows.chain(rules.tools.allow.iter().flatten().chain(&rules.tools.deny).map(|at| &at.value)).collect()
}

/// A package of that origin that no file names.
fn unnamed(origin: Origin, named: &BTreeSet<PackageRef>) -> PackageRef {
    let fresh =
        (0..=named.len()).filter_map(|nth| Some(PackageRef { origin, name: format!("any-other-{nth}").parse().ok()? }));
    let mut fresh = fresh.filter(|package| !named.contains(package));
    fresh.next().unwrap_or_else(|| unreachable!("more names are tried than are taken"))
}

fn of_package(ceiling: &Ceiling, before: &Policy, after: &Policy, subject: &Subject<'_>) -> Vec<Effect> {
    let (before, after) = (Side::of(ceiling, before, subject), Side::of(ceiling, after, subject));
    let mut effects = held::compare(&before, &after);
    effects.extend(requests::compare(&before, &after));
    effects.sort_by_key(|effect| effect.kind);
    effects
}

/// What changes beside single packages.
fn whole(ceiling: &Ceiling, before: &Policy, after: &Policy) -> Effects {
    let routes = routes::compare(before, after);
    Effects { general: general(ceiling, before, after), routes, ..Effects::default() }
}

/// What bounds all calls together, what is kept of them, and what their risk counts as.
fn general(ceiling: &Ceiling, before: &Policy, after: &Policy) -> Vec<Effect> {
    let words = |policy| match keeping(ceiling, policy) {
        None => "payloads of calls are not kept".to_owned(),
        Some(keeping) => {
            let time = humantime::format_duration(keeping.retention);
            let record = if keeping.record { ", with what the host answers" } else { "" };
            format!("payloads of calls are kept for {time}{record}")
        }
    };
    let floor = |policy: &Policy| {
        let floor = policy.risk_floor().max(ceiling.risk_floor());
        format!("the risk of calls counts as {floor} at least")
    };
    let cache =
        |policy| super::cache::words(ceiling, policy).unwrap_or_else(|| "no answer is kept to stand in".to_owned());
    let pairs = [(words(before), words(after)), (floor(before), floor(after)), (cache(before), cache(after))];
    let changed = pairs.into_iter().filter(|(before, after)| before != after);
    let effect = |(before, after)| Effect::new(EffectKind::Changes, format!("{after}; before: {before}"), Vec::new());
    let mut effects = flow(before, after);
    let [asked, asks] = [before, after].map(|policy| policy.rules().approval.words());
    let more = asks.iter().filter(|words| !asked.contains(words));
    effects.extend(more.map(|words| Effect::new(EffectKind::Changes, words.clone(), Vec::new())));
    let less = asked.iter().filter(|words| !asks.contains(words));
    effects.extend(less.map(|words| Effect::new(EffectKind::Changes, format!("no more: {words}"), Vec::new())));
    effects.extend(changed.map(effect));
    effects.extend(budgets(ceiling, before, after));
    effects
}

/// What bounds all calls together.
fn budgets(ceiling: &Ceiling, before: &Policy, after: &Policy) -> Vec<Effect> {
    let [before, after] = [before, after].map(|policy| budget::told(ceiling, policy));
    let only = |some: &[String], others: &[String], of: &str| {
        let found: Vec<_> = some.iter().filter(|one| !others.contains(one)).cloned().collect();
        let effect = move |what| Effect::new(EffectKind::Changes, format!("{of}: {what}"), Vec::new());
        found.into_iter().map(effect).collect::<Vec<_>>()
    };
    let mut effects = only(&after, &before, "budget from now on");
    effects.extend(only(&before, &after, "budget no more"));
    effects
}

/// What labelled sessions may not do. A rule more takes something away.
fn flow(before: &Policy, after: &Policy) -> Vec<Effect> {
    let (before, after) = (&before.rules().flow, &after.rules().flow);
    let words = |rules: &FlowRules| rules.rows.iter().map(|row| (row.words(), row.to_string())).collect::<Vec<_>>();
    let (old, new) = (words(before), words(after));
    let missing = |from: &[(String, String)], (words, _): &&(String, String)| !from.iter().any(|(own, _)| own == words);
    let effect = |kind, (words, rule): &(String, String)| Effect::new(kind, words, vec![rule.clone()]);
    let mut effects: Vec<Effect> =
        old.iter().filter(|row| missing(&new, row)).map(|row| effect(EffectKind::Gains, row)).collect();
    effects.extend(new.iter().filter(|row| missing(&old, row)).map(|row| effect(EffectKind::Loses, row)));
    if !(old.is_empty() && new.is_empty()) && before.labels.differ(&after.labels) {
        effects.push(Effect::new(EffectKind::Changes, "what brings labels to a session is another", Vec::new()));
    }
    match (before.labels.sessions_required, after.labels.sessions_required) {
        (false, true) => effects.push(Effect::new(EffectKind::Loses, "being made without a session", Vec::new())),
        (true, false) => effects.push(Effect::new(EffectKind::Gains, "being made without a session", Vec::new())),
        _ => {}
    }
    effects
}

impl fmt::Display for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing changes");
        }
        let mut lines = Vec::new();
        for PackageEffects { package, effects } in &self.packages {
            lines.extend(effects.iter().map(|effect| format!("{package} {effect}")));
        }
        for RouteEffects { route, effects } in &self.routes {
            lines.extend(effects.iter().map(|effect| format!("{route} {effect}")));
        }
        lines.extend(self.general.iter().map(|effect| format!("every call {effect}")));
        if self.packages_left_out > 0 {
            lines.push(format!("{} more packages are not compared", self.packages_left_out));
        }
        f.write_str(&lines.join("\n"))
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.kind {
            EffectKind::Gains => "gains ",
            EffectKind::Loses => "loses ",
            EffectKind::Changes => "changes: ",
            EffectKind::Unclear => "may gain or lose: ",
        };
        write!(f, "{verb}{}", self.what)
    }
}
