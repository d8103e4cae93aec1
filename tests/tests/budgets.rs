//! Budgets on a host as it is run: what is refused and how, what is left and who sees it, and that a crash takes nothing
//! back and gives nothing away.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cofferdam::Code;
use cofferdam_tests::{Answer, Options, Server, Tenant, far_from_midnight, program, run, shared};
use serde_json::{Value, json};
use tempfile::TempDir;

async fn noop(tenant: &Tenant) -> Answer {
    tenant.agent.call("catalogue/noop", json!({})).await
}

/// The tenant's budget of this key, as the report has it.
async fn standing(tenant: &Tenant, limit: &str) -> Value {
    let usage = tenant.auditor.get("/v1/usage").await.ok();
    let budgets = usage["budgets"].as_array().unwrap();
    budgets.iter().find(|budget| budget["limit"] == limit).unwrap_or_else(|| panic!("no {limit}: {usage:#}")).clone()
}

#[test]
fn a_budget_that_is_used_up_refuses_with_all_that_a_caller_needs() {
    run(async {
        far_from_midnight().await;
        let tenant = shared().await.tenant("used-up").await;
        tenant.policy("[budget]\ncalls_per_day = 2\n").await;
        noop(&tenant).await.ok();
        // One that is not let in does not count; one that fails does.
        tenant.agent.call("catalogue/limits.random", json!({"bytes": "x"})).await.problem(Code::InvalidArguments);
        let failed = tenant.agent.call("catalogue/limits.random", json!({"bytes": 100_000_000})).await;
        failed.problem(Code::LimitExceeded);

        let refused = noop(&tenant).await;
        let problem = refused.problem(Code::BudgetExceeded);
        assert_eq!(refused.status, 429);
        let facts = &problem["facts"];
        for (fact, value) in [
            ("limit", json!("calls_per_day")),
            ("whose", json!("tenant")),
            ("maximum", json!(2)),
            ("used", json!(2)),
            ("left", json!(0)),
            ("rule", json!("policy line 2: budget.calls_per_day")),
        ] {
            assert_eq!(facts[fact], value, "{problem:#}");
        }
        assert!(facts["resets_at"].as_str().unwrap().ends_with("T00:00:00.000Z"), "{problem:#}");
        let after: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=86_400).contains(&after), "{after}");
        assert!(problem["next"].as_str().unwrap().starts_with("wait until "), "{problem:#}");

        // It is in the record, counted.
        tenant.entry("call.refused", json!({"code": "budget-exceeded", "tool": "catalogue/noop"})).await;
        // Nobody else's calls are fewer for it.
        noop(&shared().await.tenant("beside").await).await.ok();
        // A greater budget is in force at once, and finds what was used.
        tenant.policy("[budget]\ncalls_per_day = 3\n").await;
        noop(&tenant).await.ok();
        noop(&tenant).await.problem(Code::BudgetExceeded);
        assert_eq!(standing(&tenant, "calls_per_day").await["used"], 3);
    });
}

#[test]
fn what_is_reserved_is_given_back_and_what_is_left_is_shown_before_a_call() {
    run(async {
        far_from_midnight().await;
        let tenant = shared().await.tenant("left").await;
        let policy = "[limits]\nfuel = 1_000_000\n[budget]\nfuel_per_day = 1_500_000\n";
        tenant.policy(policy).await;
        let used = noop(&tenant).await.ok()["usage"]["fuel"].as_u64().unwrap();
        let standing = standing(&tenant, "fuel_per_day").await;
        assert_eq!((&standing["used"], &standing["reserved"]), (&json!(used), &json!(0)));
        assert_eq!(standing["left"], 1_500_000 - used);

        let explained = tenant.agent.post("/v1/explain", &json!({"tool": "catalogue/noop"})).await.ok();
        let budget = &explained["budgets"][0];
        assert_eq!((&budget["left"], &budget["needed"]), (&json!(1_500_000 - used), &json!(1_000_000)));
        // The decision names what was reserved.
        let call = noop(&tenant).await.ok()["call"].as_str().unwrap().to_owned();
        let decided = &tenant.record(&call).await[0]["event"];
        assert_eq!(decided["reserved"]["amounts"], json!({"calls": 1, "fuel": 1_000_000}));

        // Two at once do not fit, though each would use little.
        tenant.policy(&policy.replace("1_500_000", "1_000_000")).await;
        noop(&tenant).await.problem(Code::BudgetExceeded);
        // What a check says of a budget that nothing fits into.
        let check = tenant.operator.request("POST", "/v1/policy/check").header("content-type", "application/toml");
        let checked = tenant.operator.send(check.body("[budget]\nfuel_per_day = 10\n")).await.ok();
        let message = checked["warnings"][0]["message"].as_str().unwrap();
        assert!(message.starts_with("no call is let in: each reserves 1,000,000,000"), "{message}");
    });
}

