//! Whoever would like to have made what nobody agreed to.

use cofferdam::Code;
use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{attack, eventually};
use serde_json::json;

use super::*;

/// It is used once, whoever asks at the same time.
#[test]
fn hostile_replay_of_an_approval() {
    attack(async {
        let tenant = tenant("replay").await;
        let approval = park(&tenant.agent, SET, &set("once")).await;
        approve(&tenant.operator, &approval).await.ok();
        let arguments = set("once");
        let calls = (0..8).map(|_| call(&tenant.agent, SET, &arguments, &approval));
        let answers = futures::future::join_all(calls).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:#?}");
        assert!(answers.iter().all(|answer| answer.status == 200 || answer.code() == Some(Code::Conflict)));
        let again = call(&tenant.agent, SET, &arguments, &approval).await;
        let made = answers.iter().find(|answer| answer.status == 200).unwrap().call();
        assert!(again.problem(Code::Conflict)["detail"].as_str().unwrap().contains(made), "{again:?}");
        assert_eq!(writes(&tenant).await, 1);
        // Made again without it, it is another question.
        assert_ne!(park(&tenant.agent, SET, &arguments).await, approval);
    });
}

/// What was looked at is what is made: no other arguments, tool, session or version.
#[test]
fn hostile_use_of_an_approval_for_another_call() {
    attack(async {
        let tenant = tenant("another").await;
        tenant.push("own", Handmade::default().build()).await;
        let policy =
            POLICY.replace("tools = [\"catalogue/limits\"]\n\n", "tools = [\"catalogue/limits\", \"own\"]\n\n");
        tenant.policy(&policy).await;
        let approval = park(&tenant.agent, SET, &set("mild")).await;
        approve(&tenant.operator, &approval).await.ok();
        for (tool, arguments) in [
            (SET, set("wild")),
            (SET, json!({"bucket": "done", "key": "k", "value": "mild", "count": 2})),
            ("catalogue/limits.kv-get", json!({"bucket": "done", "key": "k"})),
            ("own.handmade", json!({})),
        ] {
            call(&tenant.agent, tool, &arguments, &approval).await.problem(Code::Denied);
        }
        let in_session = json!({"tool": SET, "arguments": set("mild"), "session": "chat", "approval": approval});
        tenant.agent.post("/v1/calls", &in_session).await.problem(Code::Denied);
        let riskier = json!({"tool": SET, "arguments": set("mild"), "risk": "high", "approval": approval});
        tenant.agent.post("/v1/calls", &riskier).await.problem(Code::Denied);
        // One that nothing is against is not made by an approval that is for another.
        call(&tenant.agent, "catalogue/noop", &json!({}), &approval).await.problem(Code::Denied);
        assert_eq!(writes(&tenant).await, 0);
        assert_eq!(call(&tenant.agent, SET, &set("mild"), &approval).await.text(), "1");

        // Another version under the same name is another tool.
        let approval = park(&tenant.agent, "own.handmade", &json!({})).await;
        approve(&tenant.operator, &approval).await.ok();
        let other = tenant.upload(Handmade { description: "Another.".to_owned(), ..Handmade::default() }.build()).await;
        tenant.publish("own", "1.0.1", &other).await;
        call(&tenant.agent, "own.handmade", &json!({}), &approval).await.problem(Code::Denied);
        call(&tenant.agent, "own.handmade@1.0.0", &json!({}), &approval).await.ok();
    });
}

