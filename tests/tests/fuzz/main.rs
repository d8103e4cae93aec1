//! Hostile and malformed input for a running host: whatever is sent is answered with a success or a problem with a known
//! code, never with a defect of the host, and the host goes on serving. Targets within the host, with a corpus each, are in
//! its own tests; `cargo xtask fuzz --list` names them all.
//!
//! `COFFERDAM_FUZZ_SECONDS` says how long each target is tried; three seconds where it does not.
#![allow(clippy::unwrap_used, reason = "tests")]

mod components;
mod requests;

use std::time::{Duration, Instant};

use cofferdam::Code;
use cofferdam_tests::{Answer, Tenant, run, shared};
use futures::StreamExt as _;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

fn seconds() -> Duration {
    let seconds = std::env::var("COFFERDAM_FUZZ_SECONDS").map_or(3, |seconds| seconds.parse().unwrap());
    Duration::from_secs(seconds)
}

/// Tries inputs, several at once, for as long as the target gets; then the host has to work as before.
async fn fuzz<T: std::fmt::Debug>(
    tenant: &Tenant,
    inputs: impl Strategy<Value = T>,
    try_it: impl AsyncFn(&T) -> Option<Answer>,
) {
    let mut runner = TestRunner::default();
    let end = Instant::now() + seconds();
    let inputs = std::iter::from_fn(|| (Instant::now() < end).then(|| inputs.new_tree(&mut runner).unwrap().current()));
    let mut tried = 0;
    let mut answers = std::pin::pin!(
        futures::stream::iter(inputs).map(|input| async { (try_it(&input).await, input) }).buffer_unordered(8)
    );
    while let Some((answer, input)) = answers.next().await {
        tried += 1;
        if let Some(answer) = answer {
            acceptable(&answer, &input);
        }
    }
    assert!(tried >= 10, "{tried}");
    assert_eq!(tenant.agent.call("catalogue/noop", json!({})).await.text(), "ok");
    assert!(shared().await.is_ready().await);
}

#[track_caller]
fn acceptable(answer: &Answer, input: &dyn std::fmt::Debug) {
    let code = answer.code();
    let shown = || format!("{input:?}").chars().take(2_000).collect::<String>();
    assert_ne!(code, Some(Code::Internal), "{}\n{answer:#?}", shown());
    assert!(
        answer.status != 500 && answer.text.len() < 100_000,
        "{}\n{} {}",
        shown(),
        answer.status,
        answer.text.len()
    );
    if code.is_some() {
        // What was sent comes back cut, and never as something that moves a terminal's cursor.
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.len() < 10_000, "{}\n{detail}", shown());
        assert!(!answer.text.contains("panicked") && !answer.text.contains("/src/"), "{}\n{answer:#?}", shown());
    }
}

async fn tenant(stem: &str) -> Tenant {
    shared().await.tenant(stem).await
}

/// Names, as they are, nearly as they are, and as nobody would write them.
fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}(/[a-z]{1,8})?(\\.[a-z-]{1,8})?(@[0-9.]{1,6})?",
        "catalogue/(noop|limits\\.spin|limits\\.echo|attack\\.lie|nothing)(@[0-9.x*^~-]{0,9})?",
        "(catalogue/)?[a-zA-Z0-9./@_%-]{0,80}",
        "\\PC{0,40}",
        any::<String>(),
        vec(
            prop_oneof![Just("../"), Just("%2e%2e/"), Just("catalogue/"), Just("\0"), Just("\r\n"), Just("noop")],
            0..9
        )
        .prop_map(|parts| parts.concat()),
        (1_usize..100_000).prop_map(|length| "a".repeat(length)),
    ]
}

/// Documents, some of them large, deep or odd.
fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("x".repeat(70_000))),
    ];
    let keys = prop_oneof![
        Just("text".to_owned()),
        Just("bytes".to_owned()),
        Just("rounds".to_owned()),
        Just("shape".to_owned()),
        Just("how".to_owned()),
        Just("tool".to_owned()),
        Just("arguments".to_owned()),
        any::<String>(),
    ];
    leaf.prop_recursive(6, 200, 12, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..12).prop_map(Value::from),
            proptest::collection::btree_map(keys.clone(), inner, 0..12)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn fuzz_names_of_tools() {
    run(async {
        let tenant = tenant("names").await;
        fuzz(&tenant, names(), async |name| {
            let arguments = json!({});
            Some(tenant.agent.call(name, arguments).await)
        })
        .await;
    });
}

#[test]
fn fuzz_arguments() {
    run(async {
        let tenant = tenant("arguments").await;
        tenant.policy("[limits]\nfuel = 50_000_000\ndeadline = \"1s\"").await;
        let tools = prop::sample::select(vec![
            "noop",
            "limits.echo",
            "limits.result",
            "attack.lie",
            "limits.grow",
            "limits.kv-set",
        ]);
        fuzz(&tenant, (tools, documents()), async |(tool, arguments)| {
            Some(tenant.agent.call(&format!("catalogue/{tool}"), arguments.clone()).await)
        })
        .await;
    });
}

