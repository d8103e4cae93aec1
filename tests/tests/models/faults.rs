//! What providers do wrong: tried again, asked elsewhere, or told, and never believed.

use std::time::Instant;

use cofferdam_tests::run;
use serde_json::json;

use super::*;

/// What came of one request, with the entry on it.
async fn ask(tenant: &Tenant, tool: &str, route: &str, text: &str, tokens: u64) -> (Value, Value) {
    let answer = call(tenant, tool, json!({"route": route, "text": text, "max_tokens": tokens})).await;
    let id = answer.call().to_owned();
    let told = answer.json();
    let told = if told.is_array() { told[0].clone() } else { told };
    (told, requested(tenant, &id).await.remove(0))
}

#[test]
fn what_may_pass_is_tried_again() {
    run(async {
        let stage = stage().await;
        let tenant = stage.tenant("again", "").await;
        for (route, actions, attempts) in [
            ("openai", json!({"a": ["status:500", "status:529", "ok"]}), 3),
            ("openai", json!({"a": ["cut", "ok"]}), 2),
            ("anthropic", json!({"c": ["overloaded", "ok"]}), 2),
            ("anthropic", json!({"c": ["cut", "ok"]}), 2),
        ] {
            let (told, entry) = ask(&tenant, "chat", route, &script(actions), 50).await;
            assert_eq!(told["text"], "small says hello.", "{told} {entry}");
            assert_eq!((&entry["attempts"], &entry["outcome"]), (&json!(attempts), &json!("ok")), "{entry}");
        }
        let begun = Instant::now();
        let (told, _) = ask(&tenant, "chat", "openai", &script(json!({"a": ["retry-after:1:429", "ok"]})), 50).await;
        assert_eq!(told["text"], "small says hello.");
        assert!(begun.elapsed().as_millis() >= 1_000, "{:?}", begun.elapsed());
    });
}

#[test]
fn what_does_not_pass_goes_to_the_next_choice_or_is_told() {
    run(async {
        let stage = stage().await;
        let tenant = stage.tenant("next", "[limits]\ndeadline = \"30s\"\n").await;
        for (actions, attempts, reason, is_free) in [
            (json!({"a": ["status:500"]}), 5, "it answered with status 500 (attempts: 3)", true),
            (json!({"a": ["status:400"]}), 3, "it answered with status 400 (attempts: 1)", true),
            (json!({"a": ["retry-after:3600:429"]}), 3, "it answered with status 429 (attempts: 1)", true),
            (json!({"a": ["malformed"]}), 3, "its answer is malformed (attempts: 1)", false),
            (json!({"a": ["huge"]}), 3, "its answer is longer than what was asked for (attempts: 1)", false),
            (json!({"a": ["slow"]}), 5, "the response did not begin in time (attempts: 3)", false),
            (json!({"a": ["mute"]}), 5, "its answer did not begin in time (attempts: 3)", false),
        ] {
            let (told, entry) = ask(&tenant, "chat", "both", &script(actions), 50).await;
            assert_eq!(
                (&told["text"], &told["model"]),
                (&json!("large says hello."), &json!("b/large")),
                "{told} {entry}"
            );
            assert_eq!(entry["considered"][0]["reason"], reason, "{entry}");
            assert_eq!(entry["considered"][1]["reason"], "the connection was refused (attempts: 1)", "{entry}");
            assert_eq!(entry["attempts"], attempts, "{entry}");
            // 12 tokens at 10 and 3 at 30 for a million; and what a provider may have worked on is paid for.
            assert_eq!(entry["cost"] == 210_000, is_free, "{entry}");
        }
        // Nobody is asked whom the platform does not name, be it by a provider's word.
        let text = script(json!({"a": ["redirect:/b/v1/chat/completions"]}));
        let (told, _) = ask(&tenant, "chat", "one", &text, 50).await;
        assert!(told["text"].as_str().unwrap().contains("it answered with status 307"), "{told}");
        assert_eq!(stage.provider.seen(&text.replace('"', "\\\"")).len(), 1);
        let (told, entry) = ask(&tenant, "chat", "one", &script(json!({"a": ["status:401"]})), 50).await;
        let text = told["text"].as_str().unwrap();
        assert!(
            text.starts_with("Unavailable") && text.contains("status 401") && !text.contains("said again"),
            "{text}"
        );
        assert_eq!((&entry["outcome"], &entry["cost"]), (&json!("failed"), &json!(0)));
    });
}

#[test]
fn another_choice_answers_before_a_call_ends_in_waiting() {
    run(async {
        let stage = stage().await;
        let tenant = stage.tenant("waiting", "[limits]\ndeadline = \"6s\"\n").await;
        // Three attempts of two seconds are more than the call has; and so is what the provider wants to be waited for.
        for (action, reason) in [
            ("slow", "the response did not begin in time (attempts: "),
            ("mute", "its answer did not begin in time (attempts: "),
            ("retry-after:8:429", "it answered with status 429 (attempts: 1, and no time for another)"),
        ] {
            let (told, entry) = ask(&tenant, "chat", "both", &script(json!({"a": [action]})), 50).await;
            assert_eq!(told["model"], "b/large", "{action}: {told} {entry}");
            assert!(entry["considered"][0]["reason"].as_str().unwrap().starts_with(reason), "{action}: {entry}");
        }
    });
}

