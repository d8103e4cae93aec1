//! A policy, or access rules, tried on recorded calls: which would be decided differently, and which could no longer do what they did.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::again::{Again, Incomparable, Keys, Texts};
use super::history::{self, Bounds, Decided, Ended, Looked, Recorded, Span};
use crate::access::{Moment, Rules, Who};
use crate::audit::Entry;
use crate::audit::entry::DecidedLimits;
use crate::error::Result;
use crate::id::{CallId, CallTarget, Digest, PackageRef, PrincipalId, ToolName};
use crate::labels::Labels;
use crate::policy::route::{Choice, choose, needed};
use crate::policy::{self, Decision, Lost, Policy};
use crate::routed::{ChoiceFacts, DecidedRoute, Health, Level, RouteInputs, Standing, Verdict};
use crate::snapshot::{Caller, Laws, PackageVersion, Resolved, decide};
use crate::uses::CapabilityUse;

/// Different changes that are told; what is more is counted.
const CHANGES_MAX: usize = 1_000;
/// Tools that one change names.
const TOOLS_MAX: usize = 20;
/// Answers about uses that are remembered.
const ANSWERS_MAX: usize = 50_000;

/// What a policy, or access rules, would change, if they were in force. Nothing was changed. Which model a call's requests
/// would go to is not told: what a call asks follows from what it was answered before, and what it has left from what that
/// cost; that it could no longer use a route to models is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trial {
    /// Of the text that was tried.
    pub digest: Digest,
    /// Decisions of the span that were looked at: calls that were let in or denied.
    pub decisions: u64,
    /// Of these, those that stay as they were.
    pub same: u64,
    /// Those that would not: each is in one or more of `changes`.
    pub changed: u64,
    /// What would change, by kind, then by how many calls it is about.
    pub changes: Vec<Change>,
    /// How often a call would have been in a further change: there were more than are told.
    pub changes_left_out: u64,
    /// Decisions that cannot be compared, by the reason.
    pub not_compared: Vec<NotCompared>,
    /// Calls among `same` and `changed` of which the record does not have all that they used: only their decision was
    /// compared.
    pub uses_unknown: u64,
}

/// One thing that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// What would.
    pub kind: ChangeKind,
    /// The rule that would decide.
    pub rule: String,
    /// The limit that would be another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<ChangedLimit>,
    /// What would not be granted any more.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub used: Option<CapabilityUse>,
    /// The tools that were called; of very many some.
    pub tools: BTreeSet<ToolName>,
    /// How many calls it is about.
    pub count: u64,
    /// Some or all of them, oldest first.
    pub calls: Vec<CallId>,
    /// How many are not in `calls`.
    pub calls_left_out: u64,
}

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Calls that had been let in would be denied.
    Denied,
    /// Calls would still be let in, and denied something that they really used.
    UseDenied,
    /// Calls would still be let in, and may be denied a request that they sent: of its path the record has only the
    /// pattern that it matched.
    UseUncertain,
    /// Calls would wait until somebody approves them.
    Waits,
    /// Calls would run under another limit of fuel, memory or time: those are the ones that the record has.
    Limited,
    /// Calls of a route would go to another of its choices, or to none; what they would use there is not known.
    Routed,
    /// Calls that had been denied would be let in.
    Allowed,
}

/// A limit that would be another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedLimit {
    /// Its key in the policy.
    pub limit: String,
    /// What it was: units, bytes, or milliseconds.
    pub before: u64,
    /// What it would be.
    pub after: u64,
    /// Calls that took more than that.
    pub exceeded: u64,
}

/// Decisions that cannot be compared, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotCompared {
    /// The reason.
    pub reason: Incomparable,
    /// The same in words.
    pub words: String,
    /// How many.
    pub count: u64,
    /// Some or all of the calls, oldest first.
    pub calls: Vec<CallId>,
    /// How many are not in `calls`.
    pub calls_left_out: u64,
}

