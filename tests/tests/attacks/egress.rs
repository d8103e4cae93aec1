//! Ways out: sockets and names, which there never are, and requests that are not what a policy granted.

use cofferdam_tests::{run, shared};
use serde_json::{Value, json};

#[test]
fn there_are_no_sockets_and_no_names() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("sockets").await;
        let port = server.upstream.address.port();
        // With every grant that there is.
        tenant.policy(&server.upstream.grant("catalogue/*")).await;
        let tried =
            tenant.agent.call("catalogue/attack.connect", json!({"port": port, "name": "localhost"})).await.json();
        for way in ["tcp", "udp", "name"] {
            assert_eq!(tried[way], "access-denied", "{tried}");
        }
    });
}

#[test]
fn without_a_grant_nothing_leaves_and_the_record_says_what_was_tried() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("ungranted").await;
        let url = server.upstream.url(&tenant.name, "/");
        let answer = tenant.agent.call("catalogue/limits.http", json!({"url": url})).await;
        let call = answer.call().to_owned();
        let asked = answer.json();
        assert_eq!((&asked["answered"], &asked["denied"]), (&json!(0), &json!(true)), "{asked}");
        tenant.entry("capability.denied", json!({"call": call, "capability": "http"})).await;
        assert_eq!(server.upstream.seen(&tenant.name), []);
    });
}

#[test]
fn a_request_whose_parts_do_not_fit_is_not_sent() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("smuggle").await;
        tenant.policy(&server.upstream.grant("catalogue/*")).await;
        let (here, port) = (server.upstream.address.to_string(), server.upstream.address.port());
        let path = format!("/{}/", tenant.name);
        let ask = async |request: Value| tenant.agent.call("catalogue/attack.request", request).await.text();
        let plain = json!({"scheme": "http", "authority": here, "path": path});
        assert_eq!(ask(plain.clone()).await, "200");
        // Other spellings of the address that is granted are that address, and it is asked by its one spelling.
        for spelling in ["127.1", "2130706433", "0177.0.0.1"] {
            let request = json!({"scheme": "http", "authority": format!("{spelling}:{port}"), "path": path});
            assert_eq!(ask(request).await, "200", "{spelling}");
        }
        let with = |changes: Value| {
            let mut request = plain.clone();
            request.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            request
        };
        let tricks = [
            json!({"scheme": "ftp"}),
            json!({"scheme": "file"}),
            json!({"scheme": "https"}),
            json!({"authority": format!("user:password@{here}")}),
            json!({"authority": format!("example.com@{here}")}),
            json!({"authority": format!("localhost:{port}")}),
            json!({"authority": format!("[::1]:{port}")}),
            json!({"authority": format!("[::ffff:127.0.0.1]:{port}")}),
            json!({"authority": format!("127.0.0.2:{port}")}),
            json!({"authority": "169.254.169.254"}),
            json!({"authority": format!("0.0.0.0:{port}")}),
            json!({"authority": format!("127.0.0.1:{port}\r\nhost: evil")}),
            json!({"authority": "127.0.0.1"}),
            json!({"authority": "127.0.0.1:1"}),
            json!({"authority": ""}),
            json!({"path": format!("{path} HTTP/1.1\r\nhost: evil\r\n\r\nGET {path}")}),
            json!({"path": format!("http://example.com{path}")}),
            json!({"path": format!("@example.com{path}")}),
            json!({"method": format!("GET {path} HTTP/1.1\r\n\r\nPOST")}),
            json!({"method": "CONNECT"}),
            json!({"headers": [["host", "evil.example.com"]]}),
            json!({"headers": [["transfer-encoding", "chunked"]]}),
            json!({"headers": [["connection", "upgrade"], ["upgrade", "websocket"]]}),
            json!({"headers": [["a", "b\r\nc: d"]]}),
            json!({"headers": [["a\r\nc", "d"]]}),
            json!({"headers": [["proxy-authorization", "x"]]}),
        ];
        for trick in tricks {
            let request = with(trick.clone());
            let came = ask(request).await;
            assert!(!came.starts_with("2"), "{trick}: {came}");
        }
        // What did arrive is what was granted: one plain request, for this host, with no foreign header.
        let seen = server.upstream.seen(&tenant.name);
        assert_eq!(seen.len(), 4, "{seen:#?}");
        for seen in &seen {
            assert!(seen.headers.iter().any(|(name, value)| name == "host" && *value == here), "{seen:#?}");
        }
    });
}

/// A redirect is an answer: whoever follows it asks again, and is refused where policy says so.
#[test]
fn redirects_are_not_followed_by_the_host() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("redirect").await;
        tenant.policy(&server.upstream.grant("catalogue/*")).await;
        let url = server.upstream.url(&tenant.name, "/to/169.254.169.254");
        let asked = tenant.agent.call("catalogue/limits.http", json!({"url": url})).await.json();
        assert_eq!((&asked["status"], &asked["error"]), (&json!(302), &Value::Null), "{asked}");
        let location = asked["location"].as_str().unwrap().to_owned();
        let asked = tenant.agent.call("catalogue/limits.http", json!({"url": location})).await.json();
        assert_eq!(asked["denied"], true, "{asked}");
    });
}

#[test]
fn header_fields_are_bounded_before_they_are_sent() {
    run(async {
        let tenant = shared().await.tenant("fields").await;
        let answer =
            tenant.agent.call("catalogue/attack.header-flood", json!({"count": 100_000, "bytes": 1_000})).await;
        match answer.code() {
            None => assert!(answer.clone().text().parse::<u64>().unwrap() < 1_000, "{answer:?}"),
            Some(code) => {
                assert!(matches!(code, cofferdam::Code::LimitExceeded | cofferdam::Code::ToolFailed), "{answer:?}");
            }
        }
        assert_eq!(tenant.agent.call("catalogue/noop", json!({})).await.text(), "ok");
    });
}
