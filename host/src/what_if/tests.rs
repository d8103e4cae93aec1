//! Recorded calls by the thousand, decided again and tried under other policies, against a reckoning of their own.

mod access;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use semver::Version;

use self::world::{Chance, Wish, World, decision, policy, tool, wishes};
use super::again::Again;
use super::*;
use crate::audit::entry::{CallDecided, CallEnded, CallRefused, CapabilityDenied, DecidedLimits, Event, Mac, Outcome};
use crate::audit::{Audit, Entry, Settings};
use crate::error::{Code, Error, Result};
use crate::id::{CallId, Digest, PrincipalId, ToolName};
use crate::policy::{Decision, Policy, lost};
use crate::snapshot::Caller;
use crate::uses::CapabilityUse;

const ALL: Bounds = Bounds { entries_max: u64::MAX, time_max: Duration::from_secs(3_600) };

fn ever() -> Span {
    Span { since: SystemTime::UNIX_EPOCH, until: SystemTime::now() + Duration::from_secs(60) }
}

/// A call as it was made.
#[derive(Debug, Clone)]
struct Made {
    call: CallId,
    tool: ToolName,
    version: Version,
    wishes: Vec<Wish>,
    uses: Vec<CapabilityUse>,
    decided: Decided,
}

/// Makes a call, and its entries as the router writes them.
fn make(world: &World, chance: &mut Chance) -> (Made, Vec<Event>) {
    let (policy, ceiling) = (chance.below(world.policies.len()), chance.below(world.ceilings.len()));
    let caller = world.caller(policy, ceiling);
    let ((tool, version), call, wishes) = (tool(chance), CallId::new(), wishes(chance));
    let decided = decision(&caller, &tool, &version);
    let (policy, ceiling) = (caller.tenant.policy.digest(), caller.platform.ceiling.digest());
    let mut made = Made {
        call,
        tool: tool.clone(),
        version: version.clone(),
        wishes,
        uses: vec![],
        decided: (*decided).clone().into(),
    };
    let allowed = match &*decided {
        Decision::Allowed(allowed) => allowed,
        Decision::Denied(denied) => {
            let refused = CallRefused {
                access: None,
                call: Some(call),
                ceiling: Some(ceiling),
                code: Code::Denied,
                count: 1,
                decisions: vec![],
                labels: Vec::new(),
                parent: None,
                policy: Some(policy),
                reason: denied.reason.clone(),
                route: None,
                rule: Some(denied.rule.clone()),
                session: None,
                tool: Some(tool),
                version: Some(version),
            };
            return (made, vec![refused.into()]);
        }
    };
    made.uses = made.wishes.iter().filter_map(|wish| wish.granted(&allowed.grants)).collect();
    made.uses.sort_unstable();
    made.uses.dedup();
    let begun = CallDecided {
        access: None,
        approval: None,
        arguments: Mac::from_bytes([7; 32]),
        arguments_bytes: 2,
        call,
        ceiling,
        component: Digest::of(b"component"),
        engine: "engine".to_owned(),
        frozen_time: None,
        labels: Vec::new(),
        limits: (&*allowed.limits).into(),
        parent: None,
        policy,
        reserved: None,
        risk: None,
        route: None,
        root: None,
        rule: allowed.rule.clone(),
        session: None,
        tool,
        version,
    };
    (made.clone(), vec![begun.into(), ended(call, made.uses).into()])
}

fn ended(call: CallId, uses: Vec<CapabilityUse>) -> CallEnded {
    CallEnded {
        call,
        child_calls: 0,
        child_fuel: 0,
        duration_us: 1_200_000,
        files_bytes_written: 0,
        fuel: 120_000_000,
        http_received_bytes: 0,
        http_requests: 0,
        http_sent_bytes: 0,
        kv_operations: 0,
        labels: None,
        memory_bytes: 1 << 20,
        model_cost: 0,
        model_input_tokens: 0,
        model_output_tokens: 0,
        model_requests: 0,
        outcome: Outcome::Ok,
        result: None,
        result_bytes: 0,
        uses: Some(uses),
        uses_left_out: 0,
    }
}

fn worlds(seed: u64, policies: usize) -> (World, Chance) {
    let mut chance = Chance::new(seed);
    let texts = (0..policies).map(|_| policy(&mut chance)).collect();
    (World::new(texts), chance)
}

