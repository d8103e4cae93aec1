//! What is tried, asked about recorded calls.

use std::collections::HashMap;
use std::sync::Arc;

use semver::Version;

use super::ChangeKind;
use crate::access::{Moment, Who};
use crate::id::{CallTarget, PackageRef, PrincipalId, ToolName};
use crate::labels::Labels;
use crate::policy::route::{Choice, choose, needed};
use crate::policy::{self, Decision, Lost};
use crate::routed::{ChoiceFacts, DecidedRoute, Health, Level, RouteInputs, Standing, Verdict};
use crate::snapshot::{Caller, Laws, PackageVersion, Resolved, decide};
use crate::uses::CapabilityUse;
use crate::what_if::again::Keys;
use crate::what_if::history::{Decided, Recorded};

/// Answers about uses that are remembered.
const ANSWERS_MAX: usize = 50_000;

/// What the new policy says, under the present ceiling: asked once for each version and use.
pub(super) struct Next<'a> {
    caller: &'a Caller,
    laws: Laws<'a>,
    keys: &'a Keys,
    /// What is decided of calls, by the key, the tool, its version, the moment and its session's labels.
    calls: HashMap<Asked, Arc<Decided>>,
    versions: HashMap<(PackageRef, Version), Said>,
    answers: usize,
}

/// What a decision on a call is asked by.
type Asked = (Option<PrincipalId>, ToolName, Version, Moment, Labels);

#[derive(Default)]
struct Said {
    /// The rules of limits, by their keys.
    limits: HashMap<String, String>,
    lost: HashMap<CapabilityUse, Option<Lost>>,
}

impl<'a> Next<'a> {
    pub(super) fn new(caller: &'a Caller, laws: Laws<'a>, keys: &'a Keys) -> Self {
        Self { caller, laws, keys, calls: HashMap::new(), versions: HashMap::new(), answers: 0 }
    }

    fn said(&mut self, package: &PackageRef, version: &PackageVersion) -> &mut Said {
        self.versions.entry((package.clone(), version.version.clone())).or_default()
    }

    /// Under what is tried, and all else as it is now; access rules see the moment of the call.
    pub(super) fn decide(&mut self, recorded: &Recorded, version: &PackageVersion) -> Arc<Decided> {
        let key = recorded.principal.and_then(|id| self.keys.get(&id));
        let access = recorded.inputs.as_ref().and_then(|inputs| inputs.access);
        let moment = access.map_or_else(|| Moment::of(recorded.time), |access| access.moment);
        // As they were: what brought them is not looked for again under other rules.
        let labels = recorded.inputs.as_ref().map(|inputs| inputs.labels).unwrap_or_default();
        let asked = (key.map(|key| key.id), recorded.tool.clone(), version.version.clone(), moment, labels);
        if let Some(decided) = self.calls.get(&asked) {
            return Arc::clone(decided);
        }
        if self.calls.len() >= ANSWERS_MAX {
            self.calls.clear();
        }
        let held_back = self.caller.held_back(&recorded.tool.package, version);
        let decided = Arc::new(match (held_back, key) {
            // As things are now, whatever the policy.
            (Some(refused), _) => Decided::Denied { rule: refused.rule() },
            (None, Some(key)) => {
                let decided = self.laws.decide(&Who::from(key), &recorded.tool, version, moment);
                Decided::from(decided).under(self.laws.policy, &recorded.tool.package, version, labels)
            }
            (None, None) => {
                let package = &recorded.tool.package;
                let decided = decide(self.laws.ceiling, self.laws.policy, package, version);
                Decided::from(decided).under(self.laws.policy, package, version, labels)
            }
        });
        self.calls.insert(asked, Arc::clone(&decided));
        decided
    }

    /// Where a call of a route would go, if that is elsewhere.
    pub(super) fn routed(&mut self, recorded: &Recorded, version: &PackageVersion) -> Option<(ChangeKind, String)> {
        let before = recorded.route.as_deref()?;
        let target = CallTarget::Route(before.name.clone());
        let Some(route) = self.laws.policy.route(&before.name) else {
            return Some((ChangeKind::Denied, format!("there is no {target}")));
        };
        let facts = route.choices.iter().map(|choice| self.facts(recorded, before, choice)).collect();
        let after = choose(route, &self.inputs(before), facts);
        let Some(taken) = after.iter().find(|choice| choice.verdict == Verdict::Taken) else {
            return Some((ChangeKind::Routed, format!("{}: no choice takes it", route.rule())));
        };
        let same = taken.tool.name == recorded.tool
            && taken.facts.version.as_ref() == Some(&version.version)
            && taken.without == before.without();
        let without =
            if taken.without.is_empty() { String::new() } else { format!(" without {}", taken.without.join(" and ")) };
        (!same).then(|| (ChangeKind::Routed, format!("{}: {}{without} takes it", route.rule(), taken.tool)))
    }