/// Nobody else's key, and nobody else's tenant, has anything of it.
#[test]
fn hostile_use_of_an_approval_by_somebody_else() {
    attack(async {
        let (acme, globex) = (tenant("acme").await, tenant("globex").await);
        let approval = park(&acme.agent, SET, &set("ours")).await;
        const NOBODY: &str = "0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77";
        let path = format!("/v1/approvals/{approval}");
        // To another tenant there is none: not to see, not to decide, not to use.
        for (theirs, none) in [
            (globex.operator.get(&path).await, globex.operator.get(&format!("/v1/approvals/{NOBODY}")).await),
            (approve(&globex.operator, &approval).await, approve(&globex.operator, NOBODY).await),
            (deny(&globex.operator, &approval, "x").await, deny(&globex.operator, NOBODY, "x").await),
            (
                call(&globex.agent, SET, &set("ours"), &approval).await,
                call(&globex.agent, SET, &set("ours"), NOBODY).await,
            ),
        ] {
            theirs.problem(Code::NotFound);
            // Each call has an id of its own, by which its tenant finds it in the record.
            let told = |answer: &Answer| {
                let mut body = answer.body.clone();
                body.as_object_mut().unwrap().remove("call");
                body.to_string()
            };
            assert_eq!(told(&theirs).replace(&approval, NOBODY), told(&none));
        }
        assert_eq!(globex.operator.get("/v1/approvals").await.ok()["approvals"], json!([]));
        // Nor to another agent of the same tenant.
        let (second, _) = key(&acme, "second", &["agent"]).await;
        second.get(&path).await.problem(Code::NotFound);
        assert_eq!(second.get("/v1/approvals").await.ok()["approvals"], json!([]));
        approve(&acme.operator, &approval).await.ok();
        call(&second, SET, &set("ours"), &approval).await.problem(Code::NotFound);
        assert_ne!(park(&second, SET, &set("ours")).await, approval);
        // Keys that decide on nothing are told so, whatever the id.
        for reader in [&acme.agent, &acme.auditor, &acme.publisher, &second] {
            for id in [approval.as_str(), NOBODY] {
                approve(reader, id).await.problem(Code::Denied);
                deny(reader, id, "x").await.problem(Code::Denied);
            }
        }
        assert_eq!(call(&acme.agent, SET, &set("ours"), &approval).await.text(), "1");
        let decided = |log: Vec<Value>| log.iter().filter(|entry| entry["kind"] == "approval.decided").count();
        assert_eq!((decided(acme.log(0).await), decided(globex.log(0).await)), (1, 0));
    });
}

/// Two pairs of eyes, whatever scopes a key has and whatever rules say.
#[test]
fn hostile_approval_of_ones_own_call() {
    attack(async {
        let tenant = tenant("own").await;
        let (both, _) = key(&tenant, "both", &["agent", "operator"]).await;
        let rules = "permit(principal, action == Action::\"approve-call\", resource);";
        let put = tenant.operator.request("PUT", "/v1/policy/access").header("content-type", "text/plain").body(rules);
        tenant.operator.send(put).await.ok();
        let approval = park(&both, SET, &set("mine")).await;
        let refused = approve(&both, &approval).await;
        assert_eq!(refused.problem(Code::Denied)["facts"]["rule"], "approvals: another key decides");
        deny(&both, &approval, "changed my mind").await.problem(Code::Denied);
        call(&both, SET, &set("mine"), &approval).await;
        assert_eq!(writes(&tenant).await, 0);
        tenant.entry("request.refused", json!({"operation": format!("POST /v1/approvals/{{approval}}/approve")})).await;
        approve(&tenant.operator, &approval).await.ok();
        assert_eq!(call(&both, SET, &set("mine"), &approval).await.text(), "1");
    });
}

/// A key that is not valid any more approves nothing, and what it approved and nobody used does not hold.
#[test]
fn hostile_approval_by_a_key_that_was_revoked() {
    attack(async {
        let tenant = tenant("revoked").await;
        let (approver, id) = key(&tenant, "approver", &["operator"]).await;
        let [one, two] = ["one", "two"].map(set);
        let (first, second) = (park(&tenant.agent, SET, &one).await, park(&tenant.agent, SET, &two).await);
        approve(&approver, &first).await.ok();
        tenant.operator.delete(&format!("/v1/keys/{id}")).await;
        approve(&approver, &second).await.problem(Code::Unauthenticated);
        call(&tenant.agent, SET, &one, &first).await.problem(Code::Denied);
        tenant.entry("approval.expired", json!({"approval": first, "why": "approver"})).await;
        assert_eq!(writes(&tenant).await, 0);
        // It is asked for anew.
        let anew = park(&tenant.agent, SET, &one).await;
        assert_ne!(anew, first);

        // The same of one that may not do so any more: asked without the id, too.
        let (approver, id) = key(&tenant, "narrowed", &["operator"]).await;
        approve(&approver, &anew).await.ok();
        let rules =
            format!("forbid(principal == Principal::\"{id}\", action == Action::\"approve-call\", resource);\n");
        let put = tenant.operator.request("PUT", "/v1/policy/access").header("content-type", "text/plain").body(rules);
        tenant.operator.send(put).await.ok();
        approve(&approver, &second).await.problem(Code::Denied);
        let once_more = park(&tenant.agent, SET, &one).await;
        assert!(once_more != anew, "{anew}");
        call(&tenant.agent, SET, &one, &anew).await.problem(Code::NotFound);
        assert_eq!(writes(&tenant).await, 0);
    });
}

