//! Every operation, tried by whoever may not: without a key, as another tenant, with a key for something else. What does
//! not hold has to stand in `sweep-exceptions.txt`, which is empty.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{Answer, Client, Server, Tenant, name, run, shared};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

const EXCEPTIONS: &str = include_str!("sweep-exceptions.txt");

/// Scopes that an operation takes; any one of them does. `&[]`: any key at all.
type Scopes = &'static [&'static str];

const ALL: Scopes = &["agent", "publisher", "operator", "auditor"];

/// What is known of an operation beyond what its path says.
struct Known {
    scopes: Scopes,
    /// Only the platform's own team may; to everyone else it is not there.
    platform: bool,
    /// The body, where it takes one.
    body: Option<Value>,
}

/// What the contract says of every operation. One that is not here fails the sweep.
fn known(operation: &str, of: &Ids) -> Option<Known> {
    let scopes = |scopes: Scopes| Known { scopes, platform: false, body: None };
    let with = |scopes: Scopes, body: Value| Known { scopes, platform: false, body: Some(body) };
    let platform = |body: Option<Value>| Known { scopes: &["operator"], platform: true, body };
    const READERS: Scopes = &["publisher", "operator", "auditor"];
    Some(match operation {
        "GET /v1/openapi.json" | "GET /v1/whoami" | "GET /v1/tools" => scopes(&[]),
        "POST /v1/tenants" => platform(Some(json!({"name": name("swept")}))),
        "GET /v1/tenants" | "GET /v1/tenants/{tenant}" => platform(None),
        "POST /v1/tenants/{tenant}/suspend" | "POST /v1/tenants/{tenant}/resume" => platform(Some(json!({}))),
        "POST /v1/keys" => with(&["operator"], json!({"name": name("swept"), "scopes": ["agent"]})),
        "GET /v1/keys" => scopes(&["operator", "auditor"]),
        "POST /v1/keys/{key}/rotate" | "DELETE /v1/keys/{key}" => scopes(&["operator"]),
        // The bytes are no component: whoever may upload is told so.
        "POST /v1/components" => with(&["publisher"], Value::from("no component")),
        "GET /v1/components" | "GET /v1/components/{component}" => scopes(READERS),
        "POST /v1/packages/{package}/versions" => {
            with(&["publisher"], json!({"version": "1.0.0", "component": of.component}))
        }
        "GET /v1/packages" | "GET /v1/packages/{package}" => scopes(READERS),
        "POST /v1/packages/{package}/promote" => with(&["publisher"], json!({"version": "1.0.0"})),
        "POST /v1/packages/{package}/rollback" => scopes(&["publisher"]),
        "POST /v1/packages/{package}/deprecate" => {
            with(&["publisher"], json!({"version": "1.0.0", "message": "swept"}))
        }
        "POST /v1/packages/{package}/approve" => with(&["operator"], json!({"version": "1.0.0"})),
        "POST /v1/packages/{package}/submit" => with(&["publisher"], json!({"version": "1.0.0"})),
        "GET /v1/submissions" | "GET /v1/submissions/{submission}" => scopes(READERS),
        "POST /v1/submissions/{submission}/approve" => platform(None),
        "POST /v1/submissions/{submission}/refuse" => platform(Some(json!({"reason": "swept"}))),
        "POST /v1/components/{component}/recall" => with(&["operator"], json!({"reason": "swept"})),
        "DELETE /v1/components/{component}/recall" => scopes(&["operator"]),
        "GET /v1/recalls" => scopes(READERS),
        "GET /v1/tools/{tool}" => scopes(&["agent"]),
        "POST /v1/calls" => with(&["agent"], json!({"tool": of.tool, "arguments": {}})),
        "GET /v1/calls/{call}" => scopes(&["auditor", "agent"]),
        "GET /v1/calls/{call}/payload" => scopes(&["auditor", "agent"]),
        "DELETE /v1/calls/{call}/payload" | "DELETE /v1/payloads" => scopes(&["operator"]),
        "POST /v1/calls/{call}/replay" => scopes(&["auditor"]),
        // The value is none: whoever may set it is told so.
        "PUT /v1/secrets/{secret}" => with(&["operator"], Value::from("short")),
        "GET /v1/secrets" => scopes(&["operator", "auditor"]),
        "DELETE /v1/secrets/{secret}" => scopes(&["operator"]),
        "GET /v1/policy" => scopes(&["operator", "auditor"]),
        "PUT /v1/policy" => with(&["operator"], Value::from("# swept\n")),
        "POST /v1/policy/check" => with(&[], Value::from("# swept\n")),
        "POST /v1/policy/try" => with(&["operator", "auditor"], Value::from("# swept\n")),
        "POST /v1/policy/diff" => with(&["operator", "auditor"], Value::from("# swept\n")),
        "GET /v1/policy/access" => scopes(&["operator", "auditor"]),
        "PUT /v1/policy/access" => with(&["operator"], Value::from("// swept\n")),
        "POST /v1/policy/access/try" => with(&["operator", "auditor"], Value::from("// swept\n")),
        "POST /v1/policy/access/check" => with(&[], Value::from("// swept\n")),
        "POST /v1/policy/suggest" => with(&["operator", "auditor"], json!({"tool": of.tool})),
        "POST /v1/explain" => with(&[], json!({"tool": of.tool})),
        "GET /v1/approvals" | "GET /v1/approvals/{approval}" => scopes(&["agent", "operator", "auditor"]),
        "POST /v1/approvals/{approval}/approve" => scopes(&["operator"]),
        "POST /v1/approvals/{approval}/deny" => with(&["operator"], json!({"reason": "swept"})),
        "GET /v1/sessions" => scopes(&[]),
        "POST /v1/sessions/clear" => {
            with(&["operator"], json!({"principal": of.key, "session": "swept", "reason": "swept"}))
        }
        "GET /v1/usage" => scopes(&["operator", "auditor"]),
        "GET /v1/audit" => scopes(&["auditor"]),
        "GET /v1/calls/{call}/receipt" => scopes(&["auditor", "agent"]),
        "GET /v1/log" => scopes(&["auditor", "operator"]),
        "POST /v1/log/rotate" => scopes(&["operator"]),
        "GET /v1/log/checkpoint" | "GET /v1/log/tile/{path}" | "GET /v1/log/handover/{number}" => scopes(&["auditor"]),
        _ => return None,
    })
}

