//! Calls with effects: run again with what the host answered then, and comparable only so.

use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{Server, Tenant, guest, run, shared, tool};
use serde_json::{Value, json};

use crate::{grants, recorded, replay, replay_with, same, says};

/// What there is outside of a call that a call could change.
async fn outside(server: &Server, tenant: &Tenant) -> Value {
    let notes = tenant.agent.call("notes.list", json!({})).await.json();
    let file = server.data.join("volumes").join(&tenant.name).join("work/one.txt");
    let facts = std::fs::metadata(&file).ok().map(|facts| format!("{:?} {}", facts.modified().unwrap(), facts.len()));
    let asked = server.upstream.seen(&tenant.name).len();
    json!({"notes": notes, "file": facts, "asked": asked})
}

/// One call of each kind of effect, with what it has to give.
async fn calls(server: &Server, tenant: &Tenant) -> Vec<String> {
    let upstream = |path: &str| server.upstream.url(&tenant.name, path);
    let authority = server.upstream.address.to_string();
    let asked = |method: &str, path: &str, body: String| {
        let path = format!("/{}{path}", tenant.name);
        json!({"method": method, "scheme": "http", "authority": authority, "path": path, "body": body})
    };
    let mut ids = Vec::new();
    for (tool, arguments) in [
        ("notes.add", json!({"title": "Sluice", "text": "opens at noon", "tags": ["b", "a"]})),
        ("notes.add", json!({"title": "Weir", "text": "x".repeat(20_000)})),
        ("notes.list", json!({})),
        ("notes.search", json!({"query": "noon"})),
        ("notes.remove", json!({"id": 2})),
        ("notes.get", json!({"id": 2})),
        ("files.write", json!({"path": "one.txt", "text": "first\nsecond line\n"})),
        ("files.read", json!({"path": "one.txt"})),
        ("files.list", json!({"path": "."})),
        ("files.search", json!({"pattern": "sec.nd"})),
        ("files.read", json!({"path": "no/such.txt"})),
        ("files.read", json!({"path": "../../../etc/passwd"})),
        ("http-fetch.http-fetch", json!({"url": upstream("/slow/0")})),
        ("http-fetch.http-fetch", json!({"url": upstream("/bytes/300000"), "bytes_max": 200_000})),
        ("http-fetch.http-fetch", json!({"url": upstream("/stream/200000"), "as": "bytes", "bytes_max": 400_000})),
        ("http-fetch.http-fetch", json!({"url": "http://127.0.0.1:1/"})),
        ("attack.request", asked("POST", "/slow/1", "b".repeat(100_000))),
        ("attack.request", asked("PUT", "/bytes/10", "short".to_owned())),
        ("limits.http", json!({"url": upstream("/slow/0"), "method": "POST", "body_bytes": 50_000, "times": 2})),
        ("limits.http", json!({"url": upstream("/bytes/9000000")})),
        ("limits.http", json!({"url": upstream("/stall"), "timeout_ms": 200})),
        ("limits.file-write", json!({"path": "/work/many", "count": 3, "bytes": 100_000})),
        ("limits.kv-count", json!({"bucket": "notes", "key": "c", "times": 3})),
    ] {
        let answer = tenant.agent.call(tool, arguments.clone()).await;
        let call = answer.body["call"].as_str().unwrap_or_else(|| panic!("{tool} {arguments}: {answer:?}"));
        ids.push(call.to_owned());
    }
    ids
}

#[test]
fn recorded_calls_do_the_same_again_and_nothing_happens_outside() {
    run(async {
        let server = shared().await;
        let tenant = recorded(server, "effects").await;
        let calls = calls(server, &tenant).await;
        let before = outside(server, &tenant).await;
        // Nothing is there any more as it was: what they are given is what they were given.
        assert_eq!(before["asked"], json!(9), "{before}");
        for _ in 0..2 {
            for call in &calls {
                let replayed = replay(&tenant, call).await;
                same(&replayed);
                let record = tenant.record(call).await;
                assert_eq!(replayed["fuel"], record.last().unwrap()["event"]["fuel"], "{replayed}");
            }
        }
        assert_eq!(outside(server, &tenant).await, before);
        tenant.entry("call.replayed", json!({"call": calls[0], "outcome": "same"})).await;
    });
}

#[test]
fn what_is_printed_logged_and_reported_follows_from_the_record_and_is_shown_to_nobody_again() {
    run(async {
        let tenant = shared().await.tenant("shown").await;
        tenant.policy("[audit]\npayloads = \"1h\"\n[[grant]]\ntools = [\"catalogue/*\"]\nlog = \"trace\"\n").await;
        for (tool, arguments) in [
            ("print", json!({"lines": 50, "bytes": 300})),
            ("print", json!({"lines": 50, "bytes": 5_000, "error": true})),
            ("log", json!({"lines": 50, "bytes": 3_000})),
            ("progress", json!({"reports": 20})),
        ] {
            let call = tenant.agent.call(&format!("catalogue/limits.{tool}"), arguments).await.call().to_owned();
            same(&replay(&tenant, &call).await);
        }
    });
}

