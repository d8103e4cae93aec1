//! Which choice gets a call, and what is told of that before, with the answer and in the record.

use cofferdam::Code;
use cofferdam::policy::Policy;
use cofferdam::policy::route::choose;
use cofferdam::routed::{DecidedRoute, Standing, Verdict};
use cofferdam_tests::{attack, run, shared};
use serde_json::{Value, json};

use crate::{good, push, recorded, route, tool};

#[test]
fn a_route_is_listed_shown_and_called_like_a_tool() {
    run(async {
        let tenant = shared().await.tenant("route").await;
        push(&tenant, &[("old", good()), ("new", good())]).await;
        tenant
            .policy(&route("{ tool = \"new.handmade@1\", max_risk = \"low\" }, { tool = \"old.handmade\" }", ""))
            .await;
        let listed = tenant.agent.get("/v1/tools").await.ok();
        let listed =
            listed["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == "routes/r").unwrap().clone();
        assert_eq!(listed["choices"], json!(["new.handmade", "old.handmade"]));
        assert_eq!((&listed["version"], &listed["input_schema"]["type"]), (&json!("1.0.0"), &json!("object")));
        assert_eq!(tenant.agent.get("/v1/tools/routes/r").await.ok(), listed);

        let answer = tenant.agent.call("routes/r", json!({})).await.ok();
        assert_eq!(tool(&answer), "new.handmade");
        let expected = json!({
            "name": "r",
            "choices": [
                {"tool": "new.handmade@1", "verdict": "taken"},
                {"tool": "old.handmade", "verdict": "standing-by"},
            ],
            "attempts": [{"call": answer["call"], "tool": "new.handmade", "version": "1.0.0"}],
        });
        assert_eq!(answer["route"], expected);
        let decided = recorded(&tenant, answer["call"].as_str().unwrap()).await;
        assert_eq!((decided.attempt, decided.first, decided.taken()), (1, None, Some(0)));
        assert_eq!(decided.inputs.input_bytes, 2);
        // A tool that is called by its own name has no route.
        let direct = tenant.agent.call("old.handmade", json!({})).await.ok();
        assert!(direct.get("route").is_none());
        assert!(tenant.record(direct["call"].as_str().unwrap()).await[0]["event"].get("route").is_none());
    });
}

/// What may not be called is not there: nor is a route of it, nor one of another tenant.
#[test]
fn hostile_a_route_of_which_a_key_may_call_nothing_is_not_there() {
    attack(async {
        let server = shared().await;
        let (acme, globex) = (server.tenant("hidden").await, server.tenant("other").await);
        push(&acme, &[("a", good()), ("b", good())]).await;
        let routes = route("{ tool = \"a.handmade\" }, { tool = \"nothing\" }", "")
            + &route("{ tool = \"b.handmade\" }", "").replace("\"r\"", "\"open\"");
        acme.policy(&format!("[tools]\ndeny = [\"a\"]\n{routes}")).await;
        let missing = acme.agent.call("routes/missing", json!({})).await;
        missing.problem(Code::NotFound);
        for (client, name) in [(&acme.agent, "r"), (&globex.agent, "r"), (&globex.agent, "open")] {
            let target = format!("routes/{name}");
            let called = client.call(&target, json!({"text": 1})).await;
            // To the word what is said of a route that there is not.
            assert_eq!(called.text.replace(&target, "routes/missing"), missing.text);
            client.get(&format!("/v1/tools/{target}")).await.problem(Code::NotFound);
            client.post("/v1/explain", &json!({"tool": target})).await.problem(Code::NotFound);
            let listed = client.get("/v1/tools").await.text;
            assert!(!listed.contains(&format!("\"{target}\"")), "{listed}");
        }
        // Whoever may read the policy is told why.
        let why = acme.operator.post("/v1/explain", &json!({"tool": "routes/r"})).await.ok();
        assert_eq!(why["allowed"], false);
        let standing: Vec<&Value> =
            why["route"]["choices"].as_array().unwrap().iter().map(|choice| &choice["facts"]["standing"]).collect();
        assert_eq!(standing, ["denied", "not-found"]);
        // A key without the scope for calls is told no more of a route than of a tool.
        acme.auditor.call("routes/open", json!({})).await.problem(Code::Denied);
        assert!(!acme.auditor.get("/v1/tools").await.text.contains("routes/"));
        acme.agent.call("routes/open", json!({})).await.ok();
        for wrong in ["routes/", "routes/A", "routes/open@1", "routes/open.b", "routes/../a", "routes"] {
            let answer = acme.agent.call(wrong, json!({})).await;
            assert!([400, 404, 422].contains(&answer.status), "{wrong}: {}", answer.text);
        }
        globex.entry("call.refused", json!({"code": "not-found"})).await;
    });
}

#[test]
fn declared_and_estimated_facts_choose_and_explaining_says_the_same() {
    run(async {
        let tenant = shared().await.tenant("facts").await;
        push(&tenant, &[("small", good()), ("safe", good()), ("hard", good()), ("rest", good())]).await;
        let policy = route(
            "{ tool = \"small.handmade\", max_input_bytes = 50, max_risk = \"low\", max_complexity = \"low\", cost = \"low\" },
             { tool = \"safe.handmade\", max_risk = \"low\", max_complexity = \"low\" },
             { tool = \"hard.handmade\", max_risk = \"medium\" }, { tool = \"rest.handmade\" }",
            "",
        );
        tenant.policy(&policy).await;
        let prose = "word ".repeat(2_000);
        for (arguments, risk, complexity, expected) in [
            (json!({}), None, None, "small"),
            (json!({"text": "x".repeat(60)}), None, None, "safe"),
            (json!({"text": prose}), None, None, "hard"),
            (json!({"text": prose}), None, Some("low"), "safe"),
            (json!({}), Some("medium"), None, "hard"),
            (json!({}), None, Some("high"), "hard"),
            (json!({}), Some("high"), Some("low"), "rest"),
        ] {
            let mut request = json!({"tool": "routes/r", "arguments": arguments});
            if let Some(risk) = risk {
                request["risk"] = json!(risk);
            }
            if let Some(complexity) = complexity {
                request["complexity"] = json!(complexity);
            }
            let explained = tenant.agent.post("/v1/explain", &request).await.ok();
            let answer = tenant.agent.post("/v1/calls", &request).await.ok();
            assert_eq!(tool(&answer), format!("{expected}.handmade"), "{request}");
            assert_eq!(explained["package"], expected);
            let explained: DecidedRoute = serde_json::from_value(explained["route"].clone()).unwrap();
            let call = answer["call"].as_str().unwrap();
            assert_eq!(recorded(&tenant, call).await, explained, "{request}");
            let risk = risk.unwrap_or("low");
            assert_eq!(tenant.record(call).await[0]["event"]["risk"], risk);
        }
        let wrong = tenant.agent.post("/v1/calls", &json!({"tool": "routes/r", "risk": "extreme"})).await;
        wrong.problem(Code::InvalidRequest);
        let idle = tenant.agent.post("/v1/explain", &json!({"tool": "rest.handmade", "risk": "high"})).await;
        idle.problem(Code::InvalidRequest);
    });
}

#[test]
fn a_floor_under_the_risk_counts_everywhere() {
    run(async {
        let tenant = shared().await.tenant("floor").await;
        push(&tenant, &[("a", good()), ("b", good())]).await;
        let choices = route("{ tool = \"a.handmade\", max_risk = \"low\" }, { tool = \"b.handmade\" }", "");
        tenant.policy(&format!("[tools]\nrisk_floor = \"medium\"\n{choices}")).await;
        let answer = tenant.agent.call("routes/r", json!({})).await.ok();
        assert_eq!(tool(&answer), "b.handmade");
        assert_eq!(answer["route"]["choices"][0]["why"], "risk medium > max low");
        assert_eq!(tenant.agent.get("/v1/tools/a.handmade").await.ok()["annotations"]["risk"], "medium");
    });
}

#[test]
fn a_call_that_no_choice_takes_is_refused_with_what_spoke_against_each() {
    run(async {
        let tenant = shared().await.tenant("nobody").await;
        push(&tenant, &[("a", good()), ("b", good())]).await;
        tenant
            .policy(&route(
                "{ tool = \"a.handmade\", max_input_bytes = 2 }, { tool = \"b.handmade\", max_risk = \"low\" }",
                "",
            ))
            .await;
        let request = json!({"tool": "routes/r", "arguments": {"text": "secret words"}, "risk": "high"});
        let refused = tenant.agent.post("/v1/calls", &request).await;
        let problem = refused.problem(Code::Denied);
        let why = json!(["a.handmade: input 23 bytes > max 2 bytes", "b.handmade: risk high > max low"]);
        assert_eq!(problem["facts"]["choices"], why, "{problem:#}");
        let entry = tenant.record(refused.call()).await;
        assert_eq!((entry.len(), &entry[0]["kind"]), (1, &json!("call.refused")));
        let decided = recorded(&tenant, refused.call()).await;
        assert_eq!(decided.taken(), None);
        assert!(!json!(entry).to_string().contains("secret words"));
        let explained = tenant.agent.post("/v1/explain", &request).await.ok();
        assert_eq!(explained["allowed"], false);
        assert_eq!(explained["route"], json!(decided));
    });
}

/// Everything that the record has of routes chooses the same again, from the policy that it names.
#[test]
fn what_is_recorded_decides_the_same_again() {
    run(async {
        let tenant = shared().await.tenant("again").await;
        push(&tenant, &[("a", good()), ("b", crate::bad()), ("c", good())]).await;
        let choices = |share: &str, risk: &str| {
            route(
                &format!(
                    "{{ tool = \"b.handmade\", share = {share} }}, {{ tool = \"a.handmade@1\", max_risk = \"{risk}\" }},
                     {{ tool = \"c.handmade\" }}"
                ),
                "breaker = { calls = 3, open = \"1h\" }",
            )
        };
        let mut texts = std::collections::HashMap::new();
        for (share, risk) in [("0.5", "low"), ("1", "medium"), ("0", "high"), ("0.25", "low")] {
            let text = choices(share, risk);
            let digest = tenant.policy(&text).await["digest"].as_str().unwrap().to_owned();
            texts.insert(digest, text);
            for risk in ["low", "medium", "high", "low", "medium"] {
                tenant.agent.post("/v1/calls", &json!({"tool": "routes/r", "risk": risk})).await.ok();
            }
        }
        let log = tenant.log(0).await;
        let routed: Vec<&Value> =
            log.iter().map(|entry| &entry["event"]).filter(|event| event["route"].is_object()).collect();
        assert!(routed.len() >= 20, "{}", routed.len());
        for event in routed {
            let policy = Policy::parse(&texts[event["policy"].as_str().unwrap()]).unwrap();
            let decided: DecidedRoute = serde_json::from_value(event["route"].clone()).unwrap();
            let facts = decided.choices.iter().map(|choice| choice.facts.clone()).collect();
            let again = choose(policy.route(&decided.name).unwrap(), &decided.inputs, facts);
            assert_eq!(again, decided.choices);
            let taken = decided.choices.iter().find(|choice| choice.verdict == Verdict::Taken).unwrap();
            assert_eq!(taken.facts.standing, Standing::Callable);
            assert_eq!(event["tool"], taken.tool.name.to_string());
        }
    });
}
