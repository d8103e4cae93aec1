//! A recalled component stops at the next call, for everyone whom the recall is for, and nobody else lifts it.

use cofferdam::Code;
use cofferdam_tests::{Options, Server, attack, run, shared};
use serde_json::json;

use crate::upload;

#[test]
fn a_recalled_component_stops_at_the_next_call_and_one_that_runs_goes_on() {
    run(async {
        let server = Server::start(Options::default()).await;
        server.publish(&["limits", "noop"]).await;
        let tenant = server.tenant("recall").await;
        let packages = server.platform.get("/v1/packages/limits").await.ok();
        let component = packages["versions"][0]["component"].as_str().unwrap().to_owned();
        let agent = tenant.agent.clone();
        let running =
            tokio::spawn(async move { agent.call("catalogue/limits.sleep", json!({"milliseconds": 1_500})).await });
        tenant.entry("call.decided", json!({"tool": "catalogue/limits.sleep"})).await;
        let path = format!("/v1/components/{component}/recall");
        server.platform.post(&path, &json!({"reason": "it leaks what it is given"})).await.ok();
        let denied = tenant.agent.call("catalogue/limits.echo", json!({})).await;
        let problem = denied.problem(Code::Denied);
        assert_eq!(problem["detail"], "the component was recalled by the platform: it leaks what it is given");
        let rule = format!("recall of {component} by the platform");
        assert_eq!(problem["facts"]["rules"], json!([rule]));
        let refused = tenant.record(denied.call()).await[0]["event"].clone();
        assert_eq!((&refused["rule"], &refused["access"]["recalled"]), (&json!(rule), &json!("platform")));
        let listed = tenant.agent.get("/v1/tools").await.ok().to_string();
        assert!(!listed.contains("catalogue/limits") && listed.contains("catalogue/noop"), "{listed}");
        let explained = tenant.agent.post("/v1/explain", &json!({"tool": "catalogue/limits.echo"})).await.ok();
        assert_eq!((&explained["allowed"], &explained["rule"]), (&json!(false), &json!(rule)));
        tenant.agent.call("catalogue/noop", json!({})).await.ok();
        assert_eq!(running.await.unwrap().text(), "woken");
        let log = server.platform.get("/v1/audit?kind=component.").await.ok().to_string();
        assert!(log.contains("component.recalled") && log.contains(&component), "{log}");
        // What was refused for the recall is decided again as it was.
        let request = tenant.operator.request("POST", "/v1/policy/try").header("content-type", "application/toml");
        let tried = tenant.operator.send(request.body("")).await.ok();
        assert_eq!((&tried["changed"], &tried["not_compared"]), (&json!(1), &json!([])), "{tried}");
        server.platform.delete(&path).await;
        tenant.agent.call("catalogue/limits.sleep", json!({"milliseconds": 1})).await.ok();
    });
}

/// `denied`, or `not-found`; the recall stands.
#[test]
fn hostile_no_tenant_lifts_the_platforms_recall_and_none_recalls_what_is_not_its_own() {
    attack(async {
        let server = shared().await;
        let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
        let component = upload(&acme).await;
        acme.publish("own", "1.0.0", &component).await;
        let path = format!("/v1/components/{component}/recall");
        let reason = json!({"reason": "x"});
        // Not with another scope, not of another tenant's, not of the catalogue's.
        for client in [&acme.agent, &acme.publisher, &acme.auditor] {
            client.post(&path, &reason).await.problem(Code::Denied);
        }
        globex.operator.post(&path, &reason).await.problem(Code::NotFound);
        let catalogue = server.platform.get("/v1/packages/noop").await.ok();
        let catalogue = catalogue["versions"][0]["component"].as_str().unwrap().to_owned();
        acme.operator.post(&format!("/v1/components/{catalogue}/recall"), &reason).await.problem(Code::NotFound);
        globex.agent.call("catalogue/noop", json!({})).await.ok();
        // The platform's recall holds for the tenant, and only the platform lifts it.
        server.platform.post(&path, &reason).await.ok();
        acme.agent.call("own.handmade", json!({})).await.problem(Code::Denied);
        acme.operator.delete(&path).await.problem(Code::Conflict);
        globex.operator.delete(&path).await.problem(Code::NotFound);
        acme.operator.post(&path, &reason).await.ok();
        assert_eq!(acme.operator.delete(&path).await.status, 204);
        acme.agent.call("own.handmade", json!({})).await.problem(Code::Denied);
        // Neither is it got round by publishing the same under another name.
        let again = acme.publisher.post("/v1/packages/other/versions", &crate::version("1.0.0", &component)).await;
        again.problem(Code::Conflict);
        server.platform.delete(&path).await;
        acme.agent.call("own.handmade", json!({})).await.ok();
        // The tenant's own recall is its own.
        acme.operator.post(&path, &reason).await.ok();
        let denied = acme.agent.call("own.handmade", json!({})).await;
        assert_eq!(denied.problem(Code::Denied)["detail"], "the component was recalled by the tenant: x");
        assert_eq!(acme.operator.get("/v1/recalls").await.ok()["recalls"][0]["component"], component);
        assert_eq!(globex.operator.get("/v1/recalls").await.ok()["recalls"], json!([]));
        acme.entry("component.recalled", json!({"component": component, "reason": "x"})).await;
    });
}
