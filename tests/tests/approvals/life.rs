//! From the call that waits to the one that is made.

use cofferdam::Code;
use cofferdam_tests::{Options, Server, run};
use serde_json::json;

use super::*;

#[test]
fn a_call_waits_is_looked_at_and_is_made_once() {
    run(async {
        let tenant = tenant("waits").await;
        let parked_call = tenant.agent.call(SET, set("one")).await;
        let approval = parked(&parked_call);
        let facts = &parked_call.body["facts"];
        assert_eq!((&facts["state"], &facts["risk"]), (&json!("waiting"), &json!("medium")), "{facts}");
        assert_eq!(facts["rules"], json!(["policy line 3: approval.tools \"catalogue/limits\""]));
        assert_eq!(writes(&tenant).await, 0);
        // The same again is the same: nobody is asked twice.
        assert_eq!(park(&tenant.agent, SET, &set("one")).await, approval);
        // Members in another order are the same arguments.
        let text = json!({"tool": SET}).to_string().replace('}', "")
            + r#","arguments":{"value":"one","key":"k","bucket":"done"}}"#;
        let request = tenant.agent.request("POST", "/v1/calls").header("content-type", "application/json").body(text);
        assert_eq!(parked(&tenant.agent.send(request).await), approval);

        // Whoever decides sees what would be done; whoever only reads sees that it waits.
        let path = format!("/v1/approvals/{approval}");
        let shown = tenant.operator.get(&path).await.ok();
        assert_eq!((&shown["arguments"], &shown["name"]), (&set("one"), &json!("agent")), "{shown}");
        assert_eq!(shown["call"], parked_call.call());
        for reader in [&tenant.auditor, &tenant.agent] {
            let shown = reader.get(&path).await.ok();
            assert_eq!((&shown["arguments"], &shown["state"]), (&json!(null), &json!("waiting")), "{shown}");
        }
        let waiting = tenant.operator.get("/v1/approvals?state=waiting").await.ok();
        assert_eq!(waiting["approvals"].as_array().unwrap().len(), 1);
        assert!(!waiting.to_string().contains("\"one\""), "{waiting}");

        assert_eq!(approve(&tenant.operator, &approval).await.ok()["state"], "approved");
        let again = tenant.agent.call(SET, set("one")).await;
        assert_eq!((parked(&again), &again.body["facts"]["state"]), (approval.clone(), &json!("approved")));
        let made = call(&tenant.agent, SET, &set("one"), &approval).await;
        assert_eq!(made.clone().text(), "1");
        assert_eq!(writes(&tenant).await, 1);
        let shown = tenant.agent.get(&path).await.ok();
        assert_eq!((&shown["state"], &shown["used_by"]), (&json!("used"), &json!(made.call())), "{shown}");
        deny(&tenant.operator, &approval, "too late").await.problem(Code::Conflict);

        // All of it is in the record, with who it was, and nothing of the arguments.
        let asked = tenant.entry("approval.asked", json!({"approval": approval, "tool": SET})).await;
        let agent = tenant.agent.get("/v1/whoami").await.ok()["principal"]["id"].clone();
        let operator = tenant.operator.get("/v1/whoami").await.ok()["principal"]["id"].clone();
        assert_eq!(asked["principal"], agent);
        let decided = tenant.entry("approval.decided", json!({"approval": approval, "approved": true})).await;
        assert_eq!((&decided["principal"], &decided["event"]["principal"]), (&operator, &agent));
        let used = tenant.record(made.call()).await;
        assert_eq!(used[0]["event"]["approval"], approval.as_str());
        assert_eq!(used[0]["event"]["arguments"], asked["event"]["arguments"]);
        assert_eq!(tenant.record(parked_call.call()).await[0]["kind"], "approval.asked");
        assert!(!json!(tenant.log(0).await).to_string().contains("\"one\""));
    });
}

#[test]
fn a_call_waits_for_its_risk_as_it_is_derived_or_declared() {
    run(async {
        let tenant = shared().await.tenant("risky").await;
        tenant.policy("[approval]\nfrom_risk = \"high\"\nexcept = [\"catalogue/limits\"]\n").await;
        let noop = |risk: &str| json!({"tool": "catalogue/noop", "risk": risk});
        tenant.agent.post("/v1/calls", &noop("medium")).await.ok();
        let waits = tenant.agent.post("/v1/calls", &noop("high")).await;
        parked(&waits);
        assert_eq!(waits.body["facts"]["rules"], json!(["policy line 2: approval.from_risk = \"high\""]));
        let excepted = json!({"tool": "catalogue/limits.spin", "arguments": {"rounds": 1}, "risk": "high"});
        tenant.agent.post("/v1/calls", &excepted).await.ok();

        tenant.policy("[tools]\nrisk_floor = \"high\"\n[approval]\nfrom_risk = \"high\"\n").await;
        park(&tenant.agent, "catalogue/noop", &json!({})).await;
        let explained = tenant.agent.post("/v1/explain", &json!({"tool": "catalogue/noop"})).await.ok();
        assert_eq!(explained["approval"], json!(["policy line 4: approval.from_risk = \"high\""]), "{explained}");
        // A policy that asks for none lets the call go at once; what was known of a trial says so before.
        let tried = tenant.operator.request("POST", "/v1/policy/try").header("content-type", "application/toml");
        let tried = tenant.operator.send(tried.body("[approval]\ntools = [\"catalogue/noop\"]\n")).await.ok();
        assert!(
            tried["changes"].as_array().unwrap().iter().any(|change| change["kind"] == "waits" && change["count"] == 1),
            "{tried:#}"
        );
        tenant.policy("").await;
        tenant.agent.call("catalogue/noop", json!({})).await.ok();
    });
}

