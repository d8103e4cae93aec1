//! Policies tried on recorded calls: against what a real run decides, within bounds, and where nothing can be compared.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::audit::entry::DecidedLimits;
use crate::error::Error;
use crate::what_if::again::Again;

#[test]
fn policy_try_decides_a_hundred_thousand_recorded_calls_as_they_were_decided_and_as_they_would_be() {
    let (world, mut chance) = worlds(1, 24);
    let folder = tempfile::tempdir().unwrap();
    let (audit, made) = recorded(folder.path(), &world, &mut chance, 102_050);
    assert!(made.len() >= 100_000);
    let caller = world.caller(0, 0);

    // Every one of them is decided again as it was.
    let by_call: BTreeMap<CallId, &Made> = made.iter().map(|made| (made.call, made)).collect();
    let mut texts = kept(&world);
    let mut again = Again::new(&caller, &world.keys, &mut texts);
    let (mut seen, mut denied) = (BTreeSet::new(), 0);
    let looked = calls(entries(&audit), ever(), ALL, |recorded| {
        let made = by_call[&recorded.call];
        assert_eq!((&recorded.tool, &recorded.decided), (&made.tool, &made.decided));
        assert!(matches!(again.version(&recorded)?, Ok(version) if version.version == made.version), "{recorded:?}");
        denied += usize::from(matches!(recorded.decided, Decided::Denied { .. }));
        seen.insert(recorded.call);
        Ok(())
    });
    assert_eq!(looked.unwrap().cut, None);
    assert_eq!(seen.len(), made.len());
    assert!(denied > 10_000 && made.len() - denied > 10_000, "{denied} of {}", made.len());

    // Under another policy, exactly those change that would be decided otherwise, or could not do what they did.
    let next = policy(&mut chance);
    let trial = tried(&caller, &next, entries(&audit), &world);
    assert!(trial.same > 1_000 && trial.changed > 1_000, "{} and {}", trial.same, trial.changed);
    check(&trial, &made, &next);
}

/// That a trial of `next`, under the first ceiling, names the calls that a real one decides otherwise.
fn check(trial: &Trial, made: &[Made], next: &str) {
    let world = World::new(vec![next.to_owned()]);
    let caller = world.caller(0, 0);
    let named = |uncertain: bool| -> BTreeSet<CallId> {
        let changes = trial.changes.iter().filter(|change| (change.kind == ChangeKind::UseUncertain) == uncertain);
        changes.flat_map(|change| change.calls.iter().copied()).collect()
    };
    let (certain, uncertain) = (named(false), named(true));
    assert_eq!((trial.decisions, &trial.not_compared), (made.len() as u64, &vec![]), "{next}");
    assert_eq!(trial.same + trial.changed, trial.decisions);
    assert_eq!(trial.changed as usize, certain.union(&uncertain).count());
    assert!(trial.changes.iter().all(|change| change.count == change.calls.len() as u64 && change.calls_left_out == 0));
    let mut kinds = BTreeSet::new();
    for made in made {
        let changed = changes(made, &decision(&caller, &made.tool, &made.version), &mut kinds);
        match changed {
            true => assert!(certain.contains(&made.call) || uncertain.contains(&made.call), "{made:?}\n{next}"),
            false => assert!(!certain.contains(&made.call), "{made:?}\n{next}"),
        }
    }
    assert_eq!(kinds.is_empty(), trial.changed == 0 || certain.is_empty());
}

/// Whether `now` is another decision, or does not let the call do what it did: from what the guest really asked for.
fn changes(made: &Made, now: &Decision, kinds: &mut BTreeSet<ChangeKind>) -> bool {
    let mut note = |kind| {
        kinds.insert(kind);
        true
    };
    match (&made.decided, now) {
        (Decided::Denied { .. }, Decision::Denied(_)) => false,
        (Decided::Denied { .. }, Decision::Allowed(_)) => note(ChangeKind::Allowed),
        (Decided::Allowed { .. }, Decision::Denied(_)) => note(ChangeKind::Denied),
        (Decided::Allowed { limits, .. }, Decision::Allowed(allowed)) => {
            let limited = *limits != DecidedLimits::from(&*allowed.limits) && note(ChangeKind::Limited);
            let granted: Vec<_> = made.wishes.iter().filter_map(|wish| wish.granted(&allowed.grants)).collect();
            let lost = made.uses.iter().any(|used| !granted.iter().any(|now| covers(now, used)));
            limited || (lost && note(ChangeKind::UseDenied))
        }
    }
}

#[test]
fn policy_try_names_what_a_real_run_decides_otherwise_under_many_policies() {
    for seed in 10..22 {
        let (world, mut chance) = worlds(seed, 4);
        let folder = tempfile::tempdir().unwrap();
        let (audit, made) = recorded(folder.path(), &world, &mut chance, 300);
        for _ in 0..6 {
            let next = policy(&mut chance);
            check(&tried(&world.caller(0, 0), &next, entries(&audit), &world), &made, &next);
        }
    }
}

