//! The front door over a real host: what clients get to see, what they never do, and how calls end that are watched,
//! left or drained.

#![allow(clippy::unwrap_used, reason = "what tests are made of may fail like tests")]

mod client;
mod guest;

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use client::{Client, Fixture};
use cofferdam::audit::Event;
use cofferdam::audit::entry::Outcome;
use cofferdam::http::{openapi, wire};
use cofferdam::{Code, audit};
use serde_json::{Value, json};
use tower::ServiceExt;

/// The operation's path with something in the place of each parameter.
fn filled(path: &str) -> String {
    let id = "0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77";
    path.replace("{tenant}", "acme")
        .replace("{package}", "greet")
        .replace("{tool}", "greet")
        .replace("{component}", &format!("sha256:{}", "0".repeat(64)))
        .replace("{key}", id)
        .replace("{call}", id)
}

#[tokio::test]
async fn without_a_valid_key_there_is_nothing() {
    let fixture = Fixture::new().await;
    let acme = fixture.tenant("acme").await;
    let key = acme.key.clone().unwrap();
    let forged = format!("{}A", &key[..key.len() - 1]);
    let elsewhere = key.replace("acme", "platform");
    let mut keys = vec![None, Some(""), Some("x"), Some("cof_acme_"), Some(&*elsewhere)];
    if forged != key {
        keys.push(Some(&forged));
    }
    let mut endpoints: Vec<_> =
        openapi::endpoints().into_iter().map(|endpoint| (endpoint.method, filled(&endpoint.path))).collect();
    endpoints.extend([("GET", "/".to_owned()), ("GET", "/v1/nothing".to_owned()), ("TRACE", "/v1/keys".to_owned())]);
    for (method, path) in endpoints {
        for key in &keys {
            let answer = fixture.client(*key).send(method, &path, &[], Body::empty()).await;
            assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer", "{method} {path}");
            answer.problem(401, "unauthenticated").await;
        }
    }
}

#[tokio::test]
async fn what_there_is_not_is_a_problem() {
    let fixture = Fixture::new().await;
    let acme = fixture.tenant("acme").await;
    acme.get("/v1/nothing").await.problem(404, "not-found").await;
    acme.get("/v1/keys/").await.problem(404, "not-found").await;
    let answer = acme.send("PATCH", "/v1/keys", &[], Body::empty()).await;
    assert_eq!(answer.headers[header::ALLOW], "POST,GET,HEAD");
    answer.problem(405, "invalid-request").await;
    for path in ["/v1/components/x", "/v1/packages/A", "/v1/tools/%ff", "/v1/tools/a/b/c", "/v1/tools/none"] {
        // An operator may ask for components and packages; for tools it takes an agent.
        let answer = fixture.key(&acme, &["agent", "publisher"]).await.get(path).await;
        answer.problem(404, "not-found").await;
        revoke(&acme, "agent and publisher").await;
    }
}

async fn revoke(operator: &Client, name: &str) {
    let keys: wire::Keys = operator.get("/v1/keys").await.is(StatusCode::OK).await;
    let key = keys.keys.iter().find(|key| key.name == name && key.revoked.is_none()).unwrap();
    let answer = operator.send("DELETE", &format!("/v1/keys/{}", key.id), &[], Body::empty()).await;
    assert_eq!((answer.status, answer.text().await), (StatusCode::NO_CONTENT, String::new()));
}

