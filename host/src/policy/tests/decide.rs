//! What is decided, and by which rule.

mod bounds;
mod refusals;

use expect_test::{Expect, expect};

use super::*;
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
