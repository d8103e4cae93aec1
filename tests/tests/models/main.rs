//! Models: which answers and why, what it costs, what of it is recorded, and what providers can do wrong.
#![allow(clippy::unwrap_used, reason = "tests")]

mod answers;
mod crowds;
mod faults;
mod flow;
mod leak;
mod money;
mod peers;

use std::path::PathBuf;

use cofferdam_tests::{Options, Provider, Server, Tenant, name};
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// The keys of the providers: they are seen by these, and by nobody else.
const KEY: &str = "kelp-and-barnacle-0815";
const OTHER_KEY: &str = "gull-and-cormorant-0815";

/// A host with providers.
struct Stage {
    server: Server,
    provider: Provider,
    /// Where it logs everything.
    log: PathBuf,
}

/// The one of this process.
async fn stage() -> &'static Stage {
    static STAGE: OnceCell<Stage> = OnceCell::const_new();
    STAGE
        .get_or_init(async || {
            let provider = Provider::start().await;
            let log = TempDir::new().unwrap().keep().join("log");
            let ceiling = Some(platform(&provider));
            let server = Server::start(Options { ceiling, log: Some(log.clone()), ..Options::default() }).await;
            for (name, value) in [("provider-key", KEY), ("other-key", OTHER_KEY)] {
                set_key(&server, name, value).await;
            }
            server.publish(&["models"]).await;
            Stage { server, provider, log }
        })
        .await
}

/// Three providers of one server, and one where nobody listens.
fn platform(provider: &Provider) -> String {
    let address = provider.address;
    let chat = r#"{ name = "small", input_price = "0.10 USD", output_price = "0.40 USD", context_tokens = 8_000, strength = "low" },
  { name = "large", input_price = "10 USD", output_price = "30 USD", context_tokens = 100_000 },"#;
    format!(
        r#"
[egress]
private_addresses = ["127.0.0.1/32"]
[[provider]]
name = "a"
protocol = "openai"
url = "http://{address}/a/v1"
key = "provider-key"
plain_http = true
timeout = "2s"
models = [
  {chat}
  {{ name = "vectors", kind = "embeddings", input_price = "0.02 USD", context_tokens = 8_000 }},
]
[[provider]]
name = "b"
protocol = "openai"
url = "http://{address}/b/v1"
timeout = "2s"
attempts = 1
models = [{chat}]
[[provider]]
name = "c"
protocol = "anthropic"
url = "http://{address}/c/v1"
key = "other-key"
plain_http = true
timeout = "2s"
attempts = 2
models = [{chat}]
[[provider]]
name = "gone"
protocol = "openai"
url = "http://127.0.0.1:9/v1"
attempts = 1
models = [{chat}]
[[grant]]
tools = ["*", "catalogue/*"]
kv = true
call = true
model = true
prompt = true
"#
    )
}

const ROUTES: &str = r#"
[[model]]
name = "openai"
choices = [{ provider = "a", model = "small", max_complexity = "high" }]
[[model]]
name = "anthropic"
choices = [{ provider = "c", model = "small", max_complexity = "high" }]
[[model]]
name = "both"
choices = [
  { provider = "a", model = "small", max_complexity = "high" },
  { provider = "gone", model = "small", max_complexity = "high" },
  { provider = "b", model = "large" },
]
[[model]]
name = "one"
fallback = "none"
choices = [{ provider = "a", model = "small", max_complexity = "high" }, { provider = "b", model = "large" }]
[[model]]
name = "open"
choices = [{ provider = "b", model = "small", max_complexity = "high" }]
[[model]]
name = "priced"
choices = [{ provider = "a", model = "small" }, { provider = "a", model = "large", min_budget_left = 0.3 }]
[[model]]
name = "careful"
choices = [{ provider = "a", model = "small", max_risk = "low" }]
[[model]]
name = "vectors"
choices = [{ provider = "a", model = "vectors" }]
[prompts]
short = "In a word: {text}"
[[grant]]
tools = ["catalogue/models"]
model = ["openai", "anthropic", "both", "one", "open", "priced", "careful", "vectors"]
prompt = ["short"]
"#;

impl Stage {
    /// A tenant whose tools may use every route.
    async fn tenant(&self, stem: &str, more: &str) -> Tenant {
        let tenant = self.server.tenant(stem).await;
        tenant.policy(&format!("{more}\n{ROUTES}")).await;
        tenant
    }
}

/// Sets a secret of the platform's own tenant.
async fn set_key(server: &Server, name: &str, value: &str) {
    let request = server.platform.request("PUT", &format!("/v1/secrets/{name}"));
    server.platform.send(request.header(CONTENT_TYPE, "text/plain").body(value.to_owned())).await.ok();
}

/// A tool of the guest program, called.
async fn call(tenant: &Tenant, tool: &str, arguments: Value) -> cofferdam_tests::Answer {
    tenant.agent.call(&format!("catalogue/models.{tool}"), arguments).await
}

/// A text that has providers do this, under a key that nobody else has.
fn script(actions: Value) -> String {
    let mut script = actions;
    script["key"] = name("script").into();
    script.to_string()
}

/// What is recorded of the models that a call asked, in order.
async fn requested(tenant: &Tenant, call: &str) -> Vec<Value> {
    let record = tenant.record(call).await.into_iter();
    record.filter(|entry| entry["kind"] == "model.requested").map(|entry| entry["event"].clone()).collect()
}
