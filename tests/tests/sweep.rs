//! Every operation, tried by whoever may not: without a key, as another tenant, with a key for something else. What does
//! not hold has to stand in `sweep-exceptions.txt`, which is empty.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use cofferdam_tests::operations::{ALL, Ids, Operation, known};
use cofferdam_tests::{Answer, Client, Tenant, name, run, shared};
use serde_json::{Value, json};

const EXCEPTIONS: &str = include_str!("sweep-exceptions.txt");

/// What every tenant here has in force: something is kept of its calls.
const POLICY: &str = "[audit]\npayloads = \"1h\"\nrecord = true\n";

/// What a tenant has that a request can name, with that policy in force.
async fn ids_of(tenant: &Tenant) -> Ids {
    tenant.policy(POLICY).await;
    Ids::of(tenant).await
}

/// What does not hold, to be compared with the list of exceptions.
#[derive(Default)]
struct Sweep(Vec<String>);

impl Sweep {
    fn expect(&mut self, holds: bool, operation: &Operation, who: &str, answer: &Answer) {
        if !holds {
            self.0.push(format!("{} as {who}: {} {}", operation.text(), answer.status, answer.text));
        }
    }

    fn finish(self) {
        let exceptions: Vec<_> = EXCEPTIONS.lines().collect();
        assert_eq!(exceptions, [""; 0], "the list of exceptions is empty, and stays so");
        assert!(self.0.is_empty(), "{:#?}", self.0);
    }
}

#[test]
fn without_a_key_there_is_nothing() {
    run(async {
        let server = shared().await;
        let acme = server.tenant("acme").await;
        let (ids, anonymous) = (ids_of(&acme).await, server.platform.anonymous());
        let wrong = anonymous.with_key(&acme.agent.key().replace("cof_", "cof_x"));
        let mut sweep = Sweep::default();
        let mut operations = Operation::all(&server.platform).await;
        // What there is not is not told apart from what there is.
        for (method, path) in [
            ("GET", "/"),
            ("GET", "/v1"),
            ("POST", "/v2/calls"),
            ("PATCH", "/v1/policy"),
            ("TRACE", "/v1/calls"),
            ("GET", "/v1/../v1/tools"),
            ("OPTIONS", "/v1/tools"),
        ] {
            let (status, text) = send_plain(&anonymous, method, path).await;
            assert_eq!(status, 401, "{method} {path}: {text}");
        }
        let like = anonymous.get("/v1/whoami").await;
        for operation in operations.drain(..) {
            let path = ids.path(&operation.path);
            for client in [&anonymous, &wrong] {
                // Without a body and a type: the key is looked at first.
                let answer = client.send(client.request(&operation.method, &path)).await;
                sweep.expect(answer.status == 401 && answer.text == like.text, &operation, "nobody", &answer);
            }
        }
        sweep.finish();
    });
}

async fn send_plain(client: &Client, method: &str, path: &str) -> (u16, String) {
    let answer = client.send(client.request(method, path)).await;
    (answer.status, answer.text)
}