/// What is tried, in the place of what is in force; all else is as it is now.
#[derive(Debug, Clone, Copy)]
pub enum Tried<'a> {
    /// A policy.
    Policy(&'a Policy),
    /// Access rules of the tenant.
    Access(&'a Rules),
}

impl<'a> Tried<'a> {
    fn digest(self) -> Digest {
        match self {
            Self::Policy(policy) => policy.digest(),
            Self::Access(rules) => rules.digest(),
        }
    }

    fn laws(self, caller: &'a Caller) -> Laws<'a> {
        match self {
            Self::Policy(policy) => Laws { policy, ..caller.laws() },
            Self::Access(tenant) => Laws { tenant, ..caller.laws() },
        }
    }
}

impl<'a> From<&'a Policy> for Tried<'a> {
    fn from(policy: &'a Policy) -> Self {
        Self::Policy(policy)
    }
}

/// Tries a policy or access rules on the calls of the tenant of `caller` that `entries` tell of, under the platform's files as
/// they are. Each change names up to `each_max` calls, all together up to `calls_max`.
///
/// # Errors
///
/// When the record or former texts cannot be read.
pub fn try_policy<'a>(
    caller: &'a Caller,
    tried: impl Into<Tried<'a>>,
    entries: impl Iterator<Item = Result<Entry>>,
    (span, bounds): (Span, Bounds),
    (each_max, calls_max): (usize, usize),
    keys: &'a Keys,
    texts: &mut Texts<'_>,
) -> Result<(Trial, Looked)> {
    let tried = tried.into();
    let mut texts = |kept, digest: &Digest| texts(kept, digest);
    let mut again = Again::new(caller, keys, &mut texts);
    let mut trying = Trying {
        next: Next {
            caller,
            laws: tried.laws(caller),
            keys,
            versions: HashMap::new(),
            calls: HashMap::new(),
            answers: 0,
        },
        room: CallRoom { each_max, left: calls_max },
        trial: Trial {
            digest: tried.digest(),
            decisions: 0,
            same: 0,
            changed: 0,
            changes: Vec::new(),
            changes_left_out: 0,
            not_compared: Vec::new(),
            uses_unknown: 0,
        },
        places: HashMap::new(),
    };
    let looked = history::calls(entries, span, bounds, |recorded| {
        trying.trial.decisions += 1;
        match again.version(&recorded)? {
            Ok(version) => trying.compare(&recorded, &version),
            Err(reason) => trying.skip(recorded.call, reason),
        }
        Ok(())
    })?;
    Ok((trying.done(), looked))
}

/// The trial under way.
struct Trying<'a> {
    next: Next<'a>,
    room: CallRoom,
    trial: Trial,
    /// Where in the list each change is.
    places: HashMap<What, usize>,
}