/// Over is over: nobody decides on it, nobody uses it.
#[test]
fn hostile_use_of_an_approval_whose_time_is_over() {
    attack(async {
        let tenant = tenant("late").await;
        tenant.policy(&POLICY.replace("[approval]\n", "[approval]\ntime = \"1s\"\n")).await;
        let (waited, approved) = (park(&tenant.agent, SET, &set("a")).await, park(&tenant.agent, SET, &set("b")).await);
        // Long enough to be approved in.
        tenant.policy(&POLICY.replace("[approval]\n", "[approval]\ntime = \"2s\"\n")).await;
        let is_approved = approve(&tenant.operator, &approved).await.status == 200;
        for id in [&waited, &approved] {
            tenant.entry("approval.expired", json!({"approval": id, "why": "time"})).await;
        }
        approve(&tenant.operator, &waited).await.problem(Code::NotFound);
        call(&tenant.agent, SET, &set("a"), &waited).await.problem(Code::NotFound);
        call(&tenant.agent, SET, &set("b"), &approved).await.problem(Code::NotFound);
        assert_eq!(writes(&tenant).await, 0);
        assert!(is_approved || tenant.log(0).await.iter().all(|entry| entry["kind"] != "approval.decided"));
    });
}

/// Agents cannot bury people, nor the host, in calls that wait.
#[test]
fn hostile_flood_of_calls_that_wait() {
    attack(async {
        let tenant = tenant("flood").await;
        for number in 0..cofferdam::approvals::OPEN_OF_PRINCIPAL_MAX {
            park(&tenant.agent, SET, &set(&format!("{number} {}", "x".repeat(60_000)))).await;
        }
        let refused = tenant.agent.call(SET, set("one more")).await;
        assert_eq!(refused.problem(Code::Throttled)["facts"]["limit"], "approvals");
        assert!(refused.headers.contains_key("retry-after"));
        let (second, _) = key(&tenant, "second", &["agent"]).await;
        park(&second, SET, &set("beside")).await;
        let listed = tenant.operator.get("/v1/approvals").await;
        assert!(listed.text.len() < 200_000, "{}", listed.text.len());
        // One that is decided on makes room.
        let first = listed.body["approvals"][0]["id"].as_str().unwrap();
        deny(&tenant.operator, first, "no").await.ok();
        park(&tenant.agent, SET, &set("one more")).await;
        assert_eq!(writes(&tenant).await, 0);
        tenant.entry("approval.decided", json!({"approval": first})).await;
    });
}

/// A call that was not let in leaves the approval as it was; what policy denies is not made by one.
#[test]
fn hostile_hope_that_an_approval_is_more_than_that() {
    attack(async {
        let tenant = tenant("more").await;
        let approval = park(&tenant.agent, SET, &set("a")).await;
        approve(&tenant.operator, &approval).await.ok();
        tenant.policy("[tools]\ndeny = [\"catalogue/limits\"]\n").await;
        call(&tenant.agent, SET, &set("a"), &approval).await.problem(Code::Denied);
        tenant.policy(&format!("[budget]\ncalls_per_day = 0\n{POLICY}")).await;
        call(&tenant.agent, SET, &set("a"), &approval).await.problem(Code::BudgetExceeded);
        assert_eq!(writes(&tenant).await, 0);
        tenant.policy(POLICY).await;
        assert_eq!(call(&tenant.agent, SET, &set("a"), &approval).await.text(), "1");
        // Nobody agrees to what cannot happen.
        let approval = park(&tenant.agent, SET, &set("b")).await;
        tenant.policy("[tools]\ndeny = [\"catalogue/limits\"]\n").await;
        approve(&tenant.operator, &approval).await.problem(Code::Conflict);
        deny(&tenant.operator, &approval, "no such tool").await.ok();
        // Ids that are none.
        for id in ["", "x", "0192F0C4-6D1E-7C3A-9B52-5F0D6C1E8A77", "../keys"] {
            call(&tenant.agent, SET, &set("b"), id).await.problem(Code::InvalidRequest);
        }
        let left = eventually("the refusal is listed", async || {
            let listed = tenant.operator.get("/v1/approvals?state=denied").await.ok();
            listed["approvals"].as_array().unwrap().first().cloned()
        });
        assert_eq!(left.await["id"], approval.as_str());
    });
}
