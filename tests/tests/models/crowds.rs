//! What many calls at once spend together: never more than there is, whatever they ask for and however the host ends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cofferdam::Code;
use cofferdam_tests::{far_from_midnight, run};
use futures::future::join_all;
use serde_json::json;

use super::*;

/// What was spent, by the record alone: what calls really spent, and all that was reserved for those that a crash
/// interrupted. At no entry is that, with what is reserved for others, more than `most`.
fn fold(log: &[Value], most: u64) -> u64 {
    let (mut spent, mut reserved) = (0, BTreeMap::<&str, u64>::new());
    for entry in log {
        let event = &entry["event"];
        let call = event["call"].as_str().unwrap_or_default();
        match entry["kind"].as_str().unwrap() {
            "call.decided" => {
                reserved.insert(call, event["reserved"]["amounts"]["model_cost"].as_u64().unwrap());
            }
            "call.ended" => {
                let kept = reserved.remove(call).unwrap();
                let used = event["model_cost"].as_u64().unwrap_or(0);
                assert!(used <= kept, "{entry}");
                spent += if event["outcome"] == "interrupted" { kept } else { used };
            }
            _ => {}
        }
        assert!(spent + reserved.values().sum::<u64>() <= most, "{spent} spent, {reserved:?} reserved: {entry}");
    }
    assert!(reserved.is_empty(), "calls are open: {reserved:?}");
    spent
}

/// Calls that are made at once.
const AT_ONCE: usize = 8;

/// How a budget of the tenant's stands.
async fn standing(tenant: &Tenant, limit: &str) -> Value {
    let usage = tenant.operator.get("/v1/usage").await.ok();
    let budgets = usage["budgets"].as_array().unwrap();
    budgets.iter().find(|budget| budget["limit"] == limit).unwrap_or_else(|| panic!("no {limit}: {usage:#}")).clone()
}

