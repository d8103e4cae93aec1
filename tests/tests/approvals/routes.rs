//! Calls of routes of which one choice, or each, has to be approved.

use cofferdam::Code;
use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{attack, run, shared};
use serde_json::json;

use super::*;

const ROUTE: &str = r#"
[[route]]
name = "r"
choices = [{ tool = "first.handmade" }, { tool = "second.handmade" }]
fallback = "next"
"#;

/// The first choice breaks down at every call.
async fn of_two(name: &str, waits: &str) -> Tenant {
    let tenant = shared().await.tenant(name).await;
    let first = Handmade { description: "Breaks down.".to_owned(), ..Handmade::calling("unreachable") };
    tenant.push("first", first.build()).await;
    tenant.push("second", Handmade::default().build()).await;
    tenant.policy(&format!("[approval]\ntools = [{waits}]\n{ROUTE}")).await;
    tenant
}

#[test]
fn an_approval_is_for_the_choice_that_waited_and_the_others_go_without() {
    run(async {
        let tenant = of_two("route-second", "\"second\"").await;
        let approval = park(&tenant.agent, "routes/r", &json!({})).await;
        approve(&tenant.operator, &approval).await.ok();
        // The first is attempted again, for which nobody has to be asked, and then the one that was looked at.
        let made = call(&tenant.agent, "routes/r", &json!({}), &approval).await;
        let answer = made.clone().ok();
        assert_eq!(answer["tool"], "second.handmade", "{answer}");
        let [first, second] = answer["route"]["attempts"].as_array().unwrap().as_slice() else { panic!("{answer}") };
        assert_eq!((&first["error"], &second["call"]), (&json!("tool-failed"), &answer["call"]));
        assert_eq!(tenant.record(made.call()).await[0]["event"]["approval"], approval.as_str());
        assert_eq!(tenant.record(first["call"].as_str().unwrap()).await[0]["event"].get("approval"), None);
        // Once, and for these arguments.
        call(&tenant.agent, "routes/r", &json!({}), &approval).await.problem(Code::Conflict);
        let other = call(&tenant.agent, "routes/r", &json!({"other": 1}), &approval).await;
        assert_ne!(parked(&other), approval);
    });
}

/// It is used up by the attempt that it is for; the next one waits for its own.
#[test]
fn hostile_use_of_a_choices_approval_for_the_next_choice() {
    attack(async {
        let tenant = of_two("route-each", "\"first\", \"second\"").await;
        let first = park(&tenant.agent, "routes/r", &json!({})).await;
        approve(&tenant.operator, &first).await.ok();
        // It is used, and what it was for breaks down; the next one waits for its own.
        let waits = call(&tenant.agent, "routes/r", &json!({}), &first).await;
        assert_ne!(parked(&waits), first);
        assert_eq!(waits.body["facts"]["attempts"][0]["error"], "tool-failed", "{waits:?}");
        let shown = tenant.agent.get(&format!("/v1/approvals/{first}")).await.ok();
        assert_eq!(shown["state"], "used");
        let log = tenant.log(0).await;
        assert!(
            !log.iter().any(|entry| entry["kind"] == "call.decided" && entry["event"]["tool"] == "second.handmade")
        );
    });
}
