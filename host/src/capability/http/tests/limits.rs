//! Each limit: at it, and one past it.

use std::time::Instant;

use http::HeaderValue;
use http_body_util::BodyExt as _;

use super::support::{Answer, Origin, World, post, request, stream};
use super::*;

const NO_LENGTH: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";

async fn world(answer: Answer) -> (Origin, World, String) {
    let origin = Origin::start(answer).await;
    let world = World::new(&[&format!("* http://127.0.0.1:{}/*", origin.port())]);
    let url = format!("http://{}/", origin.address);
    (origin, world, url)
}

#[tokio::test]
async fn as_many_requests_as_the_limit_and_not_one_more() {
    let (origin, mut world, url) = world(Answer::ok(b"")).await;
    world.limits.http_requests = 2;
    let mut call = world.call();
    call.get(&url).await.unwrap();
    // One that policy denies is none that leaves.
    assert!(matches!(call.get("http://b.example/").await, Err(Fault::Denied)));
    call.get(&url).await.unwrap();
    let past = call.get(&url).await.unwrap_err();
    assert_eq!(
        past.to_string(),
        "limits.http_requests is 2: make fewer requests in one call, or raise it in the policy"
    );
    assert_eq!((origin.seen.connections(), call.effects.usage().http_requests), (2, 2));
    world.call().get(&url).await.unwrap();
}

#[tokio::test]
async fn as_many_bytes_as_may_be_sent_and_not_one_more() {
    let (origin, mut world, url) =
        world(Answer::AfterBody(6, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec())).await;
    world.limits.http_sent_bytes = 12;
    let mut call = world.call();
    call.fetch(post(&url, b"123456")).await.unwrap();
    call.fetch(stream(&url, &[b"123", b"456"])).await.unwrap();
    assert_eq!((call.effects.usage().http_sent_bytes, origin.seen.connections()), (12, 2));
    let past = call.fetch(stream(&url, &[b"1"])).await;
    assert!(matches!(past, Err(Fault::SentBytes(12))), "{past:?}");
    assert_eq!(call.effects.usage().http_sent_bytes, 12);

    // Of one request as of all together; and what is said to be too long does not leave at all.
    let before = origin.seen.connections();
    let past = world.call().fetch(stream(&url, &[b"123456", b"123456", b"7"])).await;
    assert!(matches!(past, Err(Fault::SentBytes(12))), "{past:?}");
    assert_eq!(origin.seen.connections(), before + 1);
    let mut said = post(&url, b"1234567890123");
    said.headers_mut().insert("content-length", HeaderValue::from_static("13"));
    assert!(matches!(world.call().fetch(said).await, Err(Fault::SentBytes(12))));
    assert_eq!(origin.seen.connections(), before + 1);
}

#[tokio::test]
async fn as_many_bytes_as_may_be_received_and_not_one_more() {
    let (_origin, mut world, url) = world(Answer::ok(&[b'x'; 500])).await;
    world.limits.http_received_bytes = 1_000;
    let mut call = world.call();
    for _ in 0..2 {
        assert_eq!(call.get(&url).await.unwrap().1.len(), 500);
    }
    assert_eq!(call.effects.usage().http_received_bytes, 1_000);
    assert!(matches!(call.get(&url).await, Err(Fault::ReceivedBytes(1_000))));
    assert_eq!(call.effects.usage().http_received_bytes, 1_000);

    world.limits.http_received_bytes = 499;
    assert!(matches!(world.call().get(&url).await, Err(Fault::ReceivedBytes(499))));
    // A response without a body has nothing to count.
    let (_origin, mut world, url) = self::world(Answer::ok(b"")).await;
    world.limits.http_received_bytes = 0;
    world.call().get(&url).await.unwrap();
}

/// A response that never ends, and one that says how long it is and sends more, take no more than the limit.
#[tokio::test]
async fn a_response_without_end_is_cut_off_and_its_connection_closed() {
    let endless = [NO_LENGTH.as_bytes(), &vec![b'x'; 4 << 20]].concat();
    let (origin, mut world, url) = world(Answer::Stall(endless)).await;
    world.limits.http_received_bytes = 100_000;
    let mut call = world.call();
    // Not for ever, should it not be cut off.
    let patience = Patience { between_bytes: Some(Duration::from_secs(5)), ..Patience::default() };
    let mut body = call.http.send(request("GET", &url), patience).await.unwrap().into_body();
    let mut bytes = 0;
    let fault = loop {
        match body.frame().await.expect("an end without an error") {
            Ok(frame) => bytes += frame.into_data().unwrap().len(),
            Err(fault) => break fault,
        }
    };
    assert!(matches!(fault, Fault::ReceivedBytes(100_000)) && bytes <= 100_000, "{bytes}: {fault:?}");
    assert!(body.frame().await.is_none());
    origin.seen.closed(1).await;
}

