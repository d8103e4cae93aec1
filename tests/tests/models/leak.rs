//! A prompt of one tenant is in nothing that anybody but its provider sees.

use cofferdam_tests::run;
use serde_json::json;

use super::*;

const CANARY: &str = "canary-of-acme-40c1e2";

fn holds(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

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
                // Whoever is answered with it hears it: what is looked for below can be found.
                if action == "echo" {
                    assert!(answer.text.contains(CANARY), "{answer:?}");
                } else {
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
        // Its provider saw it; what the other tenant's requests were held nothing of it, and neither their heads nor what
        // stood around them: each has a connection of its own.
        assert!(stage.provider.seen(CANARY).len() > 20);
        let asked = "what did acme say?";
        let theirs = stage.provider.wire.since(0).into_iter().filter(|came| holds(&came.bytes, asked));
        let theirs: Vec<_> = theirs.collect();
        assert!(theirs.len() > 20, "{}", theirs.len());
        for came in &theirs {
            assert!(!came.is_cut && !holds(&came.bytes, CANARY), "{}", String::from_utf8_lossy(&came.bytes));
        }
        for seen in stage.provider.seen(asked) {
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
        stage.server.says_so_in(&stage.log).await;
        let log = std::fs::read_to_string(&stage.log).unwrap();
        for secret in [CANARY, KEY, OTHER_KEY] {
            let at = log.find(secret);
            let around = at.map(|at| &log[log.floor_char_boundary(at.saturating_sub(300))..at]);
            assert!(at.is_none(), "the log holds it behind: {around:?}");
        }
    });
}
