//! Earlier answers that stand in where there is no room for a call: of which tools, for whom, and what is told of it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use cofferdam::Code;
use cofferdam_tests::{Answer, Tenant, attack, guest, run, shared};
use serde_json::{Value, json};

/// One call a day of each tool is run; answers of these packages are kept.
const POLICY: &str = r#"
[cache]
tools = ["catalogue/text", "catalogue/limits", "limits"]

[[budget.for]]
tools = ["catalogue/text"]
calls_per_day = 1
"#;

async fn tenant(name: &str) -> Tenant {
    let server = shared().await;
    server.push(&["text"]).await;
    let tenant = server.tenant(name).await;
    tenant.policy(POLICY).await;
    tenant
}

async fn count(tenant: &Tenant, text: &str) -> Answer {
    tenant.agent.call("catalogue/text.count", json!({"text": text})).await
}

#[test]
fn an_answer_stands_in_where_a_budget_has_no_room() {
    run(async {
        let tenant = tenant("stands-in").await;
        let first = count(&tenant, "one two").await;
        assert_eq!(first.clone().ok().get("stand_in"), None);
        let again = count(&tenant, "one two").await;
        let answer = again.clone().ok();
        assert_eq!(answer["content"], first.body["content"]);
        let stand_in = &answer["stand_in"];
        assert_eq!((&stand_in["because"], &stand_in["call"]), (&json!("budget-exceeded"), &json!(first.call())));
        assert_eq!(answer["usage"]["fuel"], 0);
        assert_ne!(again.call(), first.call());
        // The record names it: what was decided, why, and whose answer it was.
        let record = tenant.record(again.call()).await;
        let event = &record[0]["event"];
        assert_eq!((record.len(), &record[0]["kind"]), (1, &json!("call.answered")));
        assert_eq!((&event["because"], &event["answer_of"]), (&json!("budget-exceeded"), &json!(first.call())));
        let ended = &tenant.record(first.call()).await[1]["event"];
        assert_eq!((&event["result"], &event["result_bytes"]), (&ended["result"], &ended["result_bytes"]));
        // It counts against nothing: no budget is used by what did not run.
        let usage = tenant.auditor.get("/v1/usage").await.ok();
        assert_eq!(usage["total"]["calls"], 1, "{usage}");
        // Another text is another call.
        count(&tenant, "one two three").await.problem(Code::BudgetExceeded);
        // One that is watched is told the same.
        let request = tenant.agent.calling("catalogue/text.count", &json!({"text": "one two"}));
        let watched = tenant.agent.send(request.header("accept", "text/event-stream")).await;
        assert!(watched.text.contains("event: decided") && watched.text.contains("\"because\":\"budget-exceeded\""));
    });
}

#[test]
fn only_what_is_read_only_and_idempotent_by_itself_and_by_its_word_is_kept() {
    run(async {
        let tenant = tenant("which").await;
        tenant.push("limits", guest("limits")).await;
        let bucket = "kv = [{ bucket = \"notes\", access = \"read-only\" }]";
        let policy = |grants: &str, calls: u32| {
            format!(
                "[cache]\ntools = [\"limits\"]\n[budget]\ncalls_per_day = {calls}\n[[grant]]\ntools = [\"limits\"]\n{grants}\n"
            )
        };
        let mut calls = 0;
        for (grants, tool, arguments) in [
            // It says nothing of itself.
            ("", "limits.spin", json!({"rounds": 1})),
            // It says all of that, and holds what could be another one the next time.
            (bucket, "limits.echo", json!({"text": "x"})),
            // It says that it is read-only, and not that it is idempotent; and a bucket can be another one the next time.
            (bucket, "limits.kv-get", json!({"bucket": "notes", "key": "k"})),
        ] {
            // A further call of the day each: what was used stays used.
            calls += 1;
            tenant.policy(&policy(grants, calls)).await;
            tenant.agent.call(tool, arguments.clone()).await.ok();
            tenant.agent.call(tool, arguments).await.problem(Code::BudgetExceeded);
        }
        // The same tool without what varies.
        calls += 1;
        tenant.policy(&policy("log = \"info\"", calls)).await;
        let echo = async || tenant.agent.call("limits.echo", json!({"text": "x"})).await;
        echo().await.ok();
        assert_eq!(echo().await.ok()["stand_in"]["because"], "budget-exceeded");
    });
}