#[test]
fn clocks_and_random_numbers_show_again_what_they_showed() {
    run(async {
        let tenant = shared().await.tenant("clocks").await;
        tenant.push("attack", guest("attack")).await;
        for (clock, random) in [("real", "secure"), ("coarse", "seeded"), ("frozen", "secure"), ("frozen", "seeded")] {
            let grant = format!("[[grant]]\ntools = [\"*\"]\nclock = \"{clock}\"\nrandom = \"{random}\"\n");
            tenant.policy(&format!("[audit]\npayloads = \"1h\"\nrecord = true\n{grant}")).await;
            let call = tenant.agent.call("attack.clocks", json!({})).await.call().to_owned();
            same(&replay(&tenant, &call).await);
            // Without host answers only what follows from the record can be compared.
            tenant.policy(&format!("[audit]\npayloads = \"1h\"\n{grant}")).await;
            let call = tenant.agent.call("attack.clocks", json!({})).await.call().to_owned();
            let replayed = replay(&tenant, &call).await;
            match (clock, random) {
                ("frozen", "seeded") => same(&replayed),
                ("frozen", _) => says(&replayed, "not-comparable", "it used random.bytes"),
                _ => says(&replayed, "not-comparable", "it used clock."),
            }
        }
    });
}

#[test]
fn calls_whose_answers_were_not_recorded_are_not_comparable_and_do_nothing() {
    run(async {
        let server = shared().await;
        let tenant = recorded(server, "unrecorded").await;
        tenant.policy(&format!("[audit]\npayloads = \"1h\"\n{}", grants(server))).await;
        let url = server.upstream.url(&tenant.name, "/bytes/10");
        let mut made = Vec::new();
        for (tool, arguments, used) in [
            ("notes.add", json!({"title": "Sluice"}), "it used kv."),
            ("files.write", json!({"path": "one.txt", "text": "first"}), "it used files."),
            ("http-fetch.http-fetch", json!({"url": url}), "it used http.send"),
        ] {
            made.push((tenant.agent.call(tool, arguments).await.call().to_owned(), used));
        }
        let before = outside(server, &tenant).await;
        for (call, used) in made {
            says(&replay(&tenant, &call).await, "not-comparable", used);
            tenant.entry("call.replayed", json!({"call": call, "outcome": "not-comparable"})).await;
        }
        assert_eq!(outside(server, &tenant).await, before);
    });
}

#[test]
fn what_another_version_would_have_done_is_compared_host_call_by_host_call() {
    run(async {
        let server = shared().await;
        let tenant = recorded(server, "versions").await;
        let call = tenant.agent.call("notes.add", json!({"title": "Sluice"})).await.call().to_owned();
        // The same program, but for the bucket that it opens.
        let other = String::from_utf8_lossy(b"nodes").into_owned();
        let component = replaced(&tool("notes"), b"notes", other.as_bytes());
        let digest = tenant.upload(component).await;
        tenant.publish("notes", "1.1.0", &digest).await;
        // What was promoted meanwhile does not matter: the call's own version runs.
        same(&replay(&tenant, &call).await);
        let replayed = replay_with(&tenant, &call, json!({"version": "1.1.0"})).await.ok();
        says(&replayed, "differs", "host call 1 was kv.");
        says(&replayed, "differs", "of something else");
        assert_eq!((&replayed["version"], &replayed["component"]), (&json!("1.1.0"), &json!(digest)), "{replayed}");
        let replayed = replay_with(&tenant, &call, json!({"version": "9.0.0"})).await.ok();
        says(&replayed, "not-comparable", "there is no version 9.0.0");
        assert!(replayed.get("component").is_none(), "{replayed}");
        replay_with(&tenant, &call, json!({"version": "one"})).await.problem(cofferdam::Code::InvalidRequest);

        // Without host calls: the outcome, what it takes, and whether there is such a tool.
        tenant.push("hand", Handmade::default().build()).await;
        let call = tenant.agent.call("hand.handmade", json!({"a": 1})).await.call().to_owned();
        let picky = r#"{"type":"object","required":["b"]}"#.to_owned();
        for (version, hand, outcome, words) in [
            ("1.1.0", Handmade { description: "Another one.".to_owned(), ..Handmade::default() }, "same", ""),
            ("1.2.0", Handmade::calling("(unreachable)"), "differs", "the outcome was ok, is tool-failed"),
            ("1.3.0", Handmade { schema: picky, ..Handmade::default() }, "differs", "is invalid-arguments"),
            ("1.4.0", Handmade { name: "other".to_owned(), ..Handmade::default() }, "not-comparable", "has no tool"),
        ] {
            let digest = tenant.upload(hand.build()).await;
            tenant.publish("hand", version, &digest).await;
            let replayed = replay_with(&tenant, &call, json!({"version": version})).await.ok();
            says(&replayed, outcome, words);
            // Whatever is said is said of the version that was asked for.
            assert_eq!(replayed["component"], json!(digest), "{replayed}");
        }
    });
}

/// The same bytes with others of the same length in the place of some.
fn replaced(component: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = component.to_vec();
    let mut at = 0;
    while at + from.len() <= bytes.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
        at += 1;
    }
    bytes
}