#[tokio::test]
async fn tenants_are_the_platforms_and_nobody_elses() {
    let fixture = Fixture::new().await;
    let acme = fixture.tenant("acme").await;
    for (method, path) in [
        ("GET", "/v1/tenants"),
        ("GET", "/v1/tenants/acme"),
        ("POST", "/v1/tenants/acme/suspend"),
        ("POST", "/v1/tenants/acme/resume"),
    ] {
        acme.send(method, path, &[], Body::empty()).await.problem(404, "not-found").await;
    }
    acme.post("/v1/tenants", json!({"name": "mine"})).await.problem(404, "not-found").await;

    let platform = &fixture.platform;
    platform.post("/v1/tenants", json!({"name": "acme"})).await.problem(409, "conflict").await;
    platform.post("/v1/tenants", json!({"name": "catalogue"})).await.problem(400, "invalid-request").await;
    let tenants: wire::Tenants = platform.get("/v1/tenants").await.is(StatusCode::OK).await;
    assert_eq!(tenants.tenants.iter().map(|tenant| tenant.name.as_str()).collect::<Vec<_>>(), ["acme", "platform"]);

    let suspended: wire::Tenant =
        platform.post("/v1/tenants/acme/suspend", json!({"reason": "unpaid"})).await.is(StatusCode::OK).await;
    assert_eq!(suspended.state, wire::TenantState::Suspended);
    acme.get("/v1/whoami").await.problem(401, "unauthenticated").await;
    let resume = platform.send("POST", "/v1/tenants/acme/resume", &[], Body::empty()).await;
    assert_eq!(resume.is::<wire::Tenant>(StatusCode::OK).await.state, wire::TenantState::Active);
    let whoami: wire::Whoami = acme.get("/v1/whoami").await.is(StatusCode::OK).await;
    assert_eq!((whoami.tenant.as_str(), &*whoami.principal.name), ("acme", "operator"));
}

#[tokio::test]
async fn keys_are_shown_once_and_stop_at_once() {
    let fixture = Fixture::new().await;
    let acme = fixture.tenant("acme").await;
    let auditor = fixture.key(&acme, &["auditor"]).await;
    let keys = auditor.get("/v1/keys").await.text().await;
    assert!(!keys.contains("cof_"), "{keys}");
    let problem =
        auditor.post("/v1/keys", json!({"name": "x", "scopes": ["agent"]})).await.problem(403, "denied").await;
    assert!(problem.detail.contains("operator"), "{problem:?}");
    for body in [json!({"name": "x", "scopes": []}), json!({"name": "x", "scopes": ["root"]}), json!({"name": "x"})] {
        acme.post("/v1/keys", body).await.problem(400, "invalid-request").await;
    }
    let whoami: wire::Whoami = auditor.get("/v1/whoami").await.is(StatusCode::OK).await;
    let rotate = format!("/v1/keys/{}/rotate", whoami.principal.id);
    let rotated: wire::NewKey = acme.send("POST", &rotate, &[], Body::empty()).await.is(StatusCode::OK).await;
    auditor.get("/v1/whoami").await.problem(401, "unauthenticated").await;
    let auditor = fixture.client(Some(rotated.key.expose()));
    assert_eq!(auditor.get("/v1/whoami").await.status, StatusCode::OK);
    revoke(&acme, "auditor").await;
    auditor.get("/v1/whoami").await.problem(401, "unauthenticated").await;

    let globex = fixture.tenant("globex").await;
    globex.send("POST", &rotate, &[], Body::empty()).await.problem(404, "not-found").await;
}

