//! A prompt of one tenant is in nothing that anybody but its provider sees.

use cofferdam_tests::run;
use serde_json::json;

use super::*;

const CANARY: &str = "canary-of-acme-40c1e2";

#[test]
fn leak_a_prompt_is_in_no_log_no_record_no_error_and_no_request_of_another_tenant() {
    run(async {
        let stage = stage().await;
        let policy = ROUTES.replace("In a word:", &format!("In a word ({CANARY}):"));
        let acme = stage.server.tenant("acme").await;
        acme.policy(&policy).await;
        let globex = stage.tenant("globex", "").await;
        let script = |action: &str| {
            let key = name("leak");
            json!({"key": key, "note": CANARY, "a": [action], "c": [action], "b": [action]}).to_string()
        };
        let mut answers = Vec::new();
        for action in ["echo", "status:500", "status:400", "cut", "malformed", "huge", "tool", "ok"] {
            for (route, tool) in [("openai", "chat"), ("anthropic", "stream"), ("both", "stream")] {
                let ask = json!({"route": route, "text": script(action), "max_tokens": 40});
                let answer = call(&acme, tool, ask).await;
                if action != "echo" {
                    answers.push(answer.text.clone());
                }
                let ask = json!({"route": route, "text": "what did acme say?", "max_tokens": 40});
                answers.push(call(&globex, tool, ask).await.text);
            }
        }
        call(&acme, "render", json!({"name": "short", "text": CANARY})).await.ok();
        call(&acme, "likeness", json!({"route": "vectors", "texts": [CANARY, "x"]})).await.ok();
        answers.push(call(&acme, "chat", json!({"route": CANARY, "text": "x"})).await.text.replace(CANARY, ""));
        for text in &answers {
            assert!(!text.contains(CANARY), "{text}");
        }
        // Its provider saw it, with its key; what the other tenant's requests were held nothing of it.
        assert!(stage.provider.seen(CANARY).len() > 20);
        for seen in stage.provider.seen("what did acme say?") {
            assert!(!seen.body.contains(CANARY) && !format!("{:?}", seen.headers).contains(CANARY), "{seen:?}");
        }
        // Each provider has its own key, and no other's.
        for seen in stage.provider.seen("") {
            let headers = format!("{:?}", seen.headers);
            assert!(headers.contains(KEY) == seen.path.starts_with("/a/"), "{seen:?}");
            assert!(headers.contains(OTHER_KEY) == seen.path.starts_with("/c/"), "{seen:?}");
        }
        // The record of both, the platform's, and the host's own log at its most talkative. What a guest calls a route
        // is its own word, and is in its own record.
        for tenant in [&acme, &globex] {
            for entry in tenant.log(0).await {
                let entry = entry.to_string().replace(&format!("ask a model by route \\\"{CANARY}\\\""), "");
                for secret in [CANARY, KEY, OTHER_KEY] {
                    assert!(!entry.contains(secret), "{entry}");
                }
            }
        }
        let log = std::fs::read_to_string(&stage.log).unwrap();
        assert!(!log.is_empty());
        for secret in [CANARY, KEY, OTHER_KEY] {
            let at = log.find(secret);
            let around = at.map(|at| &log[log.floor_char_boundary(at.saturating_sub(300))..at]);
            assert!(at.is_none(), "the log holds it behind: {around:?}");
        }
    });
}
