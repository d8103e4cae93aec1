//! Turns on a host as it is run: who waits, who is told to come again and when, who comes first, and that processors are
//! shared by weight.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use cofferdam::Code;
use cofferdam_tests::{Answer, Options, Server, Tenant, run};
use serde_json::{Value, json};

/// A ceiling under which tools of the catalogue may run, with these plans.
fn ceiling(plans: &str) -> String {
    format!("{plans}\n[[grant]]\ntools = [\"*\", \"catalogue/*\"]\nlog = true\n[limits]\nfuel = 1_000_000_000_000\n")
}

async fn start(plans: &str, arguments: &[&str]) -> Server {
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let server = Server::start(Options { ceiling: Some(ceiling(plans)), arguments, ..Options::default() }).await;
    server.publish(&["noop", "limits"]).await;
    server
}

/// A call that computes until its deadline.
fn endless(tenant: &Tenant) -> tokio::task::JoinHandle<Answer> {
    let agent = tenant.agent.clone();
    tokio::spawn(async move { agent.call("catalogue/limits.spin", json!({})).await })
}

async fn call(tenant: &Tenant, priority: &str) -> Answer {
    let body = json!({"tool": "catalogue/noop", "arguments": {}, "priority": priority});
    tenant.agent.post("/v1/calls", &body).await
}

fn facts(answer: &Answer, code: Code) -> Value {
    let problem = answer.problem(code);
    let after: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    let milliseconds = problem["facts"]["retry_after_ms"].as_u64().unwrap();
    assert_eq!(after, milliseconds.div_ceil(1_000).max(1), "{problem:#}");
    problem["facts"].clone()
}

/// Waits until one of the tenant's calls is decided on: it runs.
async fn runs(tenant: &Tenant) {
    tenant.entry("call.decided", json!({"tool": "catalogue/limits.spin"})).await;
}

#[test]
fn a_call_waits_for_its_tenants_turn_and_is_then_told_to_come_again() {
    run(async {
        let server = start("", &["--call-wait-max", "400ms"]).await;
        let tenant = server.tenant("at-once").await;
        tenant.policy("[limits]\nfuel = 1_000_000_000_000\ndeadline = \"3s\"\n[budget]\nconcurrent_calls = 1\n").await;
        // Loaded before it is measured: in turn they all run.
        call(&tenant, "normal").await.ok();
        let all = (0..4).map(|_| call(&tenant, "normal"));
        for answer in futures::future::join_all(all).await {
            answer.ok();
        }
        let running = endless(&tenant);
        runs(&tenant).await;
        let began = Instant::now();
        let refused = call(&tenant, "normal").await;
        assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
        let facts = facts(&refused, Code::Throttled);
        assert_eq!(
            (&facts["limit"], &facts["maximum"], &facts["left"]),
            (&json!("concurrent_calls"), &json!(1), &json!(0))
        );
        tenant.entry("call.refused", json!({"code": "throttled"})).await;
        // Nobody else waits for it.
        call(&server.tenant("beside").await, "normal").await.ok();
        running.await.unwrap().problem(Code::DeadlineExceeded);
        call(&tenant, "normal").await.ok();
    });
}

#[test]
fn a_host_without_room_says_so_and_when_to_come_again() {
    run(async {
        let server = start("", &["--live-calls-max", "1", "--tenant-calls-max", "1", "--call-wait-max", "300ms"]).await;
        let (tenant, beside) = (server.tenant("room").await, server.tenant("beside").await);
        tenant.policy("[limits]\nfuel = 1_000_000_000_000\ndeadline = \"3s\"\n").await;
        let running = endless(&tenant);
        runs(&tenant).await;
        // It is the host's, not the tenant's: that has no call of its own.
        let refused = call(&beside, "high").await;
        let facts = facts(&refused, Code::Overloaded);
        assert_eq!(refused.status, 503);
        assert_eq!(
            (&facts["limit"], &facts["maximum"], &facts["running"]),
            (&json!("live_calls"), &json!(1), &json!(0))
        );
        beside.entry("call.refused", json!({"code": "overloaded"})).await;
        running.await.unwrap().problem(Code::DeadlineExceeded);
        call(&beside, "normal").await.ok();
    });
}

#[test]
fn in_a_full_line_what_matters_less_gives_its_place_to_what_matters_more() {
    run(async {
        let plan = "[[plan]]\ntenants = [\"line-*\"]\nconcurrent_calls = 1\nqueue_calls = 1\n";
        let server = start(plan, &["--call-wait-max", "10s"]).await;
        let tenant = server.tenant("line").await;
        let policy = "[limits]\nfuel = 1_000_000_000_000\ndeadline = \"2s\"\n[admission]\npriority_max = \"high\"\n";
        tenant.policy(policy).await;
        let running = endless(&tenant);
        runs(&tenant).await;
        let (low, high) = (tenant.clone(), tenant.clone());
        let low = tokio::spawn(async move { call(&low, "low").await });
        // It is in line before the other one comes.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let high = tokio::spawn(async move { call(&high, "high").await });
        let facts = facts(&low.await.unwrap(), Code::Throttled);
        assert_eq!((&facts["limit"], &facts["maximum"]), (&json!("queue_calls"), &json!(1)));
        // Another as important finds the line full.
        call(&tenant, "high").await.problem(Code::Throttled);
        running.await.unwrap().problem(Code::DeadlineExceeded);
        high.await.unwrap().ok();
        // What asks for more than policy lets it is not more important for it.
        tenant.policy(&policy.replace("high", "low")).await;
        call(&tenant, "high").await.ok();
        tenant
            .agent
            .post("/v1/calls", &json!({"tool": "catalogue/noop", "priority": "urgent"}))
            .await
            .problem(Code::InvalidRequest);
    });
}

