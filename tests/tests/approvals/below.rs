//! Calls that tools make, and that wait.

use cofferdam_tests::{run, shared};
use serde_json::json;

use super::*;

/// People take hours, calls seconds: the tool is told, and goes on or ends; whoever called it makes its call again.
#[test]
fn a_tool_is_told_at_once_that_its_call_waits() {
    run(async {
        let tenant = shared().await.tenant("below").await;
        let grant = "[[grant]]\ntools = [\"catalogue/relay\"]\ncall = [\"catalogue/limits\"]\n";
        tenant.policy(&format!("[approval]\ntools = [\"catalogue/limits\"]\n{grant}")).await;
        let echo = |text: &str| json!({"tool": "catalogue/limits.echo", "arguments": {"text": text}});
        let relay = async |text: &str| tenant.agent.call("catalogue/relay.one", echo(text)).await;
        // It ended well within its deadline, which nobody's word does.
        let first = relay("hi").await;
        let came = first.clone().json();
        assert_eq!(came["code"], "approval-required", "{came}");
        let asked = tenant.entry("approval.asked", json!({"tool": "catalogue/limits.echo"})).await;
        let approval = asked["event"]["approval"].as_str().unwrap();
        // The tool can say what to do next.
        assert!(came["answer"].as_str().unwrap().contains(approval), "{came}");
        let [child] = first.body["calls"].as_array().unwrap().as_slice() else { panic!("{first:?}") };
        assert_eq!((&child["outcome"], &child["fuel"]), (&json!("approval-required"), &json!(0)));
        // Asked for again it is the same.
        assert!(relay("hi").await.json()["answer"].as_str().unwrap().contains(approval));

        approve(&tenant.operator, approval).await.ok();
        let other = relay("ho").await.json();
        assert_eq!(other["code"], "approval-required", "what was not looked at: {other}");
        let made = relay("hi").await;
        let came = made.clone().json();
        assert_eq!((&came["code"], &came["answer"]), (&json!("ok"), &json!("hi")), "{came}");
        let child = made.body["calls"][0]["call"].as_str().unwrap();
        assert_eq!(tenant.record(child).await[0]["event"]["approval"], approval);
        // Once.
        assert_eq!(relay("hi").await.json()["code"], "approval-required");
    });
}
