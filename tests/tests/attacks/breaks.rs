//! Tools that break down, fail, or answer with what is not what they say.

use cofferdam::Code;
use cofferdam_tests::{attack, shared};
use serde_json::json;

/// Ends the call alone; nothing of the engine is in the answer.
#[test]
fn hostile_break_down() {
    attack(async {
        let tenant = shared().await.tenant("breaks").await;
        for how in ["panic", "unreachable", "out-of-bounds", "exit", "exit-with-failure"] {
            let answer = tenant.agent.call("catalogue/attack.break-down", json!({"how": how})).await;
            answer.problem(Code::ToolFailed);
            assert!(!answer.text.contains("colour") && !answer.text.contains("wasm backtrace"), "{answer:?}");
            let record = tenant.record(answer.call()).await;
            assert_eq!(record.last().unwrap()["event"]["outcome"], "tool-failed", "{record:?}");
            assert_eq!(tenant.agent.call("catalogue/noop", json!({})).await.text(), "ok", "after {how}");
        }
    });
}

/// Its text is cut, its kind kept.
#[test]
fn hostile_failure_of_any_length() {
    attack(async {
        let tenant = shared().await.tenant("fails").await;
        let text = "t".repeat(100_000);
        for (failure, code) in [
            ("invalid-arguments", Code::InvalidArguments),
            ("denied", Code::Denied),
            ("unavailable", Code::Unavailable),
            ("internal", Code::ToolFailed),
        ] {
            let answer = tenant.agent.call("catalogue/attack.fail", json!({"failure": failure, "text": text})).await;
            tenant.ended(&answer, code.as_str()).await;
            let detail = answer.problem(code)["detail"].as_str().unwrap();
            assert!(detail.starts_with("ttt") && detail.len() < 5_000, "{failure}: {}", detail.len());
        }
        // Work that failed is an answer.
        let body =
            tenant.agent.call("catalogue/attack.fail", json!({"failure": "failed", "text": "no such page"})).await.ok();
        assert_eq!((&body["is_error"], &body["content"][0]["text"]), (&json!(true), &json!("no such page")));
    });
}

/// What is not what it says is no answer.
#[test]
fn hostile_answer_that_lies() {
    attack(async {
        let tenant = shared().await.tenant("lies").await;
        for how in ["no-json", "more-than-json", "deep-json"] {
            let answer = tenant.agent.call("catalogue/attack.lie", json!({"how": how})).await;
            answer.problem(Code::ToolFailed);
            tenant.ended(&answer, "tool-failed").await;
        }
        // What a tool says of a file is data in a JSON document, whatever it holds.
        for how in ["media-type", "file-name"] {
            let answer = tenant.agent.call("catalogue/attack.lie", json!({"how": how})).await;
            assert!(answer.headers.get("set-cookie").is_none());
            match answer.code() {
                Some(code) => assert_eq!(code, Code::ToolFailed),
                None => assert_eq!(answer.body["content"][0]["type"], "file", "{answer:?}"),
            }
        }
        assert_eq!(
            tenant.agent.call("catalogue/attack.lie", json!({"how": "nothing"})).await.ok()["content"],
            json!([])
        );
    });
}