/// Makes calls and records them in a journal, by a few hundred principals and between calls of another tenant.
fn recorded(dir: &std::path::Path, world: &World, chance: &mut Chance, count: usize) -> (Audit, Vec<Made>) {
    let (audit, _) = Audit::open(dir, Settings::default()).unwrap();
    let principals: Vec<PrincipalId> = (0..300).map(|_| PrincipalId::new()).collect();
    let (acme, other) = ("acme".parse().unwrap(), "globex".parse().unwrap());
    let mut all = Vec::new();
    for nth in 0..count {
        let (made, events) = make(world, chance);
        let principal = *chance.of(&principals);
        let tenant = if nth % 50 == 49 { &other } else { &acme };
        for event in &events {
            append(&audit, tenant, principal, event);
        }
        if *tenant == acme {
            all.push(made);
        }
    }
    let last = audit.append(
        &acme,
        None,
        &CapabilityDenied {
            action: "x".into(),
            call: CallId::new(),
            capability: "kv".into(),
            nearest: None,
            rule: "x".into(),
        }
        .into(),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(audit.durable(last.unwrap())).unwrap();
    (audit, all)
}

/// Waits where the next segment is not there yet.
fn append(audit: &Audit, tenant: &crate::id::TenantId, principal: PrincipalId, event: &Event) {
    while let Err(error) = audit.append(tenant, Some(principal), event) {
        assert!(error.message().contains("no room"), "{error:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn entries(audit: &Audit) -> impl Iterator<Item = Result<Entry>> {
    crate::audit::read(audit, &"acme".parse().unwrap(), 0).unwrap()
}

/// Texts as a host keeps them.
fn kept(world: &World) -> impl FnMut(Kept, &Digest) -> Result<Option<String>> + use<> {
    let texts = world.texts();
    move |_, digest| Ok(texts.get(digest).cloned())
}

fn tried(caller: &Caller, text: &str, entries: impl Iterator<Item = Result<Entry>>, world: &World) -> Trial {
    let policy = Policy::parse(text).unwrap();
    let most = (usize::MAX, usize::MAX);
    try_policy(caller, &policy, entries, (ever(), ALL), most, &world.keys, &mut kept(world)).unwrap().0
}

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

/// Whether what is used now is at least what was used then.
fn covers(now: &CapabilityUse, then: &CapabilityUse) -> bool {
    match (now, then) {
        (CapabilityUse::Clock { shows: now }, CapabilityUse::Clock { shows: then }) => now >= then,
        (
            CapabilityUse::Http { host, method, port, scheme, .. },
            CapabilityUse::Http {
                host: other_host, method: other_method, port: other_port, scheme: other_scheme, ..
            },
        ) => (host, method, port, scheme) == (other_host, other_method, other_port, other_scheme),
        _ => now == then,
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

/// Entries without a journal.
fn spelt(events: Vec<Event>) -> impl Iterator<Item = Result<Entry>> {
    let begun = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    events.into_iter().zip(0..).map(move |(event, index)| {
        let time = begun + Duration::from_secs(index);
        Ok(Entry { event, index, principal: None, tenant: "acme".parse().unwrap(), time })
    })
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

#[test]
fn policy_suggest_covers_every_recorded_call_of_each_package() {
    for seed in 30..40 {
        let (world, mut chance) = worlds(seed, 6);
        let folder = tempfile::tempdir().unwrap();
        let (audit, made) = recorded(folder.path(), &world, &mut chance, 400);
        let caller = world.caller(0, 0);
        let packages: BTreeSet<_> = made.iter().map(|made| made.tool.package.clone()).collect();
        for package in packages {
            let (suggestion, _) = suggest(&caller, &package, entries(&audit), (ever(), ALL)).unwrap();
            let own = || made.iter().filter(|made| made.tool.package == package);
            let allowed = own().filter(|made| matches!(made.decided, Decided::Allowed { .. }));
            assert_eq!(suggestion.calls, allowed.clone().count() as u64);
            let text = World::new(vec![suggestion.text.clone()]);
            let (under, policy) = (text.caller(0, 0), Policy::parse(&suggestion.text).unwrap());
            for made in allowed {
                let Decision::Allowed(now) = &*decision(&under, &made.tool, &made.version) else {
                    panic!("{made:?}\n{}", suggestion.text)
                };
                let version = &under.package(&package).unwrap().versions[&made.version];
                for used in &made.uses {
                    let lost = lost(&under.platform.ceiling, &policy, &version.subject(&package), used);
                    assert_eq!(lost, None, "{used}\n{}", suggestion.text);
                    assert!(
                        made.wishes.iter().filter_map(|wish| wish.granted(&now.grants)).any(|now| covers(&now, used))
                    );
                }
            }
            // And nothing that no call used, but for what lets calls start.
            let told: BTreeSet<_> = suggestion.uses.iter().map(|use_| use_.used.clone()).collect();
            let used: BTreeSet<_> = own().flat_map(|made| made.uses.iter().cloned()).collect();
            assert_eq!(told, used);
        }
    }
}

#[test]
fn policy_suggest_is_a_policy_however_much_was_used() {
    let (world, mut chance) = worlds(9, 1);
    let caller = world.caller(0, 0);
    let decided = loop {
        let (_, mut events) = make(&world, &mut chance);
        if let Event::CallDecided(event) = events.swap_remove(0) {
            break event;
        }
    };
    let mut events: Vec<Event> = Vec::new();
    for nth in 0..100 {
        let begun = CallDecided { call: CallId::new(), tool: "catalogue/web".parse().unwrap(), ..decided.clone() };
        let uses = (0..50).map(|number| CapabilityUse::Http {
            host: format!("h{number}.{}.test", "x".repeat(60)),
            method: "GET".to_owned(),
            path: format!("/{nth}/{}", "y".repeat(400)),
            port: 443,
            scheme: crate::uses::Scheme::Https,
        });
        let end = ended(begun.call, uses.collect());
        events.extend([begun.into(), end.into()]);
    }
    let found = suggest(&caller, &"catalogue/web".parse().unwrap(), spelt(events), (ever(), ALL)).unwrap().0;
    assert!(found.text.len() < Policy::TEXT_BYTES_MAX && found.uses.len() > 100, "{}", found.text.len());
    assert!(found.notes.iter().any(|note| note.contains("the rest is not covered")), "{:?}", found.notes);
}

#[test]
fn policy_suggest_says_what_was_not_seen() {
    let (world, mut chance) = worlds(7, 1);
    let caller = world.caller(0, 0);
    let package = "catalogue/store".parse().unwrap();
    let nothing = suggest(&caller, &package, spelt(vec![]), (ever(), ALL)).unwrap().0;
    assert!(nothing.calls == 0 && nothing.notes[0].contains("no call to rest on"), "{nothing:?}");
    assert_eq!(nothing.tools.iter().map(|one| one.calls).collect::<Vec<_>>(), [0, 0]);
    let mut decided = || loop {
        let (_, mut events) = make(&world, &mut chance);
        if let Event::CallDecided(event) = events.swap_remove(0) {
            break event;
        }
    };
    // One that ended, one of which a crash took the end, one that is running.
    let mut events: Vec<Event> = Vec::new();
    for end in [Some(true), Some(false), None] {
        let mut begun = decided();
        begun.tool = "catalogue/store".parse().unwrap();
        let call = begun.call;
        events.push(begun.into());
        events.push(
            CapabilityDenied {
                action: "open \"z\"".to_owned(),
                call,
                capability: "kv".to_owned(),
                nearest: None,
                rule: "no kv grant".to_owned(),
            }
            .into(),
        );
        if let Some(known) = end {
            let uses = known.then(|| vec![CapabilityUse::Random {}]);
            events.push(CallEnded { uses, ..ended(call, vec![]) }.into());
        }
    }
    let found = suggest(&caller, &package, spelt(events), (ever(), ALL)).unwrap().0;
    assert_eq!((found.calls, found.uses_unknown, found.denials), (1, 2, 3));
    assert!(found.text.contains("random = \"secure\""), "{}", found.text);
    for part in ["not called in this time", "catalogue/store.other", "of 2 calls", "denied 3 uses"] {
        assert!(found.notes.iter().any(|note| note.contains(part)), "{part}: {:#?}", found.notes);
    }
    let gone = suggest(&caller, &"catalogue/none".parse().unwrap(), spelt(vec![]), (ever(), ALL)).unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}
