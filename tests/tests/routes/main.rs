//! Routes at a host as it is run: which choice gets a call, what is told and recorded of that, canaries, breakers, what is
//! done when a choice fails, and the command line.
#![allow(clippy::unwrap_used, reason = "tests")]

mod breakers;
mod canary;
mod choosing;
mod command;
mod degrade;
mod fallback;
mod what_if;

use cofferdam::routed::DecidedRoute;
use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{Client, Tenant};
use serde_json::{Value, json};

/// A tool that answers.
fn good() -> Handmade {
    Handmade { description: "Answers.".to_owned(), ..Handmade::default() }
}

/// A tool that breaks down at every call.
fn bad() -> Handmade {
    Handmade { description: "Breaks down.".to_owned(), ..Handmade::calling("unreachable") }
}

/// A tool that goes on until its deadline.
fn hanging() -> Handmade {
    Handmade { description: "Never ends.".to_owned(), ..Handmade::calling("(loop $l (br $l))") }
}

/// Publishes each as a package of its own, whose only tool is `NAME.handmade`.
async fn push(tenant: &Tenant, packages: &[(&str, Handmade)]) {
    for (name, tool) in packages {
        tenant.push(name, tool.build()).await;
    }
}

/// A route `r` with these choices, and more lines of it.
fn route(choices: &str, more: &str) -> String {
    format!("[[route]]\nname = \"r\"\nchoices = [{choices}]\n{more}\n")
}

/// The tool that answered.
fn tool(answer: &Value) -> &str {
    answer["tool"].as_str().unwrap()
}

/// What the record has of the route of a call.
async fn recorded(tenant: &Tenant, call: &str) -> DecidedRoute {
    let entries = tenant.record(call).await;
    serde_json::from_value(entries[0]["event"]["route"].clone()).unwrap_or_else(|error| panic!("{error}: {entries:#?}"))
}

/// A further agent of the tenant, with its principal's id.
async fn agent(tenant: &Tenant, name: &str) -> (Client, String) {
    let created = tenant.operator.post("/v1/keys", &json!({"name": name, "scopes": ["agent"]})).await.ok();
    (tenant.operator.with_key(created["key"].as_str().unwrap()), created["id"].as_str().unwrap().to_owned())
}