#[test]
fn a_key_and_a_package_have_budgets_of_their_own() {
    run(async {
        far_from_midnight().await;
        let tenant = shared().await.tenant("own").await;
        let created = tenant.operator.post("/v1/keys", &json!({"name": "nightly", "scopes": ["agent"]})).await.ok();
        let nightly = tenant.agent.with_key(created["key"].as_str().unwrap());
        tenant
            .policy(
                "[[budget.for]]\nprincipals = [\"nightly\"]\ncalls_per_day = 2\n\
                 [[budget.for]]\ntools = [\"catalogue/limits\"]\ncalls_per_day = 1\n",
            )
            .await;
        let call = async |tool: &str| nightly.call(tool, json!({})).await;
        call("catalogue/noop").await.ok();
        nightly.call("catalogue/limits.spin", json!({"rounds": 1})).await.ok();
        let refused = call("catalogue/noop").await;
        assert_eq!(refused.problem(Code::BudgetExceeded)["facts"]["whose"], "principal");
        // Another key has its own, and another package.
        noop(&tenant).await.ok();
        let refused = tenant.agent.call("catalogue/limits.spin", json!({"rounds": 1})).await;
        assert_eq!(refused.problem(Code::BudgetExceeded)["facts"]["whose"], "tool");

        let usage = tenant.operator.get("/v1/usage").await.ok();
        let told: BTreeMap<_, _> =
            usage["budgets"].as_array().unwrap().iter().map(|at| (at["of"].to_string(), at)).collect();
        assert_eq!(told["\"nightly\""]["left"], 0, "{usage:#}");
        assert_eq!(told["\"catalogue/limits\""]["used"], 1, "{usage:#}");
        // An agent's key reads no reports.
        tenant.agent.get("/v1/usage").await.problem(Code::Denied);
    });
}

#[test]
fn usage_is_a_command_for_people_spreadsheets_and_programs() {
    run(async {
        far_from_midnight().await;
        let tenant = shared().await.tenant("usage").await;
        tenant.policy("[budget]\ncalls_per_day = 10\nmodel_cost_per_day = \"0.50 USD\"\n").await;
        noop(&tenant).await.ok();
        tenant.agent.call("catalogue/limits.random", json!({"bytes": 100_000_000})).await.problem(Code::LimitExceeded);
        let usage = async |arguments: &[&str]| {
            let mut command = tokio::process::Command::new(program());
            command.arg("usage").args(arguments);
            command.env("COFFERDAM_URL", tenant.operator.base()).env("COFFERDAM_KEY", tenant.operator.key());
            let output = command.output().await.unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let budgets = usage(&["--budgets"]).await;
        for part in ["calls_per_day", "the tenant", "8", "model_cost_per_day", "0.50 USD", "policy line 2"] {
            assert!(budgets.contains(part), "{part}: {budgets}");
        }
        let json: Value = serde_json::from_str(&usage(&["--budgets", "--json"]).await).unwrap();
        assert_eq!(json[0]["used"].as_u64().unwrap() + json[1]["used"].as_u64().unwrap(), 2, "{json:#}");
        let table = usage(&[]).await;
        assert!(table.contains("failed: 1 limit-exceeded"), "{table}");
        let csv = usage(&["--csv"]).await;
        let mut lines = csv.lines();
        let head: Vec<_> = lines.next().unwrap().split(',').collect();
        assert_eq!(head[..6], ["day", "tool", "principal", "calls", "failed", "interrupted"]);
        assert!(
            head.ends_with(&["model_requests", "model_input_tokens", "model_output_tokens", "model_cost"]),
            "{csv}"
        );
        assert_eq!(lines.clone().count(), 2, "{csv}");
        assert!(lines.all(|line| line.split(',').count() == head.len()), "{csv}");
    });
}

/// What the record says was used today: what calls really used that ended, and all that was reserved for those that a
/// crash interrupted.
fn fold(log: &[Value]) -> BTreeMap<&'static str, u64> {
    let mut reserved = BTreeMap::new();
    let mut sums = BTreeMap::from([("calls", 0), ("fuel", 0)]);
    for entry in log {
        let event = &entry["event"];
        let call = event["call"].as_str().unwrap_or_default();
        match entry["kind"].as_str().unwrap() {
            "call.decided" => {
                reserved.insert(call.to_owned(), event["reserved"]["amounts"].clone());
            }
            "call.ended" => {
                let kept = reserved.remove(call).unwrap();
                let interrupted = event["outcome"] == "interrupted";
                let fuel = if interrupted { &kept["fuel"] } else { &event["fuel"] };
                *sums.get_mut("fuel").unwrap() += fuel.as_u64().unwrap();
                *sums.get_mut("calls").unwrap() += 1;
            }
            _ => {}
        }
    }
    assert!(reserved.is_empty(), "calls are open: {reserved:?}");
    sums
}

