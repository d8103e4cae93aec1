//! The catalogue's `http-fetch` with a credential, from the command line to the server: the server has it, by HTTP/2 and
//! TLS, and the tool that asks does not.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::{Command, Stdio};

use cofferdam_tests::{Secure, program, run, shared};
use serde_json::{Value, json};

const VALUE: &str = "marrow-and-bone-4711";

#[test]
fn http_fetch_asks_with_a_secret_that_it_never_has() {
    run(async {
        let (server, secure) = (shared().await, Secure::shared().await);
        server.push(&["http-fetch"]).await;
        let tenant = server.tenant("fetch").await;
        // Set as people set it.
        let set = {
            let mut command = Command::new(program());
            command.args(["secret", "set", "github", "--json"]);
            command.env("COFFERDAM_URL", tenant.operator.base()).env("COFFERDAM_KEY", tenant.operator.key());
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            tokio::task::spawn_blocking(move || {
                let mut child = command.spawn().unwrap();
                std::io::Write::write_all(&mut child.stdin.take().unwrap(), format!("{VALUE}\n").as_bytes()).unwrap();
                child.wait_with_output().unwrap()
            })
            .await
            .unwrap()
        };
        assert!(set.status.success(), "{set:?}");
        let rule = ", paths = [\"/*\"], headers = { accept = \"text/plain\" }, credential = \"github\"";
        tenant.policy(&secure.grant("catalogue/http-fetch", rule)).await;
        let url = secure.url(&tenant.name, "/echo");
        let fetch = async |headers: Value| {
            let arguments = json!({"url": url, "as": "text", "with_headers": true, "headers": headers});
            tenant.agent.call("catalogue/http-fetch", arguments).await
        };
        let answer = fetch(json!({"accept": "text/plain"})).await;
        let (text, call) = (answer.text.clone(), answer.call().to_owned());
        let fetched = answer.json();
        assert_eq!(fetched["status"], 200, "{fetched}");
        assert!(!text.contains(VALUE) && text.contains("Bearer ********************"), "{text}");
        let seen = secure.seen(&tenant.name);
        let (asked, version) = &seen[0];
        assert!(asked.headers.contains(&("authorization".to_owned(), format!("Bearer {VALUE}"))), "{asked:?}");
        assert_eq!(format!("{version:?}"), "HTTP/2.0");
        let record = tenant.record(&call).await;
        let uses = record.last().unwrap()["event"]["uses"].clone();
        let used = json!({"secret": {"host": "127.0.0.1", "name": "github", "version": 1}});
        assert!(uses.as_array().unwrap().contains(&used), "{uses}");
        // The rule is about requests with that header, and no others.
        let other = fetch(json!({"accept": "text/html"})).await;
        assert!(other.status == 403 || other.text.contains("denied"), "{other:?}");
        assert_eq!(secure.seen(&tenant.name).len(), 1);
        tenant.entry("capability.denied", json!({"capability": "http"})).await;
    });
}

/// The same component before and after: a policy that stops sending a secret stops at the next call.
#[test]
fn a_policy_without_the_credential_sends_none_from_the_next_call_on() {
    run(async {
        let (server, secure) = (shared().await, Secure::shared().await);
        let tenant = server.tenant("without").await;
        let set = tenant.operator.request("PUT", "/v1/secrets/github");
        tenant.operator.send(set.header("content-type", "text/plain").body(VALUE)).await.ok();
        let url = secure.url(&tenant.name, "/echo");
        let ask = async |credential: &str| {
            tenant.policy(&secure.grant("catalogue/attack", credential)).await;
            let asked = tenant.agent.call("catalogue/attack.dump", json!({"urls": [url]})).await.json();
            assert_eq!(asked["answers"][0]["status"], 200, "{asked}");
            let (seen, _) = secure.seen(&tenant.name).pop().unwrap();
            seen.headers.iter().any(|(name, _)| name == "authorization")
        };
        assert!(ask(", credential = \"github\"").await);
        assert!(!ask("").await);
        assert!(ask(", credential = \"github\"").await);
    });
}
