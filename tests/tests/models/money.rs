//! What a call may spend: never more, whatever it asks for, and each time that it gets less the record says why.

use cofferdam_tests::{far_from_midnight, run};
use serde_json::json;

use super::*;

#[test]
fn a_call_that_always_asks_for_the_strongest_stays_inside_its_money_with_each_downgrade_explained() {
    run(async {
        let stage = stage().await;
        let limits = "[limits]\nmodel_cost = \"0.05 USD\"\nmodel_requests = 100\ndeadline = \"60s\"\n";
        let tenant = stage.tenant("money", limits).await;
        let ask = json!({"route": "priced", "text": script(json!({"a": ["counts:absurd"]})), "hard": true,
            "max_tokens": 300, "times": 40});
        let answer = call(&tenant, "chat", ask).await;
        let id = answer.call().to_owned();
        let told = answer.json();
        let entries = requested(&tenant, &id).await;
        assert_eq!(entries.len(), 40);
        let (mut spent, mut strong, mut weak, mut refused) = (0, 0, 0, 0);
        for (told, entry) in told.as_array().unwrap().iter().zip(&entries) {
            spent += entry["cost"].as_u64().unwrap();
            match told["model"].as_str() {
                Some("a/large") => {
                    strong += 1;
                    assert!(entry["downgrade"].is_null(), "{entry}");
                }
                Some("a/small") => {
                    weak += 1;
                    let why = entry["downgrade"].as_str().unwrap();
                    assert!(why.starts_with("downgraded from a/large: "), "{why}");
                    assert_eq!(entry["considered"][0]["reason"], "complexity high > max low");
                }
                _ => {
                    refused += 1;
                    assert_eq!(entry["outcome"], "refused", "{entry}");
                    assert!(told["text"].as_str().unwrap().contains("is left"), "{told}");
                }
            }
        }
        assert!(spent <= 50_000_000, "{spent} billionths");
        assert!(strong > 0 && weak > 0, "{strong} strong, {weak} weak, {refused} refused");
        let ended = tenant.entry("call.ended", json!({"call": id})).await["event"].clone();
        assert_eq!(ended["model_cost"], spent);
        let usage = tenant.operator.get("/v1/usage").await.ok();
        assert!(usage.to_string().contains(&format!("\"model_cost\":{spent}")), "{usage}");
    });
}

#[test]
fn calls_that_always_ask_for_the_strongest_stay_inside_the_days_money_with_each_downgrade_explained() {
    run(async {
        far_from_midnight().await;
        let stage = stage().await;
        let budget = "[limits]\nmodel_cost = \"0.05 USD\"\n[budget]\nmodel_cost_per_day = \"0.2 USD\"\n";
        let tenant = stage.tenant("day", budget).await;
        let ask = json!({"route": "priced", "text": script(json!({"a": ["counts:absurd"]})), "hard": true, "max_tokens": 300});
        let (mut spent, mut strong, mut weak) = (0, 0, 0);
        for _ in 0..16 {
            let id = call(&tenant, "chat", ask.clone()).await.call().to_owned();
            let entry = requested(&tenant, &id).await.remove(0);
            spent += entry["cost"].as_u64().unwrap();
            let taken = entry["considered"].as_array().unwrap().iter().find(|choice| choice["taken"] == true).unwrap();
            match taken["model"].as_str() {
                Some("large") => strong += 1,
                _ => {
                    weak += 1;
                    let why = entry["downgrade"].as_str().unwrap();
                    assert!(why.starts_with("downgraded from a/large: budget left "), "{why}");
                }
            }
        }
        assert!(strong > 0 && weak > 0 && spent <= 200_000_000, "{strong} strong, {weak} weak, {spent} billionths");
        // What one call may spend does not fit any more: it is not let in.
        tenant.policy(&format!("{}{ROUTES}", budget.replace("0.05 USD", "0.19 USD"))).await;
        let refused = call(&tenant, "chat", ask).await;
        assert!(refused.status == 429 && refused.text.contains("model_cost_per_day"), "{refused:?}");
    });
}

#[test]
fn limits_of_a_call_hold_to_the_last_token_and_the_last_request() {
    run(async {
        let stage = stage().await;
        let tenant = stage.tenant("limits", "[limits]\nmodel_requests = 2\nmodel_tokens = 2_000\n").await;
        let text = script(json!({"a": ["counts:absurd"]}));
        let told = call(&tenant, "chat", json!({"route": "openai", "text": text, "max_tokens": 10, "times": 3})).await;
        let told = told.json();
        assert!(told[1]["model"].is_string(), "{told}");
        assert!(told[2]["text"].as_str().unwrap().contains("limits.model_requests is 2"), "{told}");
        let most = json!({"route": "openai", "text": text, "max_tokens": 5_000});
        let told = call(&tenant, "chat", most).await.json();
        assert!(told[0]["text"].as_str().unwrap().contains("and 2,000 are left"), "{told}");
        // A grant's own bound, below that of the call.
        let granted = ROUTES.replace("model = [\"openai\", ", "model = [{ route = \"openai\", tokens_max = 300 }, ");
        tenant.policy(&granted).await;
        let told = call(&tenant, "chat", json!({"route": "openai", "text": "x", "max_tokens": 400})).await.json();
        assert!(told[0]["text"].as_str().unwrap().contains("and 300 are left"), "{told}");
    });
}