#[test]
fn nothing_stands_in_under_another_policy_or_for_what_may_not_be_called() {
    run(async {
        let tenant = tenant("rules").await;
        count(&tenant, "a").await.ok();
        count(&tenant, "a").await.ok();
        tenant.policy(&format!("{POLICY}# the same\n")).await;
        count(&tenant, "a").await.problem(Code::BudgetExceeded);
        tenant.policy(POLICY).await;
        count(&tenant, "a").await.ok();
        // Another key of the tenant has it where it may call the tool, and not where it may not.
        let made = tenant.operator.post("/v1/keys", &json!({"name": "second", "scopes": ["agent"]})).await.ok();
        let second = tenant.agent.with_key(made["key"].as_str().unwrap());
        let arguments = json!({"text": "a"});
        second.call("catalogue/text.count", arguments.clone()).await.ok();
        let rules = "forbid(principal, action == Action::\"call\", resource) when { principal.name == \"second\" };";
        let put = tenant.operator.request("PUT", "/v1/policy/access").header("content-type", "text/plain").body(rules);
        tenant.operator.send(put).await.ok();
        second.call("catalogue/text.count", arguments).await.problem(Code::Denied);
        count(&tenant, "a").await.ok();
        // Erasing what is kept of calls erases that, too.
        assert!(tenant.operator.delete("/v1/payloads").await.status < 300);
        count(&tenant, "a").await.problem(Code::BudgetExceeded);
    });
}

/// What somebody has to look at first is not answered from memory, whoever made the same call before.
#[test]
fn hostile_hope_for_an_answer_instead_of_an_approval() {
    attack(async {
        let tenant = tenant("looked-at").await;
        tenant.policy(&format!("{POLICY}[approval]\nfrom_risk = \"high\"\n")).await;
        let ask = async |risk: &str| {
            let call = json!({"tool": "catalogue/text.count", "arguments": {"text": "a"}, "risk": risk});
            tenant.agent.post("/v1/calls", &call).await
        };
        assert_eq!(ask("low").await.ok().get("stand_in"), None);
        assert_eq!(ask("medium").await.ok()["stand_in"]["because"], "budget-exceeded");
        let refused = ask("high").await;
        refused.problem(Code::BudgetExceeded);
        let stood_in = tenant.log(0).await.iter().filter(|entry| entry["kind"] == "call.answered").count();
        assert_eq!(stood_in, 1);
    });
}

/// A route's choice that goes without something has no answer of a call that had it, nor the other way round.
#[test]
fn hostile_hope_for_an_answer_of_a_call_that_held_more() {
    attack(async {
        let tenant = tenant("held").await;
        tenant.push("limits", guest("limits")).await;
        let policy = |calls: u32| {
            format!(
                "[cache]\ntools = [\"limits\"]\n[budget]\ncalls_per_day = {calls}\n\
                 [[grant]]\ntools = [\"limits\"]\nlog = \"info\"\n\
                 [[route]]\nname = \"r\"\nchoices = [{{ tool = \"limits.echo\", without = [\"log\"] }}]\n"
            )
        };
        let echo = async |tool: &str, text: &str| tenant.agent.call(tool, json!({"text": text})).await;
        tenant.policy(&policy(1)).await;
        let with = echo("limits.echo", "a").await;
        with.clone().ok();
        echo("routes/r", "a").await.problem(Code::BudgetExceeded);
        assert_eq!(echo("limits.echo", "a").await.ok()["stand_in"]["call"], with.call());
        tenant.policy(&policy(2)).await;
        let without = echo("routes/r", "b").await;
        without.clone().ok();
        echo("limits.echo", "b").await.problem(Code::BudgetExceeded);
        assert_eq!(echo("routes/r", "b").await.ok()["stand_in"]["call"], without.call());
        let log = tenant.log(0).await;
        let stood_in: Vec<_> = log.iter().filter(|entry| entry["kind"] == "call.answered").collect();
        assert_eq!(stood_in.len(), 2, "{stood_in:?}");
    });
}

