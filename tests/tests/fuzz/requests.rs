//! Requests, and what is none.

use std::time::Duration;

use cofferdam_tests::{Answer, Client, run};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{fuzz, mutated, tenant};

#[test]
fn fuzz_paths_queries_methods_and_headers() {
    run(async {
        let tenant = tenant("paths").await;
        let operator = tenant.operator.clone();
        let segment = prop_oneof![
            "[a-zA-Z0-9._~@:%+-]{0,20}",
            Just("..".to_owned()),
            Just("%2e%2e".to_owned()),
            Just("%00".to_owned()),
            Just("%ff".to_owned()),
            Just("v1".to_owned())
        ];
        let beginnings = prop::sample::select(vec![
            "/v1/tools/",
            "/v1/calls/",
            "/v1/components/",
            "/v1/packages/",
            "/v1/tenants/",
            "/v1/keys/",
            "/v1/audit",
            "/v1/usage",
            "/v1/",
            "/",
        ]);
        let paths =
            (beginnings, vec(segment, 0..5)).prop_map(|(begin, segments)| format!("{begin}{}", segments.join("/")));
        let queries = prop_oneof![
            Just(String::new()),
            "\\?[a-z]{1,6}=[0-9a-zA-Z%-]{0,30}",
            "\\?from=[0-9-]{0,25}&limit=[0-9-]{0,25}",
            "\\?since=[0-9-]{0,12}&until=[0-9T:-]{0,24}",
            "\\?[ -~&&[^#\"<>]]{0,40}"
        ];
        let methods = prop::sample::select(vec![
            "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "X",
        ]);
        let headers = prop::sample::select(vec![
            "accept",
            "authorization",
            "content-type",
            "content-encoding",
            "expect",
            "range",
            "te",
            "x-forwarded-for",
            "cookie",
            "traceparent",
            "if-match",
        ]);
        let values = "[ -~]{0,200}";
        fuzz(&tenant, (methods, paths, queries, headers, values), async |(method, path, query, header, value)| {
            let request = operator.request(method, &format!("{path}{query}")).header(*header, value.as_str());
            let request = request.build().ok()?;
            let is_head = request.method() == "HEAD";
            let answer = send(&operator, request).await;
            if is_head || answer.status == 401 || *method == "OPTIONS" {
                assert_ne!(answer.status, 500, "{answer:?}");
                return None;
            }
            Some(answer)
        })
        .await;
    });
}

async fn send(client: &Client, request: reqwest::Request) -> Answer {
    let method = request.method().as_str().to_owned();
    let mut path = request.url().path().to_owned();
    if let Some(query) = request.url().query() {
        path = format!("{path}?{query}");
    }
    let mut again = client.request(&method, &path);
    for (name, value) in request.headers() {
        again = again.header(name, value);
    }
    client.send(again).await
}

/// Not even HTTP: whatever arrives on a connection ends that connection at most.
#[test]
fn fuzz_raw_bytes() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    run(async {
        let tenant = tenant("raw").await;
        let address = tenant.agent.base().strip_prefix("http://").unwrap().to_owned();
        let good = format!(
            "POST /v1/calls HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 25\r\n\r\n{{\"tool\":\"catalogue/noop\"}}\r\n",
            tenant.agent.key()
        );
        let smuggled = [
            good.replace("content-length: 25", "content-length: 25\r\ncontent-length: 26"),
            good.replace("content-length: 25", "content-length: 25\r\ntransfer-encoding: chunked"),
            good.replace("content-length: 25", "content-length: +25"),
            good.replace("content-length: 25", "content-length: -1"),
            good.replace("content-length: 25", "content-length: 99999999999999999999"),
            good.replace("content-length: 25", "transfer-encoding: chunked, identity"),
            good.replace("host:", "host: other\r\nhost:"),
            good.replace("HTTP/1.1", "HTTP/9.9"),
            good.replace("HTTP/1.1\r\n", "HTTP/1.1\n"),
            good.replace("/v1/calls", &format!("/{}", "a".repeat(100_000))),
            good.replace("host:", &format!("{}host:", "x: y\r\n".repeat(10_000))),
            format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{good}"),
        ];
        let bytes = prop_oneof![
            mutated(good.clone().into_bytes()),
            prop::sample::select(smuggled.to_vec()).prop_map(String::into_bytes),
            vec(any::<u8>(), 1..500),
        ];
        fuzz(&tenant, bytes, async |bytes| {
            let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
            // The host may close before it has read everything.
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
            let mut answer = Vec::new();
            let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
            assert!(read.is_ok(), "no end: {bytes:?}");
            let text = String::from_utf8_lossy(&answer);
            assert!(!text.starts_with("HTTP/1.1 5"), "{:?}\n{text}", String::from_utf8_lossy(bytes));
            None
        })
        .await;
    });
}
