//! What may leave, in what form, and when.

use std::sync::atomic::Ordering;

use http::HeaderValue;
use http_body_util::BodyExt as _;

use super::support::{Answer, Origin, World, post, request};
use super::*;
use crate::capability::effects::tests::recorded;

#[tokio::test]
async fn a_request_that_is_allowed_leaves_and_is_counted() {
    let origin =
        Origin::start(Answer::AfterBody(5, b"HTTP/1.1 201 Created\r\nx-a: b\r\ncontent-length: 3\r\n\r\nyes".to_vec()))
            .await;
    let world = World::new(&[&format!("POST http://a.example:{}/in/*", origin.port())]);
    world.names.add("a.example", &[&["127.0.0.1"]]);
    let mut call = world.call();
    let response = call
        .http
        .send(post(&format!("http://A.example.:{}/in/%7ex?y=z", origin.port()), b"hello"), Patience::default());
    let response = response.await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["x-a"]), (201, &HeaderValue::from_static("b")));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "yes");
    let port = origin.port();
    assert_eq!(
        origin.seen.request(),
        format!(
            "POST /in/~x?y=z HTTP/1.1\r\nhost: a.example:{port}\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello"
        )
    );
    let usage = call.effects.usage();
    assert_eq!((usage.http_requests, usage.http_sent_bytes, usage.http_received_bytes, usage.denials), (1, 5, 3, 0));
    assert_eq!(call.record.asked.load(Ordering::Relaxed), 1);
    // By the rule's pattern; nothing of the path or the query.
    let used: Vec<_> = call.effects.uses().uses.iter().map(ToString::to_string).collect();
    assert_eq!(used, [format!("POST http://a.example:{port}/in/*")]);
}

#[tokio::test]
async fn without_a_grant_everything_is_denied_and_recorded() {
    let origin = Origin::start(Answer::ok(b"")).await;
    let world = World::new(&["* http://*/*"]);
    let (record, effects) = recorded();
    let grants = Arc::new(Grants::none());
    let mut http = HttpCall::new(Some(&world.broker), &grants, &world.limits, &"acme".parse().unwrap(), effects);
    let url = format!("http://127.0.0.1:{}/secret?key=value", origin.port());
    assert!(matches!(http.send(request("GET", &url), Patience::default()).await, Err(Fault::Denied)));
    let unreadable = request("GET", "http://user:password@a.example/");
    assert!(matches!(http.send(unreadable, Patience::default()).await, Err(Fault::Denied)));
    let denied = record.denied.lock().clone();
    assert_eq!(denied[0].action, format!("GET http://127.0.0.1:{}", origin.port()), "and nothing of the path");
    assert_eq!(
        (denied[0].capability, denied[0].rule.as_str(), denied[0].nearest.as_deref()),
        ("http", "no http grant", None)
    );
    assert_eq!(denied[1].action, "send a request");
    assert_eq!((origin.seen.connections(), record.asked.load(Ordering::Relaxed)), (0, 0));
}

#[tokio::test]
async fn a_host_without_a_broker_says_so() {
    let world = World::new(&["* http://*:80/*"]);
    let mut call = world.call();
    call.http.broker = None;
    assert!(matches!(call.get("http://127.0.0.1/").await, Err(Fault::NoBroker)));
    assert!(matches!(call.get("https://127.0.0.1/").await, Err(Fault::Denied)), "the decision comes first");
}

#[tokio::test]
async fn what_no_rule_allows_is_denied_before_anything_is_waited_for() {
    let origin = Origin::start(Answer::ok(b"")).await;
    let port = origin.port();
    let world = World::new(&[&format!("GET http://a.example:{port}/in/*")]);
    world.names.add("a.example", &[&["127.0.0.1"]]);
    for (method, url) in [
        ("GET", format!("http://a.example:{port}/out")),
        ("GET", format!("http://a.example:{port}/in")),
        ("GET", format!("http://a.example:{port}/in/../out")),
        ("GET", format!("http://a.example:{port}/in/%2e%2e/out")),
        ("GET", format!("http://a.example:{port}/in/..%2fout")),
        ("GET", format!("http://a.example:{port}/in//out")),
        ("GET", format!("http://a.example:{port}/in/..;/out")),
        ("POST", format!("http://a.example:{port}/in/")),
        ("CONNECT", format!("http://a.example:{port}/in/")),
        ("TRACE", format!("http://a.example:{port}/in/")),
        ("GET", format!("https://a.example:{port}/in/")),
        ("GET", "http://a.example/in/".to_owned()),
        ("GET", format!("http://127.0.0.1:{port}/in/")),
        ("GET", format!("http://2130706433:{port}/in/")),
        ("GET", format!("http://0x7f.1:{port}/in/")),
        ("GET", format!("http://017700000001:{port}/in/")),
        ("GET", format!("http://b.example:{port}/in/")),
        ("GET", format!("http://a.example.b.example:{port}/in/")),
        ("GET", format!("http://a.example:{port}@b.example/in/")),
        ("GET", format!("http://user@a.example:{port}/in/")),
        ("GET", format!("http://user:word@a.example:{port}/in/")),
        ("GET", format!("http://b.example@a.example:{port}/in/")),
    ] {
        let mut call = world.call();
        let denied = call.fetch(request(method, &url)).await;
        assert!(matches!(denied, Err(Fault::Denied)), "{method} {url}: {denied:?}");
        let recorded = call.record.denied.lock().clone();
        assert_eq!(recorded.len(), 1, "{method} {url}");
        assert!(!recorded[0].action.contains("word") && !recorded[0].action.contains("/in"), "{:?}", recorded[0]);
        assert_eq!(call.record.asked.load(Ordering::Relaxed), 0);
        assert_eq!(call.effects.usage().http_requests, 0);
    }
    assert!(origin.seen.connections() == 0 && world.names.asked().is_empty());
}

