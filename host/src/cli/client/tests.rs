use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::*;
use crate::cli::exit::Exit;
use crate::http::wire::Secret;

/// A host that answers everything alike, and keeps what it was asked.
fn host(answer: impl Fn() -> axum::response::Response + Clone + Send + Sync + 'static) -> (Client, Asked) {
    let asked = Asked::default();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/base/", listener.local_addr().unwrap()).parse().unwrap();
    let seen = asked.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let app = axum::Router::new().fallback(move |request: Request| async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
                let key = head.headers.get(AUTHORIZATION).map(|key| key.to_str().unwrap().to_owned());
                seen.0.lock().push((format!("{} {}", head.method, head.uri), key.unwrap_or_default(), body.len()));
                answer()
            });
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app).await.unwrap();
        });
    });
    (Client::new(&Connection::to(url, Secret::new("cof_acme_x"))).unwrap(), asked)
}

#[derive(Debug, Clone, Default)]
struct Asked(Arc<Mutex<Vec<(String, String, usize)>>>);

#[test]
fn requests_carry_the_key_and_segments_are_encoded() {
    let (client, asked) = host(|| axum::Json(json!({"ok": true})).into_response());
    let value: Value = client.get(&["v1", "tools", "a/b?c"], &[("from", "1 2".to_owned())]).unwrap();
    assert_eq!(value, json!({"ok": true}));
    let progress = Progress::bytes("uploading", 200_000);
    let _: Value = client.upload(&["v1", "components"], vec![7; 200_000], &progress).unwrap();
    let asked = asked.0.lock().clone();
    assert_eq!(asked[0], ("GET /base/v1/tools/a%2Fb%3Fc?from=1+2".to_owned(), "Bearer cof_acme_x".to_owned(), 0));
    assert_eq!((asked[1].0.as_str(), asked[1].2), ("POST /base/v1/components", 200_000));
}

#[test]
fn problems_keep_their_code_and_other_answers_are_named() {
    let (client, _) = host(|| Error::not_found("tool", "x").into_response());
    let failure = client.get::<Value>(&["v1"], &[]).unwrap_err();
    assert_eq!((failure.exit(), failure.said().unwrap().code.as_str()), (Exit::NotFound, "not-found"));

    let (client, _) = host(|| (StatusCode::BAD_GATEWAY, "<html>").into_response());
    let failure = client.get::<Value>(&["v1"], &[]).unwrap_err();
    assert_eq!(failure.exit(), Exit::Unavailable);
    assert_eq!(failure.said().unwrap().facts["answer"], "HTTP 502 Bad Gateway");

    let (client, _) = host(|| (StatusCode::FOUND, [("location", "http://127.0.0.1:1/")]).into_response());
    assert_eq!(client.get::<Value>(&["v1"], &[]).unwrap_err().said().unwrap().facts["answer"], "HTTP 302 Found");
}

#[test]
fn nobody_at_the_address_is_said_so() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}").parse().unwrap();
    let client = Client::new(&Connection::to(url, Secret::new("cof_acme_x"))).unwrap();
    let failure = client.get::<Value>(&["v1"], &[]).unwrap_err();
    let problem = failure.said().unwrap();
    assert_eq!(failure.exit(), Exit::Unavailable);
    assert!(problem.detail.contains("refused") && !problem.detail.contains("cof_"), "{}", problem.detail);
}

#[test]
fn streams_end_with_the_last_event_or_say_that_it_is_missing() {
    let body = "event: decided\ndata: {}\n\nevent: result\ndata: {\"n\":1}\n\n";
    let (client, _) = host(move || body.into_response());
    let mut names = Vec::new();
    let last = client.stream(&["v1", "calls"], &json!({}), |event| {
        names.push(event.name.clone());
        Ok((event.name == "result").then_some(event.data))
    });
    assert_eq!((last.unwrap().as_str(), names.join(" ").as_str()), ("{\"n\":1}", "decided result"));
    let cut: Result<()> = client.stream(&["v1", "calls"], &json!({}), |_| Ok(None));
    assert_eq!(cut.unwrap_err().said().unwrap().code, "interrupted");
}

#[test]
fn a_key_in_clear_is_noticed_beyond_this_machine() {
    let exposed =
        |url: &str| Client::new(&Connection::to(url.parse().unwrap(), Secret::new("cof_x"))).unwrap().is_exposed();
    assert!(exposed("http://tools.example.com") && exposed("http://10.0.0.1:7100"));
    assert!(!exposed("https://tools.example.com") && !exposed("http://[::1]:7100") && !exposed("http://localhost"));
}