#[test]
fn policy_try_counts_what_cannot_be_compared_by_its_reason() {
    let (world, mut chance) = worlds(3, 1);
    let mut decided = || loop {
        let (_, mut events) = make(&world, &mut chance);
        if let Event::CallDecided(event) = events.swap_remove(0) {
            break event;
        }
    };
    let (same, mut version, mut ceiling, mut policy, mut rule, mut limits) =
        (decided(), decided(), decided(), decided(), decided(), decided());
    version.version = "9.0.0".parse().unwrap();
    ceiling.ceiling = Digest::of(b"gone");
    policy.policy = Digest::of(b"gone");
    rule.rule = "another".to_owned();
    limits.limits.fuel += 1;
    let unknown = CallRefused {
        access: None,
        call: Some(CallId::new()),
        ceiling: None,
        code: Code::Denied,
        count: 1,
        decisions: vec![],
        labels: Vec::new(),
        parent: None,
        policy: None,
        reason: "denied".to_owned(),
        route: None,
        rule: Some("a rule".to_owned()),
        session: None,
        tool: Some(same.tool.clone()),
        version: None,
    };
    // Refusals that are no decisions, and entries of other kinds, are passed over.
    let throttled = CallRefused { call: None, code: Code::Throttled, rule: None, ..unknown.clone() };
    let events: Vec<Event> = vec![
        same.into(),
        version.into(),
        ceiling.into(),
        policy.into(),
        rule.into(),
        limits.into(),
        unknown.into(),
        throttled.into(),
    ];
    let trial = tried(&world.caller(0, 0), &world.policies[0], spelt(events), &world);
    let reasons: Vec<_> = trial.not_compared.iter().map(|one| (one.reason, one.count)).collect();
    let expected = [
        (Incomparable::NotRecorded, 1),
        (Incomparable::VersionGone, 1),
        (Incomparable::CeilingGone, 1),
        (Incomparable::PolicyGone, 1),
        (Incomparable::DecidedOtherwise, 2),
    ];
    assert_eq!(reasons, expected);
    // Nothing of the first is known but its decision: it has not ended.
    assert_eq!((trial.decisions, trial.uses_unknown), (7, 1));
}

#[test]
fn policy_try_is_bounded_and_says_where_it_stopped() {
    let (world, mut chance) = worlds(4, 1);
    let events: Vec<Event> = (0..50).flat_map(|_| make(&world, &mut chance).1).collect();
    let count = |span, bounds| {
        let mut count = 0;
        let looked = calls(spelt(events.clone()), span, bounds, |_| {
            count += 1;
            Ok(())
        });
        (count, looked.unwrap())
    };
    let at = |second: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + second);
    let (all, looked) = count(ever(), ALL);
    assert_eq!((all, looked.entries as usize, looked.cut), (50, events.len(), None));
    let (some, looked) = count(ever(), Bounds { entries_max: 20, ..ALL });
    assert!(some < all && looked == Looked { entries: 20, cut: Some(at(20)) }, "{looked:?}");
    // Where it stopped is where to go on: nothing is missed, and nothing is there twice.
    let (rest, _) = count(Span { since: at(20), ..ever() }, ALL);
    assert_eq!(some + rest, all, "{some} and {rest}");
    let (none, looked) = count(ever(), Bounds { time_max: Duration::ZERO, ..ALL });
    assert_eq!((none, looked.cut), (0, Some(at(0))));
    // A span holds calls by when they were decided upon, wherever they end.
    let (first, _) = count(Span { since: at(0), until: at(1) }, ALL);
    assert_eq!(first, 1);
}

#[test]
fn policy_try_names_as_many_calls_as_were_asked_for_and_counts_the_rest() {
    let (world, mut chance) = worlds(5, 1);
    let events: Vec<Event> = (0..200).flat_map(|_| make(&world, &mut chance).1).collect();
    let nothing = Policy::parse("[tools]\nallow = []\n").unwrap();
    let caller = world.caller(0, 0);
    for (each_max, calls_max) in [(0, 100), (3, 100), (100, 5)] {
        let bounds = (ever(), ALL);
        let (trial, _) = try_policy(
            &caller,
            &nothing,
            spelt(events.clone()),
            bounds,
            (each_max, calls_max),
            &world.keys,
            &mut kept(&world),
        )
        .unwrap();
        let named: usize = trial.changes.iter().map(|change| change.calls.len()).sum();
        assert!(named <= calls_max && trial.changes.iter().all(|change| change.calls.len() <= each_max));
        assert!(trial.changes.iter().all(|change| change.calls.len() as u64 + change.calls_left_out == change.count));
        assert!(trial.changes.iter().map(|change| change.count).sum::<u64>() >= trial.changed && trial.changed > 0);
    }
}

#[test]
fn policy_try_passes_on_what_fails() {
    let (world, mut chance) = worlds(6, 1);
    let event = make(&world, &mut chance).1.swap_remove(0);
    let broken = spelt(vec![event.clone()]).chain([Err(Error::new(Code::AuditUnavailable, "damaged"))]);
    let caller = world.caller(0, 0);
    let policy = Policy::default();
    let failed =
        try_policy(&caller, &policy, broken, (ever(), ALL), (1, 1), &world.keys, &mut kept(&world)).unwrap_err();
    assert_eq!(failed.code(), Code::AuditUnavailable);
    let mut texts = |_, _: &Digest| Err(Error::new(Code::Unavailable, "no store"));
    let failed =
        try_policy(&caller, &policy, spelt(vec![event]), (ever(), ALL), (1, 1), &world.keys, &mut texts).unwrap_err();
    assert_eq!(failed.code(), Code::Unavailable);
}
