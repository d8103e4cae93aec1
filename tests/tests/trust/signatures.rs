//! Signed versions: who signed is known, and where a signature is needed nothing comes in without one.

use cofferdam::Code;
use cofferdam::registry::{PrivateKey, Statement};
use cofferdam_tests::{Options, Server, attack, run, shared};
use serde_json::{Value, json};

use crate::upload;

fn key(name: &str) -> (PrivateKey, String) {
    let (secret, public) = PrivateKey::generate(name).unwrap();
    (PrivateKey::parse(&secret).unwrap(), public)
}

fn note(key: &PrivateKey, package: &str, version: &str, component: &str) -> String {
    let (package, version) = (package.parse().unwrap(), version.parse().unwrap());
    Statement { package, version, component: component.parse().unwrap() }.sign(key).unwrap()
}

fn signed(version: &str, component: &str, note: &str) -> Value {
    json!({"version": version, "component": component, "signature": note})
}

#[test]
fn a_signed_version_shows_who_signed_it() {
    run(async {
        let tenant = shared().await.tenant("signed").await;
        let (secret, public) = key("release.acme.example");
        tenant.policy(&format!("[trust]\nkeys = [\"{public}\"]\n")).await;
        let component = upload(&tenant).await;
        let body = signed("1.0.0", &component, &note(&secret, "own", "1.0.0", &component));
        let package = tenant.publisher.post("/v1/packages/own/versions", &body).await.ok();
        assert_eq!(package["versions"][0]["signer"], secret.short());
        tenant.entry("tool.published", json!({"signer": secret.short()})).await;
        // Without [trust] require an unsigned one is published, too.
        let unsigned = tenant.publish("own", "1.0.1", &component).await;
        assert_eq!(unsigned["versions"][1].get("signer"), None);
    });
}

/// Refused: another component, name or version, another key, a copied name.
#[test]
fn hostile_a_signature_of_something_else_or_by_someone_else_is_refused() {
    attack(async {
        let tenant = shared().await.tenant("forged").await;
        let ((secret, public), (other, _)) = (key("release.acme.example"), key("release.acme.example"));
        tenant.policy(&format!("[trust]\nkeys = [\"{public}\"]\nrequire = true\n")).await;
        let (component, second) = (upload(&tenant).await, upload(&tenant).await);
        let publish = async |package: &str, body: Value| {
            tenant.publisher.post(&format!("/v1/packages/{package}/versions"), &body).await
        };
        let good = note(&secret, "own", "1.0.0", &component);
        for (package, body) in [
            // Of another component, another name, another version: replayed.
            ("own", signed("1.0.0", &second, &good)),
            ("other", signed("1.0.0", &component, &good)),
            ("own", signed("1.0.1", &component, &good)),
            // By another key of the same name.
            ("own", signed("1.0.0", &component, &note(&other, "own", "1.0.0", &component))),
            // Altered, or none at all.
            ("own", signed("1.0.0", &second, &good.replace(&component, &second))),
            ("own", signed("1.0.0", &component, "own 1.0.0")),
            ("own", signed("1.0.0", &component, "")),
            ("own", signed("1.0.0", &component, &"x".repeat(100_000))),
        ] {
            publish(package, body).await.problem(Code::InvalidRequest);
        }
        let unsigned = publish("own", crate::version("1.0.0", &component)).await;
        assert_eq!(unsigned.problem(Code::Denied)["facts"]["rules"], json!(["[trust] require"]));
        tenant.entry("request.refused", json!({"rules": ["[trust] require"]})).await;
        publish("own", signed("1.0.0", &component, &good)).await.ok();
        tenant.agent.call("own.handmade", json!({})).await.ok();
    });
}

/// Refused, by the platform's rule.
#[test]
fn hostile_the_catalogue_takes_nothing_that_its_keys_did_not_sign() {
    run(async {
        let ((secret, public), (other, foreign)) = (key("release.platform.example"), key("release.acme.example"));
        let ceiling = format!(
            "[[grant]]\ntools = [\"*\", \"catalogue/*\"]\nlog = true\n[trust]\nkeys = [\"{public}\"]\nrequire = true\n"
        );
        let server = Server::start(Options { ceiling: Some(ceiling), ..Options::default() }).await;
        let platform = cofferdam_tests::Tenant {
            name: "platform".to_owned(),
            operator: server.platform.clone(),
            publisher: server.platform.clone(),
            agent: server.platform.clone(),
            auditor: server.platform.clone(),
        };
        let bystander = server.tenant("bystander").await;
        bystander.push("own", cofferdam_tests::handmade::Handmade::default().build()).await;
        let component = upload(&platform).await;
        let publish = async |body: Value| server.platform.post("/v1/packages/vetted/versions", &body).await;
        publish(crate::version("1.0.0", &component)).await.problem(Code::Denied);
        let by_other = note(&other, "vetted", "1.0.0", &component);
        publish(signed("1.0.0", &component, &by_other)).await.problem(Code::InvalidRequest);
        // Nor by way of the platform's own policy, which is for what it calls.
        platform.policy(&format!("[trust]\nkeys = [\"{foreign}\"]\n")).await;
        publish(signed("1.0.0", &component, &by_other)).await.problem(Code::InvalidRequest);
        publish(signed("1.0.0", &component, &note(&secret, "vetted", "1.0.0", &component))).await.ok();
        // Nor by way of a submission.
        let tenant = server.tenant("acme").await;
        let own = upload(&tenant).await;
        tenant.publish("own", "1.0.0", &own).await;
        let submit = json!({"version": "1.0.0"});
        let submitted = tenant.publisher.post("/v1/packages/own/submit", &submit).await.ok();
        let path = format!("/v1/submissions/{}/approve", submitted["id"].as_str().unwrap());
        server.platform.post(&path, &json!({})).await.problem(Code::Denied);
        platform.entry("request.refused", json!({"rules": ["[trust] require"]})).await;
        bystander.agent.call("own.handmade", json!({})).await.ok();
        tenant.agent.call("catalogue/own.handmade", json!({})).await.problem(Code::NotFound);
        // Signed by the catalogue's key it comes in: the key is known to tenants too.
        let body = signed("1.0.1", &own, &note(&secret, "own", "1.0.1", &own));
        tenant.publisher.post("/v1/packages/own/versions", &body).await.ok();
        let submitted = tenant.publisher.post("/v1/packages/own/submit", &json!({"version": "1.0.1"})).await.ok();
        assert_eq!(submitted["signer"], secret.short());
        let path = format!("/v1/submissions/{}/approve", submitted["id"].as_str().unwrap());
        server.platform.post(&path, &json!({})).await.ok();
        tenant.agent.call("catalogue/own.handmade", json!({})).await.ok();
    });
}
