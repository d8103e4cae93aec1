//! Tools that call tools: one call after the other and several at once, what they share, and what is recorded of them.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use cofferdam::Code;
use cofferdam_tests::{Options, Server, Tenant, guest, run, shared};
use serde_json::{Value, json};

const CALLS: &str = "[[grant]]\ntools = [\"*\", \"catalogue/*\"]\ncall = [\"*\", \"catalogue/*\"]\n";

async fn tenant(stem: &str, policy: &str) -> Tenant {
    let tenant = shared().await.tenant(stem).await;
    tenant.policy(&format!("{policy}\n{CALLS}")).await;
    tenant
}

fn one(tool: &str, arguments: Value) -> Value {
    Value::Object([("tool".to_owned(), tool.into()), ("arguments".to_owned(), arguments)].into_iter().collect())
}

#[test]
fn a_child_is_a_call_of_its_own_in_the_record_and_in_the_reply() {
    run(async {
        let tenant = tenant("tree", "").await;
        let arguments = one("catalogue/relay.one", one("catalogue/limits.echo", json!({"text": "deep"})));
        let body = tenant.agent.call("catalogue/relay.one", arguments).await.ok();
        let answer = &body["content"][0]["json"];
        assert_eq!((&answer["answer"]["code"], &answer["answer"]["answer"]), (&json!("ok"), &json!("deep")), "{body}");

        let [lead] = body["calls"].as_array().unwrap().as_slice() else { panic!("{body}") };
        let [leaf] = lead["calls"].as_array().unwrap().as_slice() else { panic!("{body}") };
        assert_eq!((&lead["tool"], &leaf["tool"]), (&json!("catalogue/relay.one"), &json!("catalogue/limits.echo")));
        assert_eq!((&lead["outcome"], &leaf["version"]), (&json!("ok"), &json!("1.0.0")));
        let usage = &body["usage"];
        let fuel = |of: &Value| of["fuel"].as_u64().unwrap();
        assert_eq!(
            (&usage["child_calls"], usage["child_fuel"].as_u64().unwrap()),
            (&json!(2), fuel(lead) + fuel(leaf))
        );

        let root = body["call"].as_str().unwrap();
        let events = async |call: &Value| {
            let record = tenant.record(call.as_str().unwrap()).await;
            (record.first().unwrap().clone(), record.last().unwrap().clone())
        };
        let (decided, ended) = events(&body["call"]).await;
        assert!(decided["event"].get("parent").is_none() && decided["event"].get("root").is_none(), "{decided}");
        assert_eq!((&ended["event"]["child_calls"], &ended["event"]["child_fuel"]), (&json!(2), &usage["child_fuel"]));
        let (lead_decided, lead_ended) = events(&lead["call"]).await;
        assert_eq!((&lead_decided["event"]["parent"], &lead_decided["event"]["root"]), (&json!(root), &json!(root)));
        let (leaf_decided, leaf_ended) = events(&leaf["call"]).await;
        assert_eq!((&leaf_decided["event"]["parent"], &leaf_decided["event"]["root"]), (&lead["call"], &json!(root)));
        // The same key; each ends before the one that made it, and its fuel is counted once.
        assert_eq!(leaf_decided["principal"], decided["principal"]);
        let places: Vec<u64> = [&leaf_ended, &lead_ended, &ended].map(|entry| entry["index"].as_u64().unwrap()).into();
        assert!(places.is_sorted(), "{places:?}");
        let used: u64 = [&leaf_ended, &lead_ended, &ended].iter().map(|entry| fuel(&entry["event"])).sum();
        assert_eq!(used, fuel(usage) + usage["child_fuel"].as_u64().unwrap());
    });
}

#[test]
fn several_run_at_once_and_the_first_to_end_is_told() {
    run(async {
        let tenant = tenant("several", "").await;
        let sleep = |ms: u64| one("catalogue/limits.sleep", json!({"milliseconds": ms}));
        let began = Instant::now();
        let calls = json!({"calls": [sleep(1_500), sleep(1_500), sleep(1_500), sleep(1_500)]});
        tenant.agent.call("catalogue/relay.many", calls).await.ok();
        assert!(began.elapsed() < Duration::from_secs(5), "one after the other: {:?}", began.elapsed());

        let echo = one("catalogue/limits.echo", json!({"text": "quick"}));
        let calls = json!({"calls": [sleep(1_000), echo], "any": true});
        let came = tenant.agent.call("catalogue/relay.many", calls).await.json();
        let answers: Vec<&str> = came.as_array().unwrap().iter().map(|came| came["answer"].as_str().unwrap()).collect();
        assert_eq!(answers, ["quick", "woken"]);
    });
}