#[test]
fn a_host_that_stops_refuses_those_that_wait() {
    run(async {
        let server = start("", &["--call-wait-max", "30s"]).await;
        let tenant = server.tenant("stops").await;
        tenant.policy("[limits]\nfuel = 1_000_000_000_000\ndeadline = \"2s\"\n[budget]\nconcurrent_calls = 1\n").await;
        let running = endless(&tenant);
        runs(&tenant).await;
        let waiting = {
            let tenant = tenant.clone();
            tokio::spawn(async move { (call(&tenant, "high").await, Instant::now()) })
        };
        tokio::time::sleep(Duration::from_millis(200)).await;
        let began = Instant::now();
        assert_eq!(server.stop().await, Some(0));
        let (refused, told) = waiting.await.unwrap();
        refused.problem(Code::Unavailable);
        assert_eq!(refused.headers["retry-after"], "1");
        assert!(told - began < Duration::from_secs(2), "it was told at once, not at the end: {:?}", told - began);
        running.await.unwrap().problem(Code::DeadlineExceeded);
    });
}

/// Who waits in line is let in by what is in force when its turn comes.
#[test]
fn what_is_taken_away_while_a_call_waits_is_taken_away_from_it() {
    run(async {
        let server = start("", &["--call-wait-max", "30s"]).await;
        let tenant = server.tenant("taken-away").await;
        let policy = "[limits]\nfuel = 1_000_000_000_000\ndeadline = \"3s\"\n[budget]\nconcurrent_calls = 1\n";
        tenant.policy(policy).await;
        let running = endless(&tenant);
        runs(&tenant).await;
        let waiting = {
            let tenant = tenant.clone();
            tokio::spawn(async move { call(&tenant, "normal").await })
        };
        // It is in line before it is denied.
        tokio::time::sleep(Duration::from_millis(300)).await;
        tenant.policy(&format!("{policy}[tools]\ndeny = [\"catalogue/noop\"]\n")).await;
        assert!(!running.is_finished(), "the call has waited until then");
        let refused = waiting.await.unwrap();
        refused.problem(Code::Denied);
        let record = tenant.record(refused.call()).await;
        assert_eq!((record.len(), &record[0]["kind"]), (1, &json!("call.refused")), "{record:#?}");
        running.await.unwrap().problem(Code::DeadlineExceeded);
    });
}

/// An answer of before stands in for a call that waited in vain, unless another policy came in between.
#[test]
fn what_was_answered_under_another_policy_does_not_stand_in_for_a_call_that_waited() {
    run(async {
        let server = start("", &["--call-wait-max", "1s"]).await;
        let tenant = server.tenant("changed").await;
        let policy = "[limits]\nfuel = 1_000_000_000_000\ndeadline = \"20s\"\n[budget]\nconcurrent_calls = 1\n\
                      [cache]\ntools = [\"catalogue/limits\"]\n";
        tenant.policy(policy).await;
        let echo = async |tenant: Tenant| tenant.agent.call("catalogue/limits.echo", json!({"text": "x"})).await;
        echo(tenant.clone()).await.ok();
        let running = endless(&tenant);
        runs(&tenant).await;
        assert_eq!(echo(tenant.clone()).await.ok()["stand_in"]["because"], "throttled");
        let waited = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            tenant.policy(&format!("{policy}# another\n")).await;
        };
        let (refused, ()) = tokio::join!(echo(tenant.clone()), waited);
        refused.problem(Code::Throttled);
        assert!(!running.is_finished());
        running.abort();
    });
}

/// Three tenants that ask for more than there is, of calls that cost differently, on one guest thread.
#[test]
fn processors_are_shared_by_weight() {
    const WEIGHTS: [(&str, u32, u64); 3] = [("one", 1, 2_000_000), ("two", 2, 400_000), ("four", 4, 8_000_000)];
    run(async {
        let plans: String = WEIGHTS
            .iter()
            .map(|(name, weight, _)| format!("[[plan]]\ntenants = [\"{name}-*\"]\nweight = {weight}\n"))
            .collect();
        let server = start(&plans, &["--guest-threads", "1"]).await;
        let mut tenants = Vec::new();
        for (name, _, rounds) in WEIGHTS {
            let tenant = server.tenant(name).await;
            tenant.policy("[limits]\nfuel = 1_000_000_000_000\ndeadline = \"60s\"\n").await;
            tenants.push((tenant, rounds));
        }
        let end = Instant::now() + Duration::from_secs(8);
        let load = tenants.iter().flat_map(|(tenant, rounds)| (0..6).map(move |_| (tenant.agent.clone(), *rounds)));
        let load = load.map(async |(agent, rounds)| {
            while Instant::now() < end {
                agent.call("catalogue/limits.spin", json!({"rounds": rounds})).await.ok();
            }
        });
        futures::future::join_all(load).await;
        let mut fuel = Vec::new();
        for (tenant, _) in &tenants {
            fuel.push(tenant.auditor.get("/v1/usage").await.ok()["total"]["fuel"].as_f64().unwrap());
        }
        let (all, weights): (f64, u32) = (fuel.iter().sum(), WEIGHTS.iter().map(|(_, weight, _)| weight).sum());
        for ((name, weight, _), fuel) in WEIGHTS.iter().zip(&fuel) {
            let share = fuel / all * f64::from(weights) / f64::from(*weight);
            // What still ran at the end, and first slices that ran where they were accepted, are not shared out.
            assert!((0.75..1.33).contains(&share), "{name}: {share:.3} of its share; {fuel:?} of {all}");
            println!("{name}: {share:.3} of its share");
        }
    });
}
