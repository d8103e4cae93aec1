//! A version that asks for more than the one that runs does not run by itself.

use cofferdam::Code;
use cofferdam_tests::{attack, guest, run, shared};
use serde_json::json;

use crate::{upload, version};

#[test]
fn a_version_that_asks_for_more_waits_for_an_operator() {
    run(async {
        let tenant = shared().await.tenant("asks").await;
        let small = upload(&tenant).await;
        tenant.publish("own", "1.0.0", &small).await;
        let large = tenant.upload(guest("limits")).await;
        let published = tenant.publish("own", "2.0.0", &large).await;
        assert_eq!(published["current"], "1.0.0");
        let awaits = &published["versions"][1]["awaits_approval"];
        assert!(awaits["needs"].as_array().unwrap().contains(&json!("http")), "{awaits}");
        assert!(awaits["imports"].to_string().contains("wasi:http/outgoing-handler"), "{awaits}");
        // What is asked for by no version runs as before; so does pushing the same again.
        tenant.agent.call("own.handmade", json!({})).await.ok();
        assert_eq!(tenant.publish("own", "2.0.0", &large).await["current"], "1.0.0");
        let approved = tenant.operator.post("/v1/packages/own/approve", &json!({"version": "2.0.0"})).await.ok();
        assert_eq!(approved["current"], "2.0.0");
        tenant.entry("tool.approved", json!({"package": "own", "version": "2.0.0"})).await;
        tenant.entry("tool.promoted", json!({"before": "1.0.0", "version": "2.0.0"})).await;
        tenant.agent.call("own.echo", json!({"text": "x"})).await.ok();
        // Back and forth between versions that ran takes no further word.
        tenant.publisher.post("/v1/packages/own/rollback", &json!({})).await.ok();
        tenant.publisher.post("/v1/packages/own/promote", &json!({"version": "2.0.0"})).await.ok();
    });
}

/// Published, and not run before an operator approves it.
#[test]
fn hostile_a_publisher_does_not_roll_out_what_asks_for_more() {
    attack(async {
        let tenant = shared().await.tenant("asks").await;
        let small = upload(&tenant).await;
        tenant.publish("own", "1.0.0", &small).await;
        let large = tenant.upload(guest("limits")).await;
        let body = json!({"version": "2.0.0", "component": large, "promote": true});
        tenant.publisher.post("/v1/packages/own/versions", &body).await.ok();
        let promote = tenant.publisher.post("/v1/packages/own/promote", &json!({"version": "2.0.0"})).await;
        assert!(promote.problem(Code::Conflict)["facts"]["asks"]["needs"].to_string().contains("http"), "{promote:?}");
        for client in [&tenant.publisher, &tenant.agent, &tenant.auditor] {
            client.post("/v1/packages/own/approve", &json!({"version": "2.0.0"})).await.problem(Code::Denied);
        }
        // Nor is it run by whoever asks for that very version, by any of its names.
        for tool in ["own.echo@2.0.0", "own.echo@2.0.0+build", "own.echo@2"] {
            let refused = tenant.agent.call(tool, json!({})).await;
            if tool != "own.echo@2.0.0" {
                refused.problem(Code::NotFound);
                continue;
            }
            let facts = &refused.problem(Code::Denied)["facts"];
            assert_eq!(facts["rule"], "approval: own 2.0.0 awaits an operator");
            let event = json!({"call": facts["decision"], "rule": facts["rule"], "access": {"awaits": true}});
            tenant.entry("call.refused", event).await;
        }
        let explained = tenant.agent.post("/v1/explain", &json!({"tool": "own.echo@2.0.0"})).await.ok();
        assert_eq!(
            (&explained["allowed"], &explained["rule"]),
            (&json!(false), &json!("approval: own 2.0.0 awaits an operator"))
        );
        tenant.agent.get("/v1/tools/own.echo@2.0.0").await.problem(Code::NotFound);
        // A trial of the policy in force decides that denial the same way again.
        let trial = tenant.operator.request("POST", "/v1/policy/try").header("content-type", "application/toml");
        let tried = tenant.operator.send(trial.body("")).await.ok();
        assert_eq!((&tried["changed"], &tried["not_compared"]), (&json!(0), &json!([])), "{tried}");
        // Declaring little does not help: what is imported counts.
        let body = json!({"version": "2.0.1", "component": large, "needs": {"required": [], "optional": []}});
        let published = tenant.publisher.post("/v1/packages/own/versions", &body).await.ok();
        assert_eq!(published["current"], "1.0.0");
        // Nor does a version in between that asks for the same.
        let body = version("1.5.0", &large);
        assert_eq!(tenant.publisher.post("/v1/packages/own/versions", &body).await.ok()["current"], "1.0.0");
        tenant.agent.call("own.handmade", json!({})).await.ok();
        // And one that asks for nothing more is not held back.
        assert_eq!(tenant.publish("own", "1.0.1", &upload(&tenant).await).await["current"], "1.0.1");
        tenant.operator.post("/v1/packages/own/approve", &json!({"version": "1.0.1"})).await.problem(Code::Conflict);
        tenant.operator.post("/v1/packages/own/approve", &json!({"version": "9.0.0"})).await.problem(Code::NotFound);
    });
}