#[test]
fn a_child_ends_at_its_own_deadline_and_the_caller_goes_on() {
    run(async {
        let tenant = tenant("deadline", "[limits]\nfuel = 90_000_000_000\ndeadline = \"30s\"").await;
        for tool in ["sleep", "spin"] {
            let arguments = if tool == "sleep" { json!({"milliseconds": 25_000}) } else { json!({}) };
            let call = json!({"tool": format!("catalogue/limits.{tool}"), "arguments": arguments, "deadline_ms": 300});
            let came = tenant.agent.call("catalogue/relay.one", call).await.json();
            assert_eq!(came["code"], "deadline-exceeded", "{came}");
        }
        // And at its caller's, whatever it is given itself. That comes first, so that it is the caller's own word: of a call
        // whose time is up nothing is asked any more, and what the child came to tells it nothing.
        tenant.policy(&format!("[limits]\nfuel = 90_000_000_000\ndeadline = \"1s\"\n{CALLS}")).await;
        let spin = one("catalogue/limits.spin", json!({}));
        for call in [spin, json!({"tool": "catalogue/limits.spin", "deadline_ms": 20_000})] {
            let late = tenant.agent.call("catalogue/relay.one", call).await;
            let problem = late.problem(Code::DeadlineExceeded);
            let (limit, maximum) = (&problem["facts"]["limit"], &problem["facts"]["maximum_ms"]);
            assert_eq!((limit, maximum), (&json!("deadline"), &json!(1_000)), "{late:?}");
            // The child went with it, before it.
            let record = tenant.record(problem["call"].as_str().unwrap()).await;
            let ended = &record.last().unwrap()["event"];
            assert_eq!((&ended["outcome"], &ended["child_calls"]), (&json!("deadline-exceeded"), &json!(1)), "{ended}");
            assert!(ended["child_fuel"].as_u64() > Some(0), "{ended}");
        }
    });
}

#[test]
fn fuel_is_one_pool() {
    run(async {
        let tenant = tenant("pool", "[limits]\nfuel = 300_000_000\ndeadline = \"60s\"").await;
        let spin = |fuel: u64| json!({"tool": "catalogue/limits.spin", "fuel": fuel});
        let body = tenant.agent.call("catalogue/relay.one", spin(50_000_000)).await.ok();
        assert_eq!(body["content"][0]["json"]["code"], "fuel-exhausted", "{body}");
        let usage = &body["usage"];
        assert!((50_000_000..51_000_000).contains(&usage["child_fuel"].as_u64().unwrap()), "{usage}");
        // Three take most of what there is; what the fourth asks for is not there any more.
        let calls = json!({"calls": [spin(90_000_000)], "times": 4});
        let body = tenant.agent.call("catalogue/relay.many", calls).await.ok();
        let (own, below) = (&body["usage"]["fuel"], &body["usage"]["child_fuel"]);
        assert!(own.as_u64().unwrap() + below.as_u64().unwrap() <= 300_000_000, "{body}");
        let least = body["calls"].as_array().unwrap().iter().map(|call| call["fuel"].as_u64().unwrap()).min();
        assert!(least.unwrap() < 40_000_000, "{body}");
    });
}

#[test]
fn memory_is_summed_over_what_is_live() {
    run(async {
        let tenant = tenant("memory", "[limits]\nmemory_bytes = \"48MiB\"").await;
        // Almost all of it: what the caller holds itself is more than the rest.
        let grow = json!({"pages": 740});
        assert_eq!(tenant.agent.call("catalogue/limits.grow", grow.clone()).await.json()["given"], true);
        let came = tenant.agent.call("catalogue/relay.one", one("catalogue/limits.grow", grow)).await.json();
        assert_eq!((&came["code"], &came["answer"]["given"]), (&json!("ok"), &json!(false)), "{came}");
        // One after the other there is room for each: what a call held is free again.
        let grow = one("catalogue/limits.grow", json!({"pages": 500}));
        for _ in 0..3 {
            let came = tenant.agent.call("catalogue/relay.many", json!({"calls": [grow]})).await.json();
            assert_eq!(came[0]["answer"]["given"], true, "{came}");
        }
    });
}

