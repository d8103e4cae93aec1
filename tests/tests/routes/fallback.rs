//! What is done when the choice that got a call fails.

use cofferdam::Code;
use cofferdam_tests::{guest, run, shared};
use serde_json::{Value, json};

use crate::{bad, good, hanging, push, recorded, route, tool};

const BAD_THEN_GOOD: &str = "{ tool = \"bad.handmade\" }, { tool = \"hang.handmade\" }, { tool = \"good.handmade\" }";

#[test]
fn the_next_choice_gets_the_call_and_each_attempt_is_a_call_of_its_own() {
    run(async {
        let tenant = shared().await.tenant("next").await;
        push(&tenant, &[("bad", bad()), ("hang", hanging()), ("good", good())]).await;
        tenant
            .policy(&format!("[limits]\ndeadline = \"300ms\"\nfuel = 90_000_000_000\n{}", route(BAD_THEN_GOOD, "")))
            .await;
        let answer = tenant.agent.call("routes/r", json!({})).await.ok();
        assert_eq!(tool(&answer), "good.handmade");
        let attempts = answer["route"]["attempts"].as_array().unwrap();
        let told: Vec<(&Value, &Value)> = attempts.iter().map(|one| (&one["tool"], &one["error"])).collect();
        let expected = [
            (&json!("bad.handmade"), &json!("tool-failed")),
            (&json!("hang.handmade"), &json!("deadline-exceeded")),
            (&json!("good.handmade"), &Value::Null),
        ];
        assert_eq!(told, expected);
        assert_eq!(answer["call"], attempts[2]["call"]);
        let first = attempts[0]["call"].as_str().unwrap();
        for (nth, attempt) in attempts.iter().enumerate() {
            let call = attempt["call"].as_str().unwrap();
            let entries = tenant.record(call).await;
            let kinds: Vec<&Value> = entries.iter().map(|entry| &entry["kind"]).collect();
            assert_eq!(kinds, ["call.decided", "call.ended"]);
            let outcome = attempt["error"].as_str().unwrap_or("ok");
            assert_eq!(entries[1]["event"]["outcome"], outcome);
            let decided = recorded(&tenant, call).await;
            assert_eq!(decided.attempt as usize, nth + 1);
            assert_eq!(decided.first.map(|call| call.to_string()), (nth > 0).then(|| first.to_owned()));
            assert_eq!(decided.taken(), Some(nth));
        }
        let last = &answer["route"]["choices"];
        assert_eq!(last[0]["why"], "an attempt with it ended: tool-failed");

        // Whoever watches sees each attempt begin.
        let watched = tenant.agent.watch("routes/r", json!({})).await;
        let decided: Vec<&Value> = watched.of("decided").into_iter().map(|event| &event["tool"]).collect();
        assert_eq!(decided, ["bad.handmade", "hang.handmade", "good.handmade"]);
        assert_eq!(watched.result()["tool"], "good.handmade");
    });
}

#[test]
fn without_a_fallback_the_caller_is_told() {
    run(async {
        let tenant = shared().await.tenant("none").await;
        push(&tenant, &[("bad", bad()), ("hang", hanging()), ("good", good())]).await;
        tenant.policy(&route(BAD_THEN_GOOD, "fallback = \"none\"")).await;
        let failed = tenant.agent.call("routes/r", json!({})).await;
        let facts = &failed.problem(Code::ToolFailed)["facts"];
        assert_eq!(facts["route"], "r");
        let attempts = facts["attempts"].as_array().unwrap();
        assert_eq!((attempts.len(), &attempts[0]["call"]), (1, &json!(failed.call())));
        assert_eq!(tenant.log(0).await.iter().filter(|entry| entry["kind"] == "call.decided").count(), 1);

        // And where every choice fails, of the last one, with all attempts.
        tenant.policy(&route("{ tool = \"bad.handmade@1\" }, { tool = \"bad.handmade\" }", "")).await;
        let failed = tenant.agent.call("routes/r", json!({})).await;
        let attempts = failed.problem(Code::ToolFailed)["facts"]["attempts"].as_array().unwrap();
        assert_eq!((attempts.len(), &attempts[1]["call"]), (2, &json!(failed.call())));
    });
}

/// Whichever limit it is that a choice goes past: another is asked, and its breaker counts it.
#[test]
fn a_choice_that_goes_past_any_of_its_limits_has_failed() {
    run(async {
        let tenant = shared().await.tenant("past").await;
        push(&tenant, &[("good", good())]).await;
        tenant.push("limits", guest("limits")).await;
        let choices = "{ tool = \"limits.random\" }, { tool = \"good.handmade\" }";
        tenant.policy(&route(choices, "breaker = { calls = 2, open = \"1h\" }")).await;
        for expected in [&["limit-exceeded", ""][..], &["limit-exceeded", ""], &[""]] {
            let answer = tenant.agent.call("routes/r", json!({"bytes": 100_000_000})).await.ok();
            let attempts = answer["route"]["attempts"].as_array().unwrap();
            let errors: Vec<&str> = attempts.iter().map(|one| one["error"].as_str().unwrap_or_default()).collect();
            assert_eq!((tool(&answer), errors.as_slice()), ("good.handmade", expected));
        }
    });
}

/// What the caller did wrong, another tool would not do better; what a tool did, it may have done.
#[test]
fn arguments_that_do_not_fit_are_no_reason_to_ask_another_tool() {
    run(async {
        let tenant = shared().await.tenant("unfit").await;
        push(&tenant, &[("good", good())]).await;
        tenant.push("limits", guest("limits")).await;
        tenant.policy(&route("{ tool = \"limits.echo\" }, { tool = \"good.handmade\" }", "")).await;
        let wrong = tenant.agent.call("routes/r", json!({"text": 7})).await;
        wrong.problem(Code::InvalidArguments);
        tenant.entry("call.refused", json!({"code": "invalid-arguments", "tool": "limits.echo"})).await;
        assert!(tenant.log(0).await.iter().all(|entry| entry["kind"] != "call.decided"));
    });
}
