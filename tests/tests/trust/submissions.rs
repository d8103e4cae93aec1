//! From a tenant to the catalogue: only by the platform's word.

use cofferdam::Code;
use cofferdam::registry::{PrivateKey, Statement};
use cofferdam_tests::{attack, name, run, shared};
use serde_json::json;

use crate::upload;

#[test]
fn a_submission_that_is_approved_is_the_platforms_own_version() {
    run(async {
        let server = shared().await;
        let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
        let package = name("submitted");
        let component = upload(&acme).await;
        acme.publish(&package, "1.0.0", &component).await;
        let body = json!({"version": "1.0.0", "message": "it does what it says"});
        let submitted = acme.publisher.post(&format!("/v1/packages/{package}/submit"), &body).await.ok();
        assert_eq!((&submitted["state"], &submitted["tenant"]), (&json!("open"), &json!(acme.name)));
        acme.publisher.post(&format!("/v1/packages/{package}/submit"), &body).await.problem(Code::Conflict);
        let id = submitted["id"].as_str().unwrap();
        let path = format!("/v1/submissions/{id}");
        let tool = format!("catalogue/{package}.handmade");
        globex.agent.call(&tool, json!({})).await.problem(Code::NotFound);
        let approved = server.platform.post(&format!("{path}/approve"), &json!({})).await.ok();
        // The answer shows what it came to, not what was before.
        assert_eq!((&approved["state"], &approved["current"]), (&json!("approved"), &json!("1.0.0")));
        globex.agent.call(&tool, json!({})).await.ok();
        // What the tenant does with its own from here on is its own.
        acme.operator.post(&format!("/v1/components/{component}/recall"), &json!({"reason": "x"})).await.ok();
        globex.agent.call(&tool, json!({})).await.ok();
        for event in ["submission.opened", "submission.decided"] {
            acme.entry(event, json!({"submission": id, "component": component})).await;
            let log = server.platform.get(&format!("/v1/audit?kind={event}&limit=1000")).await.ok().to_string();
            assert!(log.contains(id), "{log}");
        }
        server.platform.post(&format!("{path}/approve"), &json!({})).await.problem(Code::Conflict);
        server.platform.post(&format!("{path}/refuse"), &json!({"reason": "x"})).await.problem(Code::Conflict);
    });
}

#[test]
fn a_refused_submission_stays_out_and_says_why() {
    run(async {
        let server = shared().await;
        let acme = server.tenant("acme").await;
        let package = name("refused");
        acme.publish(&package, "1.0.0", &upload(&acme).await).await;
        let body = json!({"version": "1.0.0"});
        let submitted = acme.publisher.post(&format!("/v1/packages/{package}/submit"), &body).await.ok();
        let path = format!("/v1/submissions/{}", submitted["id"].as_str().unwrap());
        server.platform.post(&format!("{path}/refuse"), &json!({"reason": "sign it first"})).await.ok();
        let shown = acme.publisher.get(&path).await.ok();
        assert_eq!((&shown["state"], &shown["reason"]), (&json!("refused"), &json!("sign it first")));
        server.platform.post(&format!("{path}/approve"), &json!({})).await.problem(Code::Conflict);
        acme.agent.call(&format!("catalogue/{package}.handmade"), json!({})).await.problem(Code::NotFound);
    });
}

/// Not shown as a signature of the platform's, whatever the tenant calls its key.
#[test]
fn hostile_a_tenants_key_by_the_platforms_name_does_not_deceive_a_reviewer() {
    attack(async {
        let server = shared().await;
        let acme = server.tenant("acme").await;
        let (secret, public) = PrivateKey::generate("release.platform.example").unwrap();
        let secret = PrivateKey::parse(&secret).unwrap();
        acme.policy(&format!("[trust]\nkeys = [\"{public}\"]\n")).await;
        let (package, component) = (name("signed"), upload(&acme).await);
        let statement = Statement {
            package: package.parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            component: component.parse().unwrap(),
        };
        let body = json!({"version": "1.0.0", "component": component, "signature": statement.sign(&secret).unwrap()});
        acme.publisher.post(&format!("/v1/packages/{package}/versions"), &body).await.ok();
        let submit = format!("/v1/packages/{package}/submit");
        let submitted = acme.publisher.post(&submit, &json!({"version": "1.0.0"})).await.ok();
        let path = format!("/v1/submissions/{}", submitted["id"].as_str().unwrap());
        assert_eq!(acme.publisher.get(&path).await.ok()["signer"], secret.short());
        acme.entry("submission.opened", json!({"component": component})).await;
        let shown = server.platform.get(&path).await.ok();
        assert_eq!((shown.get("signer"), &shown["signed_by_tenant"]), (None, &json!(true)), "{shown}");
        let listed = server.platform.get("/v1/submissions?state=open").await.ok().to_string();
        assert!(listed.contains(&package) && !listed.contains(&secret.short()), "{listed}");
    });
}