#[tokio::test]
async fn nothing_leaves_while_the_decision_cannot_be_recorded() {
    let origin = Origin::start(Answer::ok(b"")).await;
    let url = format!("http://a.example:{}/", origin.port());
    let world = World::new(&["GET http://*:1/*", &format!("GET http://*:{}/*", origin.port())]);
    world.names.add("a.example", &[&["127.0.0.1"]]);
    let mut call = world.call();
    call.record.failures.store(2, Ordering::Relaxed);
    for _ in 0..2 {
        assert!(matches!(call.get(&url).await, Err(Fault::AuditUnavailable(_))));
    }
    assert!(world.names.asked().is_empty(), "a lookup is an effect");
    assert_eq!((origin.seen.connections(), call.effects.usage().http_requests), (0, 0));
    assert_eq!(call.get(&url).await.unwrap().0, 200);
}

#[tokio::test]
async fn what_speaks_of_the_connection_is_the_host_s_to_say() {
    let origin = Origin::start(Answer::ok(b"")).await;
    let port = origin.port();
    let world = World::new(&[&format!("* http://127.0.0.1:{port}/*")]);
    let mut request = request("GET", &format!("http://127.0.0.1:{port}/a"));
    for (name, value) in [
        ("host", "b.example"),
        ("host", "c.example"),
        ("connection", "keep-alive, x-named"),
        ("x-named", "1"),
        ("keep-alive", "timeout=9"),
        ("proxy-authorization", "Basic x"),
        ("proxy-connection", "keep-alive"),
        ("te", "trailers"),
        ("trailer", "x-late"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("http2-settings", "AA"),
        ("expect", "100-continue"),
        ("authorization", "Bearer own"),
        ("x-own", "a\tb"),
        ("x-own", "c"),
    ] {
        request.headers_mut().append(name, HeaderValue::from_static(value));
    }
    world.call().fetch(request).await.unwrap();
    let sent = origin.seen.request();
    let mut lines: Vec<_> = sent.trim_end().split("\r\n").collect();
    lines[1..].sort_unstable();
    let host = format!("host: 127.0.0.1:{port}");
    assert_eq!(
        lines,
        ["GET /a HTTP/1.1", "authorization: Bearer own", "connection: close", &host, "x-own: a\tb", "x-own: c"]
    );
}

#[tokio::test]
async fn two_lengths_are_one_smuggled_request_too_many() {
    let world = World::new(&["* http://127.0.0.1:80/*"]);
    let mut call = world.call();
    let mut twice = post("http://127.0.0.1/", b"hello");
    twice.headers_mut().append("content-length", HeaderValue::from_static("5"));
    twice.headers_mut().append("content-length", HeaderValue::from_static("50"));
    assert!(matches!(call.fetch(twice).await, Err(Fault::Denied)));
    assert_eq!(call.denials(), ["a request says its length once"]);
}

/// Line ends cannot be written at all: the types that requests are made of have none.
#[test]
fn line_ends_do_not_reach_a_request() {
    for text in ["a\r\nx: y", "a\nb", "a\rb", "a\0b"] {
        assert!(HeaderValue::from_bytes(text.as_bytes()).is_err(), "{text:?}");
        assert!(http::HeaderName::from_bytes(text.as_bytes()).is_err());
        assert!(http::Uri::try_from(format!("http://a.example/{text}")).is_err());
        assert!(http::Method::from_bytes(text.as_bytes()).is_err());
    }
}

#[tokio::test]
async fn a_redirect_is_the_guest_s_to_follow_and_is_decided_anew() {
    let inner = Origin::start_at("127.0.0.2:0", Answer::ok(b"inner"), None).await;
    let location = format!("http://{}/inner", inner.address);
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let outer = Origin::start(Answer::text(&answer)).await;
    // Once where no rule covers the second host, and once where one does and only its address is against it.
    for second in ["http://b.example:1/*".to_owned(), format!("http://127.0.0.2:{}/*", inner.port())] {
        let world = World::new(&[&format!("GET http://127.0.0.1:{}/*", outer.port()), &format!("GET {second}")]);
        let mut call = world.call();
        let response = call.http.send(request("GET", &format!("http://{}/", outer.address)), Patience::default());
        let response = response.await.unwrap();
        assert_eq!(response.status().as_u16(), 302);
        let followed = call.get(response.headers()["location"].to_str().unwrap()).await;
        let expected = if second.contains("b.example") { "the request is denied" } else { "the address is prohibited" };
        assert_eq!(followed.unwrap_err().to_string(), expected);
        assert_eq!((call.denials().len(), inner.seen.connections()), (1, 0));
    }
}