#[test]
fn what_another_tenant_has_is_not_there() {
    run(async {
        let server = shared().await;
        let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
        let ids = ids_of(&acme).await.submitted(&acme).await.parked(&acme, POLICY).await;
        ids_of(&globex).await;
        let created = globex.operator.post("/v1/keys", &json!({"name": "all", "scopes": ALL})).await.ok();
        let all = globex.operator.with_key(created["key"].as_str().unwrap());
        let mut sweep = Sweep::default();
        for operation in Operation::all(&server.platform).await {
            let known = known(&operation.text(), &ids).unwrap();
            let answer = operation.send(&all, &ids).await;
            let body = known.body.as_ref().map(Value::to_string).unwrap_or_default();
            let names_own = ["{path}", "{number}"].iter().any(|name| operation.path.contains(name));
            let names_theirs = operation.path.contains('{') && !names_own || ids.found_in(&body).is_some();
            // Whoever sets a secret of that name sets one of their own; this one's value is refused before that.
            let names_theirs = names_theirs && operation.text() != "PUT /v1/secrets/{secret}";
            if known.platform || names_theirs {
                sweep.expect(
                    answer.status == 404 && answer.body["code"] == "not-found",
                    &operation,
                    "another tenant",
                    &answer,
                );
            } else {
                // A list, or a change of the other tenant's own: nothing of the first one's is in the answer.
                sweep.expect(
                    answer.status < 500 && ids.found_in(&answer.text).is_none(),
                    &operation,
                    "another tenant",
                    &answer,
                );
            }
        }
        // Nothing happened to what was tried.
        let package = acme.publisher.get(&format!("/v1/packages/{}", ids.package)).await.ok();
        assert_eq!(package["versions"].as_array().unwrap().len(), 1);
        assert_eq!(package["versions"][0]["deprecated"], Value::Null);
        assert_eq!(acme.agent.call(&ids.tool, json!({})).await.status, 200);
        assert_eq!(acme.operator.get("/v1/policy").await.ok()["text"], POLICY);
        sweep.finish();
    });
}

#[test]
fn a_key_does_what_its_scopes_say_and_no_more() {
    run(async {
        let server = shared().await;
        let acme = server.tenant("acme").await;
        // Keys of the platform, for what only its team may.
        let mut platform = Vec::new();
        for scope in ALL {
            let created = server.platform.post("/v1/keys", &json!({"name": name(scope), "scopes": [scope]})).await.ok();
            platform.push((*scope, server.platform.with_key(created["key"].as_str().unwrap())));
        }
        let own = [
            ("agent", acme.agent.clone()),
            ("publisher", acme.publisher.clone()),
            ("operator", acme.operator.clone()),
            ("auditor", acme.auditor.clone()),
        ];
        let (mut sweep, mut refused) = (Sweep::default(), BTreeSet::new());
        acme.operator.send(acme.operator.request("POST", "/v1/log/rotate")).await.ok();
        for operation in Operation::all(&server.platform).await {
            let of_platform = known(&operation.text(), &ids_of(&acme).await).unwrap().platform;
            for (scope, client) in if of_platform { &platform } else { own.as_slice() } {
                // Something to lose: what is allowed happens.
                let mut ids = ids_of(&acme).await;
                if operation.path.contains("{approval}") {
                    ids = ids.parked(&acme, POLICY).await;
                }
                if operation.path.contains("{submission}") {
                    ids = ids.submitted(&acme).await;
                }
                let key =
                    acme.operator.post("/v1/keys", &json!({"name": name("lost"), "scopes": ["agent"]})).await.ok();
                key["id"].as_str().unwrap().clone_into(&mut ids.key);
                let known = known(&operation.text(), &ids).unwrap();
                let allowed = known.scopes.is_empty() || known.scopes.contains(scope);
                let answer = operation.send(client, &ids).await;
                if operation.path.ends_with("/suspend") {
                    server.platform.post(&format!("/v1/tenants/{}/resume", acme.name), &json!({})).await.ok();
                }
                let denied = answer.status == 403 && answer.body["code"] == "denied";
                let says = answer.body["facts"]["scopes_needed"].as_str().unwrap_or_default().to_owned();
                if allowed {
                    sweep.expect(
                        ![401, 403, 404, 405].contains(&answer.status) && answer.status < 500,
                        &operation,
                        scope,
                        &answer,
                    );
                } else {
                    if !of_platform {
                        refused.insert(operation.text());
                    }
                    sweep.expect(
                        denied && known.scopes.iter().all(|scope| says.contains(scope)),
                        &operation,
                        scope,
                        &answer,
                    );
                }
            }
        }
        sweep.finish();
        // And the tenant's own record says that it was tried.
        assert!(refused.remove("POST /v1/calls"), "{refused:?}");
        acme.entry("call.refused", json!({"code": "denied"})).await;
        for operation in refused {
            acme.entry("request.refused", json!({"operation": operation})).await;
        }
    });
}
