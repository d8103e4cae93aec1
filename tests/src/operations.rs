//! Every operation of the host's API, with what the contract says of it: for tests that try them all, as whoever may not, or
//! for what comes back.

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::client::Client;
use crate::handmade::Handmade;
use crate::tenant::Tenant;
use crate::work::name;

/// Scopes that an operation takes; any one of them does. `&[]`: any key at all.
pub type Scopes = &'static [&'static str];

/// All of them.
pub const ALL: Scopes = &["agent", "publisher", "operator", "auditor"];

/// What is known of an operation beyond what its path says.
#[derive(Debug, Clone)]
pub struct Known {
    /// A key needs one of them.
    pub scopes: Scopes,
    /// Only the platform's own team may; to everyone else it is not there.
    pub platform: bool,
    /// The body, where it takes one.
    pub body: Option<Value>,
}

/// What the contract says of every operation. One that is not here fails the sweep.
pub fn known(operation: &str, of: &Ids) -> Option<Known> {
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

/// What a tenant has that a request can name.
#[derive(Debug, Clone)]
pub struct Ids {
    /// Its own name.
    pub tenant: String,
    /// A key's id.
    pub key: String,
    /// The digest of a component that nobody else has.
    pub component: String,
    /// The package of it.
    pub package: String,
    /// Its only tool.
    pub tool: String,
    /// A call of that.
    pub call: String,
    /// A secret's name.
    pub secret: String,
    /// A submission; a call's id where there is none.
    pub submission: String,
    /// An approval; a call's id where there is none.
    pub approval: String,
}

impl Ids {
    /// Makes them, under the policy that the tenant has.
    ///
    /// # Panics
    ///
    /// When something is refused.
    pub async fn of(tenant: &Tenant) -> Self {
        let package = name("swept");
        // A component of its own: the same bytes would have the same digest, whoever has them.
        let description = format!("The only one of {package}.");
        let component = Handmade { description, ..Handmade::default() }.build();
        let component = tenant.push(&package, component).await;
        let tool = format!("{package}.handmade");
        let call = tenant.agent.call(&tool, json!({})).await.call().to_owned();
        let key = tenant.agent.get("/v1/whoami").await.ok()["principal"]["id"].as_str().unwrap().to_owned();
        let secret = format!("{}-x", tenant.name);
        let set = tenant.operator.request("PUT", &format!("/v1/secrets/{secret}"));
        tenant.operator.send(set.header(CONTENT_TYPE, "text/plain").body("marrow-and-bone")).await.ok();
        let (submission, approval) = (call.clone(), call.clone());
        Self { tenant: tenant.name.clone(), key, component, package, tool, call, secret, submission, approval }
    }

    /// The same with a submission that is there. Few may be open at once.
    ///
    /// # Panics
    ///
    /// When it is refused.
    #[must_use]
    pub async fn submitted(mut self, tenant: &Tenant) -> Self {
        let path = format!("/v1/packages/{}/submit", self.package);
        let submitted = tenant.publisher.post(&path, &json!({"version": "1.0.0"})).await.ok();
        submitted["id"].as_str().unwrap().clone_into(&mut self.submission);
        self
    }

    /// The same with a call that waits for approval; the tenant's policy is `policy` before and after.
    ///
    /// # Panics
    ///
    /// When it does not wait.
    #[must_use]
    pub async fn parked(mut self, tenant: &Tenant, policy: &str) -> Self {
        tenant.policy(&format!("{policy}[approval]\ntools = [\"{}\"]\n", self.package)).await;
        let parked = tenant.agent.call(&self.tool, json!({})).await.ok();
        tenant.policy(policy).await;
        parked["facts"]["approval"].as_str().unwrap().clone_into(&mut self.approval);
        self
    }

    /// The path of an operation, about these.
    pub fn path(&self, path: &str) -> String {
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
    pub fn found_in(&self, text: &str) -> Option<&str> {
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

/// An operation, as the host's own document has it.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The method.
    pub method: String,
    /// The path, with its parameters in braces.
    pub path: String,
}

impl Operation {
    /// All that the document of the running host has.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub async fn all(client: &Client) -> Vec<Self> {
        let document = client.get("/v1/openapi.json").await.ok();
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

    /// Method and path.
    pub fn text(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Sends it by `client`, about `ids`.
    ///
    /// # Panics
    ///
    /// When nothing is known of it here.
    pub async fn send(&self, client: &Client, ids: &Ids) -> Answer {
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