#[tokio::test]
async fn a_component_becomes_a_tool_and_is_called() {
    let fixture = Fixture::new().await;
    let acme = fixture.tenant("acme").await;
    let publisher = fixture.key(&acme, &["publisher"]).await;
    let component = fixture.publish(&publisher).await;
    assert_eq!(component.imports, ["cofferdam:tool/progress@1.0.0"]);
    let again: wire::Component = publisher.upload(guest::greet()).await.is(StatusCode::OK).await;
    assert_eq!(again, component);
    let components: wire::Components = publisher.get("/v1/components").await.is(StatusCode::OK).await;
    assert_eq!(components.components, std::slice::from_ref(&component));
    let path = format!("/v1/components/{}", component.digest);
    assert_eq!(publisher.get(&path).await.status, StatusCode::OK);
    let package: wire::Package = publisher.get("/v1/packages/greet").await.is(StatusCode::OK).await;
    assert_eq!(package.current, Some(semver::Version::new(1, 0, 0)));
    publisher.send("POST", "/v1/packages/greet/rollback", &[], Body::empty()).await.problem(409, "conflict").await;
    let deprecation = json!({"version": "1.0.0", "message": "use another"});
    let _: wire::Package = publisher.post("/v1/packages/greet/deprecate", deprecation).await.is(StatusCode::OK).await;
    let promotion = json!({"version": "1.0.0"});
    let _: wire::Package = publisher.post("/v1/packages/greet/promote", promotion).await.is(StatusCode::OK).await;

    let agent = fixture.key(&acme, &["agent"]).await;
    agent.get("/v1/packages").await.problem(403, "denied").await;
    let tools: wire::Tools = agent.get("/v1/tools").await.is(StatusCode::OK).await;
    let tool: wire::Tool = agent.get("/v1/tools/greet@1").await.is(StatusCode::OK).await;
    assert_eq!(tools.tools, std::slice::from_ref(&tool));
    assert_eq!((tool.annotations.read_only, tool.deprecated.as_deref()), (true, Some("use another")));

    let result: wire::CallResult = agent.call("greet@1", json!({})).await.is(StatusCode::OK).await;
    assert_eq!(result.content[0], wire::Content::Text { text: "hello".into() });
    assert!(!result.is_error && result.usage.fuel > 0 && result.component == component.digest);
    let record: wire::CallRecord = agent.get(&format!("/v1/calls/{}", result.call)).await.is(StatusCode::OK).await;
    assert_eq!(
        record.entries.iter().map(|entry| entry.event.kind()).collect::<Vec<_>>(),
        ["call.decided", "call.ended"]
    );

    let usage: wire::Usage = acme.get("/v1/usage").await.is(StatusCode::OK).await;
    assert_eq!((usage.rows.len(), usage.total.calls, usage.total.fuel), (1, 1, result.usage.fuel));
    acme.get("/v1/usage?since=yesterday").await.problem(400, "invalid-request").await;
    agent.get("/v1/usage").await.problem(403, "denied").await;

    let globex = fixture.tenant("globex").await;
    let stranger = fixture.key(&globex, &["agent", "publisher", "auditor"]).await;
    for path in [format!("/v1/calls/{}", result.call), path, "/v1/packages/greet".into(), "/v1/tools/greet".into()] {
        stranger.get(&path).await.problem(404, "not-found").await;
    }
    stranger.call("greet", json!({})).await.problem(404, "not-found").await;
}

