//! Calls that are denied: by which rule, what comes nearest, and what would help.

use super::*;
use crate::error::{Code, Error};

#[track_caller]
fn denied_is(decision: Decision, expected: &Expect) {
    let Denied { reason, rule, nearest, remedy } = denied(decision);
    let nearest = nearest.unwrap_or_else(|| "-".to_owned());
    expected.assert_eq(&format!("{reason}\nrule: {rule}\nnearest: {nearest}\nremedy: {remedy}"));
}

#[test]
fn what_is_required_and_not_granted_denies_the_call() {
    let built_in = Ceiling::builtin();
    let example = policy(EXAMPLE);
    denied_is(
        decided(&built_in, &Policy::default(), "catalogue/http-fetch", "http kv", "log"),
        &expect![[r#"
        catalogue/http-fetch requires http and kv, which it is not granted
        rule: default: no [[grant]] gives http to catalogue/http-fetch
        nearest: -
        remedy: add to the policy:
        [[grant]]
        tools = ["catalogue/http-fetch"]
        http = [{ host = "api.example.com" }]
        kv = [{ bucket = "http-fetch", access = "read-write" }]"#]],
    );
    // A name that is much alike was probably meant.
    denied_is(
        decided(&built_in, &example, "note", "kv", ""),
        &expect![[r#"
        note requires kv, which it is not granted
        rule: default: no [[grant]] gives kv to note
        nearest: policy line 12: [[grant]] 1 gives kv to "notes"
        remedy: add to the policy:
        [[grant]]
        tools = ["note"]
        kv = [{ bucket = "note", access = "read-write" }]"#]],
    );
    // A row that names it and gives other things.
    denied_is(
        decided(&built_in, &policy("[[grant]]\ntools = [\"a\"]\nlog = \"info\""), "a", "kv", ""),
        &expect![[r#"
        a requires kv, which it is not granted
        rule: default: no [[grant]] gives kv to a
        nearest: policy line 1: [[grant]] 1 (tools = ["a"]) names it, and gives no kv
        remedy: add to the policy:
        [[grant]]
        tools = ["a"]
        kv = [{ bucket = "a", access = "read-write" }]"#]],
    );
    // A word that gives nothing is said by somebody.
    denied_is(
        decided(&built_in, &policy("[[grant]]\ntools = [\"a\"]\nclock = \"frozen\""), "a", "clock", ""),
        &expect![[r#"
            a requires clock, which it is not granted
            rule: policy line 3: clock in [[grant]] 1 (tools = ["a"])
            nearest: -
            remedy: add to the policy:
            [[grant]]
            tools = ["a"]
            clock = "coarse""#]],
    );
    // Of two layers that withhold, the one that the tenant cannot mend is told.
    denied_is(
        decided(&ceiling(LOW_CEILING), &example, "notes", "kv clock", ""),
        &expect![[r#"
        notes requires clock, which it is not granted
        rule: ceiling line 12: clock in [[grant]] 1 (tools = ["*", …])
        nearest: ceiling line 7: [[grant]] 1 (tools = ["*", …]) names it
        remedy: ask the platform team: its ceiling has to give clock to notes, and the policy to grant it"#]],
    );
    denied_is(
        decided(&ceiling(LOW_CEILING), &example, "notes", "config", ""),
        &expect![[r#"
        notes requires config, which it is not granted
        rule: ceiling: no [[grant]] gives config to notes
        nearest: ceiling line 7: [[grant]] 1 (tools = ["*", …]) names it
        remedy: ask the platform team: its ceiling has to give config to notes, and the policy to grant it"#]],
    );
    let elsewhere = policy("[[grant]]\ntools = [\"a\"]\nhttp = [{ host = \"example.com\" }]");
    denied_is(
        decided(&ceiling(LOW_CEILING), &elsewhere, "a", "http", ""),
        &expect![[r#"
        a requires http, which it is not granted
        rule: default: no http rule of the ceiling for a matches
        nearest: ceiling line 7: [[grant]] 1 (tools = ["*", …]) names it
        remedy: ask the platform team: its ceiling has to give http to a, and the policy to grant it"#]],
    );
}

#[test]
fn what_may_be_called_is_said_by_both_files() {
    let built_in = Ceiling::builtin();
    let own = policy("[tools]\nallow = [\"notes\", \"catalogue/text\"]\n");
    denied_is(
        decided(&built_in, &own, "note", "", ""),
        &expect![[r#"
        the policy does not let note be called
        rule: default: no rule allows note
        nearest: policy line 2: [tools] allow "notes"
        remedy: add "note" to allow in [tools] of the policy, line 2"#]],
    );
    denied_is(
        decided(&built_in, &own, "zzz", "", ""),
        &expect![[r#"
        the policy does not let zzz be called
        rule: default: no rule allows zzz
        nearest: -
        remedy: add "zzz" to allow in [tools] of the policy, line 2"#]],
    );
    denied_is(
        decided(&built_in, &policy(EXAMPLE), "catalogue/shell", "", ""),
        &expect![[r#"
        the policy does not let catalogue/shell be called
        rule: policy line 3: [tools] deny "catalogue/shell"
        nearest: policy line 2: [tools] allow "catalogue/*", but deny wins
        remedy: take "catalogue/shell" out of deny in [tools] of the policy"#]],
    );
    denied_is(
        decided(&built_in, &policy("tools = { allow = [\"a\"], deny = [\"*\"] }"), "a", "", ""),
        &expect![[r#"
        the policy does not let a be called
        rule: policy line 1: [tools] deny "*"
        nearest: policy line 1: [tools] allow "a", but deny wins
        remedy: take "*" out of deny in [tools] of the policy"#]],
    );
    denied_is(
        decided(&ceiling(LOW_CEILING), &Policy::default(), "catalogue/shell", "", ""),
        &expect![[r#"
        the platform does not let catalogue/shell be called
        rule: ceiling line 2: [tools] deny "catalogue/shell"
        nearest: default: [tools] allow "catalogue/*", but deny wins
        remedy: ask the platform team: its ceiling denies the package"#]],
    );
    denied_is(
        decided(&ceiling("[tools]\nallow = [\"catalogue/*\"]"), &Policy::default(), "a", "", ""),
        &expect![[r#"
        the platform does not let a be called
        rule: default: no rule of the ceiling allows a
        nearest: -
        remedy: ask the platform team: its ceiling does not allow the package"#]],
    );
}

#[test]
fn a_ceilings_other_rows_are_not_told() {
    let ceiling = ceiling(
        "[tools]\nallow = [\"globex-secret\", \"acme-a\"]\n\
         [[grant]]\ntools = [\"globex-secret\", \"acme-a\"]\nlog = true\n\
         [[grant]]\ntools = [\"globex-secret\"]\nkv = true\n",
    );
    let policy = policy("[[grant]]\ntools = [\"*\"]\nkv = [{ bucket = \"a\" }]\nlog = \"info\"");
    for (package, required) in [("acme-a", "kv"), ("globex-secre", "")] {
        let denied = denied(decided(&ceiling, &policy, package, required, "log"));
        assert!(!format!("{denied:?}").contains("globex-secret"), "{denied:?}");
    }
    let allowed = allowed(decided(&ceiling, &policy, "acme-a", "", "log kv"));
    assert!(!format!("{allowed:?}").contains("globex-secret"), "{allowed:?}");
}

#[test]
fn a_denial_becomes_an_error_with_facts() {
    let denied = denied(decided(&Ceiling::builtin(), &policy(EXAMPLE), "note", "kv", ""));
    let error = Error::from(denied.clone());
    assert_eq!(error.code(), Code::Denied);
    let fact = |name: &str| error.facts()[name].as_str().unwrap().to_owned();
    assert_eq!(fact("rule"), denied.rule);
    assert_eq!(fact("nearest"), denied.nearest.unwrap());
    assert_eq!(fact("remedy"), denied.remedy);
}

#[test]
fn a_remedy_is_one() {
    // Added to the policy as it is told, it allows the call.
    for kind in GrantKind::ALL {
        let denied = denied(decided(&Ceiling::builtin(), &Policy::default(), "catalogue/a", kind.as_str(), ""));
        let lines = denied.remedy.strip_prefix("add to the policy:\n").unwrap();
        allowed(decided(&Ceiling::builtin(), &policy(lines), "catalogue/a", kind.as_str(), ""));
    }
}