/// What makes two changes one.
type What = (ChangeKind, String, Option<(&'static str, u64, u64)>, Option<CapabilityUse>);

impl Trying<'_> {
    fn compare(&mut self, recorded: &Recorded, version: &Arc<PackageVersion>) {
        if let Some((kind, rule)) = self.next.routed(recorded, version) {
            self.note(recorded, (kind, rule, None, None), false);
            self.trial.changed += 1;
            return;
        }
        let next = self.next.decide(recorded, version);
        let mut changed = false;
        match (&recorded.decided, &*next) {
            (Decided::Denied { .. }, Decided::Denied { .. }) => {}
            (Decided::Allowed { .. }, Decided::Denied { rule }) => {
                self.note(recorded, (ChangeKind::Denied, rule.clone(), None, None), false);
                changed = true;
            }
            (Decided::Denied { .. }, Decided::Allowed { rule, .. }) => {
                self.note(recorded, (ChangeKind::Allowed, rule.clone(), None, None), false);
                changed = true;
            }
            (Decided::Allowed { limits: before, .. }, Decided::Allowed { limits: after, .. }) => {
                changed |= self.limits(recorded, version, before, after);
                changed |= self.uses(recorded, version);
                changed |= self.waits(recorded, version);
            }
        }
        match changed {
            true => self.trial.changed += 1,
            false => self.trial.same += 1,
        }
    }

    fn limits(
        &mut self,
        recorded: &Recorded,
        version: &PackageVersion,
        before: &DecidedLimits,
        after: &DecidedLimits,
    ) -> bool {
        let took = |of: fn(&Ended) -> u64| recorded.ended.as_ref().map_or(0, of);
        let limits = [
            ("fuel", before.fuel, after.fuel, took(|ended| ended.fuel)),
            ("memory_bytes", before.memory_bytes, after.memory_bytes, took(|ended| ended.memory_bytes)),
            ("deadline", before.deadline_ms, after.deadline_ms, took(|ended| ended.duration_us / 1_000)),
        ];
        let mut changed = false;
        for (limit, before, after, took) in limits.into_iter().filter(|(_, before, after, _)| before != after) {
            let rule = self.next.limit_rule(&recorded.tool.package, version, limit);
            self.note(recorded, (ChangeKind::Limited, rule, Some((limit, before, after)), None), took > after);
            changed = true;
        }
        changed
    }

    fn uses(&mut self, recorded: &Recorded, version: &PackageVersion) -> bool {
        let Some(uses) = recorded.ended.as_ref().and_then(|ended| ended.uses.as_ref()) else {
            self.trial.uses_unknown += 1;
            return false;
        };
        let mut changed = false;
        for used in uses {
            let Some(lost) = self.next.lost(&recorded.tool.package, version, used) else { continue };
            let kind = if lost.certain { ChangeKind::UseDenied } else { ChangeKind::UseUncertain };
            self.note(recorded, (kind, lost.rule, None, Some(used.clone())), false);
            changed = true;
        }
        changed
    }

    /// Rules that would have had it approved first, which nobody did.
    fn waits(&mut self, recorded: &Recorded, version: &PackageVersion) -> bool {
        if recorded.approved {
            return false;
        }
        let rules = self.next.waits(recorded, version);
        for rule in &rules {
            self.note(recorded, (ChangeKind::Waits, rule.clone(), None, None), false);
        }
        !rules.is_empty()
    }

    /// Counts a call in a change.
    fn note(&mut self, recorded: &Recorded, what: What, exceeded: bool) {
        let place = match self.places.get(&what) {
            Some(place) => *place,
            None if self.trial.changes.len() >= CHANGES_MAX => {
                self.trial.changes_left_out += 1;
                return;
            }
            None => {
                let (kind, rule, limit, used) = what.clone();
                let limit = limit.map(|(limit, before, after)| ChangedLimit {
                    limit: limit.to_owned(),
                    before,
                    after,
                    exceeded: 0,
                });
                let (tools, calls) = (BTreeSet::new(), Vec::new());
                self.trial.changes.push(Change { kind, rule, limit, used, tools, count: 0, calls, calls_left_out: 0 });
                self.places.insert(what, self.trial.changes.len() - 1);
                self.trial.changes.len() - 1
            }
        };
        let Some(change) = self.trial.changes.get_mut(place) else { return };
        change.count += 1;
        if let Some(limit) = &mut change.limit {
            limit.exceeded += u64::from(exceeded);
        }
        if change.tools.len() < TOOLS_MAX {
            change.tools.insert(recorded.tool.clone());
        }
        self.room.list(recorded.call, &mut change.calls, &mut change.calls_left_out);
    }

    fn skip(&mut self, call: CallId, reason: Incomparable) {
        let known = self.trial.not_compared.iter().position(|one| one.reason == reason);
        let place = known.unwrap_or_else(|| {
            let (words, calls) = (reason.to_string(), Vec::new());
            self.trial.not_compared.push(NotCompared { reason, words, count: 0, calls, calls_left_out: 0 });
            self.trial.not_compared.len() - 1
        });
        let Some(skipped) = self.trial.not_compared.get_mut(place) else { return };
        skipped.count += 1;
        self.room.list(call, &mut skipped.calls, &mut skipped.calls_left_out);
    }

    fn done(self) -> Trial {
        let mut trial = self.trial;
        trial
            .changes
            .sort_by(|one, other| (one.kind, other.count, &one.rule).cmp(&(other.kind, one.count, &other.rule)));
        trial.not_compared.sort_by_key(|one| one.reason);
        trial
    }
}

/// How many calls can still be named.
struct CallRoom {
    each_max: usize,
    left: usize,
}

impl CallRoom {
    fn list(&mut self, call: CallId, calls: &mut Vec<CallId>, left_out: &mut u64) {
        if calls.len() < self.each_max && self.left > 0 {
            self.left -= 1;
            calls.push(call);
        } else {
            *left_out += 1;
        }
    }
}

/// What the new policy says, under the present ceiling: asked once for each version and use.
struct Next<'a> {
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

impl Next<'_> {
    fn said(&mut self, package: &PackageRef, version: &PackageVersion) -> &mut Said {
        self.versions.entry((package.clone(), version.version.clone())).or_default()
    }

    /// Under what is tried, and all else as it is now; access rules see the moment of the call.
    fn decide(&mut self, recorded: &Recorded, version: &PackageVersion) -> Arc<Decided> {
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
    fn routed(&mut self, recorded: &Recorded, version: &PackageVersion) -> Option<(ChangeKind, String)> {
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
    fn waits(&self, recorded: &Recorded, version: &PackageVersion) -> Vec<String> {
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

    fn limit_rule(&mut self, package: &PackageRef, version: &PackageVersion, limit: &str) -> String {
        let (ceiling, policy) = (self.laws.ceiling, self.laws.policy);
        let said = self.said(package, version);
        if said.limits.is_empty() {
            let explained = policy::explain(ceiling, policy, &version.subject(package), None);
            said.limits = explained.limits.into_iter().map(|limit| (limit.limit, limit.by)).collect();
        }
        said.limits.get(limit).cloned().unwrap_or_default()
    }

    fn lost(&mut self, package: &PackageRef, version: &PackageVersion, used: &CapabilityUse) -> Option<Lost> {
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