    /// What was known of a call, under the floor of the new policy. What it declared is not told from the floor of then.
    fn inputs(&self, before: &DecidedRoute) -> RouteInputs {
        let floor = self.laws.policy.risk_floor().max(self.laws.ceiling.risk_floor());
        RouteInputs { risk: before.inputs.risk.max(floor), ..before.inputs.clone() }
    }

    /// What is known of a choice: what its breaker and the budgets said and how it was tried, from then; whether it may be
    /// called, and its version, as things are now under the new policy, but for the version that was really called.
    fn facts(&mut self, recorded: &Recorded, before: &DecidedRoute, choice: &Choice) -> ChoiceFacts {
        let (tool, without) = (&choice.tool, choice.without_words());
        let mut known = before.choices.iter();
        let known = known.find(|known| known.tool == *tool && known.without == without).map(|known| &known.facts);
        let mut facts = ChoiceFacts {
            budget: known.and_then(|known| known.budget.clone()),
            // The decision on the tool under the labels of then says it.
            flow: None,
            health: known.map_or(Health::Closed, |known| known.health),
            needed: Vec::new(),
            risk: None,
            standing: Standing::NotFound,
            tried: known.and_then(|known| known.tried),
            version: None,
        };
        let Ok(mut resolved) = self.caller.resolve(tool) else { return facts };
        let then = known.and_then(|known| known.version.as_ref());
        let package = self.caller.package(&resolved.package).ok();
        if let Some(version) = package.and_then(|package| package.versions.get(then?)) {
            resolved.version = Arc::clone(version);
        }
        facts.version = Some(resolved.version.version.clone());
        facts.needed = needed(choice, &resolved.version.needs);
        let asked = Recorded { tool: resolved.name(), route: None, ended: None, ..recorded.clone() };
        facts.standing = match &*self.decide(&asked, &resolved.version) {
            Decided::Allowed { .. } => Standing::Callable,
            Decided::Denied { .. } => Standing::Denied,
        };
        if facts.standing == Standing::Callable {
            facts.risk = self.risk(&resolved);
        }
        facts
    }

    /// What is derived of a tool's risk, by the new policy.
    fn risk(&self, resolved: &Resolved) -> Option<Level> {
        let (tool, version) = (resolved.name(), &resolved.version);
        self.laws.risk(&tool, version).map(|risk| risk.level.into())
    }

    /// The rules of the new policy that want a call approved, with the risk and the labels that it had.
    pub(super) fn waits(&self, recorded: &Recorded, version: &PackageVersion) -> Vec<String> {
        let (ceiling, policy, package) = (self.laws.ceiling, self.laws.policy, &recorded.tool.package);
        let derived = self.laws.risk(&recorded.tool, version).map(|risk| Level::from(risk.level));
        let risk = derived.max(recorded.risk).unwrap_or(Level::Low);
        let mut rules = policy::approval(ceiling, policy, package, risk);
        let labels = recorded.inputs.as_ref().map(|inputs| inputs.labels).unwrap_or_default();
        if let Some(flow) = policy.flow(package).filter(|_| !labels.is_empty())
            && let Decision::Allowed(allowed) = decide(ceiling, policy, package, version)
        {
            let imports = &version.admission.inspection.grants;
            let leads_out = |kind| imports.contains(&kind) && allowed.grants.lead_out(kind);
            rules.extend(flow.wants_approval(leads_out, labels));
        }
        rules
    }

    pub(super) fn limit_rule(&mut self, package: &PackageRef, version: &PackageVersion, limit: &str) -> String {
        let (ceiling, policy) = (self.laws.ceiling, self.laws.policy);
        let said = self.said(package, version);
        if said.limits.is_empty() {
            let explained = policy::explain(ceiling, policy, &version.subject(package), None);
            said.limits = explained.limits.into_iter().map(|limit| (limit.limit, limit.by)).collect();
        }
        said.limits.get(limit).cloned().unwrap_or_default()
    }

    pub(super) fn lost(
        &mut self,
        package: &PackageRef,
        version: &PackageVersion,
        used: &CapabilityUse,
    ) -> Option<Lost> {
        let (ceiling, policy) = (self.laws.ceiling, self.laws.policy);
        if let Some(known) = self.said(package, version).lost.get(used) {
            return known.clone();
        }
        if self.answers >= ANSWERS_MAX {
            self.versions.values_mut().for_each(|said| said.lost.clear());
            self.answers = 0;
        }
        self.answers += 1;
        let lost = policy::lost(ceiling, policy, &version.subject(package), used);
        self.said(package, version).lost.insert(used.clone(), lost.clone());
        lost
    }
}