#[test]
fn fuzz_bodies_that_are_hardly_json() {
    run(async {
        let tenant = tenant("bodies").await;
        let good = json!({"tool": "catalogue/limits.echo", "arguments": {"text": "x"}}).to_string();
        let texts = prop_oneof![
            vec(any::<u8>(), 0..300),
            mutated(good.clone().into_bytes()),
            (1_usize..200_000).prop_map(|depth| "[".repeat(depth).into_bytes()),
            (1_usize..200_000).prop_map(|depth| format!(
                "{{\"tool\":\"noop\",\"arguments\":{}",
                "{\"a\":".repeat(depth)
            )
            .into_bytes()),
            any::<String>().prop_map(|text| format!("{{\"tool\":\"noop\",\"{text}\":1}}").into_bytes()),
            Just(
                format!("{{\"tool\":\"catalogue/limits.echo\",\"arguments\":{{\"text\":{}1e999}}}}", " ".repeat(1000))
                    .into_bytes()
            ),
            Just(good.replace("\"x\"", "\"\\ud800\"").into_bytes()),
            Just(good.replace("\"x\"", "\"x\",\"text\":\"y\"").into_bytes()),
        ];
        let types = prop::sample::select(vec![
            "application/json",
            "text/plain",
            "application/json; charset=latin1",
            "",
            "a/b",
            "multipart/form-data",
        ]);
        let paths = prop::sample::select(vec![
            "/v1/calls",
            "/v1/explain",
            "/v1/keys",
            "/v1/packages/x/versions",
            "/v1/packages/x/promote",
            "/v1/policy/check",
        ]);
        fuzz(&tenant, (paths, types, texts), async |(path, kind, text)| {
            let request = tenant.operator.request("POST", path).body(text.clone());
            let by_agent = tenant.agent.request("POST", path).header(CONTENT_TYPE, *kind).body(text.clone());
            acceptable(&tenant.operator.send(request.header(CONTENT_TYPE, "application/json")).await, text);
            Some(tenant.agent.send(by_agent).await)
        })
        .await;
    });
}

/// The same bytes with some changed, some left out, some there twice.
fn mutated(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0_u8..4, 1_usize..64);
    vec(change, 1..12).prop_map(move |changes| {
        let mut bytes = bytes.clone();
        for (at, to, how, length) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            match how {
                0 => bytes[at] = to,
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let twice = bytes[at..end].to_vec();
                    bytes.splice(at..at, twice);
                }
                _ => bytes[at] ^= 1 << (to % 8),
            }
        }
        bytes
    })
}

#[test]
fn fuzz_policies() {
    run(async {
        let tenant = tenant("policies").await;
        let good = "[tools]\nallow = [\"*\", \"catalogue/*\"]\ndeny = []\n[limits]\nfuel = 2_000_000_000\nmemory_bytes = \"64MiB\"\n\
            deadline = \"5s\"\n[[grant]]\ntools = [\"notes\", \"catalogue/files\"]\n\
            kv = [{ bucket = \"notes\", access = \"read-write\", bytes_max = \"10MiB\", keys_max = 10_000 }]\n\
            files = [{ volume = \"workspace\", mount = \"/work\", access = \"read-only\", bytes_max = \"100MiB\", files_max = 10_000 }]\n\
            http = [{ host = \"api.github.com\", methods = [\"GET\"], paths = [\"/repos/*\"] }]\nclock = \"coarse\"\n\
            random = \"secure\"\nlog = \"info\"\nconfig = { greeting = \"hello\" }\n";
        tenant.policy(good).await;
        let lines: Vec<&str> = good.lines().collect();
        let shuffled = vec(prop::sample::select(lines.into_iter().map(str::to_owned).collect::<Vec<_>>()), 0..30);
        let texts = prop_oneof![
            mutated(good.as_bytes().to_vec()),
            shuffled.prop_map(|lines| lines.join("\n").into_bytes()),
            any::<String>().prop_map(String::into_bytes),
            vec(any::<u8>(), 0..200),
            (1_usize..50_000).prop_map(|depth| format!("a = {}", "[".repeat(depth)).into_bytes()),
            (1_usize..20_000).prop_map(|depth| "a.".repeat(depth).into_bytes()),
            (1_usize..5_000).prop_map(|count| "[[grant]]\ntools = [\"*\"]\n".repeat(count).into_bytes()),
            (names(), names()).prop_map(|(key, value)| format!("[limits]\n\"{key}\" = \"{value}\"").into_bytes()),
            any::<i128>().prop_map(|number| format!("[limits]\nfuel = {number}").into_bytes()),
        ];
        fuzz(&tenant, texts, async |text| {
            let operator = &tenant.operator;
            let check = operator.request("POST", "/v1/policy/check").header(CONTENT_TYPE, "application/toml");
            let checked = operator.send(check.body(text.clone())).await;
            acceptable(&checked, text);
            let put = operator.request("PUT", "/v1/policy").header(CONTENT_TYPE, "application/toml");
            let put = operator.send(put.body(text.clone())).await;
            assert_eq!(checked.status, put.status, "checked otherwise than put in force:\n{checked:#?}\n{put:#?}");
            Some(put)
        })
        .await;
    });
}