#[tokio::test]
async fn a_request_s_head_is_measured_as_it_goes_over_the_wire() {
    let (origin, mut world, url) = world(Answer::ok(b"")).await;
    let with = |padding: usize| {
        let mut request = request("GET", &format!("{url}some/path"));
        request.headers_mut().insert("x", HeaderValue::try_from("y".repeat(padding)).unwrap());
        request
    };
    world.limits.http_header_bytes = 1_000;
    let mut call = world.call();
    call.fetch(with(1)).await.unwrap();
    let base = origin.seen.request().len();
    origin.seen.requests.lock().clear();
    call.fetch(with(1_000 - base + 1)).await.unwrap();
    assert_eq!(origin.seen.request().len(), 1_000);
    assert!(matches!(call.fetch(with(1_000 - base + 2)).await, Err(Fault::SentHead(1_000))));
    let long = format!("{url}{}", "a".repeat(1_000));
    assert!(matches!(call.get(&long).await, Err(Fault::Target(1_000))));
    assert_eq!(origin.seen.connections(), 2);
}

#[tokio::test]
async fn a_request_has_so_many_fields_and_not_one_more() {
    let (origin, world, url) = world(Answer::ok(b"")).await;
    let with = |fields: usize| {
        let mut request = request("GET", &url);
        for _ in 0..fields {
            request.headers_mut().append("x", HeaderValue::from_static(""));
        }
        request
    };
    // Two are the host's.
    world.call().fetch(with(FIELDS_MAX - 2)).await.unwrap();
    assert!(matches!(world.call().fetch(with(FIELDS_MAX - 1)).await, Err(Fault::SentHead(_))));
    assert_eq!(origin.seen.connections(), 1);
}

#[tokio::test]
async fn a_response_s_head_is_within_the_limit_or_refused() {
    let head = |bytes: usize| {
        let base = "HTTP/1.1 200 OK\r\nx: \r\ncontent-length: 0\r\n\r\n".len();
        format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n", "y".repeat(bytes - base))
    };
    for limit in [500, 8 << 10, 20_000] {
        for (bytes, fits) in [(limit, true), (limit + 1, false), (limit * 3, false)] {
            let (_origin, mut world, url) = world(Answer::text(&head(bytes))).await;
            world.limits.http_header_bytes = limit as u64;
            match world.call().get(&url).await {
                Ok((200, _)) if fits => {}
                Err(Fault::ReceivedHead(maximum)) if !fits && maximum == limit as u64 => {}
                other => panic!("{bytes} of {limit}: {other:?}"),
            }
        }
    }
    // Headers without end, and an endless number of interim responses, which are no response.
    let (_origin, world, url) =
        world(Answer::Stall([b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &[b'y'; 1 << 20]].concat())).await;
    assert!(matches!(world.call().get(&url).await, Err(Fault::ReceivedHead(_))));
    let interim = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(10_000);
    let (_origin, mut world, url) = self::world(Answer::Stall(interim.into_bytes())).await;
    world.limits.http_timeout = Duration::from_millis(200);
    assert!(matches!(world.call().get(&url).await, Err(Fault::ResponseTimeout)));
}

#[tokio::test]
async fn a_response_has_so_many_fields_and_not_one_more() {
    for (fields, fits) in [(FIELDS_MAX, true), (FIELDS_MAX + 1, false)] {
        let head = format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "x: y\r\n".repeat(fields - 1));
        let (_origin, world, url) = world(Answer::text(&head)).await;
        let answered = world.call().get(&url).await;
        assert!(if fits { answered.is_ok() } else { matches!(answered, Err(Fault::ReceivedHead(_))) }, "{answered:?}");
    }
}

#[tokio::test]
async fn trailers_are_no_way_around_the_limit_on_heads() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n";
    let (_origin, mut world, url) = world(Answer::text(&format!("{chunked}x: {}\r\n\r\n", "y".repeat(2_000)))).await;
    world.limits.http_header_bytes = 1_000;
    assert!(world.call().get(&url).await.is_err());
    world.limits.http_header_bytes = 4_000;
    let response = world.call().http.send(request("GET", &url), Patience::default()).await.unwrap();
    let collected = response.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["x"].len(), 2_000);
}

