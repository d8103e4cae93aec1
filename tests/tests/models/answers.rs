//! Answers of both protocols: whole, in pieces, with tools; vectors; prompts; and what is recorded of them.

use cofferdam_tests::run;
use serde_json::json;

use super::*;

#[test]
fn both_protocols_answer_whole_and_in_pieces_and_ask_for_tools() {
    run(async {
        let stage = stage().await;
        let tenant = stage.tenant("answers", "").await;
        for (route, model, auth, value) in [
            ("openai", "a/small", "authorization", format!("Bearer {KEY}")),
            ("anthropic", "c/small", "x-api-key", OTHER_KEY.to_owned()),
        ] {
            let text = script(json!({}));
            let answer = call(&tenant, "chat", json!({"route": route, "text": text, "max_tokens": 50})).await;
            let (id, usage) = (answer.call().to_owned(), answer.body["usage"].clone());
            let told = answer.json()[0].clone();
            assert_eq!((&told["text"], &told["model"]), (&json!("small says hello."), &json!(model)), "{told}");
            // 12 tokens at 0.10 and 3 at 0.40 for a million.
            assert_eq!(
                (&told["input_tokens"], &told["output_tokens"], &told["cost"]),
                (&json!(12), &json!(3), &json!(2400))
            );
            assert_eq!(
                (&usage["model_requests"], &usage["model_input_tokens"], &usage["model_cost"]),
                (&json!(1), &json!(12), &json!(2400))
            );
            let seen = stage.provider.seen(&text.replace('"', "\\\""));
            assert_eq!(seen.len(), 1);
            assert!(seen[0].headers.contains(&(auth.to_owned(), value.clone())), "{seen:?}");

            let entry = requested(&tenant, &id).await.remove(0);
            assert_eq!(
                entry["considered"],
                json!([{"model": "small", "provider": model.split('/').next(),
                "reason": "the first that nothing stands against", "taken": true}])
            );
            assert_eq!(
                (&entry["outcome"], &entry["attempts"], &entry["cost"], &entry["risk"]),
                (&json!("ok"), &json!(1), &json!(2400), &json!("medium"))
            );
            assert!(entry["request"].is_string() && entry["answer"].is_string());
            let ended = tenant.entry("call.ended", json!({"call": id})).await["event"].clone();
            assert_eq!((&ended["model_cost"], &ended["model_requests"]), (&json!(2400), &json!(1)));
            assert_eq!(ended["uses"], json!([{"model": {"provider": model.split('/').next(), "route": route}}]));

            let told = call(&tenant, "stream", json!({"route": route, "text": script(json!({}))})).await.json();
            assert_eq!((&told["text"], &told["pieces"]), (&json!("small says hello."), &json!(2)), "{told}");

            let text = script(json!({"a": ["tool"], "c": ["tool"]}));
            let told = call(&tenant, "consult", json!({"route": route, "text": text})).await.json();
            assert_eq!(told["text"], "It was looked up.");
            let asked = &stage.provider.seen(&text.replace('"', "\\\""))[1].body;
            assert!(asked.contains("look_up of {\\\"word\\\":\\\"cliff\\\"}"), "{asked}");
        }
    });
}

#[test]
fn vectors_come_in_the_order_of_their_texts() {
    run(async {
        let stage = stage().await;
        let tenant = stage.tenant("vectors", "").await;
        let texts = json!(["banana", "papaya", "kiwi"]);
        let answer = call(&tenant, "likeness", json!({"route": "vectors", "texts": texts})).await;
        let id = answer.call().to_owned();
        let like = answer.json();
        assert!(like[0].as_f64() > Some(0.99) && like[1].as_f64() < Some(0.1), "{like}");
        let entry = requested(&tenant, &id).await.remove(0);
        assert_eq!(
            (&entry["kind"], &entry["input_tokens"], &entry["output_tokens"]),
            (&json!("embeddings"), &json!(12), &json!(0))
        );
        let text = script(json!({"a": ["malformed"]}));
        let refused = call(&tenant, "likeness", json!({"route": "vectors", "texts": [text, "x"]})).await;
        assert!(refused.text.contains("its answer is malformed"), "{refused:?}");
        // A chat model makes none.
        let refused = call(&tenant, "likeness", json!({"route": "openai", "texts": ["x"]})).await;
        assert!(refused.text.contains("it is for chat, not embeddings"), "{refused:?}");
    });
}

