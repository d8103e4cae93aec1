//! The third chapter: what is refused, and how it is said.

use serde_json::{Value, json};

use super::calls::command;
use super::setup::{acme_policy, http_grant, put_policy, set_policy};
use super::stage::Stage;
use super::tour::{Seen, Tour, ensure};
use crate::cli::failure::{Failure, explain};
use crate::cli::{Exit, Result};
use crate::error::Code;
use crate::http::wire;

pub(super) fn all(tour: &mut Tour, stage: &mut Stage) -> Result<()> {
    tour.chapter("Refusals")?;
    tour.step("globex grants nothing: a fetch is denied, by which rule, and what would allow it", |seen| {
        denied(stage, seen)
    })?;
    tour.step("globex's operator changes the policy, and the very next call goes through: no restart", |seen| {
        put_policy(stage, "globex", &http_grant(stage), seen)?;
        let (tool, arguments) = fetch(stage);
        seen.command(command(tool, &arguments));
        let result = stage.call("globex/agent", tool, arguments)?;
        seen.text(&format!("answered, {} {}", result.tool, result.version));
        ensure(!result.is_error, || "the page".to_owned())
    })?;
    // Endless, in a language without a clock: each of the three stops has to end it.
    let endless = json!({ "query": "last(range(1; infinite))", "document": null });
    tour.step("A query that never ends is stopped by fuel", |seen| {
        stopped(stage, "fuel = 50_000_000", endless.clone(), Code::FuelExhausted, seen)
    })?;
    tour.step("A query that wants everything is stopped by memory", |seen| {
        let greedy = json!({ "query": "[range(100000000)] | length", "document": null });
        stopped(stage, "memory_bytes = \"8MiB\"", greedy, Code::MemoryExceeded, seen)
    })?;
    tour.step("With fuel to burn, it is stopped by its deadline", |seen| {
        let limits = "fuel = 100_000_000_000\ndeadline = \"200ms\"";
        stopped(stage, limits, endless, Code::DeadlineExceeded, seen)
    })?;
    tour.step("globex asks for what is acme's: none of it is there", |seen| crossed(stage, seen))
}

fn fetch(stage: &Stage) -> (&'static str, Value) {
    ("catalogue/http-fetch", json!({ "url": format!("http://{}/cofferdams.html", stage.page) }))
}

fn denied(stage: &mut Stage, seen: &mut Seen) -> Result<()> {
    let (tool, arguments) = fetch(stage);
    seen.command(command(tool, &arguments));
    let failure = refused(stage.call("globex/agent", tool, arguments), Code::Denied)?;
    let said = failure.said().ok_or_else(|| crate::Error::internal("a failure that says nothing"))?;
    seen.styled(&explain(said));
    if let Some(call) = said.call {
        stage.calls.insert("denied", call);
    }
    let told = said.next.is_some() && said.facts.contains_key("rule");
    ensure(told && failure.exit() == Exit::Denied, || "the rule, and what would allow it".to_owned())
}

/// Tightens acme's limits, makes a call that runs into one, and loosens them again.
fn stopped(stage: &Stage, limits: &str, arguments: Value, code: Code, seen: &mut Seen) -> Result<()> {
    for line in limits.lines() {
        seen.note(format_args!("[limits] {line}"));
    }
    set_policy(stage, "acme", &acme_policy(stage, limits))?;
    let tool = "catalogue/json-query";
    seen.command(command(tool, &arguments));
    let failure = refused(stage.call("acme/agent", tool, arguments), code)?;
    if let Some(said) = failure.said() {
        seen.styled(&explain(said));
    }
    set_policy(stage, "acme", &acme_policy(stage, "")).map(drop)
}

/// Everything of acme's that globex can name, asked for with every key that globex has.
fn crossed(stage: &Stage, seen: &mut Seen) -> Result<()> {
    let missing = || Failure::failed("step-failed", "an earlier step left nothing to ask for");
    let call = stage.calls.get("count").ok_or_else(missing)?.to_string();
    let component = stage.uploaded.ok_or_else(missing)?.to_string();
    let package = stage.package.as_ref().ok_or_else(missing)?;
    for (who, path) in [
        ("globex/auditor", vec!["v1", "calls", &call]),
        ("globex/publisher", vec!["v1", "components", &component]),
        ("globex/publisher", vec!["v1", "packages", package.as_str()]),
        ("globex/agent", vec!["v1", "tools", package.as_str()]),
        ("globex/operator", vec!["v1", "tenants", "acme"]),
    ] {
        let answer = stage.of(who)?.get::<Value>(&path, &[]);
        refused(answer, Code::NotFound)?;
        seen.text(&format!("GET /{:<100.100} not found", path.join("/")));
    }
    // The volume and the bucket are there for globex too, and they are its own: empty.
    let notes = "[[grant]]\ntools = [\"catalogue/notes\"]\nkv = [{ bucket = \"notes\" }]\n";
    set_policy(stage, "globex", &format!("{}\n{notes}", http_grant(stage)))?;
    let listed: wire::CallResult = stage.call("globex/agent", "catalogue/notes.list", json!({}))?;
    let text = super::calls::json_of(&listed).to_string();
    seen.text(&format!("globex's own bucket \"notes\": {text}"));
    ensure(!text.contains("A note of the tour"), || "no note of acme's".to_owned())
}

/// The failure that an answer has to be.
fn refused<T>(answer: Result<T>, code: Code) -> Result<Failure> {
    match answer {
        Err(failure) if failure.said().is_some_and(|said| said.code == code.as_str()) => Ok(failure),
        Err(failure) => Err(failure),
        Ok(_) => Err(Failure::failed("step-failed", format!("this should have been refused as {code}"))),
    }
}
