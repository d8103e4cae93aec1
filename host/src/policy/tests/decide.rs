//! What is decided, and by which rule.

use expect_test::{Expect, expect};

use super::*;
use crate::error::{Code, Error};
use crate::limits::CallLimits;

/// What a call holds, in words that leave nothing out.
fn held(grants: &Grants) -> String {
    serde_json::to_string_pretty(grants).unwrap()
}

#[track_caller]
fn withheld_are(allowed: &Allowed, expected: &Expect) {
    let line = |withheld: &Withheld| {
        let Withheld { kind, layer, words, rule, remedy } = withheld;
        format!("{kind} by {layer:?}: {words}\n  {rule}\n  {}", remedy.replace('\n', "\n    "))
    };
    expected.assert_eq(&allowed.withheld.iter().map(line).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_grant_gives_what_it_says() {
    let optional = "http files clock random log config";
    let allowed = allowed(decided(&Ceiling::builtin(), &policy(EXAMPLE), "notes", "kv", optional));
    expect![[r#"policy line 2: [tools] allow "*"; policy line 10: [[grant]] 1 (tools = ["notes", …])"#]]
        .assert_eq(&allowed.rule);
    expect![[r#"
        {
          "kv": [
            {
              "bucket": "notes",
              "access": "read-write",
              "bytes_max": 1048576,
              "keys_max": 1000
            }
          ],
          "files": [
            {
              "volume": "workspace",
              "mount": "/work",
              "access": "read-only",
              "bytes_max": 104857600,
              "files_max": 10000
            }
          ],
          "http": {
            "tenant": [
              {
                "scheme": "https",
                "host": "api.github.com",
                "methods": [
                  "GET"
                ],
                "paths": [
                  "/repos/*"
                ]
              }
            ],
            "ceiling": [
              {
                "scheme": "https",
                "host": "*",
                "methods": [
                  "*"
                ],
                "paths": [
                  "/*"
                ]
              }
            ],
            "private": [],
            "credentials": "https",
            "quotas": {
              "requests_per_minute": null,
              "sent_bytes_per_hour": null,
              "received_bytes_per_hour": null,
              "connections": null
            }
          },
          "clock": "coarse",
          "random": "secure",
          "log": "info",
          "config": {
            "greeting": "hello"
          },
          "call": null,
          "model": null,
          "prompt": {}
        }"#]]
    .assert_eq(&held(&allowed.grants));
    let limits =
        CallLimits { fuel: 2_000_000_000, deadline: std::time::Duration::from_secs(2), ..CallLimits::default() };
    assert_eq!(*allowed.limits, limits);
    withheld_are(&allowed, &expect![[""]]);
}

#[test]
fn the_empty_policy_lets_everything_be_called_with_nothing_in_hand() {
    let allowed = allowed(decided(&Ceiling::builtin(), &Policy::default(), "catalogue/text", "", "log http"));
    assert_eq!(*allowed.grants, Grants::none());
    assert_eq!(*allowed.limits, CallLimits::default());
    expect![[r#"default: [tools] allow "catalogue/*""#]].assert_eq(&allowed.rule);
    withheld_are(
        &allowed,
        &expect![[r#"
        http by Policy: the policy grants no http to catalogue/text
          default: no [[grant]] gives http to catalogue/text
          add to the policy:
            [[grant]]
            tools = ["catalogue/text"]
            http = [{ host = "api.example.com" }]
        log by Policy: the policy grants no log to catalogue/text
          default: no [[grant]] gives log to catalogue/text
          add to the policy:
            [[grant]]
            tools = ["catalogue/text"]
            log = "info""#]],
    );
    assert_eq!(Policy::default().digest(), policy("").digest());
}

#[test]
fn the_ceiling_cuts_everything_to_the_lesser() {
    let optional = "http files clock random log config";
    let allowed = allowed(decided(&ceiling(LOW_CEILING), &policy(EXAMPLE), "notes", "kv", optional));
    expect![[r#"
        {
          "kv": [
            {
              "bucket": "notes",
              "access": "read-only",
              "bytes_max": 524288,
              "keys_max": 1000
            }
          ],
          "files": [
            {
              "volume": "workspace",
              "mount": "/work",
              "access": "read-only",
              "bytes_max": 104857600,
              "files_max": 10000
            }
          ],
          "http": {
            "tenant": [
              {
                "scheme": "https",
                "host": "api.github.com",
                "methods": [
                  "GET"
                ],
                "paths": [
                  "/repos/*"
                ]
              }
            ],
            "ceiling": [
              {
                "scheme": "https",
                "host": "*.github.com",
                "methods": [
                  "*"
                ],
                "paths": [
                  "/*"
                ]
              },
              {
                "scheme": "http",
                "host": "10.0.0.7",
                "port": 8080,
                "methods": [
                  "GET",
                  "HEAD"
                ],
                "paths": [
                  "/*"
                ]
              }
            ],
            "private": [
              "10.0.0.7/32"
            ],
            "credentials": "https",
            "quotas": {
              "requests_per_minute": null,
              "sent_bytes_per_hour": null,
              "received_bytes_per_hour": null,
              "connections": null
            }
          },
          "clock": "frozen",
          "random": "secure",
          "log": "warn",
          "config": {},
          "call": null,
          "model": null,
          "prompt": {}
        }"#]]
    .assert_eq(&held(&allowed.grants));
    assert_eq!(allowed.limits.deadline, std::time::Duration::from_secs(1));
    withheld_are(
        &allowed,
        &expect![[r#"
        kv by Ceiling: the policy grants more of bucket "notes", but it is read-only, at most 512 KiB
          ceiling line 9: kv in [[grant]] 1 (tools = ["*", …])
          ask the platform team: its ceiling has to give kv to notes, and the policy to grant it
        clock by Ceiling: the policy grants more, but clocks stand still at the call's start
          ceiling line 12: clock in [[grant]] 1 (tools = ["*", …])
          ask the platform team: its ceiling has to give clock to notes, and the policy to grant it
        log by Ceiling: the policy grants more, but log lines are kept, from warn on
          ceiling line 14: log in [[grant]] 1 (tools = ["*", …])
          ask the platform team: its ceiling has to give log to notes, and the policy to grant it
        config by Ceiling: the ceiling gives no config to notes
          ceiling: no [[grant]] gives config to notes
          ask the platform team: its ceiling has to give config to notes, and the policy to grant it"#]],
    );
}

#[test]
fn a_package_holds_nothing_that_it_does_not_declare() {
    let allowed = allowed(decided(&Ceiling::builtin(), &policy(EXAMPLE), "notes", "kv", ""));
    let kv = allowed.grants.kv.clone();
    assert_eq!(*allowed.grants, Grants { kv, ..Grants::none() });
    assert!(allowed.withheld.iter().all(|withheld| withheld.layer == Layer::Package));
    assert_eq!(allowed.withheld.len(), 6);
}

#[test]
fn a_packages_limits_only_tighten() {
    let limits: LimitsPatch = toml::from_str("fuel = 1_000\ndeadline = \"50s\"").unwrap();
    let subject = Subject { package: &package("notes"), needs: &Needs::default(), limits: &limits };
    let allowed = allowed(decide(&Ceiling::builtin(), &policy(EXAMPLE), &subject));
    assert_eq!((allowed.limits.fuel, allowed.limits.deadline.as_secs()), (1_000, 2));
}

#[test]
fn the_platform_can_raise_its_ceiling_and_a_tenant_its_limits_up_to_it() {
    let policy = policy("[limits]\nfuel = 900_000_000_000\nmemory_bytes = \"1MiB\"");
    let fuel = |ceiling: &Ceiling| allowed(decided(ceiling, &policy, "a", "", "")).limits.fuel;
    assert_eq!(fuel(&Ceiling::builtin()), CallLimits::ceiling().fuel);
    assert_eq!(fuel(&ceiling("[limits]\nfuel = 1_000_000_000_000")), 900_000_000_000);
    assert_eq!(fuel(&ceiling("[limits]\nfuel = 10")), 10);
}

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
fn grants_add_up_to_the_wider_access_and_the_smallest_quota_stated() {
    let policy = policy(
        r#"[[grant]]
tools = ["*"]
kv = [{ bucket = "shared", bytes_max = "2MiB" }, { bucket = "all" }]
clock = "coarse"
log = "warn"
config = { a = "1" }
[[grant]]
tools = ["notes"]
kv = [{ bucket = "shared", access = "read-write", bytes_max = "3MiB", keys_max = 5 }]
clock = "real"
log = "debug"
config = { b = "2" }
"#,
    );
    let allowed = allowed(decided(&Ceiling::builtin(), &policy, "notes", "kv", "clock log config"));
    expect![[r#"
        {
          "kv": [
            {
              "bucket": "all",
              "access": "read-only",
              "bytes_max": 10485760,
              "keys_max": 10000
            },
            {
              "bucket": "shared",
              "access": "read-write",
              "bytes_max": 2097152,
              "keys_max": 5
            }
          ],
          "files": [],
          "http": null,
          "clock": "real",
          "random": "seeded",
          "log": "debug",
          "config": {
            "a": "1",
            "b": "2"
          },
          "call": null,
          "model": null,
          "prompt": {}
        }"#]]
    .assert_eq(&held(&allowed.grants));
    expect![[r#"default: [tools] allow "*"; policy line 1: [[grant]] 1 (tools = ["*"]); policy line 7: [[grant]] 2 (tools = ["notes"])"#]].assert_eq(&allowed.rule);
}

#[test]
fn a_rule_that_is_recorded_stays_short() {
    let grants: String = (0..1000).map(|n| format!("[[grant]]\ntools=[\"*\"]\nkv=[{{bucket=\"b{n}\"}}]\n")).collect();
    let allowed = allowed(decided(&Ceiling::builtin(), &policy(&grants), "a", "kv", ""));
    assert_eq!(allowed.grants.kv.len(), 1000);
    assert!(allowed.rule.len() < 300, "{}", allowed.rule);
    assert!(allowed.rule.ends_with("; and 997 more"), "{}", allowed.rule);
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

#[test]
fn what_the_platform_says_of_the_host_is_read() {
    let low = ceiling(LOW_CEILING);
    assert_eq!((low.buckets_bytes_max(), low.volumes_bytes_max()), (2 << 30, 10 << 30));
    assert_eq!(low.private_addresses(), ["10.0.0.7/32".parse().unwrap()]);
    let built_in = Ceiling::builtin();
    assert_eq!((built_in.buckets_bytes_max(), built_in.volumes_bytes_max()), (1 << 30, 10 << 30));
    assert_eq!((built_in.private_addresses().len(), built_in.limits()), (0, CallLimits::ceiling()));
}

#[test]
fn every_limit_is_in_the_table_once_and_reads_back() {
    let all = serde_json::to_value(CallLimits::default()).unwrap();
    let mut keys: Vec<&String> = all.as_object().unwrap().keys().collect();
    keys.sort_unstable();
    let mut names: Vec<&str> = limits::LIMITS.iter().map(|limit| limit.name).collect();
    names.sort_unstable();
    assert_eq!(keys, names);
    // Each can be set to its ceiling, and nothing else changes with it.
    let ceiling = serde_json::to_value(CallLimits::ceiling()).unwrap();
    for limit in limits::LIMITS {
        let name = limit.name;
        let stated = match limit.unit {
            limits::Unit::Money => limit.words((limit.get)(&CallLimits::ceiling())).into(),
            _ => ceiling[name].clone(),
        };
        let text = serde_json::json!({ name: stated }).to_string();
        let patch: LimitsPatch = serde_json::from_str(&text).unwrap();
        let mut expected = all.clone();
        expected[name] = ceiling[name].clone();
        assert_eq!(serde_json::to_value(patch.apply_to(&CallLimits::default())).unwrap(), expected);
        assert_eq!(serde_json::to_value(patch.tighten(&CallLimits::default())).unwrap(), all);
    }
}