#[test]
fn a_full_host_does_not_wait_for_itself() {
    run(async {
        // Two calls at once, each of which makes others, on a host with room for two.
        let arguments = ["--live-calls-max", "2", "--call-wait-max", "60s"].map(str::to_owned).to_vec();
        let server = Server::start(Options { arguments, ..Options::default() }).await;
        server.publish(&["noop", "relay"]).await;
        let tenant = server.tenant("full").await;
        tenant.policy(CALLS).await;
        let nested = one("catalogue/relay.many", json!({"calls": [one("catalogue/noop", json!({}))], "times": 3}));
        let calls = (0..6).map(|_| tenant.agent.call("catalogue/relay.one", nested.clone()));
        for answer in futures::future::join_all(calls).await {
            let came = answer.json();
            assert_eq!(came["code"], "ok", "{came}");
        }
    });
}

#[test]
fn a_call_is_run_again_with_what_its_calls_came_to() {
    run(async {
        let tenant = tenant("again", "[audit]\npayloads = \"1h\"\nrecord = true").await;
        let echo = |text: &str| one("catalogue/limits.echo", json!({"text": text}));
        let calls = json!({"calls": [echo("a"), echo("b"), one("catalogue/limits.spin", json!({}))], "any": true});
        let root = tenant.agent.call("catalogue/relay.many", calls).await.ok();
        let replay = async |call: &Value| {
            let path = format!("/v1/calls/{}/replay", call.as_str().unwrap());
            tenant.auditor.post(&path, &json!({})).await.ok()
        };
        let before = tenant.log(0).await.iter().filter(|entry| entry["kind"] == "call.decided").count();
        let replayed = replay(&root["call"]).await;
        assert_eq!(replayed["outcome"], "same", "{replayed}");
        let after = tenant.log(0).await.iter().filter(|entry| entry["kind"] == "call.decided").count();
        assert_eq!(before, after, "a replay calls nobody");
        // What a child ran with follows from the call that made it.
        let child = replay(&root["calls"][0]["call"]).await;
        assert_eq!(child["outcome"], "not-comparable", "{child}");
        assert!(child["difference"].as_str().unwrap().contains(root["call"].as_str().unwrap()), "{child}");
    });
}

#[test]
fn usage_counts_each_call_once() {
    run(async {
        let tenant = tenant("usage", "").await;
        let body = tenant.agent.call("catalogue/relay.one", one("catalogue/noop", json!({}))).await.ok();
        let usage = cofferdam_tests::eventually("usage of both calls", async || {
            let usage = tenant.operator.get("/v1/usage").await.ok();
            (usage["rows"].as_array()?.len() >= 2).then_some(usage)
        })
        .await;
        let fuel: u64 = usage["rows"].as_array().unwrap().iter().map(|row| row["fuel"].as_u64().unwrap()).sum();
        let own = body["usage"]["fuel"].as_u64().unwrap();
        assert_eq!(fuel, own + body["usage"]["child_fuel"].as_u64().unwrap(), "{usage}");
    });
}

#[test]
fn a_package_of_the_tenants_own_calls_another() {
    run(async {
        let tenant = shared().await.tenant("own").await;
        tenant.push("front", guest("relay")).await;
        tenant.push("back", guest("limits")).await;
        tenant.policy("[[grant]]\ntools = [\"front\"]\ncall = [\"back\"]\n").await;
        let came = tenant.agent.call("front.one", one("back.echo", json!({"text": "hi"}))).await.json();
        assert_eq!((&came["code"], &came["answer"]), (&json!("ok"), &json!("hi")), "{came}");
        let came = tenant.agent.call("front.pass", one("catalogue/noop", json!({}))).await;
        assert_eq!(came.code(), Some(Code::Denied), "{came:?}");
    });
}
