//! Requests whose body takes a while: what let them begin is asked for again when it is there.

use std::time::Duration;

use cofferdam::Code;
use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{Client, Tenant, attack, eventually, shared};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const JSON: &str = "application/json";

/// A request of which the host has the head and half of the body.
struct Half {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Half {
    async fn begin(client: &Client, (method, path): (&str, &str), kind: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let mut stream = TcpStream::connect(client.base().trim_start_matches("http://")).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: {kind}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            client.key(),
            body.len()
        );
        let (first, rest) = body.split_at(body.len() / 2);
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(first).await.unwrap();
        Self { stream, rest: rest.to_vec() }
    }

    async fn of_json(client: &Client, asked: (&str, &str), body: &Value) -> Self {
        Self::begin(client, asked, JSON, body.to_string()).await
    }

    /// Sends the other half; what is answered: the status, and the code of the problem.
    async fn end(mut self) -> (u16, String) {
        self.stream.write_all(&self.rest).await.unwrap();
        let mut answer = Vec::new();
        self.stream.read_to_end(&mut answer).await.unwrap();
        let text = String::from_utf8(answer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    }
}

/// The host has looked at the keys of what has begun.
async fn underway() {
    tokio::time::sleep(Duration::from_millis(500)).await;
}

/// Another key of the tenant: what it presents, and its id.
async fn key(tenant: &Tenant, scopes: &[&str]) -> (Client, String) {
    let body = json!({"name": "leaked", "scopes": scopes});
    let created = tenant.operator.post("/v1/keys", &body).await.ok();
    (tenant.agent.with_key(created["key"].as_str().unwrap()), created["id"].as_str().unwrap().to_owned())
}

async fn unauthenticated(halves: Vec<Half>) {
    for half in halves {
        assert_eq!(half.end().await, (401, Code::Unauthenticated.as_str().to_owned()));
    }
}

/// `unauthenticated`, and nothing of it happened: no key, no policy, no call, no component.
#[test]
fn hostile_a_request_that_began_before_its_key_was_revoked_comes_to_nothing() {
    attack(async {
        let tenant = shared().await.tenant("halves").await;
        tenant.push("own", Handmade::default().build()).await;
        let (leaked, id) = key(&tenant, &["agent", "publisher", "operator", "auditor"]).await;
        let other = Handmade { description: "Is another one".to_owned(), ..Handmade::default() }.build();
        let halves = vec![
            Half::of_json(&leaked, ("POST", "/v1/keys"), &json!({"name": "more", "scopes": ["operator"]})).await,
            Half::begin(&leaked, ("PUT", "/v1/policy"), "application/toml", "# another one, and longer\n").await,
            Half::begin(&leaked, ("PUT", "/v1/policy/access"), "text/plain", "// another one, and longer\n").await,
            Half::begin(&leaked, ("PUT", "/v1/secrets/more"), "text/plain", "marrow and bone").await,
            Half::of_json(&leaked, ("POST", "/v1/calls"), &json!({"tool": "own.handmade", "arguments": {}})).await,
            Half::of_json(
                &leaked,
                ("POST", "/v1/packages/own/deprecate"),
                &json!({"version": "1.0.0", "message": "x"}),
            )
            .await,
            Half::begin(&leaked, ("POST", "/v1/components"), "application/wasm", other).await,
        ];
        underway().await;
        tenant.operator.delete(&format!("/v1/keys/{id}")).await;
        unauthenticated(halves).await;
        let keys = tenant.operator.get("/v1/keys").await.ok().to_string();
        assert!(!keys.contains("\"more\""), "{keys}");
        assert_eq!(tenant.operator.get("/v1/policy").await.ok()["text"], "");
        assert_eq!(tenant.operator.get("/v1/policy/access").await.ok()["text"], "");
        assert_eq!(tenant.publisher.get("/v1/components").await.ok()["components"].as_array().unwrap().len(), 1);
        let log = tenant.log(0).await;
        assert!(!log.iter().any(|entry| entry["kind"] == "call.decided"), "a call was let in");
        // Whose key it was learns that it was tried.
        let tried = eventually("failed logins in the record", async || {
            let log = tenant.log(0).await;
            let failed = log.iter().filter(|entry| entry["kind"] == "login.failed");
            let count: u64 = failed.filter_map(|entry| entry["event"]["count"].as_u64()).sum();
            (count >= 7).then_some(count)
        });
        assert_eq!(tried.await, 7);
    });
}

/// `unauthenticated` with the key of before; the new one goes on.
#[test]
fn hostile_a_request_that_began_before_its_key_was_rotated_comes_to_nothing() {
    attack(async {
        let tenant = shared().await.tenant("halves").await;
        let (leaked, id) = key(&tenant, &["agent", "operator"]).await;
        let more = json!({"name": "more", "scopes": ["operator"]});
        let halves = vec![
            Half::of_json(&leaked, ("POST", "/v1/keys"), &more).await,
            Half::of_json(&leaked, ("POST", "/v1/calls"), &json!({"tool": "catalogue/noop", "arguments": {}})).await,
        ];
        underway().await;
        let rotated = tenant.operator.post(&format!("/v1/keys/{id}/rotate"), &json!({})).await.ok();
        unauthenticated(halves).await;
        tenant.entry("login.failed", json!({})).await;
        leaked.with_key(rotated["key"].as_str().unwrap()).post("/v1/keys", &more).await.ok();
    });
}

/// `unauthenticated`, `denied`: a call whose tenant is suspended, whose tool is denied or whose component is recalled before
/// the request is whole does not run.
#[test]
fn hostile_a_call_that_began_before_it_was_forbidden_does_not_run() {
    attack(async {
        let server = shared().await;
        let tenant = server.tenant("halves").await;
        let component = tenant.push("own", Handmade::default().build()).await;
        let call = json!({"tool": "own.handmade", "arguments": {}});
        let begin = async || Half::of_json(&tenant.agent, ("POST", "/v1/calls"), &call).await;
        let denied = (403, Code::Denied.as_str().to_owned());

        let half = begin().await;
        underway().await;
        tenant.policy("[tools]\ndeny = [\"own\"]\n").await;
        assert_eq!(half.end().await, denied);
        tenant.policy("").await;

        let half = begin().await;
        underway().await;
        crate::apply(&tenant.operator, "forbid (principal, action == Action::\"call\", resource);").await.ok();
        assert_eq!(half.end().await, denied);
        crate::apply(&tenant.operator, "").await.ok();

        let half = begin().await;
        underway().await;
        let path = format!("/v1/components/{component}/recall");
        tenant.operator.post(&path, &json!({"reason": "it leaks"})).await.ok();
        assert_eq!(half.end().await, denied);
        tenant.operator.delete(&path).await;

        let half = begin().await;
        underway().await;
        server.platform.post(&format!("/v1/tenants/{}/suspend", tenant.name), &json!({})).await.ok();
        unauthenticated(vec![half]).await;
        server.platform.post(&format!("/v1/tenants/{}/resume", tenant.name), &json!({})).await.ok();
        tenant.entry("call.refused", json!({"code": "denied", "tool": "own.handmade"})).await;
        // Nothing forbids the next one.
        let half = begin().await;
        underway().await;
        assert_eq!(half.end().await.0, 200);
    });
}
