//! A question to a model is a way out, and what it answers is somebody else's.

use cofferdam_tests::{Answer, run};
use serde_json::json;

use super::*;

/// Notes are private, and of the providers one is trusted.
const FLOW: &str = r#"
[[grant]]
tools = ["catalogue/notes"]
kv = [{ bucket = "notes", access = "read-write" }]
[labels]
private_buckets = ["notes"]
trusted_providers = ["c"]
[[flow]]
when = ["private", "untrusted"]
deny = ["model"]
"#;

struct World {
    stage: &'static Stage,
    tenant: Tenant,
    note: Value,
}

impl World {
    async fn new(stem: &str) -> Self {
        let stage = stage().await;
        stage.server.push(&["notes"]).await;
        let tenant = stage.tenant(stem, FLOW).await;
        let note = json!({"title": "salaries", "text": "the canary sings at noon"});
        let note = tenant.agent.call("catalogue/notes.add", note).await.json()["id"].clone();
        Self { stage, tenant, note }
    }

    async fn read_note(&self, session: &str) -> Answer {
        self.tenant.agent.call_in(session, "catalogue/notes.get", json!({"id": self.note})).await
    }

    /// Asks a model, and says how often a provider saw that.
    async fn ask(&self, session: &str, tool: &str, route: &str, actions: Value) -> (Answer, usize) {
        let text = script(actions);
        let ask = json!({"route": route, "text": text, "max_tokens": 20});
        let answer = self.tenant.agent.call_in(session, &format!("catalogue/models.{tool}"), ask).await;
        (answer, self.stage.provider.seen(&text.replace('"', "\\\"")).len())
    }
}

fn text(answer: Answer) -> String {
    let told = answer.json();
    let told = if told.is_array() { &told[0]["text"] } else { &told["text"] };
    told.as_str().unwrap().to_owned()
}

#[test]
fn flow_a_note_and_an_answer_together_close_the_way_to_models() {
    run(async {
        let world = World::new("flow-path").await;
        let noted = world.read_note("chat").await;
        assert!(noted.text.contains("the canary sings"), "{noted:?}");
        let (first, seen) = world.ask("chat", "stream", "openai", json!({})).await;
        assert_eq!((text(first.clone()).as_str(), seen), ("small says hello.", 1), "the note alone is harmless");
        for tool in ["chat", "stream"] {
            // The trusted provider is one to which things go all the same.
            for route in ["openai", "anthropic"] {
                let (denied, seen) = world.ask("chat", tool, route, json!({})).await;
                let call = denied.call().to_owned();
                assert_eq!((text(denied).as_str(), seen), ("Denied: model: a rule of flow is against it", 0));
                let record = world.tenant.record(&call).await;
                let rule = record.iter().find(|entry| entry["kind"] == "capability.denied").unwrap();
                let rule = rule["event"]["rule"].as_str().unwrap().to_owned();
                assert!(rule.contains("[[flow]] 1"), "{rule}");
                for (label, by) in [("private", &noted), ("untrusted", &first)] {
                    assert!(rule.contains(&format!("{label} since call {}", by.call())), "{rule}");
                }
                assert_eq!(requested(&world.tenant, &call).await[0]["outcome"], "refused");
            }
        }
    });
}

#[test]
fn flow_what_calls_of_one_call_read_closes_the_way_to_models_for_each_other() {
    run(async {
        let world = World::new("flow-tree").await;
        world.stage.server.publish(&["relay"]).await;
        let relay = |grants: &str| {
            let of = |tool: &str| format!("{{ tool = \"catalogue/{tool}\", grants = \"{grants}\" }}");
            let calls = [of("notes"), of("models")].join(", ");
            format!("[[grant]]\ntools = [\"catalogue/relay\"]\ncall = [{calls}]\n{FLOW}{ROUTES}")
        };
        let texts = [script(json!({})), script(json!({}))];
        let note = json!({"tool": "catalogue/notes.get", "arguments": {"id": world.note}});
        let ask = |text: &str| {
            let arguments = json!({"route": "openai", "text": text, "max_tokens": 20});
            json!({"tool": "catalogue/models.chat", "arguments": arguments})
        };
        let seen = |text: &str| world.stage.provider.seen(&text.replace('"', "\\\"")).len();
        world.tenant.policy(&relay("own")).await;
        let calls = json!({"calls": [note, ask(&texts[0]), ask(&texts[1])]});
        let came = world.tenant.agent.call("catalogue/relay.each", calls).await.json();
        let said = |nth: usize| came[nth]["answer"][0]["text"].as_str().unwrap_or_default().to_owned();
        assert_eq!((said(1).as_str(), seen(&texts[0])), ("small says hello.", 1), "{came}");
        assert_eq!((said(2).as_str(), seen(&texts[1])), ("Denied: model: a rule of flow is against it", 0), "{came}");
        // With what its caller holds, and nothing of its own, it has no route at all.
        world.tenant.policy(&relay("caller")).await;
        let came = world.tenant.agent.call("catalogue/relay.one", ask(&texts[1])).await.json();
        assert_eq!(came["answer"][0]["text"], "Denied: model: no model grant for the route", "{came}");
        assert_eq!(seen(&texts[1]), 0);
    });
}

#[test]
fn flow_without_the_note_or_with_a_trusted_provider_models_answer_on() {
    run(async {
        let world = World::new("flow-without").await;
        for session in ["plain", "noted"] {
            let route = if session == "noted" { "anthropic" } else { "openai" };
            if session == "noted" {
                world.read_note(session).await.ok();
            }
            for _ in 0..3 {
                let (answer, seen) = world.ask(session, "chat", route, json!({})).await;
                assert_eq!((text(answer).as_str(), seen), ("small says hello.", 1));
            }
        }
    });
}

#[test]
fn flow_a_failed_attempt_does_not_keep_the_next_from_being_made_and_a_failure_brings_what_an_answer_does() {
    run(async {
        let world = World::new("flow-again").await;
        world.read_note("again").await.ok();
        let (answer, seen) = world.ask("again", "chat", "openai", json!({"a": ["status:500", "cut", "ok"]})).await;
        assert_eq!((text(answer).as_str(), seen), ("small says hello.", 3));

        world.read_note("failed").await.ok();
        let (failed, seen) = world.ask("failed", "chat", "openai", json!({"a": ["status:400"]})).await;
        assert!(text(failed).contains("status 400") && seen == 1);
        let (denied, seen) = world.ask("failed", "chat", "openai", json!({})).await;
        assert_eq!((text(denied).as_str(), seen), ("Denied: model: a rule of flow is against it", 0));
    });
}