#[test]
fn a_choice_that_no_other_could_stand_in_for_has_all_the_time_that_there_is() {
    run(async {
        let stage = stage().await;
        // The first is for calls that risk less: half of the time is not kept for it.
        let route = "[[model]]\nname = \"alone\"\nchoices = [{ provider = \"a\", model = \"small\", max_risk = \"low\" }, \
                     { provider = \"b\", model = \"small\", max_complexity = \"high\" }]\n";
        let tenant = stage.server.tenant("alone").await;
        let routes = ROUTES.replace("model = [\"openai\", ", "model = [\"alone\", ");
        tenant.policy(&format!("[limits]\ndeadline = \"2200ms\"\n{route}{routes}")).await;
        let (told, entry) = ask(&tenant, "chat", "alone", &script(json!({"b": ["late:1200"]})), 50).await;
        assert_eq!((&told["text"], &entry["attempts"]), (&json!("small says hello."), &json!(1)), "{told} {entry}");
        assert_eq!(entry["considered"][0]["reason"], "risk medium > max low", "{entry}");
    });
}

#[test]
fn an_answer_that_breaks_off_while_it_is_read_is_told_and_paid_for() {
    run(async {
        let stage = stage().await;
        let tenant = stage.tenant("off", "[limits]\ndeadline = \"20s\"\n").await;
        // With a key or without: what comes back is looked through for that, and nothing of it is lost by that.
        for (route, provider) in [("openai", "a"), ("open", "b"), ("anthropic", "c")] {
            for action in ["cut", "garbled", "stall"] {
                let text = script(json!({provider: [action]}));
                let (told, entry) = ask(&tenant, "stream", route, &text, 50).await;
                assert!(told["text"].as_str().unwrap().starts_with("Unavailable"), "{route} {action}: {told}");
                assert_eq!(
                    (&told["pieces"], &entry["attempts"], &entry["outcome"]),
                    (&json!(1), &json!(1), &json!("failed")),
                    "{route} {action}: {told} {entry}"
                );
                // "small says " has 11 bytes, and a provider that had said by then how long the request was is believed.
                let (input, output) = (entry["input_tokens"].as_u64().unwrap(), &entry["output_tokens"]);
                assert_eq!((output, input == 12), (&json!(4), route == "anthropic"), "{route} {action}: {entry}");
                assert_eq!(entry["cost"], input * 100 + 4 * 400, "{route} {action}: {entry}");
            }
        }
        // Whoever leaves in the middle pays for what could have come.
        let answer =
            call(&tenant, "glance", json!({"route": "openai", "text": script(json!({})), "max_tokens": 70})).await;
        let id = answer.call().to_owned();
        let entry = requested(&tenant, &id).await.remove(0);
        assert_eq!((&entry["outcome"], &entry["output_tokens"]), (&json!("cancelled"), &json!(70)), "{entry}");
    });
}

/// A tool is asked for in many pieces, and is nothing before the last: all that while the answer has begun.
#[test]
fn an_answer_that_takes_its_time_over_a_tool_is_waited_for_as_long_as_it_goes_on() {
    run(async {
        let stage = stage().await;
        let tenant = stage.tenant("unhurried", "[limits]\ndeadline = \"30s\"\n").await;
        for (route, provider) in [("openai", "a"), ("anthropic", "c")] {
            let text = script(json!({provider: ["unhurried", "ok"]}));
            let answer = call(&tenant, "consult", json!({"route": route, "text": text})).await;
            let id = answer.call().to_owned();
            assert_eq!(answer.json()["text"], "It was looked up.");
            let entries = requested(&tenant, &id).await;
            let attempts: Vec<&Value> = entries.iter().map(|entry| &entry["attempts"]).collect();
            assert_eq!(attempts, [&json!(1), &json!(1)], "{entries:?}");
        }
    });
}

#[test]
fn counts_that_cannot_be_are_not_believed() {
    run(async {
        let stage = stage().await;
        let tenant = stage.tenant("counts", "").await;
        for (action, output) in
            [("counts:low", 2), ("counts:absurd", 50), ("counts:none", 6), ("counts:nonsense", 6), ("ok", 3)]
        {
            for (route, provider) in [("openai", "a"), ("anthropic", "c")] {
                let (_, entry) = ask(&tenant, "chat", route, &script(json!({provider: [action]})), 50).await;
                // The text has 17 bytes.
                assert_eq!(entry["output_tokens"], output, "{action}: {entry}");
                let (input, most) =
                    (entry["input_tokens"].as_u64().unwrap(), entry["input_tokens_max"].as_u64().unwrap());
                let fits = match action {
                    "ok" => input == 12,
                    "counts:absurd" => input == most,
                    _ => input > 1 && input < most,
                };
                assert!(fits, "{action}: {entry}");
            }
        }
    });
}
