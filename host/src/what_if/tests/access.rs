//! Calls that access rules decided on: made again with the rules, the key and the moment of then, and tried under another
//! policy with the rules of now.

use std::collections::BTreeMap;

use super::world::{Chance, World, policy, tool};
use super::*;
use crate::access::{Moment, Who};
use crate::audit::entry::{DecidedAccess, DecidedLimits};
use crate::identity::{Principal, Scope};
use crate::snapshot::{Admitted, CallDecision, Laws};
use crate::what_if::again::Again;

fn key(name: &str, scopes: &[Scope]) -> Principal {
    Principal {
        id: PrincipalId::new(),
        tenant: "acme".parse().unwrap(),
        name: name.into(),
        scopes: scopes.iter().copied().collect(),
        created: SystemTime::UNIX_EPOCH,
    }
}

/// Rules of some kind.
fn rules(chance: &mut Chance) -> String {
    let rule = |chance: &mut Chance| {
        let effect = chance.of(&["permit", "forbid"]);
        let principal = chance.of(&["principal", "principal in Scope::\"operator\""]);
        let condition = chance.of(&[
            "",
            " when { principal.name == \"one\" }",
            " when { context.hour < 12 }",
            " unless { resource.origin == \"own\" }",
            " when { resource.package == \"a\" }",
            " when { context.hour + 9223372036854775800 > 9223372036854775805 }",
        ]);
        format!("{effect} ({principal}, action == Action::\"call\", resource){condition};\n")
    };
    (0..chance.below(4)).map(|_| rule(chance)).collect()
}

/// What a call is recorded as: decided, and ended without having used anything; or refused.
fn events(caller: &Caller, tool: &ToolName, version: &Version, decision: &CallDecision) -> Vec<Event> {
    let access = |by: &[String]| {
        Some(DecidedAccess {
            awaits: false,
            by: by.to_vec(),
            hour: decision.moment.hour,
            platform: caller.platform.access.digest(),
            recalled: None,
            tenant: caller.tenant.access.digest(),
            weekday: decision.moment.day().to_owned(),
        })
    };
    let (call, what) = (CallId::new(), (tool, version));
    match &decision.outcome {
        Err(why) => {
            let refused = refused_entry(caller, call, what, ("denied".to_owned(), why.rule()));
            vec![CallRefused { access: access(&[]), ..refused }.into()]
        }
        Ok(Admitted { allowed, by, .. }) => {
            let decided = CallDecided { access: access(by), ..decided_entry(caller, call, what, allowed) };
            vec![decided.into(), ended(call, vec![]).into()]
        }
    }
}

