//! Grants that are suggested from what calls used: all of it, no more, and in a policy.

use std::collections::BTreeSet;

use super::*;
use crate::policy::lost;

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
