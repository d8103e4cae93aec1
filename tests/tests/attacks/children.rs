//! Calls that call, and mean harm by it: each tree stays within what its root may use, holds no more than policy gave, and
//! is gone when its root is.

use std::time::{Duration, Instant};

use cofferdam::Code;
use cofferdam_tests::{Tenant, attack, eventually, guest, shared};
use serde_json::{Value, json};

const CALLS: &str = "[[grant]]\ntools = [\"*\", \"catalogue/*\"]\ncall = [\"*\", \"catalogue/*\"]\n";

async fn tenant(stem: &str, limits: &str) -> Tenant {
    let tenant = shared().await.tenant(stem).await;
    tenant.policy(&format!("[limits]\n{limits}\n{CALLS}")).await;
    tenant
}

/// Waits until every call that the tenant's record has was decided and has ended, and gives the ends by call.
async fn all_recorded(tenant: &Tenant) -> Vec<Value> {
    eventually("calls that have all ended", async || {
        let log = tenant.log(0).await;
        let of = |kind: &str| -> Vec<Value> {
            log.iter().filter(|entry| entry["kind"] == kind).map(|entry| entry["event"].clone()).collect()
        };
        let (decided, ended) = (of("call.decided"), of("call.ended"));
        (decided.len() == ended.len()).then_some(ended)
    })
    .await
}

fn sum(ended: &[Value], member: &str) -> u64 {
    ended.iter().map(|ended| ended[member].as_u64().unwrap_or(0)).sum()
}

/// It ends where policy says that calls are deep enough.
#[test]
fn hostile_recursion_without_an_end() {
    attack(async {
        let tenant = tenant("recursion", "child_depth = 3").await;
        let answer = tenant.agent.call("catalogue/relay.down", json!({"tool": "catalogue/relay.down"})).await;
        assert_eq!(answer.json(), json!({"level": 3, "code": "limit-exceeded"}));
        assert_eq!(all_recorded(&tenant).await.len(), 4);
    });
}

/// However wide each level is: no more calls than the root may make, no more fuel than it has.
#[test]
fn hostile_fan_out() {
    attack(async {
        let tenant = tenant("fan-out", "fuel = 400_000_000\nchild_calls = 30\nchild_parallel = 12").await;
        let arguments = json!({"tool": "catalogue/relay.down", "width": 8});
        let answer = tenant.agent.call("catalogue/relay.down", arguments).await;
        assert!(matches!(answer.code(), None | Some(Code::FuelExhausted)), "{answer:?}");
        let ended = all_recorded(&tenant).await;
        assert!(ended.len() <= 31, "{}", ended.len());
        assert!(sum(&ended, "fuel") <= 400_000_000, "{ended:?}");
        let root = ended.last().unwrap();
        assert_eq!(root["fuel"].as_u64().unwrap() + root["child_fuel"].as_u64().unwrap(), sum(&ended, "fuel"));
    });
}

/// A tool that comes back to itself with what it was called with is found out, whoever stands between.
#[test]
fn hostile_cycle() {
    attack(async {
        let tenant = tenant("cycle", "child_depth = 8").await;
        for package in ["a", "b"] {
            tenant.push(package, guest("relay")).await;
        }
        let answer = tenant.agent.call("a.round", json!({"tools": ["b.round", "a.round"]})).await;
        let came = answer.json();
        // a calls b, b calls a as it was called: that is refused to b, and b says so to a.
        assert_eq!((&came["code"], &came["answer"]["code"]), (&json!("ok"), &json!("call-cycle")), "{came}");
        assert!(came["answer"]["answer"].as_str().unwrap().contains("called by itself"), "{came}");
        tenant.entry("call.refused", json!({"code": "call-cycle", "tool": "a.round"})).await;
    });
}