#[test]
fn policy_try_is_exact_where_access_rules_decided() {
    let (mut allowed, mut denied, mut changed) = (0, 0, 0);
    for seed in 40..46 {
        let (mut world, mut chance) = worlds(seed, 4);
        let keys = [key("one", &[Scope::Agent]), key("two", &[Scope::Agent, Scope::Operator]), key("three", &[])];
        world.keys = keys.iter().map(|key| (key.id, key.clone())).collect();
        let texts: Vec<String> = (0..4).map(|_| rules(&mut chance)).collect();
        let mut made = Vec::new();
        for nth in 0..200 {
            let by = &keys[chance.below(keys.len())];
            let (policy, ceiling) = (chance.below(4), chance.below(world.ceilings.len()));
            let caller = world.ruled(policy, ceiling, &texts[chance.below(4)], by);
            let ((tool, version), moment) = (tool(&mut chance), Moment { hour: chance.below(24) as u8, weekday: 2 });
            let found = &caller.package(&tool.package).unwrap().versions[&version];
            let decision = caller.laws().decide(&Who::from(by), &tool, found, moment);
            let entries =
                events(&caller, &tool, &version, &decision).into_iter().zip(0..).map(move |(event, index)| {
                    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + 2 * nth + index);
                    Entry { event, index: 2 * nth + index, principal: None, tenant: "acme".parse().unwrap(), time }
                });
            made.extend(entries.map(|entry| (Entry { principal: Some(by.id), ..entry }, by, moment)));
        }
        let now = world.ruled(0, 0, &texts[0], &keys[0]);
        let known: BTreeMap<Digest, String> =
            texts.iter().map(|text| (Digest::of(text.as_bytes()), text.clone())).chain(world.texts()).collect();
        let mut kept = |_: Kept, digest: &Digest| Ok(known.get(digest).cloned());

        // Each is decided again as it was.
        let entries = || made.iter().map(|(entry, ..)| Ok(entry.clone()));
        let mut again = Again::new(&now, &world.keys, &mut kept);
        calls(entries(), ever(), ALL, |recorded| {
            assert!(matches!(again.version(&recorded)?, Ok(version) if version.version == recorded.inputs.as_ref().unwrap().version), "{recorded:?}");
            match recorded.decided {
                Decided::Allowed { .. } => allowed += 1,
                Decided::Denied { .. } => denied += 1,
            }
            Ok(())
        })
        .unwrap();

        // And tried under another policy, as it would be now.
        let next = Policy::parse(&policy(&mut chance)).unwrap();
        let laws = Laws { policy: &next, ..now.laws() };
        let expected = made.iter().filter(|(entry, by, moment)| {
            let again = |tool: &ToolName, version: &Version| {
                let found = &now.package(&tool.package).unwrap().versions[version];
                laws.decide(&Who::from(*by), tool, found, *moment).outcome
            };
            match &entry.event {
                Event::CallDecided(was) => match again(&was.tool, &was.version) {
                    Ok(is) => was.limits != DecidedLimits::from(&*is.allowed.limits),
                    Err(_) => true,
                },
                Event::CallRefused(was) => again(was.tool.as_ref().unwrap(), was.version.as_ref().unwrap()).is_ok(),
                _ => false,
            }
        });
        let expected = expected.count() as u64;
        let mut kept = |_: Kept, digest: &Digest| Ok(known.get(digest).cloned());
        let most = (usize::MAX, usize::MAX);
        let (trial, _) = try_policy(&now, &next, entries(), (ever(), ALL), most, &world.keys, &mut kept).unwrap();
        assert_eq!((trial.decisions, trial.changed, &trial.not_compared), (200, expected, &vec![]));
        changed += trial.changed;

        // And so are other access rules, under the policy of now.
        let rules = crate::access::Rules::kept(crate::access::Side::Tenant, &texts[1]);
        let laws = Laws { tenant: &rules, ..now.laws() };
        let denied = |entry: &Entry, by: &Principal, moment: Moment| {
            let (tool, version, was) = match &entry.event {
                Event::CallDecided(was) => (&was.tool, &was.version, true),
                Event::CallRefused(was) => (was.tool.as_ref()?, was.version.as_ref()?, false),
                _ => return None,
            };
            let found = &now.package(&tool.package).unwrap().versions[version];
            Some((was, laws.decide(&Who::from(by), tool, found, moment).outcome.is_ok()))
        };
        let differing = |was, is| {
            made.iter().filter(|(entry, by, moment)| denied(entry, by, *moment) == Some((was, is))).count() as u64
        };
        let mut kept = |_: Kept, digest: &Digest| Ok(known.get(digest).cloned());
        let (trial, _) =
            try_policy(&now, Tried::Access(&rules), entries(), (ever(), ALL), most, &world.keys, &mut kept).unwrap();
        let said =
            |kind| trial.changes.iter().filter(|change| change.kind == kind).map(|change| change.count).sum::<u64>();
        assert_eq!(said(ChangeKind::Denied), differing(true, false));
        assert_eq!(said(ChangeKind::Allowed), differing(false, true));
        assert_eq!((trial.digest, &trial.not_compared), (rules.digest(), &vec![]));
    }
    assert!(allowed > 100 && denied > 100 && changed > 100, "{allowed}, {denied}, {changed}");
}

#[test]
fn a_call_whose_access_rules_or_key_are_gone_is_compared_with_nothing() {
    let (mut world, _) = worlds(50, 1);
    let one = key("one", &[Scope::Agent]);
    let caller = world.ruled(0, 0, "forbid (principal, action == Action::\"call\", resource);", &one);
    let (tool, version): (ToolName, Version) = ("catalogue/a".parse().unwrap(), Version::new(1, 0, 0));
    let found = &caller.package(&tool.package).unwrap().versions[&version];
    let decision = caller.laws().decide(&Who::from(&one), &tool, found, Moment { hour: 1, weekday: 1 });
    let event = events(&caller, &tool, &version, &decision).swap_remove(0);
    let entry =
        Entry { event, index: 0, principal: Some(one.id), tenant: "acme".parse().unwrap(), time: SystemTime::now() };
    let reason = |world: &World| {
        let mut kept = kept(world);
        let mut again = Again::new(&caller, &world.keys, &mut kept);
        let mut found = None;
        calls([Ok(entry.clone())].into_iter(), ever(), ALL, |recorded| {
            found = again.version(&recorded)?.err();
            Ok(())
        })
        .unwrap();
        found
    };
    assert_eq!(reason(&world), Some(Incomparable::NotRecorded));
    world.keys = [(one.id, one.clone())].into_iter().collect();
    assert_eq!(reason(&world), Some(Incomparable::AccessGone));
}
