//! Credentials: the host that the rule names gets them, and the guest never does.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http_body_util::BodyExt as _;

use super::support::*;
use super::*;
use crate::capability::tape::Tape;
use crate::policy::Credential;
use crate::storage::{SealedSecrets, Vault};
use crate::uses::CapabilityUse;

const VALUE: &str = "marrow-and-bone-4711";

fn secret() -> crate::id::SecretName {
    "github".parse().unwrap()
}

fn vault(tenant: &str) -> (Vault, Arc<SealedSecrets>) {
    let (vault, sealed) = Vault::for_test(&tenant.parse().unwrap(), &[("github", VALUE)]);
    (vault, Arc::new(sealed))
}

/// A host `a.example` over TLS, whose rule has this credential, and which answers so.
async fn world(answer: Answer, [header, query, basic, value]: [Option<&str>; 4]) -> (Origin, World, String) {
    let authority = Authority::new();
    let origin = Origin::start_at("127.0.0.1:0", answer, Some(authority.acceptor("a.example"))).await;
    let port = origin.port();
    let settings = BrokerSettings { extra_roots: vec![authority.root()], ..BrokerSettings::default() };
    let credential = Credential::for_test(secret(), [header, query, basic, value]);
    let world = World::with(&[&format!("* https://a.example:{port}/*"), &format!("* https://*:{port}/*")], &settings)
        .with_credential(credential);
    world.names.add("a.example", &[&["127.0.0.1"]]);
    (origin, world, format!("https://a.example:{port}"))
}

fn call(world: &World) -> Call {
    let mut call = world.call();
    let (vault, sealed) = vault("acme");
    call.http = call.http.with_secrets(CallSecrets::new(Some(&vault), &"acme".parse().unwrap(), &sealed));
    call
}

#[tokio::test]
async fn it_goes_where_the_rule_says_and_comes_back_nowhere() {
    let basic = STANDARD.encode(format!("me:{VALUE}"));
    for (place, sent) in [
        ([None; 4], format!("authorization: Bearer {VALUE}\r\n")),
        ([Some("X-Api-Key"), None, None, None], format!("x-api-key: {VALUE}\r\n")),
        ([Some("x-api-key"), None, None, Some("v1;{};")], format!("x-api-key: v1;{VALUE};\r\n")),
        ([None, Some("key"), None, None], format!("GET /p?a=b&key={VALUE} HTTP/1.1\r\n")),
        ([None, None, Some("me"), None], format!("authorization: Basic {basic}\r\n")),
    ] {
        let (origin, world, url) = world(Answer::Echo, place).await;
        let mut call = call(&world);
        let response = call.http.send(request("GET", &format!("{url}/p?a=b")), Patience::default()).await.unwrap();
        let fields = format!("{:?}", response.headers());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let seen = origin.seen.request();
        assert!(seen.contains(&sent), "{seen}");
        for text in [&fields, &body] {
            assert!(!text.contains(VALUE) && !text.contains(&basic) && !text.contains("marrow"), "{text}");
            assert!(text.contains("****"), "{text}");
        }
        // Of the same length: nothing else is out of its place.
        assert_eq!(body.len(), seen.len());
        let uses = call.effects.uses().uses;
        let used = CapabilityUse::Secret { host: "a.example".to_owned(), name: secret(), version: 1 };
        assert!(uses.contains(&used), "{uses:?}");
        assert_eq!(call.denials(), ["the response held the secret \"github\", which was overwritten"]);
    }
}

/// Overridden or refused.
#[tokio::test]
async fn hostile_guests_cannot_put_their_own_in_its_place() {
    let (origin, world, url) = world(Answer::ok(b""), [None; 4]).await;
    let mut own = request("GET", &format!("{url}/"));
    own.headers_mut().append("authorization", HeaderValue::from_static("Bearer of-the-guest"));
    own.headers_mut().append("authorization", HeaderValue::from_static("Bearer of-the-guest"));
    own.headers_mut().append("accept-encoding", HeaderValue::from_static("gzip"));
    call(&world).fetch(own).await.unwrap();
    let seen = origin.seen.request();
    assert!(!seen.contains("of-the-guest") && seen.contains(VALUE), "{seen}");
    assert!(seen.contains("accept-encoding: identity\r\n"), "{seen}");

    let (origin, world, url) = self::world(Answer::ok(b""), [None, Some("key"), None, None]).await;
    for query in ["key=mine", "a=1&k%65y=mine", "KEY=mine"] {
        let mut call = call(&world);
        let refused = call.get(&format!("{url}/?{query}")).await;
        assert!(matches!(refused, Err(Fault::Denied)), "{query}: {refused:?}");
        assert!(call.denials()[0].contains("parameter"), "{:?}", call.denials());
    }
    // In parts it would not be found.
    let mut part = request("GET", &format!("{url}/"));
    part.headers_mut().insert("range", HeaderValue::from_static("bytes=0-10"));
    assert!(matches!(call(&world).fetch(part).await, Err(Fault::Denied)));
    assert_eq!(origin.seen.connections(), 0);
}