#[test]
fn a_refusal_says_why_and_stands() {
    run(async {
        let tenant = tenant("refused").await;
        let approval = park(&tenant.agent, SET, &set("one")).await;
        let denied = deny(&tenant.operator, &approval, "not into that bucket").await.ok();
        assert_eq!((&denied["state"], &denied["reason"]), (&json!("denied"), &json!("not into that bucket")));
        for answer in [tenant.agent.call(SET, set("one")).await, call(&tenant.agent, SET, &set("one"), &approval).await]
        {
            let problem = answer.problem(Code::Denied);
            assert!(problem["detail"].as_str().unwrap().contains("not into that bucket"), "{problem}");
        }
        // To declare more of it is not to ask anew.
        let riskier = json!({"tool": SET, "arguments": set("one"), "risk": "high"});
        tenant.agent.post("/v1/calls", &riskier).await.problem(Code::Denied);
        approve(&tenant.operator, &approval).await.problem(Code::Conflict);
        tenant.entry("approval.decided", json!({"approved": false, "reason": "not into that bucket"})).await;
        tenant.entry("call.refused", json!({"code": "denied", "tool": SET})).await;
        assert_eq!(writes(&tenant).await, 0);
        // Another call is another question.
        assert_ne!(park(&tenant.agent, SET, &set("two")).await, approval);
        // What was let go can be taken back, as long as it is not made.
        let given = park(&tenant.agent, SET, &set("three")).await;
        approve(&tenant.operator, &given).await.ok();
        assert_eq!(deny(&tenant.operator, &given, "on second thoughts").await.ok()["state"], "denied");
        call(&tenant.agent, SET, &set("three"), &given).await.problem(Code::Denied);
        approve(&tenant.operator, &given).await.problem(Code::Conflict);
        assert_eq!(writes(&tenant).await, 0);
        let long = deny(&tenant.operator, &approval, &"x".repeat(10_000)).await;
        long.problem(Code::InvalidRequest);
    });
}

#[test]
fn what_waits_and_what_was_decided_survive_kill_9() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { data: Some(folder.path().to_owned()), ..Options::default() };
        let mut server = Server::start(options.clone()).await;
        server.publish(&["limits"]).await;
        let before = tenant_at(&server, "crash").await;
        let [waiting, approved, denied, used] = ["waiting", "approved", "denied", "used"].map(set);
        let mut ids = Vec::new();
        for arguments in [&waiting, &approved, &denied, &used] {
            ids.push(park(&before.agent, SET, arguments).await);
        }
        approve(&before.operator, &ids[1]).await.ok();
        deny(&before.operator, &ids[2], "no").await.ok();
        approve(&before.operator, &ids[3]).await.ok();
        call(&before.agent, SET, &used, &ids[3]).await.ok();
        server.kill();
        let server = Server::start(options).await;
        let tenant = before.at(server.platform.base());

        call(&tenant.agent, SET, &used, &ids[3]).await.problem(Code::Conflict);
        call(&tenant.agent, SET, &denied, &ids[2]).await.problem(Code::Denied);
        assert_eq!(call(&tenant.agent, SET, &approved, &ids[1]).await.text(), "1");
        // What waits is not interrupted: it waits, and its arguments come back with the call that is made again.
        let path = format!("/v1/approvals/{}", ids[0]);
        let shown = tenant.operator.get(&path).await.ok();
        assert_eq!((&shown["state"], &shown["arguments"]), (&json!("waiting"), &json!(null)));
        assert_eq!(park(&tenant.agent, SET, &waiting).await, ids[0]);
        assert_eq!(tenant.operator.get(&path).await.ok()["arguments"], waiting);
        approve(&tenant.operator, &ids[0]).await.ok();
        assert_eq!(call(&tenant.agent, SET, &waiting, &ids[0]).await.text(), "1");
        assert_eq!(writes(&tenant).await, 3);
        assert!(!tenant.log(0).await.iter().any(|entry| entry["event"]["outcome"] == "interrupted"));
    });
}

#[test]
fn the_platform_can_want_it_of_every_tenant() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { data: Some(folder.path().to_owned()), ..Options::default() };
        let server = Server::start(options).await;
        server.publish(&["noop"]).await;
        let tenant = server.tenant("ceiling").await;
        tenant.agent.call("catalogue/noop", json!({})).await.ok();
        let ceiling = "[approval]\ntools = [\"catalogue/noop\"]\ntime = \"2s\"\n";
        std::fs::write(folder.path().join("platform.toml"), ceiling).unwrap();
        let answer = cofferdam_tests::eventually("the ceiling is in force", async || {
            let answer = tenant.agent.call("catalogue/noop", json!({})).await;
            (answer.status == 202).then_some(answer)
        })
        .await;
        assert_eq!(answer.body["facts"]["rules"], json!(["ceiling line 2: approval.tools \"catalogue/noop\""]));
        // Somebody of the tenant decides; the platform's operators see nothing of it.
        let approval = parked(&answer);
        approve(&server.platform, &approval).await.problem(Code::NotFound);
        let ended = tenant.entry("approval.expired", json!({"approval": approval, "why": "time"})).await;
        assert_eq!(ended["principal"], json!(null));
        tenant.operator.get(&format!("/v1/approvals/{approval}")).await.problem(Code::NotFound);
    });
}
