//! HTTP handlers: a request in, its response out.

use cofferdam::Code;
use cofferdam_tests::{run, shared};
use serde_json::json;

use crate::tenant_with;

#[test]
fn a_handler_gets_a_request_and_gives_a_response() {
    run(async {
        let tenant = tenant_with("greeter").await;
        let hello = tenant.agent.call("greeter.request", json!({"path": "/hello?Ada"})).await.json();
        assert_eq!((&hello["status"], &hello["body"]), (&json!(200), &json!("Hello, Ada!")), "{hello}");
        assert_eq!(hello["headers"]["content-type"], "text/plain; charset=utf-8");
        let echo = json!({
            "method": "PUT",
            "path": "/echo?a=b",
            "headers": {"accept": "text/plain", "x-many": ["1", "2"]},
            "body_base64": "/wD+",
        });
        let echo = tenant.agent.call("greeter.request", echo).await.json();
        assert_eq!(echo["body_base64"], "/wD+", "{echo}");
        assert_eq!(echo["headers"]["x-twice"], json!(["one", "two"]));
        let seen = echo["headers"]["x-seen"].as_str().unwrap();
        assert!(seen.starts_with("PUT http://localhost/echo?a=b with accept,content-length"), "{seen}");
        let missing = tenant.agent.call("greeter.request", json!({"path": "/other"})).await.ok();
        assert_eq!((&missing["is_error"], &missing["content"][0]["json"]["status"]), (&json!(true), &json!(404)));
    });
}

#[test]
fn fields_behind_the_body_are_in_the_answer() {
    run(async {
        let (two, three) = (tenant_with("hostile-handler").await, tenant_with("handler-3").await);
        let trailers = json!({"path": "/trailers"});
        let answer = two.agent.call("hostile-handler.request", trailers.clone()).await.json();
        assert_eq!((&answer["status"], &answer["body"]), (&json!(200), &json!("fine")), "{answer}");
        assert_eq!(answer["trailers"], json!({"x-end": "here", "x-sum": ["1", "2"]}));
        let answer = three.agent.call("handler-3.request", trailers).await.json();
        assert_eq!((&answer["body"], &answer["trailers"]), (&json!("fine"), &json!({"x-end": "here"})), "{answer}");
        // Where there are none, nothing is said of them.
        let plain = two.agent.call("hostile-handler.request", json!({"path": "/"})).await.json();
        assert_eq!(plain.get("trailers"), None, "{plain}");
    });
}

#[test]
fn requests_that_are_none_are_refused() {
    run(async {
        let tenant = tenant_with("greeter").await;
        for (arguments, place) in [
            (json!({"path": "hello"}), "/path"),
            (json!({"path": "/a b"}), "/path"),
            (json!({"path": "/", "method": "GET /"}), "/method"),
            (json!({"headers": {"host": "example.com"}}), "/headers/host"),
            (json!({"headers": {"content-length": "1"}}), "/headers/content-length"),
            (json!({"headers": {"x": "a\r\nhost: b"}}), "/headers/x"),
            (json!({"headers": {"x y": "a"}}), "/headers/x y"),
            (json!({"body": "a", "body_base64": "YQ=="}), ""),
        ] {
            let answer = tenant.agent.call("greeter.request", arguments).await;
            let problem = answer.problem(Code::InvalidArguments);
            assert!(problem["detail"].as_str().unwrap().contains(place), "{problem}");
        }
    });
}

/// What it asks of others goes where its grants say, like any tool's request.
#[test]
fn what_a_handler_asks_of_others_is_decided_by_policy() {
    run(async {
        let tenant = tenant_with("greeter").await;
        let upstream = shared().await.upstream.address;
        let fetch = json!({"path": format!("/fetch?http://{upstream}/hello")});
        let denied = tenant.agent.call("greeter.request", fetch.clone()).await.ok();
        let told = &denied["content"][0]["json"];
        assert_eq!(told["status"], 502, "{denied}");
        assert!(told["body"].as_str().unwrap().contains("HttpRequestDenied"), "{denied}");
        tenant.entry("capability.denied", json!({"capability": "http"})).await;
        let port = upstream.port();
        let rule =
            format!("http = [{{ host = \"127.0.0.1\", scheme = \"http\", port = {port}, methods = [\"GET\"] }}]");
        tenant.policy(&format!("[[grant]]\ntools = [\"greeter\"]\n{rule}")).await;
        let fetched = tenant.agent.call("greeter.request", fetch).await.json();
        assert!(fetched["body"].as_str().unwrap().starts_with("200 OK: "), "{fetched}");
    });
}
