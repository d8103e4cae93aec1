//! Everything but requests: whether a package may be called, what it holds of each kind, under which limits.

use std::collections::{BTreeMap, BTreeSet};

use super::{Effect, EffectKind};
use crate::limits::CallLimits;
use crate::policy::decide::{Denied, Subject};
use crate::policy::grant::{Access, Clock, GrantKind, Grants, Random};
use crate::policy::limits::LIMITS;
use crate::policy::parse::size_words;
use crate::policy::weigh::{Weighed, weigh};
use crate::policy::{Ceiling, Policy, words};

/// What one of the policies makes of a package.
pub(super) struct Side<'a> {
    pub(super) weighed: Weighed<'a>,
    /// What calls hold: nothing where there can be none.
    pub(super) grants: Grants,
    denied: Option<Denied>,
}

impl<'a> Side<'a> {
    pub(super) fn of(ceiling: &'a Ceiling, policy: &'a Policy, subject: &Subject<'a>) -> Self {
        let weighed = weigh(ceiling, policy, subject);
        let denied = weighed.gate.as_ref().err().or(weighed.missing.as_ref()).cloned();
        let grants = if denied.is_some() { Grants::none() } else { weighed.grants.clone() };
        Self { weighed, grants, denied }
    }

    pub(super) fn is_callable(&self) -> bool {
        self.denied.is_none()
    }

    /// The rules that give something.
    fn by(&self, kind: GrantKind, name: &str) -> Vec<String> {
        let given = self.weighed.given.iter().find(|given| given.kind == kind && given.name == name);
        given.map(|given| given.by.clone()).unwrap_or_default()
    }
}

/// Everything that differs.
pub(super) fn compare(before: &Side<'_>, after: &Side<'_>) -> Vec<Effect> {
    let mut effects = Vec::new();
    match (&before.denied, &after.denied) {
        (Some(_), Some(_)) => return effects,
        (Some(_), None) => {
            let rule = after.weighed.gate.clone().unwrap_or_default();
            effects.push(Effect::new(EffectKind::Gains, "calls: it may be called", vec![rule]));
        }
        (None, Some(denied)) => {
            let what = format!("calls: {}", denied.reason);
            effects.push(Effect::new(EffectKind::Loses, what, vec![denied.rule.clone()]));
        }
        (None, None) => effects.extend(limits(&before.weighed.limits, &after.weighed.limits)),
    }
    let (old, new) = (things(&before.grants), things(&after.grants));
    for thing in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (kind, name, what) = thing;
        match (old.get(thing), new.get(thing)) {
            (None, Some(_)) => effects.push(Effect::new(EffectKind::Gains, what, after.by(*kind, name))),
            (Some(_), None) => effects.push(Effect::new(EffectKind::Loses, what, before.by(*kind, name))),
            (Some(before), Some(now)) if before != now => {
                let what = match (before, now) {
                    (Some(before), Some(now)) => format!("{what}: {now}; before: {before}"),
                    _ => what.clone(),
                };
                effects.push(Effect::new(EffectKind::Changes, what, after.by(*kind, name)));
            }
            _ => {}
        }
    }
    let calls = [(EffectKind::Gains, &before.grants, after), (EffectKind::Loses, &after.grants, before)];
    effects.extend(calls.into_iter().flat_map(|(kind, other, side)| calls_beyond(kind, other, side)));
    effects
}

/// Rules for calls of `side` that are within none of `other`: words of rules, as for requests, since which packages there are,
/// only the snapshot knows.
fn calls_beyond(kind: EffectKind, other: &Grants, side: &Side<'_>) -> impl Iterator<Item = Effect> {
    let rules = |grants: &Grants| grants.call.as_ref().map(|call| call.rules()).unwrap_or_default();
    let known = rules(other);
    let beyond = rules(&side.grants).into_iter().filter(move |rule| !known.iter().any(|known| rule.is_within(known)));
    beyond.map(move |rule| Effect::new(kind, format!("calling {rule}"), side.by(GrantKind::Call, "")))
}

/// What is held, by kind, name and words; with a measure where it has one, which is told where it can be.
type Things = BTreeMap<(GrantKind, String, String), Option<Measure>>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Measure {
    Told(String),
    /// Compared, and not shown: a setting's value is not for everyone who may compare.
    Kept(String),
}

impl std::fmt::Display for Measure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Told(text) => f.write_str(text),
            Self::Kept(_) => f.write_str("another value"),
        }
    }
}

fn things(grants: &Grants) -> Things {
    let mut things = Things::new();
    let mut add = |kind, name: &str, what: String, measure| things.insert((kind, name.to_owned(), what), measure);
    let quota = |bytes, items, of: &str| {
        Some(Measure::Told(format!("at most {} and {} {of}", size_words(bytes), words::count(items))))
    };
    for grant in &grants.kv {
        let (name, kind) = (&grant.bucket, GrantKind::Kv);
        add(kind, name, format!("reading bucket {name:?}"), quota(grant.bytes_max, grant.keys_max, "keys"));
        if grant.access == Access::ReadWrite {
            add(kind, name, format!("writing bucket {name:?}"), None);
        }
    }
    for grant in &grants.files {
        let (mount, kind) = (&grant.mount, GrantKind::Files);
        let place = format!("volume {:?} at {mount}", grant.volume);
        add(kind, mount, format!("reading {place}"), quota(grant.bytes_max, grant.files_max, "files"));
        if grant.access == Access::ReadWrite {
            add(kind, mount, format!("writing {place}"), None);
        }
    }
    for (clock, what) in [(Clock::Coarse, "the time, by the millisecond"), (Clock::Real, "the time, exactly")] {
        if *grants.clock >= clock {
            add(GrantKind::Clock, "", what.to_owned(), None);
        }
    }
    if *grants.random == Random::Secure {
        add(GrantKind::Random, "", "random bytes that cannot be foreseen".to_owned(), None);
    }
    if let Some(least) = &grants.log {
        let levels = crate::policy::LogLevel::ALL.iter().filter(|level| *level >= &**least);
        for level in levels {
            add(GrantKind::Log, "", format!("keeping log lines of level {}", level.as_str()), None);
        }
    }
    for route in grants.model.iter().flat_map(|grant| grant.routes.values()) {
        let measure = Some(Measure::Told(route.to_string()));
        add(GrantKind::Model, &route.name, format!("model route {:?}", route.name), measure);
    }
    for (name, template) in grants.prompt.iter() {
        // Compared by all of it, and shown by its name: its text is the tenant's.
        add(GrantKind::Prompt, "", format!("prompt {name:?}"), Some(Measure::Kept(template.text())));
    }
    for (key, value) in grants.config.iter() {
        add(GrantKind::Config, "", format!("setting {key:?}"), Some(Measure::Kept(value.clone())));
    }
    things
}

fn limits(before: &CallLimits, after: &CallLimits) -> Vec<Effect> {
    let differing = LIMITS.iter().filter(|limit| (limit.get)(before) != (limit.get)(after));
    let effects = differing.map(|limit| {
        let (before, after) = (limit.words((limit.get)(before)), limit.words((limit.get)(after)));
        Effect::new(EffectKind::Changes, format!("limits.{} is {after}; before: {before}", limit.name), Vec::new())
    });
    effects.collect()
}
