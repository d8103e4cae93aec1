//! Calls that wait for somebody's word, at a host as it is run: what lets them go, what does not, what is told and recorded of
//! that, and who would like to get past it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod attacks;
mod below;
mod command;
mod flow;
mod life;
mod routes;

use cofferdam::Code;
use cofferdam_tests::{Answer, Client, Server, Tenant, shared};
use serde_json::{Value, json};

/// Every call of `catalogue/limits` waits, and it can write to a bucket: that is how often it ran.
const POLICY: &str = r#"
[approval]
tools = ["catalogue/limits"]

[[grant]]
tools = ["catalogue/limits"]
kv = [{ bucket = "done", access = "read-write" }]
"#;

/// A tenant of the shared host whose calls of `catalogue/limits` wait.
async fn tenant(name: &str) -> Tenant {
    tenant_at(shared().await, name).await
}

async fn tenant_at(server: &Server, name: &str) -> Tenant {
    let tenant = server.tenant(name).await;
    tenant.policy(POLICY).await;
    tenant
}

const SET: &str = "catalogue/limits.kv-set";

/// Arguments of a call that writes.
fn set(value: &str) -> Value {
    json!({"bucket": "done", "key": "k", "value": value})
}

/// Makes a call that names an approval.
async fn call(client: &Client, tool: &str, arguments: &Value, approval: &str) -> Answer {
    client.post("/v1/calls", &json!({"tool": tool, "arguments": arguments, "approval": approval})).await
}

/// Makes a call that has to wait, and gives its approval.
async fn park(client: &Client, tool: &str, arguments: &Value) -> String {
    parked(&client.call(tool, arguments.clone()).await)
}

/// The approval that the answer names.
#[track_caller]
fn parked(answer: &Answer) -> String {
    answer.problem(Code::ApprovalRequired);
    assert_eq!(answer.status, 202);
    answer.body["facts"]["approval"].as_str().unwrap().to_owned()
}

async fn approve(client: &Client, approval: &str) -> Answer {
    client.send(client.request("POST", &format!("/v1/approvals/{approval}/approve"))).await
}

async fn deny(client: &Client, approval: &str, reason: &str) -> Answer {
    client.post(&format!("/v1/approvals/{approval}/deny"), &json!({"reason": reason})).await
}

/// A further key of the tenant.
async fn key(tenant: &Tenant, name: &str, scopes: &[&str]) -> (Client, String) {
    let created = tenant.operator.post("/v1/keys", &json!({"name": name, "scopes": scopes})).await.ok();
    (tenant.operator.with_key(created["key"].as_str().unwrap()), created["id"].as_str().unwrap().to_owned())
}

/// What the calls of the tenant wrote: the number of writes that are in the record.
async fn writes(tenant: &Tenant) -> usize {
    let log = tenant.log(0).await;
    log.iter().filter(|entry| entry["kind"] == "call.ended" && entry["event"]["kv_operations"] != 0).count()
}