#[test]
fn after_kill_9_what_is_used_is_the_fold_of_the_record_and_within_the_budget() {
    const FUEL: u64 = 400_000_000;
    const EACH: u64 = 20_000_000;
    let crashes = std::env::var("COFFERDAM_CRASHES").map_or(6, |crashes| crashes.parse().unwrap());
    run(async {
        far_from_midnight().await;
        let folder = TempDir::new().unwrap();
        let options = || Options { data: Some(folder.path().to_owned()), ..Options::default() };
        let mut server = Server::start(options()).await;
        server.publish(&["limits"]).await;
        let mut tenant = server.tenant("crash").await;
        tenant
            .policy(&format!("[limits]\nfuel = {EACH}\n[budget]\nfuel_per_day = {FUEL}\ncalls_per_day = 100_000\n"))
            .await;
        let mut interrupted = 0;
        for round in 0..crashes {
            let refused = Arc::new(AtomicBool::new(false));
            let load: Vec<_> = (0..8)
                .map(|worker| {
                    let (tenant, refused) = (tenant.clone(), Arc::clone(&refused));
                    tokio::spawn(async move {
                        let arguments = json!({"rounds": 20_000 + worker * 3_000});
                        let request = || tenant.agent.calling("catalogue/limits.spin", &arguments);
                        while let Ok(answer) = tenant.agent.try_send(request()).await {
                            if answer.code() == Some(Code::BudgetExceeded) {
                                refused.store(true, Ordering::Relaxed);
                                tokio::time::sleep(Duration::from_millis(20)).await;
                            }
                        }
                    })
                })
                .collect();
            tokio::time::sleep(Duration::from_millis(60 + 37 * (round % 5))).await;
            server.kill();
            for worker in load {
                worker.await.unwrap();
            }
            server = Server::start(options()).await;
            tenant = tenant.at(server.platform.base());
            let log = tenant.log(0).await;
            let sums = fold(&log);
            for (limit, sum) in [("fuel_per_day", sums["fuel"]), ("calls_per_day", sums["calls"])] {
                let standing = standing(&tenant, limit).await;
                assert_eq!((&standing["used"], &standing["reserved"]), (&json!(sum), &json!(0)), "{limit}");
                assert!(sum <= standing["maximum"].as_u64().unwrap(), "{standing}");
            }
            interrupted = log.iter().filter(|entry| entry["event"]["outcome"] == "interrupted").count();
            let usage = tenant.auditor.get("/v1/usage").await.ok();
            assert_eq!(usage["total"]["interrupted"], interrupted, "{usage:#}");
        }
        println!("{crashes} crashes, {interrupted} calls interrupted");
        // What is left is all that can still be used.
        let left = standing(&tenant, "fuel_per_day").await["left"].as_u64().unwrap();
        let answer = tenant.agent.call("catalogue/limits.spin", json!({"rounds": 10})).await;
        assert_eq!(answer.status == 200, left >= EACH, "{left}: {answer:?}");
    });
}

const CALLS: &str = "[[grant]]\ntools = [\"catalogue/*\"]\ncall = [\"catalogue/*\"]\n";

#[test]
fn calls_that_tools_make_are_counted_and_their_fuel_is_kept_once() {
    run(async {
        far_from_midnight().await;
        let tenant = shared().await.tenant("below").await;
        // There is hardly more than one call may use: what it gives to others is a part of that.
        let policy = "[limits]\nfuel = 300_000_000\n[budget]\nfuel_per_day = 310_000_000\nchild_calls_per_day = 3\n\
                      calls_per_day = 1\ncalls_per_second = 1\n";
        tenant.policy(&format!("{policy}{CALLS}")).await;
        let echo = json!({"tool": "catalogue/limits.echo", "arguments": {"text": "hi"}});
        let answer = tenant.agent.call("catalogue/relay.each", json!({"calls": [echo], "times": 4})).await;
        let usage = answer.clone().ok()["usage"].clone();
        let came = answer.json();
        let codes: Vec<&str> = came.as_array().unwrap().iter().map(|came| came["code"].as_str().unwrap()).collect();
        assert_eq!(codes, ["ok", "ok", "ok", "budget-exceeded"], "{came}");
        assert!(came[3]["answer"].as_str().unwrap().contains("child_calls_per_day"), "{came}");
        tenant.entry("call.refused", json!({"code": "budget-exceeded", "tool": "catalogue/limits.echo"})).await;
        let fuel = usage["fuel"].as_u64().unwrap() + usage["child_fuel"].as_u64().unwrap();
        for (limit, used) in [("fuel_per_day", fuel), ("child_calls_per_day", 3), ("calls_per_day", 1)] {
            let standing = standing(&tenant, limit).await;
            assert_eq!((&standing["used"], &standing["reserved"]), (&json!(used), &json!(0)), "{standing}");
        }
    });
}