/// `conflict`: neither submitted nor approved, whoever of the two recalled it.
#[test]
fn hostile_what_is_recalled_does_not_come_into_the_catalogue() {
    attack(async {
        let server = shared().await;
        let acme = server.tenant("acme").await;
        let (package, component) = (name("recalled"), upload(&acme).await);
        let recall = format!("/v1/components/{component}/recall");
        acme.publish(&package, "1.0.0", &component).await;
        let (submit, body) = (format!("/v1/packages/{package}/submit"), json!({"version": "1.0.0"}));
        acme.operator.post(&recall, &json!({"reason": "it leaks"})).await.ok();
        acme.publisher.post(&submit, &body).await.problem(Code::Conflict);
        acme.entry("component.recalled", json!({"component": component})).await;
        acme.operator.delete(&recall).await;
        let submitted = acme.publisher.post(&submit, &body).await.ok();
        let path = format!("/v1/submissions/{}", submitted["id"].as_str().unwrap());
        for recalling in [&acme.operator, &server.platform] {
            recalling.post(&recall, &json!({"reason": "it leaks"})).await.ok();
            server.platform.post(&format!("{path}/approve"), &json!({})).await.problem(Code::Conflict);
            recalling.delete(&recall).await;
        }
        assert_eq!(server.platform.get(&path).await.ok()["state"], "open");
        acme.agent.call(&format!("catalogue/{package}.handmade"), json!({})).await.problem(Code::NotFound);
        server.platform.post(&format!("{path}/approve"), &json!({})).await.ok();
    });
}

/// `denied`, or `not-found`.
#[test]
fn hostile_no_tenant_decides_on_a_submission_and_none_sees_anothers() {
    attack(async {
        let server = shared().await;
        let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
        let package = name("hostile");
        acme.publish(&package, "1.0.0", &upload(&acme).await).await;
        let submit = format!("/v1/packages/{package}/submit");
        let body = json!({"version": "1.0.0"});
        for client in [&acme.agent, &acme.operator, &acme.auditor] {
            client.post(&submit, &body).await.problem(Code::Denied);
        }
        acme.entry("request.refused", json!({"operation": "POST /v1/packages/{package}/submit"})).await;
        let submitted = acme.publisher.post(&submit, &body).await.ok();
        let path = format!("/v1/submissions/{}", submitted["id"].as_str().unwrap());
        let every = json!({"name": "all", "scopes": ["agent", "publisher", "operator", "auditor"]});
        let all = acme.operator.post("/v1/keys", &every).await.ok();
        let all = acme.agent.with_key(all["key"].as_str().unwrap());
        for client in [&acme.agent, &acme.publisher, &acme.operator, &all, &globex.operator] {
            client.post(&format!("{path}/approve"), &json!({})).await.problem(Code::NotFound);
            client.post(&format!("{path}/refuse"), &json!({"reason": "x"})).await.problem(Code::NotFound);
        }
        globex.operator.get(&path).await.problem(Code::NotFound);
        assert!(!globex.operator.get("/v1/submissions").await.ok().to_string().contains(&package));
        assert!(acme.operator.get("/v1/submissions").await.ok().to_string().contains(&package));
        // The platform's own keys need their scope, too.
        let created = server
            .platform
            .post("/v1/keys", &json!({"name": name("auditor"), "scopes": ["auditor", "publisher"]}))
            .await
            .ok();
        let weak = server.platform.with_key(created["key"].as_str().unwrap());
        weak.post(&format!("{path}/approve"), &json!({})).await.problem(Code::Denied);
        // A version of another tenant cannot be submitted, nor one that there is not.
        globex.publisher.post(&submit, &body).await.problem(Code::NotFound);
        acme.publisher.post(&submit, &json!({"version": "9.0.0"})).await.problem(Code::NotFound);
        assert_eq!(acme.publisher.get(&path).await.ok()["state"], "open");
    });
}