/// A call ends with the one that made it, and is in the record before that is.
#[test]
fn hostile_child_that_outlives_its_parent() {
    attack(async {
        for traps in [false, true] {
            let tenant = tenant("outlives", "fuel = 90_000_000_000\ndeadline = \"50s\"").await;
            let spin = json!({"tool": "catalogue/limits.spin", "fuel": 70_000_000_000_u64});
            let sleep = json!({"tool": "catalogue/limits.sleep", "arguments": {"milliseconds": 45_000}});
            let began = Instant::now();
            let arguments = json!({"calls": [spin, sleep], "any": traps, "times": 3_000});
            let answer = tenant.agent.call("catalogue/relay.leave", arguments).await;
            assert_eq!(answer.code(), traps.then_some(Code::ToolFailed), "{answer:?}");
            assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
            let ended = all_recorded(&tenant).await;
            let outcomes: Vec<_> = ended.iter().map(|ended| ended["outcome"].as_str().unwrap()).collect();
            let own = if traps { "tool-failed" } else { "ok" };
            assert_eq!(outcomes, ["cancelled", "cancelled", own], "{ended:?}");
        }
    });
}

/// A caller that leaves takes all of the tree with it.
#[test]
fn hostile_cancel_in_a_child_call() {
    attack(async {
        let tenant = tenant("leaves", "fuel = 90_000_000_000\ndeadline = \"50s\"").await;
        let one = |below: Value| json!({"tool": "catalogue/relay.one", "arguments": below});
        let arguments = one(one(json!({"tool": "catalogue/limits.spin"})));
        tokio::select! {
            answer = tenant.agent.call("catalogue/relay.one", arguments) => panic!("{answer:?}"),
            _ = tenant.entry("call.decided", json!({"tool": "catalogue/limits.spin"})) => {}
        }
        let ended = all_recorded(&tenant).await;
        assert_eq!(ended.len(), 4);
        assert!(ended.iter().all(|ended| ended["outcome"] == "cancelled"), "{ended:?}");
        // Each is in the record before the one that made it.
        let calls: Vec<u64> = ended.iter().map(|ended| ended["child_calls"].as_u64().unwrap_or(0)).collect();
        assert_eq!(calls, [0, 1, 2, 3], "{ended:?}");
    });
}

/// A name is one of the tenant's own, whatever others have of that name.
#[test]
fn hostile_call_of_another_tenants_tool() {
    attack(async {
        let other = tenant("owner", "").await;
        other.push("private", guest("noop")).await;
        let tenant = tenant("thief", "").await;
        let other = format!("{}/private", other.name);
        for (tool, code) in
            [("private.noop", "not-found"), ("private", "not-found"), (other.as_str(), "invalid-request")]
        {
            let came = tenant.agent.call("catalogue/relay.one", json!({"tool": tool})).await.json();
            assert_eq!(came["code"], code, "{tool}: {came}");
        }
        tenant.entry("call.refused", json!({"code": "not-found"})).await;
    });
}

/// A call holds no more than the one that makes it, though its package is given more: unless policy says so of it.
#[test]
fn hostile_child_with_more_than_its_parent() {
    attack(async {
        let tenant = shared().await.tenant("more").await;
        let policy = |call: &str| {
            format!(
                "[[grant]]\ntools = [\"catalogue/limits\"]\nkv = [{{ bucket = \"own\", access = \"read-write\" }}]\n\
                 [[grant]]\ntools = [\"catalogue/relay\"]\n{call}\n"
            )
        };
        let set = json!({"bucket": "own", "key": "k", "value": "v"});
        assert_eq!(tenant.agent.call("catalogue/limits.kv-set", set.clone()).await.code(), Some(Code::Denied));
        let through = json!({"tool": "catalogue/limits.kv-set", "arguments": set});
        for (call, code) in [
            ("", "denied"),
            ("call = [\"catalogue/noop\"]", "denied"),
            ("call = [\"catalogue/limits\"]", "denied"),
            ("call = [{ tool = \"catalogue/limits\", grants = \"own\" }]", "ok"),
        ] {
            tenant.policy(&policy(call)).await;
            let came = tenant.agent.call("catalogue/relay.one", through.clone()).await.json();
            assert_eq!(came["code"], code, "{call}: {came}");
        }
        tenant.entry("capability.denied", json!({"capability": "call", "rule": "default: no call grant"})).await;
        tenant.entry("capability.denied", json!({"capability": "kv"})).await;
    });
}