#[test]
fn a_route_that_no_choice_has_room_for_is_answered_by_the_one_that_would_take_it() {
    run(async {
        let tenant = tenant("route").await;
        let choices = "{ tool = \"catalogue/limits.echo\", max_input_bytes = 4 }, { tool = \"catalogue/text.count\" }";
        tenant.policy(&format!("{POLICY}[[route]]\nname = \"r\"\nchoices = [{choices}]\n")).await;
        let count = async |text: &str| tenant.agent.call("routes/r", json!({"text": text})).await;
        let first = count("one two").await;
        assert_eq!(first.clone().ok()["tool"], "catalogue/text.count");
        let again = count("one two").await;
        let answer = again.clone().ok();
        assert_eq!((&answer["content"], &answer["tool"]), (&first.body["content"], &first.body["tool"]));
        assert_eq!(
            answer["stand_in"],
            json!({"because": "budget-exceeded", "call": first.call(), "made": answer["stand_in"]["made"]})
        );
        // What was decided of each choice is in the answer and in the record.
        assert_eq!(answer["route"]["choices"][1]["why"], "no room in the budget calls_per_day");
        assert_eq!(answer["route"]["attempts"].as_array().unwrap().len(), 1);
        let record = tenant.record(again.call()).await;
        let event = &record[0]["event"];
        assert_eq!(
            (record.len(), &record[0]["kind"], &event["answer_of"]),
            (1, &json!("call.answered"), &json!(first.call()))
        );
        assert_eq!(event["route"]["choices"][1]["why"], "no room in the budget calls_per_day");
        // Whoever watches is told the same; what was not asked before is refused, and so is what would not be let in.
        let watched = tenant.agent.watch("routes/r", json!({"text": "one two"})).await;
        assert_eq!((watched.of("decided").len(), &watched.result()["stand_in"]["call"]), (1, &json!(first.call())));
        count("one two three").await.problem(Code::BudgetExceeded);
        tenant.agent.call("routes/r", json!({"txt": "one two"})).await.problem(Code::InvalidArguments);
    });
}

#[test]
fn an_answer_is_over_with_its_time_and_a_host_that_was_started_knows_none() {
    run(async {
        let tenant = tenant("time").await;
        tenant.policy(&POLICY.replace("[cache]\n", "[cache]\ntime = \"1s\"\n")).await;
        count(&tenant, "a").await.ok();
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        count(&tenant, "a").await.problem(Code::BudgetExceeded);
    });
}

#[test]
fn leak_the_same_call_of_another_tenant_has_nothing_of_it() {
    run(async {
        let (acme, globex) = (tenant("leak-acme").await, tenant("leak-globex").await);
        // Both have no room for a further call, and the very same policy; one has the answer.
        count(&acme, "the canary sings at noon").await.ok();
        count(&globex, "something else").await.ok();
        let theirs = count(&acme, "the canary sings at noon").await.ok();
        assert_eq!(theirs["stand_in"]["because"], "budget-exceeded");
        let refused = count(&globex, "the canary sings at noon").await;
        refused.problem(Code::BudgetExceeded);
        let call = theirs["call"].as_str().unwrap();
        let log = json!(globex.log(0).await).to_string();
        assert!(!log.contains(call) && !log.contains("call.answered"), "{log}");
        let found: Value = globex.agent.get(&format!("/v1/calls/{call}")).await.problem(Code::NotFound).clone();
        assert_eq!(found["code"], "not-found");
    });
}
