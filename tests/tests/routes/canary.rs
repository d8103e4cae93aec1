//! A new version for some keys, always the same ones, and back again.

use cofferdam::Code;
use cofferdam::id::PrincipalId;
use cofferdam::policy::route::draw;
use cofferdam_tests::{Client, run, shared};
use futures::future::join_all;
use serde_json::json;

use crate::{agent, bad, good, push, route, tool};

fn canary(share: &str, more: &str) -> String {
    route(&format!("{{ tool = \"new.handmade\", share = {share} }}, {{ tool = \"old.handmade\" }}"), more)
}

#[test]
fn each_key_stays_on_its_side_while_the_share_stands() {
    run(async {
        let tenant = shared().await.tenant("canary").await;
        push(&tenant, &[("old", good()), ("new", good())]).await;
        let mut agents: Vec<(Client, bool)> = Vec::new();
        let (id, name) = (tenant.name.parse().unwrap(), "r".parse().unwrap());
        for nth in 0..30 {
            let (client, principal) = agent(&tenant, &format!("agent-{nth}")).await;
            agents.push((client, draw(&id, &name, principal.parse().unwrap()) < 300_000));
        }
        assert!(agents.iter().any(|(_, new)| *new) && agents.iter().any(|(_, new)| !*new));
        tenant.policy(&canary("0.3", "")).await;
        for _ in 0..2 {
            for (client, new) in &agents {
                let answer = client.call("routes/r", json!({})).await.ok();
                assert_eq!(tool(&answer), if *new { "new.handmade" } else { "old.handmade" });
            }
        }
        // More of them, and all of those.
        tenant.policy(&canary("0.8", "")).await;
        let mut moved = 0;
        for (client, new) in &agents {
            let answer = client.call("routes/r", json!({})).await.ok();
            let now = tool(&answer) == "new.handmade";
            assert!(now || !new);
            moved += usize::from(now && !new);
        }
        assert!(moved > 0);
    });
}

/// Calls as they are made, by as many keys as can be made in a few seconds. That draws are even over ten thousand keys is
/// shown where they are drawn; with five hundred, the route is called what has a tenth of them on the new side, give or take
/// one in a hundred.
#[test]
fn a_tenth_of_ten_thousand_calls_goes_to_the_canary_and_of_each_key_all_or_none() {
    const KEYS: usize = 500;
    const CALLS_OF_KEY: usize = 20;
    const AT_ONCE: usize = 10;
    run(async {
        let tenant = shared().await.tenant("tenth").await;
        push(&tenant, &[("old", good()), ("new", good())]).await;
        let mut keys: Vec<(Client, PrincipalId)> = Vec::new();
        for first in (0..KEYS).step_by(AT_ONCE) {
            let names: Vec<String> = (first..first + AT_ONCE).map(|nth| format!("agent-{nth}")).collect();
            let made = join_all(names.iter().map(|name| agent(&tenant, name))).await;
            keys.extend(made.into_iter().map(|(client, id)| (client, id.parse().unwrap())));
        }
        let id = tenant.name.parse().unwrap();
        let on_new = |route: &str, key: PrincipalId| draw(&id, &route.parse().unwrap(), key) < 100_000;
        let tenth = |route: &String| {
            let count = keys.iter().filter(|(_, key)| on_new(route, *key)).count();
            (KEYS * 9 / 100..=KEYS * 11 / 100).contains(&count)
        };
        let name = (0..).map(|nth| format!("r{nth}")).find(tenth).unwrap();
        let policy = canary("0.1", "").replace("\"r\"", &format!("\"{name}\""));

        let (target, mut calls, mut new) = (format!("routes/{name}"), 0, 0);
        for remark in ["# one\n", "# another\n"] {
            tenant.policy(&format!("{remark}{policy}")).await;
            let work = keys.chunks(KEYS / AT_ONCE).map(async |keys| {
                let (mut calls, mut new) = (0, 0);
                for _ in 0..CALLS_OF_KEY / 2 {
                    for (client, key) in keys {
                        let answer = client.call(&target, json!({})).await.ok();
                        let is_new = tool(&answer) == "new.handmade";
                        assert_eq!(is_new, on_new(&name, *key), "{answer}");
                        calls += 1;
                        new += usize::from(is_new);
                    }
                }
                (calls, new)
            });
            for (more, more_new) in join_all(work).await {
                calls += more;
                new += more_new;
            }
        }
        assert_eq!(calls, 10_000);
        assert!((900..=1_100).contains(&new), "{new} of {calls}");
    });
}

