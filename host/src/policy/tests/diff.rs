//! What a comparison of two policies says is what decisions under both show.

use std::collections::BTreeSet;

use expect_test::expect;
use proptest::prelude::*;

use super::layers::{PACKAGES, is_within, requests, rules};
use super::*;
use crate::policy::http::{Effort, Left};

fn every() -> Needs {
    Needs { required: BTreeSet::new(), optional: GrantKind::ALL.into_iter().collect() }
}

fn offline(before: &str, after: &str) -> String {
    diff_offline(&Ceiling::builtin(), &policy(before), &policy(after)).to_string()
}

#[test]
fn effects_read_as_sentences() {
    let before = "[limits]\nfuel = 1_000_000\n[[grant]]\ntools = [\"catalogue/http-fetch\"]\n\
        http = [{ host = \"api.example.com\", methods = [\"GET\"] }]\n\
        [[grant]]\ntools = [\"notes\"]\nkv = [{ bucket = \"notes\", access = \"read-write\" }]\nconfig = { token = \"old\" }\n";
    let after = "[limits]\nfuel = 2_000_000\n[tools]\ndeny = [\"text\"]\n[[grant]]\ntools = [\"catalogue/http-fetch\"]\n\
        http = [{ host = \"api.example.com\", methods = [\"GET\", \"POST\", \"PUT\"] }]\n\
        [[grant]]\ntools = [\"notes\"]\nkv = [{ bucket = \"notes\", access = \"read-only\" }]\nconfig = { token = \"new\" }\n\
        clock = \"coarse\"\n[audit]\npayloads = \"7d\"\n";
    expect![[r#"
        * changes: limits.fuel is 2,000,000; before: 1,000,000
        catalogue/* changes: limits.fuel is 2,000,000; before: 1,000,000
        catalogue/http-fetch gains POST, PUT to https://api.example.com/*
        catalogue/http-fetch changes: limits.fuel is 2,000,000; before: 1,000,000
        notes gains the time, by the millisecond
        notes loses writing bucket "notes"
        notes changes: limits.fuel is 2,000,000; before: 1,000,000
        notes changes: setting "token": another value; before: another value
        text loses calls: the policy does not let text be called
        every call changes: payloads of calls are kept for 7days; before: payloads of calls are not kept"#]]
    .assert_eq(&offline(before, after));
    assert_eq!(offline(before, before), "nothing changes");
    // Other words for the same are no change.
    let same = before.replace(
        "methods = [\"GET\"] }",
        "methods = [\"GET\"], paths = [\"/a\", \"/*\"] }, { host = \"api.example.com\", methods = [\"GET\"] }",
    );
    assert_eq!(offline(before, &same), "nothing changes");
}

#[test]
fn what_several_rules_cover_together_is_no_gain() {
    let row = |rules: &str| format!("[[grant]]\ntools = [\"notes\"]\nhttp = [{rules}]\n");
    let parts = row(
        "{ host = \"x.test\", methods = [\"GET\"] }, { host = \"x.test\", methods = [\"POST\"], paths = [\"/a/*\"] }",
    );
    let whole = row("{ host = \"x.test\", methods = [\"GET\", \"POST\"] }");
    expect!["notes gains some of POST to https://x.test/*, such as POST https://x.test/"]
        .assert_eq(&offline(&parts, &whole));
    let below = row("{ host = \"*.x.test\" }, { host = \"x.test\" }");
    expect![[r#"
        notes gains some of GET to https://*/*, such as GET https://unlisted0/
        notes gains some of HEAD to https://*/*, such as HEAD https://unlisted0/"#]]
    .assert_eq(&offline(&below, &row("{ host = \"*\" }")));
    expect![[r#"
        notes loses some of GET to https://*/*, such as GET https://unlisted0/
        notes loses some of HEAD to https://*/*, such as HEAD https://unlisted0/"#]]
    .assert_eq(&offline(&row("{ host = \"*\" }"), &below));
}

#[test]
fn a_package_that_is_named_for_the_first_time_is_compared_with_what_all_others_get() {
    let every = "[[grant]]\ntools = [\"*\"]\nclock = \"coarse\"\n";
    let named = "[[grant]]\ntools = [\"notes\"]\nclock = \"coarse\"\n";
    expect!["* loses the time, by the millisecond"].assert_eq(&offline(every, named));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Requests: each piece of a grant is covered by another, apart from it, or partly covered, as single requests show.
    #[test]
    fn requests_that_are_gained_are_those_that_one_decision_allows_and_the_other_does_not(
        top in rules(),
        old in rules(),
        new in rules(),
        package_nth in 0..3usize,
    ) {
        let ceiling = ceiling(&top.text(true));
        let (old, new) = (policy(&old.text(false)), policy(&new.text(false)));
        let (package, needs, limits) = (package(PACKAGES[package_nth]), every(), LimitsPatch::default());
        let subject = Subject { package: &package, needs: &needs, limits: &limits };
        let http = |policy: &Policy| match decide(&ceiling, policy, &subject) {
            Decision::Allowed(allowed) => allowed.grants.http.clone(),
            Decision::Denied(_) => None,
        };
        let (was, is) = (http(&old), http(&new));
        let lets = |grant: &Option<Grant<HttpGrant>>, target: &HttpTarget| {
            grant.as_ref().is_some_and(|grant| grant.decide(target).is_ok())
        };
        let effort = Effort::new();
        let atoms = |grant: &Option<Grant<HttpGrant>>| grant.as_ref().map_or(Some(vec![]), |grant| grant.atoms(&effort)).unwrap();
        let (before, after) = (atoms(&was), atoms(&is));
        let beyond: Vec<_> = after.iter().map(|atom| (atom, atom.beyond(&before, &effort))).collect();
        for (target, ..) in requests() {
            let covered = after.iter().any(|atom| atom.covers(&target));
            prop_assert_eq!(covered, lets(&is, &target), "{:?}", target);
            let told = beyond.iter().any(|(atom, left)| atom.covers(&target) && *left != Left::Nothing);
            prop_assert!(told || !lets(&is, &target) || lets(&was, &target), "{:?} is gained and not told", target);
        }
        for (atom, left) in &beyond {
            let within = || requests().filter(|(target, ..)| atom.covers(target));
            match left {
                Left::Nothing => prop_assert!(within().all(|(target, ..)| lets(&was, &target)), "{}", atom),
                Left::All => prop_assert!(within().all(|(target, ..)| !lets(&was, &target)), "{}", atom),
                Left::Some(target) => {
                    prop_assert!(lets(&is, target) && !lets(&was, target), "{} such as {:?}", atom, target);
                }
                Left::Unknown => prop_assert!(false, "{} is not compared", atom),
            }
        }
    }

    /// Everything: where no more is held there are no gains, where more is held it is told, and what one way gains the
    /// other way loses.
    #[test]
    fn a_comparison_tells_of_gains_where_decisions_show_them(
        top in rules(),
        old in rules(),
        new in rules(),
        package_nth in 0..3usize,
    ) {
        let ceiling = ceiling(&top.text(true));
        let (old, new) = (policy(&old.text(false)), policy(&new.text(false)));
        let (package, needs, limits) = (package(PACKAGES[package_nth]), every(), LimitsPatch::default());
        let subject = Subject { package: &package, needs: &needs, limits: &limits };
        let told = |before, after| {
            let effects = diff(&ceiling, before, after, [subject]);
            effects.packages.into_iter().flat_map(|package| package.effects).collect::<Vec<_>>()
        };
        let whats = |effects: &[Effect], kind| -> BTreeSet<String> {
            effects.iter().filter(|effect| effect.kind == kind && !effect.what.contains("calls: ")).map(|effect| effect.what.clone()).collect()
        };
        let (forth, back) = (told(&old, &new), told(&new, &old));
        prop_assert_eq!(whats(&forth, EffectKind::Gains), whats(&back, EffectKind::Loses));
        prop_assert_eq!(whats(&forth, EffectKind::Loses), whats(&back, EffectKind::Gains));
        prop_assert!(told(&old, &old).is_empty());
        let gains = || forth.iter().any(|effect| effect.kind == EffectKind::Gains);
        match (decide(&ceiling, &old, &subject), decide(&ceiling, &new, &subject)) {
            (Decision::Allowed(was), Decision::Allowed(is)) => {
                let within = is_within(&is.grants, &was.grants);
                prop_assert!(!within || !gains(), "nothing is gained, and told are {:?}", forth);
                let more = forth.iter().any(|effect| matches!(effect.kind, EffectKind::Gains | EffectKind::Changes));
                prop_assert!(within || more, "something is gained, and told are {:?}", forth);
                let limited = forth.iter().any(|effect| effect.what.starts_with("limits."));
                prop_assert_eq!(limited, was.limits != is.limits);
            }
            (Decision::Denied(_), Decision::Allowed(_)) => prop_assert!(gains()),
            (Decision::Allowed(_), Decision::Denied(_)) => prop_assert!(!gains() && !forth.is_empty()),
            (Decision::Denied(_), Decision::Denied(_)) => prop_assert!(forth.is_empty(), "{:?}", forth),
        }
    }
}

/// Told as unclear, after a bounded number of steps.
#[test]
fn hostile_policies_that_take_long_to_compare_are_given_up() {
    let list = |texts: Vec<String>| texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(", ");
    let methods = list(('A'..='N').map(|method| format!("M{method}")).collect());
    let paths = list((0..40).map(|nth| format!("/p{nth}/*")).collect());
    let one = format!("{{ host = \"*\", methods = [{methods}], paths = [{paths}] }}");
    let rule = |nth| format!("{{ host = \"*.a{nth}.example\", methods = [{methods}] }}, ");
    let many: String = (0..140).map(rule).collect();
    let grant = |http: &str| policy(&format!("[[grant]]\ntools = [\"*\"]\nhttp = [{http}]\n"));
    let (package, needs, limits) = (package("a"), every(), LimitsPatch::default());
    let subject = Subject { package: &package, needs: &needs, limits: &limits };
    let started = std::time::Instant::now();
    for (before, after) in [(&many, &one), (&one, &many)] {
        let effects = diff(&Ceiling::builtin(), &grant(before), &grant(after), [subject]);
        let told = &effects.packages[0].effects;
        assert!(told.iter().any(|effect| effect.kind == EffectKind::Unclear), "{effects}");
        assert!(effects.gains());
    }
    // About a second each, where the machine has nothing else to do and the code is optimised.
    assert!(started.elapsed().as_secs() < 120, "{:?}", started.elapsed());
}
