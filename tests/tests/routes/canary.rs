//! A new version for some keys, always the same ones, and back again.

use cofferdam::policy::route::draw;
use cofferdam_tests::{Client, run, shared};
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