#[test]
fn a_call_that_a_tool_makes_keeps_to_its_own_packages_budget() {
    run(async {
        far_from_midnight().await;
        let tenant = shared().await.tenant("below-package").await;
        let policy =
            "[limits]\nfuel = 300_000_000\n[[budget.for]]\ntools = [\"catalogue/limits\"]\nfuel_per_day = 50_000_000\n";
        tenant.policy(&format!("{policy}{CALLS}")).await;
        let spin = |fuel: u64| json!({"tool": "catalogue/limits.spin", "arguments": {"rounds": 10}, "fuel": fuel});
        let one = async |fuel| tenant.agent.call("catalogue/relay.one", spin(fuel)).await.json();
        let refused = one(60_000_000).await;
        assert_eq!(refused["code"], "budget-exceeded", "{refused}");
        assert!(refused["answer"].as_str().unwrap().contains("this package's budget fuel_per_day"), "{refused}");
        assert_eq!(one(40_000_000).await["code"], "ok");
        // What it did not use, others have.
        assert_eq!(one(49_000_000).await["code"], "ok");
    });
}

#[test]
fn after_kill_9_a_call_and_those_below_it_are_charged_what_was_kept_for_all_of_them_once() {
    const FUEL: u64 = 500_000_000;
    run(async {
        far_from_midnight().await;
        let folder = TempDir::new().unwrap();
        let options = || Options { data: Some(folder.path().to_owned()), ..Options::default() };
        let mut server = Server::start(options()).await;
        server.publish(&["limits", "relay"]).await;
        let tenant = server.tenant("crash-below").await;
        let policy = format!(
            "[limits]\nfuel = {FUEL}\ndeadline = \"60s\"\n[budget]\nfuel_per_day = 2_000_000_000\n\
             child_calls_per_day = 100\n[[budget.for]]\ntools = [\"catalogue/limits\"]\nfuel_per_day = 1_000_000_000\n"
        );
        tenant.policy(&format!("{policy}{CALLS}")).await;
        // One has ended before the crash, two of different levels are under way.
        let sleep =
            json!({"tool": "catalogue/limits.sleep", "arguments": {"milliseconds": 50_000}, "fuel": 100_000_000});
        let spin = json!({"tool": "catalogue/limits.spin", "arguments": {"rounds": 1_000}, "fuel": 100_000_000});
        let nested =
            json!({"tool": "catalogue/relay.each", "arguments": {"calls": [spin, sleep]}, "fuel": 300_000_000});
        let call = tokio::spawn({
            let tenant = tenant.clone();
            async move { tenant.agent.try_send(tenant.agent.calling("catalogue/relay.one", &nested)).await.is_err() }
        });
        tenant.entry("call.decided", json!({"tool": "catalogue/limits.sleep"})).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.kill();
        assert!(call.await.unwrap());
        server = Server::start(options()).await;
        let tenant = tenant.at(server.platform.base());

        let log = tenant.log(0).await;
        let ended = |tool: &str| {
            let of_tool = |entry: &&Value| entry["kind"] == "call.decided" && entry["event"]["tool"] == tool;
            let call = &log.iter().find(of_tool).unwrap()["event"]["call"];
            let ended = log.iter().find(|entry| entry["kind"] == "call.ended" && entry["event"]["call"] == *call);
            ended.unwrap()["event"].clone()
        };
        let spun = ended("catalogue/limits.spin");
        assert_eq!(
            (&spun["outcome"], &ended("catalogue/limits.sleep")["outcome"]),
            (&json!("ok"), &json!("interrupted"))
        );
        // Of the tenant's: all of the root's, in which the others' is; of the package's: what its two calls used and kept.
        for (limit, whose, used) in [
            ("fuel_per_day", "tenant", FUEL),
            ("fuel_per_day", "tool", spun["fuel"].as_u64().unwrap() + 100_000_000),
            ("child_calls_per_day", "tenant", 3),
        ] {
            let usage = tenant.auditor.get("/v1/usage").await.ok();
            let budgets = usage["budgets"].as_array().unwrap();
            let found = budgets.iter().find(|budget| budget["limit"] == limit && budget["whose"] == whose).unwrap();
            assert_eq!((&found["used"], &found["reserved"]), (&json!(used), &json!(0)), "{found}");
        }
    });
}