#[tokio::test]
async fn it_goes_to_no_other_host_and_what_is_not_set_lets_nothing_leave() {
    let (origin, world, url) = world(Answer::ok(b""), [None; 4]).await;
    world.names.add("b.example", &[&["127.0.0.1"]]);
    // The other rule lets it ask, without: it is the certificate that is another's.
    let other = call(&world).get(&url.replace("a.example", "b.example")).await;
    assert!(matches!(other, Err(Fault::Certificate)), "{other:?}");
    assert!(origin.seen.requests.lock().is_empty());

    // Nobody has set it; another tenant has.
    for sealed in [Arc::default(), vault("globex").1] {
        let mut call = world.call();
        call.http = call.http.with_secrets(CallSecrets::new(Some(&vault("acme").0), &"acme".parse().unwrap(), &sealed));
        let unset = call.get(&format!("{url}/")).await.unwrap_err();
        assert!(matches!(unset, Fault::Credential), "{unset:?}");
        assert_eq!(call.effects.usage().http_requests, 0);
        assert!(call.effects.uses().uses.is_empty());
    }
    assert!(origin.seen.requests.lock().is_empty());
}

#[tokio::test]
async fn a_response_that_nobody_can_look_into_is_refused() {
    let packed = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc".to_vec();
    let (_origin, world, url) = world(Answer::Bytes(packed), [None; 4]).await;
    let refused = call(&world).get(&format!("{url}/")).await;
    assert!(matches!(refused, Err(Fault::Encoded)), "{refused:?}");
}

#[tokio::test]
async fn it_is_found_in_trailers_and_across_pieces() {
    let (first, second) = VALUE.split_at(7);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-end\r\n\r\n\
         {:x}\r\n-{first}\r\n{:x}\r\n{second}-\r\n0\r\nx-end: {VALUE}\r\n\r\n",
        first.len() + 1,
        second.len() + 1
    );
    let (_origin, world, url) = world(Answer::Bytes(chunked.into_bytes()), [None; 4]).await;
    let mut call = call(&world);
    let response = call.http.send(request("GET", &format!("{url}/")), Patience::default()).await.unwrap();
    let came = response.into_body().collect().await.unwrap();
    let trailers = came.trailers().cloned().unwrap_or_default();
    assert_eq!(came.to_bytes(), format!("-{}-", "*".repeat(VALUE.len())));
    assert_eq!(trailers.get("x-end").map(HeaderValue::as_bytes), Some("*".repeat(VALUE.len()).as_bytes()));
    assert_eq!(call.denials().len(), 1, "told once");
}

/// Whole lines are given, and what may be the beginning of the value is not, whoever asks for it again.
#[tokio::test]
async fn what_came_before_a_response_broke_off_is_given_but_for_the_line_that_had_begun() {
    let (first, _) = VALUE.split_at(12);
    let cut = format!("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\ndata: one\n\ndata: {VALUE}\n\ndata: {first}");
    let (_origin, world, url) = world(Answer::text(&cut), [None; 4]).await;
    let mut call = call(&world);
    let response = call.http.send(request("GET", &format!("{url}/")), Patience::default()).await.unwrap();
    let (mut body, mut came) = (Box::pin(response.into_body()), Vec::<u8>::new());
    let fault = loop {
        match body.frame().await.expect("it did not end well") {
            Ok(frame) => came.extend_from_slice(frame.data_ref().unwrap()),
            Err(fault) => break fault,
        }
    };
    let expected = format!("data: one\n\ndata: {}\n\n", "*".repeat(VALUE.len()));
    assert_eq!(String::from_utf8(came).unwrap(), expected);
    assert!(matches!(fault, Fault::Incomplete | Fault::Terminated), "{fault:?}");
    assert!(body.frame().await.is_none());
}

/// What is kept for a replay has no secret in it.
#[tokio::test]
async fn hostile_recordings_hold_no_secret() {
    let (origin, world, url) = world(Answer::Echo, [None; 4]).await;
    let tape = Tape::recording();
    let mut call = world.call_on(&tape);
    let (vault, sealed) = vault("acme");
    call.http = call.http.with_secrets(CallSecrets::new(Some(&vault), &"acme".parse().unwrap(), &sealed));
    let (_, was) = call.get(&format!("{url}/")).await.unwrap();
    origin.seen.closed(1).await;
    drop(call);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let recording = tape.recorded().unwrap();
    let spelt = format!("{recording:?}{}", String::from_utf8_lossy(&recording.to_bytes().unwrap()));
    assert!(!spelt.contains("marrow") && spelt.contains("****"), "{spelt}");

    // And it is enough to run the call again, without the secret.
    let tape = Tape::replaying(Some(recording));
    let mut call = world.call_on(&tape);
    assert_eq!(call.get(&format!("{url}/")).await.unwrap().1, was);
    drop(call);
    tape.settle().await;
    assert_eq!(tape.departure(true), None);
}
