//! Calls that a call makes: how many, how deep, how many at once.

use serde_json::{Value, json};

use crate::stand::Stand;

const GRANTS: &str = "call = [\"catalogue/*\"]";

/// The codes that calls came to, with what they say of a limit.
fn codes(body: &Value) -> Vec<&str> {
    body["content"][0]["json"].as_array().unwrap().iter().map(|came| came["code"].as_str().unwrap()).collect()
}

fn noop(times: usize) -> Value {
    json!({"calls": [{"tool": "catalogue/noop"}], "times": times})
}

/// Those that a call's calls make count too.
pub(crate) async fn calls() {
    let stand = Stand::granting("child-calls", GRANTS).await;
    stand.limit("child_calls = 4\nchild_parallel = 10").await;
    let usage = stand.holds("catalogue/relay.many", noop(4)).await;
    assert_eq!(usage["child_calls"], 4, "{usage}");
    let body = stand.is_told("catalogue/relay.many", noop(5), "limits.child_calls is 4").await;
    assert_eq!(codes(&body), ["limit-exceeded", "ok", "ok", "ok", "ok"], "{body}");

    stand.limit("child_calls = 4\nchild_parallel = 10").await;
    let nested = |times| json!({"calls": [{"tool": "catalogue/relay.many", "arguments": noop(times)}]});
    assert_eq!(stand.holds("catalogue/relay.many", nested(3)).await["child_calls"], 4);
    stand.is_told("catalogue/relay.many", nested(4), "limits.child_calls is 4").await;
}

/// Levels below the call.
pub(crate) async fn depth() {
    let stand = Stand::granting("child-depth", GRANTS).await;
    stand.limit("child_depth = 2").await;
    let one = |below: Value| json!({"tool": "catalogue/relay.one", "arguments": below});
    let noop = || json!({"tool": "catalogue/noop"});
    let usage = stand.holds("catalogue/relay.one", one(noop())).await;
    assert_eq!(usage["child_calls"], 2, "{usage}");
    stand.is_told("catalogue/relay.one", one(one(noop())), "as deep as calls may be").await;
}

/// At once, on all levels.
pub(crate) async fn parallel() {
    let stand = Stand::granting("child-parallel", GRANTS).await;
    stand.limit("child_parallel = 3").await;
    let asleep = |times: usize| {
        let sleep = json!({"tool": "catalogue/limits.sleep", "arguments": {"milliseconds": 1_000}});
        json!({"calls": [sleep], "times": times})
    };
    stand.holds("catalogue/relay.many", asleep(3)).await;
    let body = stand.is_told("catalogue/relay.many", asleep(4), "limits.child_parallel is 3").await;
    assert_eq!(codes(&body), ["limit-exceeded", "ok", "ok", "ok"], "{body}");
}
