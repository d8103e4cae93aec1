//! What people write by mistake, and what they are told: all of it, with lines.

mod values;

use expect_test::{Expect, expect};

use super::*;
use crate::error::{Code, Error};

#[track_caller]
fn policy_is(text: &str, expected: &Expect) {
    shows(Policy::parse(text).map(drop), expected);
}

#[track_caller]
fn ceiling_is(text: &str, expected: &Expect) {
    shows(Ceiling::parse(text).map(drop), expected);
}

#[track_caller]
fn shows(read: Result<(), PolicyError>, expected: &Expect) {
    let problems = read.err().map(|error| error.problems).unwrap_or_default();
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn all_mistakes_are_told_at_once_with_their_lines() {
    policy_is(
        r#"[tools]
alow = ["*"]
[limits]
fuell = 1
memory = "1MiB"
deadline = 5
[[grant]]
tool = ["a"]
[[grant]]
tools = ["a"]
kv = [
  { bucket = "b", acess = "read-write" },
  { bucket = "B" },
]
"#,
        &expect![[r#"
            line 2: tools.alow: there is no such key; did you mean "allow"?
            line 4: limits.fuell: there is no such key; did you mean "fuel"?
            line 5: limits.memory: "memory" is called "memory_bytes"
            line 6: limits.deadline: a time such as "5s" or "250ms" belongs here, not a whole number
            line 7: grant[1].tools: it has to say which packages it is for: tools = ["…"]
            line 8: grant[1].tool: "tool" is called "tools"
            line 12: grant[2].kv[1].acess: there is no such key; did you mean "access"?
            line 13: grant[2].kv[2].bucket: "B" is no name: 1 to 64 lower-case letters, digits, '-' and '_', beginning with a letter or digit"#]],
    );
}

#[test]
fn what_is_not_toml_is_told_with_every_slip() {
    policy_is(
        "[tools\nallow = [\n[limits]\nfuel == 1\n",
        &expect![[r#"
            line 1: this is not TOML: unclosed table, expected `]`
            line 4: this is not TOML: missing comma between array elements, expected `,`
            line 4: this is not TOML: unexpected `=` in array, expected value, `]`
            line 4: this is not TOML: missing comma between array elements, expected `,`
            line 4: this is not TOML: unclosed array, expected `]`"#]],
    );
    policy_is("[limits]\nfuel = 1\nfuel = 2\n", &expect!["line 3: this is not TOML: duplicate key"]);
    policy_is(
        "limits.fuel = 1\n[limits]\nfuel = 2\n",
        &expect![[r#"
        line 2: this is not TOML: duplicate key
        line 3: this is not TOML: duplicate key"#]],
    );
}

#[test]
fn keys_that_there_are_not() {
    policy_is(
        "memory = 1",
        &expect![
            "line 1: memory: there is no such key; a policy knows tools, limits, grant, route, model, prompts, budget, egress, approval, cache, labels, flow, admission, audit, trust"
        ],
    );
    policy_is(
        "[egress]\nprivate_addresses = []",
        &expect!["line 2: egress.private_addresses: it belongs in [egress] of the ceiling"],
    );
    policy_is(
        "grants = []\nlimit = {}\n",
        &expect![[r#"
        line 1: grants: "grants" is called "grant"
        line 2: limit: "limit" is called "limits""#]],
    );
    policy_is(
        "[limits]\nzzz = 1",
        &expect![
            "line 2: limits.zzz: there is no such key; [limits] knows fuel, deadline, memory_bytes, table_elements, instances, resources, hostcall_bytes, random_bytes, arguments_bytes, result_bytes, log_bytes, progress_reports, http_requests, http_sent_bytes, http_received_bytes, http_header_bytes, http_timeout, kv_operations, kv_key_bytes, kv_value_bytes, files_open, files_written_bytes, model_requests, model_tokens, model_cost, child_calls, child_depth, child_parallel"
        ],
    );
    policy_is("[limits]\ntimeout = \"5s\"", &expect![[r#"line 2: limits.timeout: "timeout" is called "deadline""#]]);
    policy_is(
        "[[grant]]\ntools = []\nnetwork = []\nlogging = \"info\"",
        &expect![[r#"
        line 3: grant[1].network: "network" is called "http"
        line 4: grant[1].logging: "logging" is called "log""#]],
    );
    policy_is(
        "[[grant]]\ntools = []\nhttp = [{ host = \"a\", method = [\"GET\"] }]",
        &expect![[r#"line 3: grant[1].http[1].method: "method" is called "methods""#]],
    );
    policy_is(
        "[[grant]]\ntools = []\nkv = [{ bucket = \"a\", max_bytes = 1 }]",
        &expect![[r#"line 3: grant[1].kv[1].max_bytes: "max_bytes" is called "bytes_max""#]],
    );
    policy_is(
        "[[grant]]\ntools = []\nfiles = [{ volume = \"a\", path = \"/a\" }]",
        &expect![[r#"line 3: grant[1].files[1].path: "path" is called "mount""#]],
    );
    policy_is(
        &format!("{} = 1", "k".repeat(200)),
        &expect![
            "line 1: kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk: there is no such key; a policy knows tools, limits, grant, route, model, prompts, budget, egress, approval, cache, labels, flow, admission, audit, trust"
        ],
    );
}

#[test]
fn what_is_kept_of_calls() {
    policy_is(
        "payloads = \"7d\"\n[audit]\nretention = \"7d\"\n",
        &expect![[r#"
            line 1: payloads: it belongs in [audit]
            line 3: audit.retention: "retention" is called "payloads""#]],
    );
    policy_is(
        "[audit]\npayloads = true\nrecord = \"yes\"",
        &expect![[r#"
            line 2: audit.payloads: a time such as "5s" or "250ms" belongs here, not true or false
            line 3: audit.record: true or false belongs here, not a text"#]],
    );
    policy_is(
        "[audit]\npayloads = \"1ms\"",
        &expect!["line 2: audit.payloads: it is less than 1s, the least that it can be"],
    );
    policy_is(
        "[audit]\npayloads = \"11years\"",
        &expect!["line 2: audit.payloads: it is more than 10years, the most that it can be"],
    );
    policy_is(
        "[audit]\nrecord = true",
        &expect!["line 2: audit.record: it needs audit.payloads: what the host answers is kept with a payload"],
    );
    policy_is("[audit]\nrecord = false", &expect![""]);
    ceiling_is(
        "[audit]\npayloads = 7\nrecord = 1",
        &expect![[r#"
            line 2: audit.payloads: true, false or a time such as "30d" belongs here, not a whole number
            line 3: audit.record: true or false belongs here, not a whole number"#]],
    );
}

#[test]
fn of_very_many_mistakes_a_hundred_are_told() {
    let problems = Policy::parse(&"[[grant]]\n".repeat(1000)).unwrap_err().problems;
    assert_eq!(problems.len(), 101);
    assert_eq!(problems[100].message, "900 further problems are left out");
    assert_eq!(problems[99].line, Some(100));
}

#[test]
fn ceilings_have_forms_of_their_own() {
    ceiling_is(LOW_CEILING, &expect![[""]]);
    ceiling_is(
        r#"[[grant]]
tools = ["a"]
kv = false
files = { acess = "read-only" }
http = 1
clock = false
log = "all"
config = { a = "b" }
[egress]
private_addresses = ["10.0.0.1/8", "10.0.0.0", "all"]
[storage]
bucket_bytes_max = 1
volumes_bytes_max = "lots"
"#,
        &expect![[r#"
            line 3: grant[1].kv: true or a table belongs here; to give nothing, leave the key out
            line 4: grant[1].files.acess: there is no such key; did you mean "access"?
            line 5: grant[1].http: a list belongs here, not a whole number
            line 6: grant[1].clock: true or a word belongs here; to give nothing, leave the key out
            line 7: grant[1].log: "all" is none of "trace", "debug", "info", "warn", "error", "critical"
            line 8: grant[1].config: true belongs here, not a table
            line 10: egress.private_addresses[1]: "10.0.0.1/8" has bits behind its prefix: write "10.0.0.0/8"
            line 10: egress.private_addresses[2]: "10.0.0.0" is no network: write one as "10.1.0.0/16"
            line 10: egress.private_addresses[3]: "all" is no network: write one as "10.1.0.0/16"
            line 12: storage.bucket_bytes_max: there is no such key; did you mean "buckets_bytes_max"?
            line 13: storage.volumes_bytes_max: "lots" is no size: write one as "64MiB" or 65536"#]],
    );
}

#[test]
fn json_is_read_by_the_same_rules() {
    let text = r#"{
  "limits": { "fuel": 5, "memory_bytes": "1MiB" },
  "grant": [{ "tools": ["a"], "clock": "coarse" }]
}"#;
    let policy = Policy::from_json(text).unwrap();
    let allowed = allowed(decided(&Ceiling::builtin(), &policy, "a", "clock", ""));
    assert_eq!((allowed.limits.fuel, *allowed.grants.clock), (5, Clock::Coarse));
    assert_eq!(allowed.rule, "default: [tools] allow \"*\"; policy: [[grant]] 1 (tools = [\"a\"])");
    shows(
        Policy::from_json("{").map(drop),
        &expect!["line 1: this is not JSON: EOF while parsing an object at line 1 column 1"],
    );
    let text =
        r#"{"limits":{"fuel":1,"fuel":2,"log_bytes":null,"instances":1.5},"grant":[{"tools":["a"],"clok":"real"}]}"#;
    shows(
        Policy::from_json(text).map(drop),
        &expect![[r#"
        limits.fuel: it stands here twice
        limits.instances: a whole number belongs here, not a number with a fraction
        limits.log_bytes: a size such as "64MiB" or a number of bytes belongs here, not null
        grant[1].clok: there is no such key; did you mean "clock"?"#]],
    );
}

#[test]
fn a_caller_gets_the_problems_as_facts() {
    let error = Error::from(Policy::parse("[limits]\nfuell = 1\nfuel = 0").unwrap_err());
    assert_eq!(error.code(), Code::InvalidPolicy);
    expect![[r#"invalid-policy: the policy is not valid: line 2: limits.fuell: there is no such key; did you mean "fuel"? (and 1 more): nothing was changed; correct it and send it again {"problems": Array [Object {"line": Number(2), "key": String("limits.fuell"), "message": String("there is no such key; did you mean \"fuel\"?")}, Object {"line": Number(3), "key": String("limits.fuel"), "message": String("it is less than 1, the least that it can be")}]}"#]].assert_eq(&format!("{error:?}"));
    // What is said to be wrong is what was given.
    let ceiling = Error::from(Ceiling::parse("fuell = 1").unwrap_err());
    assert!(ceiling.message().starts_with("the ceiling is not valid: line 1: "), "{ceiling}");
}

#[test]
fn what_a_package_declares_is_read_by_the_same_table() {
    fn read(json: &str) -> Result<LimitsPatch, serde_json::Error> {
        serde_json::from_str(json)
    }
    let patch = read(r#"{"memory_bytes":"32MiB","deadline":"15s","fuel":7}"#).unwrap();
    assert_eq!(serde_json::to_string(&patch).unwrap(), r#"{"fuel":7,"deadline":"15s","memory_bytes":33554432}"#);
    assert_eq!(read(&serde_json::to_string(&patch).unwrap()).unwrap(), patch);
    let toml: LimitsPatch = toml::from_str("memory_bytes = '32MiB'\ndeadline = '15s'\nfuel = 7").unwrap();
    assert_eq!(toml, patch);
    expect![[r#"memory: "memory" is called "memory_bytes"; fuell: there is no such key; did you mean "fuel"?; deadline: it is less than 1ms, the least that it can be"#]].assert_eq(&read(r#"{"memory":1,"fuell":2,"deadline":"1ns"}"#).unwrap_err().to_string());
    expect!["a table belongs here, not a list"].assert_eq(&read("[]").unwrap_err().to_string());
}

#[test]
fn needs_are_lists_of_kinds() {
    let read = |json| serde_json::from_str::<Needs>(json);
    assert_eq!(read(r#"{"required":["http"],"optional":["log"]}"#).unwrap(), needs("http", "log"));
    assert_eq!(read("{}").unwrap(), Needs::default());
    assert!(read(r#"{"required":["htp"]}"#).is_err());
    assert!(read(r#"{"require":["http"]}"#).is_err());
}