/// As many errors as the breaker needs, and then none: whoever calls.
#[test]
fn a_failing_canary_is_closed_off_by_its_breaker() {
    run(async {
        let tenant = shared().await.tenant("failing").await;
        push(&tenant, &[("old", good()), ("new", bad())]).await;
        tenant.policy(&canary("1", "fallback = \"none\"\nbreaker = { calls = 5, open = \"1h\" }")).await;
        let (other, _) = agent(&tenant, "other").await;
        let mut errors = 0;
        for nth in 0..60 {
            let client = if nth % 2 == 0 { &tenant.agent } else { &other };
            let answer = client.call("routes/r", json!({})).await;
            errors += usize::from(answer.status != 200);
            assert!(answer.status == 200 || nth < 5, "{nth}: {}", answer.text);
        }
        assert_eq!(errors, 5);
        let answer = tenant.agent.call("routes/r", json!({})).await.ok();
        assert_eq!(answer["route"]["choices"][0]["why"], "its breaker is open");

        // With a fallback nobody sees one.
        let tenant = shared().await.tenant("falling").await;
        push(&tenant, &[("old", good()), ("new", bad())]).await;
        tenant.policy(&canary("1", "breaker = { calls = 5, open = \"1h\" }")).await;
        let mut attempts = 0;
        for _ in 0..30 {
            let answer = tenant.agent.call("routes/r", json!({})).await.ok();
            assert_eq!(tool(&answer), "old.handmade");
            attempts += answer["route"]["attempts"].as_array().unwrap().len();
        }
        assert_eq!(attempts, 30 + 5, "each call once, and five of them twice");
    });
}

/// One key, many calls at once, and nothing to fall back on: as many errors as the breaker needs all the same. The others get
/// the old one meanwhile.
#[test]
fn at_once_too_nobody_sees_more_errors_of_a_canary_than_open_its_breaker() {
    const AT_ONCE: usize = 16;
    run(async {
        for needed in [5, 9] {
            let tenant = shared().await.tenant("at-once").await;
            push(&tenant, &[("old", good()), ("new", bad())]).await;
            let breaker = format!("fallback = \"none\"\nbreaker = {{ calls = {needed}, open = \"1h\" }}");
            tenant.policy(&canary("1", &breaker)).await;
            let worker = async || {
                let mut failed = 0;
                for _ in 0..10 {
                    let answer = tenant.agent.call("routes/r", json!({})).await;
                    if answer.status == 200 {
                        assert_eq!(tool(&answer.body), "old.handmade");
                    } else {
                        answer.problem(Code::ToolFailed);
                        failed += 1;
                    }
                }
                failed
            };
            let failed: usize = join_all((0..AT_ONCE).map(|_| worker())).await.into_iter().sum();
            assert_eq!(failed, needed);
        }
        // With something to fall back on nobody sees one.
        let tenant = shared().await.tenant("at-once-falling").await;
        push(&tenant, &[("old", good()), ("new", bad())]).await;
        tenant.policy(&canary("1", "breaker = { calls = 5, open = \"1h\" }")).await;
        for _ in 0..5 {
            for answer in join_all((0..AT_ONCE).map(|_| tenant.agent.call("routes/r", json!({})))).await {
                assert_eq!(tool(&answer.ok()), "old.handmade");
            }
        }
    });
}