#[test]
fn without_a_grant_model_and_prompt_are_denied_and_that_is_recorded() {
    run(async {
        let stage = stage().await;
        let tenant = stage.server.tenant("none").await;
        let told = call(&tenant, "chat", json!({"route": "openai", "text": "x"})).await.json();
        assert_eq!(told[0]["text"], "Denied: model: no model grant for the route");
        tenant
            .entry("capability.denied", json!({"capability": "model", "action": "ask a model by route \"openai\""}))
            .await;
        let refused = call(&tenant, "render", json!({"name": "short", "text": "x"})).await;
        assert!(refused.text.contains("no prompt grant for it"), "{refused:?}");
        tenant.entry("capability.denied", json!({"capability": "prompt"})).await;
        // Another route than those that are granted, though the policy has it.
        tenant.policy(&ROUTES.replace("model = [\"openai\", ", "model = [")).await;
        let told = call(&tenant, "chat", json!({"route": "openai", "text": "x"})).await.json();
        assert_eq!(told[0]["text"], "Denied: model: no model grant for the route");
        let text = call(&tenant, "render", json!({"name": "short", "text": "{x}"})).await.json();
        assert_eq!(text, "In a word: {x}");
        // What is too risky goes to nobody.
        let told = call(&tenant, "chat", json!({"route": "careful", "text": "x"})).await.json();
        assert!(told[0]["text"].as_str().unwrap().contains("a/small: risk medium > max low"), "{told}");
    });
}

#[test]
fn without_a_provider_model_says_what_the_platform_has_to_do_and_the_rest_works() {
    run(async {
        let ceiling = Some("[[grant]]\ntools = [\"*\", \"catalogue/*\"]\nmodel = true\nprompt = true\n".to_owned());
        let server = Server::start(Options { ceiling, ..Options::default() }).await;
        server.publish(&["models"]).await;
        let tenant = server.tenant("bare").await;
        tenant.policy(ROUTES).await;
        let told = call(&tenant, "chat", json!({"route": "openai", "text": "x"})).await.json();
        let said = told[0]["text"].as_str().unwrap();
        assert!(said.starts_with("Unavailable") && said.contains("[[provider]]"), "{said}");
        assert_eq!(call(&tenant, "render", json!({"name": "short", "text": "x"})).await.json(), "In a word: x");
    });
}

#[test]
fn a_call_that_asked_a_model_is_replayed_from_its_tape_and_asks_nobody() {
    run(async {
        let stage = stage().await;
        let tenant = stage.tenant("replay", "[audit]\npayloads = \"1h\"\nrecord = true\n").await;
        for tool in ["chat", "stream"] {
            let text = script(json!({"a": ["status:500", "ok"]}));
            let id = call(&tenant, tool, json!({"route": "openai", "text": text})).await.call().to_owned();
            assert_eq!(stage.provider.seen(&text.replace('"', "\\\"")).len(), 2);
            let replayed = tenant.auditor.post(&format!("/v1/calls/{id}/replay"), &json!({})).await.ok();
            assert_eq!((&replayed["outcome"], &replayed["difference"]), (&json!("same"), &Value::Null), "{replayed}");
            assert_eq!(stage.provider.seen(&text.replace('"', "\\\"")).len(), 2);
            // Nothing of the replay is recorded as asked.
            assert_eq!(requested(&tenant, &id).await.len(), 1);
        }
        tenant.policy(&format!("[audit]\npayloads = \"1h\"\n{ROUTES}")).await;
        let id = call(&tenant, "chat", json!({"route": "openai", "text": "x"})).await.call().to_owned();
        let replayed = tenant.auditor.post(&format!("/v1/calls/{id}/replay"), &json!({})).await.ok();
        assert_eq!(replayed["outcome"], "not-comparable", "{replayed}");
    });
}

#[test]
fn the_catalogue_has_a_tool_that_summarises() {
    run(async {
        let stage = stage().await;
        stage.server.push(&["summarise"]).await;
        let tenant = stage.server.tenant("summary").await;
        let grant = "[[grant]]\ntools = [\"catalogue/summarise\"]\nmodel = [\"summarise\"]\nprompt = [\"summarise\"]\n";
        let route = "[[model]]\nname = \"summarise\"\nchoices = [{ provider = \"a\", model = \"small\", max_complexity = \"high\" }]\n";
        let prompts = "[prompts]\nsummarise = \"Sum up in {sentences} sentences: {text}\"\n";
        tenant.policy(&format!("{route}{prompts}{grant}")).await;
        let told =
            tenant.agent.call("catalogue/summarise", json!({"text": "It rains. It pours.", "sentences": 1})).await;
        assert_eq!(told.text(), "small says hello.");
        let seen = stage.provider.seen("Sum up in 1 sentences: It rains. It pours.");
        assert_eq!(seen.len(), 1);
    });
}
