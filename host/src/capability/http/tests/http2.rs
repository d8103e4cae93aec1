//! HTTP/2, where the host's handshake comes to that.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::net::TcpListener;

use super::support::{Authority, World, post, request};
use super::*;

type Asked = Arc<Mutex<Vec<(http::request::Parts, Bytes)>>>;

/// A server that speaks HTTP/2 alone, and answers with what it was asked.
async fn origin(authority: &Authority) -> (u16, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, acceptor) = (listener.local_addr().unwrap().port(), authority.acceptor_for("a.example", &[b"h2"]));
    let asked = Asked::default();
    let remembered = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, asked) = (acceptor.clone(), Arc::clone(&remembered));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let answer = service_fn(move |request: Request<Incoming>| {
                    let asked = Arc::clone(&asked);
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
                        asked.lock().push((parts, body.clone()));
                        let big = "h".repeat(20_000);
                        let mut response = Response::new(Full::new(body));
                        if asked.lock().last().is_some_and(|(parts, _)| parts.uri.path() == "/big") {
                            response.headers_mut().insert("x-big", big.parse().unwrap());
                        }
                        Ok::<_, Infallible>(response)
                    }
                });
                let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    (port, asked)
}

#[tokio::test]
async fn a_request_goes_over_http_2_and_counts_the_same() {
    let authority = Authority::new();
    let (port, asked) = origin(&authority).await;
    let settings = BrokerSettings { extra_roots: vec![authority.root()], ..BrokerSettings::default() };
    let mut world = World::with(&[&format!("* https://a.example:{port}/*")], &settings);
    world.limits.http_header_bytes = 8 << 10;
    world.names.add("a.example", &[&["127.0.0.1"]]);
    let mut call = world.call();
    let url = format!("https://a.example:{port}");
    let body = vec![b'b'; 300_000];
    let (status, came) = call.fetch(post(&format!("{url}/p?q=1"), &body)).await.unwrap();
    assert_eq!((status, came.len()), (200, body.len()));
    {
        let asked = asked.lock();
        let (parts, sent) = &asked[0];
        assert_eq!((parts.version, sent.len()), (http::Version::HTTP_2, body.len()));
        assert_eq!(parts.uri.to_string(), format!("{url}/p?q=1"));
        assert!(!parts.headers.contains_key("connection") && !parts.headers.contains_key("host"), "{parts:?}");
    }
    let usage = call.effects.usage();
    assert_eq!((usage.http_sent_bytes, usage.http_received_bytes), (300_000, 300_000));
    // A head that is too long, and a limit in the middle of a body.
    let long = call.fetch(request("GET", &format!("{url}/big"))).await;
    assert!(matches!(long, Err(Fault::ReceivedHead(_) | Fault::Protocol)), "{long:?}");
    world.limits.http_received_bytes = 100_000;
    let past = world.call().fetch(post(&format!("{url}/p"), &body)).await;
    assert!(matches!(past, Err(Fault::ReceivedBytes(100_000))), "{past:?}");
    world.limits.http_sent_bytes = 100_000;
    let past = world.call().fetch(post(&format!("{url}/p"), &body)).await;
    assert!(matches!(past, Err(Fault::SentBytes(100_000) | Fault::Protocol)), "{past:?}");
}