#[tokio::test]
async fn the_guest_s_trailers_do_not_leave() {
    let (origin, world, url) =
        world(Answer::AfterBody(9, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec())).await;
    let mut request = stream(&url, &[b"a"]);
    request.headers_mut().insert("trailer", HeaderValue::from_static("x-late"));
    let late = HeaderValue::from_static("1");
    let request = request.map(|body| {
        body.with_trailers(async move {
            Some(Ok(http::HeaderMap::from_iter([(http::HeaderName::from_static("x-late"), late)])))
        })
        .boxed_unsync()
    });
    world.call().fetch(request).await.unwrap();
    let sent = origin.seen.request();
    assert!(sent.ends_with("\r\n\r\n1\r\na\r\n0\r\n\r\n") && !sent.contains("x-late"), "{sent}");
}

/// Sends a request that is not answered, and gives the fault and how long it took.
async fn waited(world: &World, url: &str, patience: Patience) -> (Fault, Duration) {
    let began = Instant::now();
    let fault = world.call().http.send(request("GET", url), patience).await.unwrap_err();
    (fault, began.elapsed())
}

#[tokio::test]
async fn an_origin_that_does_not_answer_is_waited_for_until_the_limit() {
    let (origin, mut world, url) = world(Answer::Stall(Vec::new())).await;
    let long = Some(Duration::from_secs(600));
    world.limits.http_timeout = Duration::from_millis(300);
    // A guest that has more patience than the limit has none to give.
    for patience in [Patience::default(), Patience { connect: long, first_byte: long, between_bytes: long }] {
        let (fault, took) = waited(&world, &url, patience).await;
        assert!(matches!(fault, Fault::ResponseTimeout), "{fault:?}");
        assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(3), "{took:?}");
    }
    world.limits.http_timeout = Duration::from_secs(60);
    for short in [Duration::from_millis(50), Duration::ZERO] {
        let (fault, took) = waited(&world, &url, Patience { first_byte: Some(short), ..Patience::default() }).await;
        assert!(matches!(fault, Fault::ResponseTimeout) && took < Duration::from_secs(3), "{fault:?} {took:?}");
    }
    origin.seen.closed(4).await;
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_waited_for_until_the_limit() {
    let mut world = World::new(&["GET http://*:80/*"]);
    world.limits.http_timeout = Duration::from_millis(100);
    let (fault, took) = waited(&world, "http://hangs.example/", Patience::default()).await;
    assert!(matches!(fault, Fault::DnsTimeout) && took >= Duration::from_millis(100), "{fault:?} {took:?}");
    world.limits.http_timeout = Duration::from_secs(60);
    let short = Patience { connect: Some(Duration::from_millis(50)), ..Patience::default() };
    let (fault, took) = waited(&world, "http://hangs.example/", short).await;
    assert!(matches!(fault, Fault::DnsTimeout) && took < Duration::from_secs(3), "{fault:?} {took:?}");
}

#[tokio::test]
async fn a_body_that_stops_is_waited_for_as_long_as_the_guest_says() {
    let (origin, world, url) = world(Answer::Stall(format!("{NO_LENGTH}abc").into_bytes())).await;
    let patience = Patience { between_bytes: Some(Duration::from_millis(50)), ..Patience::default() };
    let mut call = world.call();
    let mut body = call.http.send(request("GET", &url), patience).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
    let began = Instant::now();
    assert!(matches!(body.frame().await, Some(Err(Fault::ReadTimeout))));
    assert!(began.elapsed() >= Duration::from_millis(50));
    assert!(body.frame().await.is_none());
    origin.seen.closed(1).await;
}

#[tokio::test]
async fn who_leaves_leaves_no_connection_behind() {
    let (origin, world, url) = world(Answer::Stall(Vec::new())).await;
    let mut call = world.call();
    let sending = tokio::spawn(call.http.send(request("GET", &url), Patience::default()));
    while origin.seen.requests.lock().is_empty() {
        origin.seen.changed.notified().await;
    }
    sending.abort();
    origin.seen.closed(1).await;

    let (origin, world, url) = self::world(Answer::Stall(NO_LENGTH.as_bytes().to_vec())).await;
    let response = world.call().http.send(request("GET", &url), Patience::default()).await.unwrap();
    drop(response);
    origin.seen.closed(1).await;
}
