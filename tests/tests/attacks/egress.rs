//! Ways out: sockets and names, which there never are, and requests that are not what a policy granted.

use cofferdam_tests::{Options, Server, beside, run, shared};
use serde_json::{Value, json};

/// `access-denied`, with every grant that there is.
#[test]
fn hostile_sockets_and_names() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("sockets").await;
        let port = server.upstream.address.port();
        // With every grant that there is.
        tenant.policy(&server.upstream.grant("catalogue/*")).await;
        let arguments = json!({"port": port, "name": "localhost"});
        let tried = beside(server, tenant.agent.call("catalogue/attack.connect", arguments)).await.json();
        for way in ["tcp", "udp", "name"] {
            assert_eq!(tried[way], "access-denied", "{tried}");
        }
        let denied = tenant.log(0).await.into_iter().filter(|entry| entry["event"]["capability"] == "sockets").count();
        assert!(denied >= 3, "each way is a denial of its own: {denied}");
    });
}

/// Denied by the interface's own error and recorded; nothing leaves.
#[test]
fn hostile_request_without_a_grant() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("ungranted").await;
        let url = server.upstream.url(&tenant.name, "/");
        let answer = beside(server, tenant.agent.call("catalogue/limits.http", json!({"url": url}))).await;
        let call = answer.call().to_owned();
        let asked = answer.json();
        assert_eq!((&asked["answered"], &asked["denied"]), (&json!(0), &json!(true)), "{asked}");
        tenant.entry("capability.denied", json!({"call": call, "capability": "http"})).await;
        assert_eq!(server.upstream.seen(&tenant.name), []);
    });
}

/// Not sent: other schemes, hosts, ports, user information, line ends.
#[test]
fn hostile_requests_whose_parts_do_not_fit() {
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
        let tried = Box::pin(async {
            for trick in tricks {
                let request = with(trick.clone());
                let came = ask(request).await;
                assert!(!came.starts_with("2"), "{trick}: {came}");
            }
        });
        beside(server, tried).await;
        tenant.entry("capability.denied", json!({"capability": "http"})).await;
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
fn hostile_redirect_to_a_private_address() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("redirect").await;
        tenant.policy(&server.upstream.grant("catalogue/*")).await;
        let url = server.upstream.url(&tenant.name, "/to/169.254.169.254");
        let asked = tenant.agent.call("catalogue/limits.http", json!({"url": url})).await.json();
        assert_eq!((&asked["status"], &asked["error"]), (&json!(302), &Value::Null), "{asked}");
        let location = asked["location"].as_str().unwrap().to_owned();
        let following = tenant.agent.call("catalogue/limits.http", json!({"url": location}));
        let asked = beside(server, following).await.json();
        assert_eq!(asked["denied"], true, "{asked}");
        tenant.entry("capability.denied", json!({"capability": "http"})).await;
    });
}

/// Refused before they are sent.
#[test]
fn hostile_flood_of_header_fields() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("fields").await;
        let flood = json!({"count": 100_000, "bytes": 1_000});
        let answer = beside(server, tenant.agent.call("catalogue/attack.header-flood", flood)).await;
        tenant.ended(&answer, answer.code().map_or("ok", cofferdam::Code::as_str)).await;
        match answer.code() {
            None => assert!(answer.clone().text().parse::<u64>().unwrap() < 1_000, "{answer:?}"),
            Some(code) => {
                assert!(matches!(code, cofferdam::Code::LimitExceeded | cofferdam::Code::ToolFailed), "{answer:?}");
            }
        }
        assert_eq!(tenant.agent.call("catalogue/noop", json!({})).await.text(), "ok");
    });
}

/// A host whose platform excepts no address: every spelling of a place that is nobody else's business is refused.
#[test]
fn hostile_addresses_that_are_not_the_internet() {
    run(async {
        let upstream = cofferdam_tests::Upstream::shared().await;
        let port = upstream.address.port();
        let ceiling = format!(
            "[[grant]]\ntools = [\"*\", \"catalogue/*\"]\nhttp = [{{ host = \"*\", methods = [\"*\"] }}, \
             {{ host = \"*\", scheme = \"http\", methods = [\"*\"] }}, \
             {{ host = \"*\", scheme = \"http\", port = {port}, methods = [\"*\"] }}]\n"
        );
        let server = Server::start(Options { ceiling: Some(ceiling.clone()), ..Options::default() }).await;
        server.publish(&["noop", "attack"]).await;
        let tenant = server.tenant("private").await;
        tenant.push("handler-3", cofferdam_tests::foreign("handler-3")).await;
        tenant.policy(&ceiling).await;
        let places = [
            "127.0.0.1",
            "localhost",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[fc00::1]",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
        ];
        let asked = beside(&server, async {
            let mut asked = Vec::new();
            for place in places {
                let request = json!({"scheme": "http", "authority": format!("{place}:{port}"), "path": "/private/"});
                asked.push((place, tenant.agent.call("catalogue/attack.request", request).await.text()));
                // And by the interface of WASI 0.3.
                let request = json!({"path": format!("/fetch?{place}:{port}/private/")});
                let fetched = tenant.agent.call("handler-3.request", request).await.json();
                asked.push((place, fetched["body"].as_str().unwrap().to_owned()));
            }
            asked
        })
        .await;
        for (place, came) in asked {
            assert!(came.contains("DestinationIpProhibited"), "{place}: {came}");
        }
        assert_eq!(upstream.seen("private"), []);
        let log = tenant.log(0).await;
        let denied = log.iter().filter(|entry| entry["kind"] == "capability.denied").count();
        assert_eq!(denied, 2 * places.len());
        // What was asked of nobody is no use of anything.
        for entry in log.iter().filter(|entry| entry["kind"] == "call.ended") {
            assert_eq!(entry["event"]["uses"], json!([]), "{entry}");
        }
    });
}

/// All calls of a tenant share its quota, and another tenant's calls do not notice.
#[test]
fn hostile_flood_of_requests_ends_at_the_tenants_quota() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("flood").await;
        let grant = server.upstream.grant("catalogue/*");
        tenant.policy(&format!("{grant}\n[egress]\nrequests_per_minute = 20\n")).await;
        let url = server.upstream.url(&tenant.name, "/");
        let asked: Vec<Value> = beside(server, async {
            let calls = (0..10).map(|_| {
                let (agent, url) = (tenant.agent.clone(), url.clone());
                async move { agent.call("catalogue/limits.http", json!({"url": url, "times": 5})).await.json() }
            });
            futures::future::join_all(calls).await
        })
        .await;
        let answered: u64 = asked.iter().map(|asked| asked["answered"].as_u64().unwrap()).sum();
        // Another minute may have begun meanwhile.
        assert!(answered == 20 || answered == 40, "{answered}");
        assert_eq!(server.upstream.seen(&tenant.name).len() as u64, answered);
        assert!(
            asked.iter().any(|asked| asked["error"].to_string().contains("egress.requests_per_minute is 20")),
            "{asked:?}"
        );
        tenant.entry("capability.denied", json!({"rule": "egress.requests_per_minute is 20"})).await;
    });
}