#[tokio::test]
async fn uploads_and_bodies_that_cannot_be_are_problems() {
    let fixture = Fixture::new().await;
    let acme = fixture.tenant("acme").await;
    let publisher = fixture.key(&acme, &["publisher", "agent"]).await;
    let problem = publisher.upload(b"not wasm".to_vec()).await.problem(422, "component-rejected").await;
    assert!(problem.facts["reasons"].is_array(), "{problem:?}");
    publisher.upload(vec![0; (64 << 20) + 1]).await.problem(413, "too-large").await;
    acme.upload(guest::greet()).await.problem(403, "denied").await;
    let untyped = publisher.send("POST", "/v1/components", &[], Body::from(guest::greet())).await;
    untyped.problem(400, "invalid-request").await;

    publisher.post("/v1/calls", json!({"tool": "greet", "argument": {}})).await.problem(400, "invalid-request").await;
    publisher.post("/v1/calls", json!({"tool": "../greet"})).await.problem(400, "invalid-request").await;
    let deep = (0..65).fold(json!(1), |inner, _| json!([inner]));
    publisher.call("greet", json!({"a": deep})).await.problem(422, "invalid-arguments").await;
    let json = [("content-type", "application/json")];
    let deeper = format!(r#"{{"tool":"greet","arguments":{}}}"#, "[".repeat(1 << 20));
    publisher.send("POST", "/v1/calls", &json, Body::from(deeper)).await.problem(400, "invalid-request").await;
    let large = Body::from(vec![b' '; 10 << 20]);
    publisher.send("POST", "/v1/calls", &json, large).await.problem(413, "too-large").await;
}

#[tokio::test]
async fn a_policy_is_checked_put_in_force_and_explained() {
    let fixture = Fixture::new().await;
    let acme = fixture.tenant("acme").await;
    let both = fixture.key(&acme, &["publisher", "agent"]).await;
    fixture.publish(&both).await;
    let before: wire::Policy = acme.get("/v1/policy").await.is(StatusCode::OK).await;
    assert_eq!((before.since, &*before.text), (None, ""));
    let deny = "[tools]\ndeny = [\"greet\"]\n";
    let checked: wire::PolicyChecked = both.toml("POST", "/v1/policy/check", deny).await.is(StatusCode::OK).await;
    assert!(!checked.tools[0].allowed);
    both.toml("PUT", "/v1/policy", deny).await.problem(403, "denied").await;
    let problem = acme.toml("PUT", "/v1/policy", "[tols]\n").await.problem(422, "invalid-policy").await;
    assert_eq!(problem.facts["problems"][0]["line"], 1);
    let put: wire::PolicyPut = acme.toml("PUT", "/v1/policy", deny).await.is(StatusCode::OK).await;
    assert_eq!((put.before, put.changed), (Some(before.digest), true));

    let denied = both.call("greet", json!({})).await.problem(403, "denied").await;
    assert!(denied.call.is_some() && denied.next.is_some() && denied.facts.contains_key("rule"), "{denied:?}");
    // Watching does not change what a refusal looks like.
    both.watch("greet", json!({})).await.problem(403, "denied").await;
    let explained: wire::Explanation =
        both.post("/v1/explain", json!({"tool": "greet", "use": {"kind": "clock"}})).await.is(StatusCode::OK).await;
    assert!(!explained.allowed && explained.asked.is_some_and(|answer| !answer.allowed));
    let whoami: wire::Whoami = acme.get("/v1/whoami").await.is(StatusCode::OK).await;
    let other = json!({"tool": "greet", "principal": whoami.principal.id});
    both.post("/v1/explain", other.clone()).await.problem(403, "denied").await;
    assert_eq!(acme.post("/v1/explain", other).await.status, StatusCode::OK);
    both.get("/v1/tools/greet").await.problem(404, "not-found").await;
}

#[tokio::test]
async fn a_watched_call_shows_its_progress_and_then_its_end() {
    let fixture = Fixture::new().await;
    let acme = fixture.tenant("acme").await;
    let both = fixture.key(&acme, &["publisher", "agent"]).await;
    fixture.publish(&both).await;

    let mut answer = both.watch("greet", json!({})).await;
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/event-stream");
    let Some(wire::CallEvent::Decided(decided)) = answer.event().await else { panic!("no decision") };
    let Some(wire::CallEvent::Result(result)) = answer.event().await else { panic!("no result") };
    assert_eq!((result.call, result.content.len()), (decided.call, 2));
    assert!(answer.event().await.is_none());

    let _: wire::PolicyPut =
        acme.toml("PUT", "/v1/policy", "[limits]\nfuel = 50_000_000\n").await.is(StatusCode::OK).await;
    let mut answer = both.watch("greet", json!({"long": true})).await;
    let Some(wire::CallEvent::Decided(decided)) = answer.event().await else { panic!("no decision") };
    let progress = wire::Progress { done: 1.0, total: Some(2.0), message: "working".into() };
    assert_eq!(answer.event().await, Some(wire::CallEvent::Progress(progress)));
    let Some(wire::CallEvent::Problem(problem)) = answer.event().await else { panic!("no end") };
    assert_eq!((&*problem.code, problem.call), ("fuel-exhausted", Some(decided.call)));
    assert!(answer.event().await.is_none());
}

/// What becomes of a call, once it has.
async fn outcome(auditor: &Client, call: cofferdam::id::CallId) -> Outcome {
    let end = std::time::Instant::now() + Duration::from_secs(60);
    loop {
        let record: wire::CallRecord = auditor.get(&format!("/v1/calls/{call}")).await.is(StatusCode::OK).await;
        if let Some(audit::Entry { event: Event::CallEnded(ended), .. }) = record.entries.last() {
            return ended.outcome;
        }
        assert!(std::time::Instant::now() < end, "the call never ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn whoever_leaves_gives_the_call_up() {
    let fixture = Fixture::new().await;
    let acme = fixture.tenant("acme").await;
    let both = fixture.key(&acme, &["publisher", "agent"]).await;
    fixture.publish(&both).await;
    let limits = "[limits]\nfuel = 100_000_000_000\ndeadline = \"30s\"\n";
    let _: wire::PolicyPut = acme.toml("PUT", "/v1/policy", limits).await.is(StatusCode::OK).await;
    let mut answer = both.watch("greet", json!({"long": true})).await;
    let Some(wire::CallEvent::Decided(decided)) = answer.event().await else { panic!("no decision") };
    assert!(matches!(answer.event().await, Some(wire::CallEvent::Progress(_))));
    drop(answer);
    assert_eq!(outcome(&both, decided.call).await, Outcome::Failed(Code::Cancelled));
}

#[tokio::test]
async fn calls_that_outlast_a_drain_are_given_up_and_say_so() {
    let fixture = Fixture::new().await;
    let acme = fixture.tenant("acme").await;
    let both = fixture.key(&acme, &["publisher", "agent"]).await;
    fixture.publish(&both).await;
    let limits = "[limits]\nfuel = 100_000_000_000\ndeadline = \"30s\"\n";
    let _: wire::PolicyPut = acme.toml("PUT", "/v1/policy", limits).await.is(StatusCode::OK).await;
    let mut watched = both.watch("greet", json!({"long": true})).await;
    let Some(wire::CallEvent::Decided(decided)) = watched.event().await else { panic!("no decision") };
    assert!(matches!(watched.event().await, Some(wire::CallEvent::Progress(_))));
    let plain = tokio::spawn({
        let both = both.clone();
        async move { both.call("greet", json!({"long": true})).await }
    });
    while fixture.host.router.live() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    fixture.drain.give_up();
    let Some(wire::CallEvent::Problem(problem)) = watched.event().await else { panic!("no end") };
    assert_eq!((&*problem.code, problem.call), ("cancelled", Some(decided.call)));
    assert!(watched.event().await.is_none());
    plain.await.unwrap().problem(503, "cancelled").await;
    assert_eq!(outcome(&both, decided.call).await, Outcome::Failed(Code::Cancelled));
}

#[tokio::test]
async fn the_record_is_read_page_by_page() {
    let fixture = Fixture::new().await;
    let acme = fixture.tenant("acme").await;
    let auditor = fixture.key(&acme, &["auditor"]).await;
    acme.get("/v1/audit").await.problem(403, "denied").await;
    let first: wire::AuditPage = auditor.get("/v1/audit?limit=1").await.is(StatusCode::OK).await;
    assert_eq!((first.entries[0].event.kind(), first.next), ("tenant.created", Some(1)));
    let rest: wire::AuditPage = auditor.get("/v1/audit?from=1").await.is(StatusCode::OK).await;
    assert_eq!((rest.entries.len(), rest.next), (2, None));
    for query in ["limit=0", "limit=1001", "from=-1", "tenant=globex"] {
        auditor.get(&format!("/v1/audit?{query}")).await.problem(400, "invalid-request").await;
    }
}

#[tokio::test]
async fn health_says_how_the_host_is_and_nothing_else() {
    let fixture = Fixture::new().await;
    let ask = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = fixture.health.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        client::Answer { status: parts.status, headers: parts.headers, body }
    };
    assert_eq!(ask("/healthz").await.text().await, "ok\n");
    let ready: wire::Readiness = ask("/readyz").await.is(StatusCode::OK).await;
    assert_eq!(ready, wire::Readiness { ready: true, reasons: vec![] });
    ask("/v1/whoami").await.problem(404, "not-found").await;
    fixture.host.router.drain();
    let ready: wire::Readiness = ask("/readyz").await.is(StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(ready.reasons, ["this host is stopping"]);
}

#[tokio::test]
async fn the_document_that_is_served_is_the_one_that_is_checked_in() {
    let fixture = Fixture::new().await;
    let acme = fixture.tenant("acme").await;
    let served: Value = acme.get("/v1/openapi.json").await.is(StatusCode::OK).await;
    assert_eq!(served, serde_json::to_value(openapi::api()).unwrap());
}

/// What was erased stays erased where something fails behind the change itself: no key of it is left in memory.
#[tokio::test]
async fn an_erasure_that_fails_late_is_done_all_the_same() {
    let fixture = Fixture::new().await;
    let acme = fixture.tenant("acme").await;
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(fixture.host.data().join("host.db"));
    let store = sqlx::SqlitePool::connect_with(file).await.unwrap();
    // What the tenant is then can no longer be put in force.
    let spoil = "create trigger spoil after insert on payload_erasures begin update principals set scopes = 'x'; end";
    sqlx::raw_sql(spoil).execute(&store).await.unwrap();
    let answer = acme.send("DELETE", "/v1/payloads", &[], Body::empty()).await;
    assert!(answer.status.is_server_error(), "{}", answer.status);
    let done = sqlx::query_as::<_, (String, i64)>("select tenant, done from payload_erasures");
    assert_eq!(done.fetch_all(&store).await.unwrap(), [("acme".to_owned(), 1)]);
    store.close().await;
}
