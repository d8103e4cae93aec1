//! Policies tried on calls that were really made, and grants suggested from them: over HTTP, with the command line, and by
//! those who may not.
#![allow(clippy::unwrap_used, reason = "tests")]

mod access;
mod attacks;
mod command;
mod suggest;
mod trial;

use cofferdam_tests::{Answer, Client, Options, Server, Tenant};
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use tokio::sync::OnceCell;

/// A host with guest programs and the catalogue.
async fn server() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    SERVER
        .get_or_init(async || {
            let server = Server::start(Options::default()).await;
            server.publish(&["noop", "limits", "attack"]).await;
            server.push(&["files", "http-fetch", "notes", "text"]).await;
            server
        })
        .await
}

/// Tries a policy; `query` is what follows the question mark.
async fn try_policy(client: &Client, query: &str, policy: &str) -> Answer {
    let request = client.request("POST", &format!("/v1/policy/try?{query}"));
    client.send(request.header(CONTENT_TYPE, "application/toml").body(policy.to_owned())).await
}

/// Makes calls one after the other, and gives the id of each: those that are denied have one, too.
async fn make(tenant: &Tenant, calls: &[(&str, Value)]) -> Vec<String> {
    let mut ids = Vec::new();
    for (tool, arguments) in calls {
        ids.push(tenant.agent.call(tool, arguments.clone()).await.call().to_owned());
    }
    ids
}

/// What the record has of a call.
#[derive(Debug, Clone, PartialEq)]
struct Record {
    /// Under which limits it was let in; nothing where it was denied.
    limits: Option<Value>,
    /// What it really used.
    uses: Vec<Value>,
    /// What it was denied while it ran.
    denials: Vec<String>,
    /// How it ended.
    outcome: Value,
}

impl Record {
    async fn of(tenant: &Tenant, call: &str) -> Self {
        let entries = tenant.record(call).await;
        let (first, last) = (&entries[0]["event"], &entries.last().unwrap()["event"]);
        let denials = entries.iter().filter(|entry| entry["kind"] == "capability.denied");
        Self {
            limits: first.get("limits").cloned(),
            uses: last["uses"].as_array().cloned().unwrap_or_default(),
            denials: denials.map(|entry| entry["event"]["capability"].as_str().unwrap().to_owned()).collect(),
            outcome: last["outcome"].clone(),
        }
    }

    async fn all(tenant: &Tenant, calls: &[String]) -> Vec<Self> {
        let mut all = Vec::new();
        for call in calls {
            all.push(Self::of(tenant, call).await);
        }
        all
    }
}

/// The present moment, as the API takes it.
fn now() -> String {
    cofferdam::http::wire::Time(std::time::SystemTime::now()).to_string()
}