/// What every tenant here has in force: something is kept of its calls.
const POLICY: &str = "[audit]\npayloads = \"1h\"\nrecord = true\n";

/// What a tenant has that a request can name.
#[derive(Debug, Clone)]
struct Ids {
    tenant: String,
    key: String,
    component: String,
    package: String,
    tool: String,
    call: String,
    secret: String,
    submission: String,
    approval: String,
}

impl Ids {
    async fn of(tenant: &Tenant) -> Self {
        let package = name("swept");
        // A component of its own: the same bytes would have the same digest, whoever has them.
        let description = format!("The only one of {package}.");
        let component = Handmade { description, ..Handmade::default() }.build();
        let component = tenant.push(&package, component).await;
        let tool = format!("{package}.handmade");
        tenant.policy(POLICY).await;
        let call = tenant.agent.call(&tool, json!({})).await.call().to_owned();
        let key = tenant.agent.get("/v1/whoami").await.ok()["principal"]["id"].as_str().unwrap().to_owned();
        let secret = format!("{}-x", tenant.name);
        let set = tenant.operator.request("PUT", &format!("/v1/secrets/{secret}"));
        tenant.operator.send(set.header(CONTENT_TYPE, "text/plain").body("marrow-and-bone")).await.ok();
        let (submission, approval) = (call.clone(), call.clone());
        Self { tenant: tenant.name.clone(), key, component, package, tool, call, secret, submission, approval }
    }

    /// The same with a submission that is there. Few may be open at once.
    async fn submitted(mut self, tenant: &Tenant) -> Self {
        let path = format!("/v1/packages/{}/submit", self.package);
        let submitted = tenant.publisher.post(&path, &json!({"version": "1.0.0"})).await.ok();
        submitted["id"].as_str().unwrap().clone_into(&mut self.submission);
        self
    }

