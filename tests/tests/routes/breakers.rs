//! Breakers: closed off, tried again, one call at a time, and nothing else closed off with it.

use std::time::Duration;

use cofferdam::Code;
use cofferdam_tests::{eventually, guest, run, shared};
use futures::future::join_all;
use serde_json::json;

use crate::{bad, good, hanging, push, route, tool};

const NEW_THEN_OLD: &str = "{ tool = \"new.handmade\" }, { tool = \"old.handmade\" }";

#[test]
fn one_call_shows_that_it_is_well_again() {
    run(async {
        let tenant = shared().await.tenant("again").await;
        push(&tenant, &[("old", good()), ("new", bad())]).await;
        tenant.policy(&route(NEW_THEN_OLD, "fallback = \"none\"\nbreaker = { calls = 3, open = \"5s\" }")).await;
        for _ in 0..3 {
            tenant.agent.call("routes/r", json!({})).await.problem(Code::ToolFailed);
        }
        assert_eq!(tool(&tenant.agent.call("routes/r", json!({})).await.ok()), "old.handmade");
        // Still broken: the one call that is let through after a while fails, and the others go on elsewhere.
        tokio::time::sleep(Duration::from_millis(5_200)).await;
        let explained = tenant.agent.post("/v1/explain", &json!({"tool": "routes/r"})).await.ok();
        assert_eq!(explained["route"]["choices"][0]["facts"]["health"], "half-open");
        let answers = join_all((0..12).map(|_| tenant.agent.call("routes/r", json!({})))).await;
        let failed = answers.iter().filter(|answer| answer.status != 200).count();
        assert_eq!(failed, 1, "{answers:#?}");
        // Mended: the next one closes it.
        let mended = tenant.upload(good().build()).await;
        tenant.publish("new", "1.1.0", &mended).await;
        let answer = eventually("a call of the mended tool", async || {
            let answer = tenant.agent.call("routes/r", json!({})).await.ok();
            (tool(&answer) == "new.handmade").then_some(answer)
        })
        .await;
        assert_eq!(answer["version"], "1.1.0");
        let answers = join_all((0..12).map(|_| tenant.agent.call("routes/r", json!({})))).await;
        assert!(answers.into_iter().all(|answer| tool(&answer.ok()) == "new.handmade"));
    });
}

/// At once and with no fallback: those that were under way when it opened, and no more.
#[test]
fn under_concurrency_no_more_fail_than_were_let_through() {
    const AT_ONCE: usize = 8;
    run(async {
        let tenant = shared().await.tenant("at-once").await;
        push(&tenant, &[("old", good()), ("new", bad())]).await;
        tenant.policy(&route(NEW_THEN_OLD, "fallback = \"none\"\nbreaker = { calls = 10, open = \"1h\" }")).await;
        let worker = async || {
            let mut failed = 0;
            for _ in 0..20 {
                failed += usize::from(tenant.agent.call("routes/r", json!({})).await.status != 200);
            }
            failed
        };
        let failed: usize = join_all((0..AT_ONCE).map(|_| worker())).await.into_iter().sum();
        assert!((10..10 + AT_ONCE).contains(&failed), "{failed}");
    });
}

/// A tool that hangs is closed off in one route: it is still listed, called by its name and by another route, and so are
/// all others.
#[test]
fn a_timeout_hides_no_other_tool() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("timeout").await;
        push(&tenant, &[("old", good()), ("hang", hanging())]).await;
        tenant.push("limits", guest("limits")).await;
        let choices = "{ tool = \"hang.handmade\" }, { tool = \"old.handmade\" }";
        let more = "breaker = { calls = 2, open = \"1h\" }";
        let policy = format!(
            "[limits]\ndeadline = \"200ms\"\nfuel = 90_000_000_000\n{}{}",
            route(choices, more),
            route(choices, more).replace("\"r\"", "\"other\""),
        );
        tenant.policy(&policy).await;
        let before = tenant.agent.get("/v1/tools").await.ok();
        for attempts in [2, 2, 1, 1] {
            let answer = tenant.agent.call("routes/r", json!({})).await.ok();
            assert_eq!(answer["route"]["attempts"].as_array().unwrap().len(), attempts);
        }
        assert_eq!(tenant.agent.get("/v1/tools").await.ok(), before);
        tenant.agent.call("hang.handmade", json!({})).await.problem(Code::DeadlineExceeded);
        assert_eq!(tenant.agent.call("limits.echo", json!({"text": "there"})).await.text(), "there");
        let other = tenant.agent.call("routes/other", json!({})).await.ok();
        assert_eq!(other["route"]["attempts"][0]["error"], "deadline-exceeded");
        // Slow is enough, where nothing fails.
        let slow = "{ tool = \"limits.sleep\" }, { tool = \"old.handmade\" }";
        let grant = "[[grant]]\ntools = [\"limits\"]\nclock = \"real\"\n";
        let policy = format!("{grant}{}", route(slow, "breaker = { calls = 2, slow = \"50ms\", slow_rate = 1 }"));
        tenant.policy(&policy).await;
        let mut tools = Vec::new();
        for _ in 0..3 {
            let answer = tenant.agent.call("routes/r", json!({"milliseconds": 120})).await.ok();
            tools.push(tool(&answer).to_owned());
        }
        assert_eq!(tools, ["limits.sleep", "limits.sleep", "old.handmade"]);
    });
}

/// Where breakers alone stand in the way, that passes, and the answer says so.
#[test]
fn with_every_breaker_open_the_answer_says_when_to_come_again() {
    run(async {
        let tenant = shared().await.tenant("all-open").await;
        push(&tenant, &[("new", bad())]).await;
        tenant.policy(&route("{ tool = \"new.handmade\" }", "breaker = { calls = 1, open = \"20s\" }")).await;
        tenant.agent.call("routes/r", json!({})).await.problem(Code::ToolFailed);
        let answer = tenant.agent.call("routes/r", json!({})).await;
        let problem = answer.problem(Code::Unavailable);
        assert_eq!(problem["facts"]["retry_after_ms"], 20_000);
        tenant.entry("call.refused", json!({"code": "unavailable", "call": answer.call()})).await;
    });
}
