//! What a request may be, and how long it may take to come.

use std::time::{Duration, Instant};

use cofferdam::Code;
use cofferdam_tests::{Tenant, run, shared};
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn tenant() -> Tenant {
    shared().await.tenant("requests").await
}

/// A call whose body has so many bytes, most of them spaces.
fn body(bytes: usize) -> String {
    let call = r#"{"tool":"catalogue/noop"}"#;
    format!("{call}{}", " ".repeat(bytes - call.len()))
}

#[test]
fn bytes_of_a_body() {
    run(async {
        let tenant = tenant().await;
        let most = 9 << 20;
        let call = async |bytes| {
            let request = tenant.agent.request("POST", "/v1/calls").header(CONTENT_TYPE, "application/json");
            tenant.agent.send(request.body(body(bytes))).await
        };
        assert_eq!(call(most).await.text(), "ok");
        let answer = call(most + 1).await;
        assert_eq!(answer.problem(Code::TooLarge)["facts"], json!({"limit": "body_bytes_max", "maximum": most}));
        // Of one that is not said beforehand, too.
        let pieces = futures::stream::iter((0..10).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1 << 20])));
        let request = tenant.agent.request("POST", "/v1/calls").header(CONTENT_TYPE, "application/json");
        let answer = tenant.agent.send(request.body(reqwest::Body::wrap_stream(pieces))).await;
        answer.problem(Code::TooLarge);
        assert_eq!(call(100).await.text(), "ok");
    });
}

#[test]
fn depth_of_arguments() {
    run(async {
        let tenant = tenant().await;
        let call = async |depth: usize| {
            // The arguments themselves are the first level.
            let inner = format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
            let body = format!(r#"{{"tool":"catalogue/limits.echo","arguments":{{"text":"t","x":{inner}}}}}"#);
            let request = tenant.agent.request("POST", "/v1/calls").header(CONTENT_TYPE, "application/json");
            tenant.agent.send(request.body(body)).await
        };
        assert_ne!(call(64).await.code(), Some(Code::InvalidRequest));
        for depth in [65, 10_000, 1_000_000] {
            let answer = call(depth).await;
            assert!(
                matches!(answer.code(), Some(Code::InvalidArguments | Code::InvalidRequest)),
                "{depth}: {answer:?}"
            );
        }
        // Elsewhere, JSON is as deep as its reader goes.
        let deep = format!(r#"{{"tool":{}"x"}}"#, "[".repeat(100_000));
        let request = tenant.agent.request("POST", "/v1/explain").header(CONTENT_TYPE, "application/json");
        tenant.agent.send(request.body(deep)).await.problem(Code::InvalidRequest);
    });
}

/// Sends bytes as they are, and gives what comes back until the host closes.
async fn raw(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The host may have said no and closed before it read all of it.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(90), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the host neither answered nor closed");
    String::from_utf8_lossy(&answer).into_owned()
}

fn address(tenant: &Tenant) -> String {
    tenant.agent.base().strip_prefix("http://").unwrap().to_owned()
}

fn request(tenant: &Tenant, more: &str) -> String {
    let key = tenant.agent.key();
    format!("GET /v1/whoami HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {key}\r\n{more}\r\n")
}

#[test]
fn headers_of_a_request() {
    run(async {
        let tenant = tenant().await;
        let at = address(&tenant);
        let fields = |count: usize| "x: y\r\n".repeat(count);
        let filled = |bytes: usize| format!("x: {}\r\n", "y".repeat(bytes));
        let own = 3;
        let answer = raw(&at, request(&tenant, &fields(100 - own)).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let answer = raw(&at, request(&tenant, &fields(100 - own + 1)).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        let answer = raw(&at, request(&tenant, &filled(20 << 10)).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let answer = raw(&at, request(&tenant, &filled(64 << 10)).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        assert_eq!(tenant.agent.call("catalogue/noop", json!({})).await.text(), "ok");
    });
}

/// A client that never gets to the end of its headers, or of its body, is not waited for.
#[test]
fn time_of_a_request() {
    run(async {
        let tenant = tenant().await;
        let at = address(&tenant);
        let key = tenant.agent.key();
        let ways = [
            "GET /v1/whoami HTTP/1.1\r\nhost: a\r\n".to_owned(),
            String::new(),
            format!(
                "POST /v1/calls HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
            ),
        ];
        let waits = ways.iter().map(|way| async {
            let began = Instant::now();
            let answer = raw(&at, way.as_bytes()).await;
            (answer, began.elapsed())
        });
        let ended = futures::future::join_all(waits).await;
        for (answer, took) in &ended {
            assert!(*took < Duration::from_secs(80), "{took:?} {answer}");
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
        }
        assert!(ended[2].0.contains("request-timeout"), "{}", ended[2].0);
        assert_eq!(tenant.agent.call("catalogue/noop", json!({})).await.text(), "ok");
    });
}