    /// The same with a call that waits for approval.
    async fn parked(mut self, tenant: &Tenant) -> Self {
        tenant.policy(&format!("{POLICY}[approval]\ntools = [\"{}\"]\n", self.package)).await;
        let parked = tenant.agent.call(&self.tool, json!({})).await.ok();
        tenant.policy(POLICY).await;
        parked["facts"]["approval"].as_str().unwrap().clone_into(&mut self.approval);
        self
    }

    /// The path of an operation, about these.
    fn path(&self, path: &str) -> String {
        path.replace("{tenant}", &self.tenant)
            .replace("{key}", &self.key)
            .replace("{component}", &self.component)
            .replace("{package}", &self.package)
            .replace("{tool}", &self.tool)
            .replace("{call}", &self.call)
            .replace("{submission}", &self.submission)
            .replace("{approval}", &self.approval)
            // Of whoever asks.
            .replace("{path}", "0/000.p/1")
            .replace("{number}", "1")
            .replace("{secret}", &self.secret)
    }

    /// What of them a text holds.
    fn found_in(&self, text: &str) -> Option<&str> {
        let all = [
            &self.tenant,
            &self.key,
            &self.component,
            &self.package,
            &self.tool,
            &self.call,
            &self.secret,
            &self.submission,
            &self.approval,
        ];
        all.into_iter().map(String::as_str).find(|id| text.contains(id))
    }
}

#[derive(Debug, Clone)]
struct Operation {
    method: String,
    path: String,
}

impl Operation {
    /// All that the document of the running host has.
    async fn all(server: &Server) -> Vec<Self> {
        let document = server.platform.get("/v1/openapi.json").await.ok();
        let mut all = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| !["parameters", "summary", "description"].contains(&key.as_str()))
            {
                all.push(Self { method: method.to_uppercase(), path: path.clone() });
            }
        }
        assert!(all.len() > 20, "{all:?}");
        all
    }

    fn text(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Sends it by `client`, about `ids`.
    async fn send(&self, client: &Client, ids: &Ids) -> Answer {
        let known = known(&self.text(), ids).unwrap_or_else(|| panic!("{}: nothing is known of it here", self.text()));
        let path = ids.path(&self.path);
        assert!(!path.contains('{'), "{path}: a parameter that nothing is known of here");
        let request = client.request(&self.method, &path);
        client
            .send(match known.body {
                None => request,
                Some(Value::String(text)) if self.path.contains("components") => {
                    request.header(CONTENT_TYPE, "application/wasm").body(text)
                }
                Some(Value::String(text)) if self.path.contains("secrets") || self.path.contains("access") => {
                    request.header(CONTENT_TYPE, "text/plain").body(text)
                }
                Some(Value::String(text)) => request.header(CONTENT_TYPE, "application/toml").body(text),
                Some(body) => request.json(&body),
            })
            .await
    }
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
        let (ids, anonymous) = (Ids::of(&acme).await, server.platform.anonymous());
        let wrong = anonymous.with_key(&acme.agent.key().replace("cof_", "cof_x"));
        let mut sweep = Sweep::default();
        let mut operations = Operation::all(server).await;
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
        let ids = Ids::of(&acme).await.submitted(&acme).await.parked(&acme).await;
        Ids::of(&globex).await;
        let created = globex.operator.post("/v1/keys", &json!({"name": "all", "scopes": ALL})).await.ok();
        let all = globex.operator.with_key(created["key"].as_str().unwrap());
        let mut sweep = Sweep::default();
        for operation in Operation::all(server).await {
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
        for operation in Operation::all(server).await {
            let of_platform = known(&operation.text(), &Ids::of(&acme).await).unwrap().platform;
            for (scope, client) in if of_platform { &platform } else { own.as_slice() } {
                // Something to lose: what is allowed happens.
                let mut ids = Ids::of(&acme).await;
                if operation.path.contains("{approval}") {
                    ids = ids.parked(&acme).await;
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
