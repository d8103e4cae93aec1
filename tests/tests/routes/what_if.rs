//! A policy tried on recorded calls of routes: which would go elsewhere.

use cofferdam_tests::{run, shared};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::{good, push, route, tool};

#[test]
fn policy_try_names_exactly_the_calls_that_would_go_elsewhere() {
    run(async {
        let tenant = shared().await.tenant("elsewhere").await;
        push(&tenant, &[("a", good()), ("b", good()), ("c", good())]).await;
        let before = route("{ tool = \"a.handmade\", max_risk = \"low\" }, { tool = \"b.handmade\" }", "");
        tenant.policy(&before).await;
        let prose = "word ".repeat(2_000);
        let requests: Vec<Value> = [
            json!({}),
            json!({"risk": "medium"}),
            json!({"arguments": {"text": prose}}),
            json!({"arguments": {"text": "short"}, "risk": "high"}),
        ]
        .into_iter()
        .map(|mut request| {
            request["tool"] = json!("routes/r");
            request
        })
        .collect();
        let make = async || {
            let mut made = Vec::new();
            for request in &requests {
                let answer = tenant.agent.post("/v1/calls", request).await;
                let tool = (answer.status == 200).then(|| tool(&answer.body).to_owned());
                made.push((answer.call().to_owned(), tool));
            }
            made
        };
        let made = make().await;
        for (name, after) in [
            ("the same", format!("# a remark\n{before}")),
            (
                "a choice more",
                route("{ tool = \"c.handmade\", max_complexity = \"low\" }, { tool = \"b.handmade\" }", ""),
            ),
            ("another order", route("{ tool = \"b.handmade\" }, { tool = \"a.handmade\", max_risk = \"low\" }", "")),
            ("a share", before.replace("max_risk = \"low\"", "share = 1")),
            ("a share of none", before.replace("max_risk = \"low\"", "share = 0")),
            ("a floor", format!("[tools]\nrisk_floor = \"medium\"\n{before}")),
            ("a tool denied", format!("[tools]\ndeny = [\"a\"]\n{before}")),
            ("nobody", route("{ tool = \"a.handmade\", max_risk = \"low\", max_input_bytes = 100 }", "")),
        ] {
            tenant.policy(&before).await;
            let request = tenant.operator.request("POST", "/v1/policy/try?calls=100");
            let request = request.header(CONTENT_TYPE, "application/toml").body(after.clone());
            let tried = tenant.operator.send(request).await.ok();
            let named: Vec<&str> = tried["changes"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|change| change["kind"] == "routed")
                .flat_map(|change| change["calls"].as_array().unwrap())
                .map(|call| call.as_str().unwrap())
                .filter(|call| made.iter().any(|(made, _)| made == call))
                .collect();
            tenant.policy(&after).await;
            let again = make().await;
            for ((call, before), (_, after)) in made.iter().zip(&again) {
                assert_eq!(named.contains(&call.as_str()), before != after, "{name}: {before:?} {after:?} {tried:#}");
            }
        }
        // And where it is gone.
        let request = tenant.operator.request("POST", "/v1/policy/try?calls=100");
        let request = request.header(CONTENT_TYPE, "application/toml").body("# no route\n");
        let tried = tenant.operator.send(request).await.ok();
        assert_eq!(tried["changes"][0]["kind"], "denied", "{tried:#}");
        assert_eq!(tried["changes"][0]["rule"], "there is no routes/r");
        assert_eq!(tried["not_compared"], json!([]));
    });
}
