//! Calls that are run again, and what is kept of them for that: the same where they are the same, the first difference
//! named where they are not, and never an effect.
#![allow(clippy::unwrap_used, reason = "tests")]

mod attacks;
mod command;
mod effects;
mod generated;
mod payloads;

use cofferdam_tests::{Answer, Server, Tenant, guest, tool};
use serde_json::{Value, json};

/// Asks for a replay of a call, with what is kept of it.
async fn replay(tenant: &Tenant, call: &str) -> Value {
    replay_with(tenant, call, json!({})).await.ok()
}

async fn replay_with(tenant: &Tenant, call: &str, request: Value) -> Answer {
    tenant.auditor.post(&format!("/v1/calls/{call}/replay"), &request).await
}

/// That it did the same.
#[track_caller]
fn same(replayed: &Value) {
    assert_eq!((&replayed["outcome"], &replayed["difference"]), (&json!("same"), &Value::Null), "{replayed}");
}

/// That it says so much, in these words or more.
#[track_caller]
fn says(replayed: &Value, outcome: &str, words: &str) {
    let difference = replayed["difference"].as_str().unwrap_or_default();
    assert!(replayed["outcome"] == outcome && difference.contains(words), "{replayed}");
}

/// Every grant that a tool could want, to all of a tenant's own tools.
fn grants(server: &Server) -> String {
    format!(
        "{}kv = [{{ bucket = \"notes\", access = \"read-write\" }}, {{ bucket = \"nodes\", access = \"read-write\" }}]\n\
         files = [{{ volume = \"work\", mount = \"/work\", access = \"read-write\" }}]\n",
        server.upstream.grant("*")
    )
}

/// A tenant with tools that have effects, whose calls are recorded.
async fn recorded(server: &Server, stem: &str) -> Tenant {
    let tenant = server.tenant(stem).await;
    tenant.policy(&format!("[audit]\npayloads = \"1h\"\nrecord = true\n{}", grants(server))).await;
    for package in ["notes", "files", "http-fetch"] {
        tenant.push(package, tool(package)).await;
    }
    for package in ["attack", "limits"] {
        tenant.push(package, guest(package)).await;
    }
    tenant
}