/// Does the work, and looks all the while whether what is used and what is kept are together more than there may be.
async fn within<T>(tenant: &Tenant, limit: &str, work: impl Future<Output = T>) -> T {
    let over = AtomicBool::new(false);
    let looking = async {
        while !over.load(Ordering::Relaxed) {
            let standing = standing(tenant, limit).await;
            let [used, reserved, most] = ["used", "reserved", "maximum"].map(|part| standing[part].as_u64().unwrap());
            assert!(used + reserved <= most, "{standing}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let work = async {
        let came = work.await;
        over.store(true, Ordering::Relaxed);
        came
    };
    futures::join!(work, looking).0
}

/// Asks so often by each worker, again and again where there is no room, and gives the calls that were let in.
async fn crowd(tenant: &Tenant, ask: &Value, times: usize) -> Vec<String> {
    let worker = async || {
        let (mut calls, mut refused) = (Vec::new(), 0);
        while calls.len() < times {
            let answer = call(tenant, "chat", ask.clone()).await;
            if answer.status == 200 {
                calls.push(answer.call().to_owned());
                continue;
            }
            answer.problem(Code::BudgetExceeded);
            refused += 1;
            assert!(refused < 2_000, "{answer:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        calls
    };
    join_all((0..AT_ONCE).map(|_| worker())).await.concat()
}

#[test]
fn at_once_they_stay_inside_the_days_money_too_and_each_downgrade_is_explained() {
    const DAY: u64 = 2_000_000_000;
    run(async {
        far_from_midnight().await;
        let stage = stage().await;
        // Each keeps 0.10 USD, and costs a little less on the strong model. All eight leave more than half of the day's for
        // the first; and nobody has the strong one where less than 0.60 USD are left.
        let budget = "[limits]\nmodel_cost = \"0.1 USD\"\n[budget]\nmodel_cost_per_day = \"2 USD\"\n";
        let tenant = stage.tenant("at-once", budget).await;
        let text = script(json!({"a": ["counts:absurd"]}));
        let ask = json!({"route": "priced", "text": text, "hard": true, "max_tokens": 3_000});
        let calls = within(&tenant, "model_cost_per_day", crowd(&tenant, &ask, 5)).await;
        assert_eq!(calls.len(), 5 * AT_ONCE);
        let (mut spent, mut strong, mut weak) = (0, 0, 0);
        for id in &calls {
            let entry = requested(&tenant, id).await.remove(0);
            let cost = entry["cost"].as_u64().unwrap();
            assert_eq!(entry["outcome"], "ok", "{entry}");
            let taken = entry["considered"].as_array().unwrap().iter().find(|choice| choice["taken"] == true).unwrap();
            if taken["model"] == "large" {
                strong += 1;
                assert!(cost > 90_000_000 && entry["downgrade"].is_null(), "{entry}");
            } else {
                weak += 1;
                let why = entry["downgrade"].as_str().unwrap();
                assert!(why.starts_with("downgraded from a/large: budget left "), "{why}");
            }
            spent += cost;
        }
        // Above 1.40 USD that are used or kept nobody has the strong one.
        assert!(strong > 0 && strong <= 15 && weak > 0, "{strong} strong, {weak} weak");
        assert_eq!(fold(&tenant.log(0).await, DAY), spent);
        let standing = standing(&tenant, "model_cost_per_day").await;
        assert_eq!((&standing["used"], &standing["reserved"]), (&json!(spent), &json!(0)), "{standing}");
    });
}

/// All that there is, to the last call that still fits, and not a token more.
#[test]
fn at_once_calls_stay_inside_the_days_tokens_and_money_to_the_last_that_fits() {
    run(async {
        far_from_midnight().await;
        let stage = stage().await;
        for (limit, most, day) in
            [("model_tokens_per_day", "40_000", 40_000), ("model_cost_per_day", "\"1 USD\"", 1_000_000_000)]
        {
            let tenant = stage.tenant("last", "").await;
            let text = script(json!({"b": ["counts:absurd"]}));
            // A call keeps the tenth part, and uses a little less. There is nothing else to fall back on.
            let limits = "[limits]\nmodel_tokens = 4_000\nmodel_cost = \"0.1 USD\"\n";
            let strong = "[[model]]\nname = \"strong\"\nchoices = [{ provider = \"b\", model = \"large\" }]\n";
            let routes = ROUTES.replace("model = [\"openai\", ", "model = [\"strong\", ");
            tenant.policy(&format!("{limits}[budget]\n{limit} = {most}\n{strong}{routes}")).await;
            let ask = json!({"route": "strong", "text": text, "max_tokens": 3_000});
            let worker = async || {
                let mut calls = Vec::new();
                loop {
                    let answer = call(&tenant, "chat", ask.clone()).await;
                    if answer.status != 200 {
                        let facts = &answer.problem(Code::BudgetExceeded)["facts"];
                        assert_eq!(facts["limit"], limit, "{facts}");
                        return calls;
                    }
                    calls.push(answer.call().to_owned());
                    assert!(calls.len() <= 12, "{answer:?}");
                }
            };
            let all = within(&tenant, limit, join_all((0..AT_ONCE).map(|_| worker()))).await.concat();
            let mut used = 0;
            for id in &all {
                let entry = requested(&tenant, id).await.remove(0);
                let of = |part: &str| entry[part].as_u64().unwrap();
                used +=
                    if limit == "model_cost_per_day" { of("cost") } else { of("input_tokens") + of("output_tokens") };
            }
            let standing = standing(&tenant, limit).await;
            assert_eq!((&standing["used"], &standing["reserved"]), (&json!(used), &json!(0)), "{standing}");
            // Whoever was refused last was alone by then: what is left is less than one call keeps.
            assert!(used <= day && day - used < day / 10, "{used} of {day} by {} calls", all.len());
            call(&tenant, "chat", ask).await.problem(Code::BudgetExceeded);
        }
    });
}

#[test]
fn after_kill_9_what_was_spent_is_the_fold_of_the_record_and_within_the_days_money() {
    run(async {
        far_from_midnight().await;
        let (folder, provider) = (TempDir::new().unwrap(), Provider::start().await);
        let options = || Options {
            data: Some(folder.path().to_owned()),
            ceiling: Some(platform(&provider)),
            ..Options::default()
        };
        let mut server = Server::start(options()).await;
        set_key(&server, "provider-key", KEY).await;
        server.publish(&["models"]).await;
        let mut tenant = server.tenant("crash").await;
        let budget = "[limits]\nmodel_cost = \"0.01 USD\"\n[budget]\nmodel_cost_per_day = \"0.2 USD\"\n";
        tenant.policy(&format!("{budget}{ROUTES}")).await;
        let mut interrupted = 0;
        for round in 0..4 {
            let load: Vec<_> = (0..6)
                .map(|_| {
                    let tenant = tenant.clone();
                    let ask = json!({"route": "openai", "text": script(json!({"a": ["late:300"]})), "max_tokens": 50});
                    tokio::spawn(async move {
                        let request = || tenant.agent.calling("catalogue/models.chat", &ask);
                        while let Ok(answer) = tenant.agent.try_send(request()).await {
                            if answer.code() == Some(Code::BudgetExceeded) {
                                tokio::time::sleep(Duration::from_millis(20)).await;
                            }
                        }
                    })
                })
                .collect();
            tokio::time::sleep(Duration::from_millis(700 + 90 * round)).await;
            server.kill();
            for worker in load {
                worker.await.unwrap();
            }
            server = Server::start(options()).await;
            tenant = tenant.at(server.platform.base());
            let log = tenant.log(0).await;
            let spent = fold(&log, 200_000_000);
            let standing = standing(&tenant, "model_cost_per_day").await;
            assert_eq!((&standing["used"], &standing["reserved"]), (&json!(spent), &json!(0)), "{standing}");
            interrupted = log.iter().filter(|entry| entry["event"]["outcome"] == "interrupted").count();
        }
        // They were asking when it was killed, and nobody knows what that cost.
        assert!(interrupted > 0);
    });
}
