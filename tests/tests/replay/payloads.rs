//! What is kept of calls: for whom, for how long, how it is erased, and that the record does not mind.

use std::time::Duration;

use cofferdam::Code;
use cofferdam_auditor::key::VerifierKey;
use cofferdam_auditor::source::Url;
use cofferdam_auditor::verify::{Options as VerifyOptions, verify};
use cofferdam_tests::{Options, Server, Tenant, guest, run, shared};
use serde_json::{Value, json};

use crate::{replay, replay_with, same, says};

const SECRET: &str = "a very secret text";

async fn payload(tenant: &Tenant, call: &str) -> Value {
    tenant.auditor.get(&format!("/v1/calls/{call}/payload")).await.ok()
}

/// A call that is given a secret and gives it back.
async fn echo(tenant: &Tenant) -> String {
    tenant.agent.call("catalogue/limits.echo", json!({"text": SECRET})).await.call().to_owned()
}

async fn keeping(server: &Server, stem: &str) -> Tenant {
    let tenant = server.tenant(stem).await;
    tenant.policy("[audit]\npayloads = \"1h\"\n").await;
    tenant
}

/// Whether the tenant's log verifies with its public key alone.
async fn verifies(tenant: &Tenant) -> bool {
    let log = tenant.auditor.get("/v1/log").await.ok();
    let key: VerifierKey = log["keys"][0].as_str().unwrap().parse().unwrap();
    let (url, token) = (format!("{}/v1/log", tenant.auditor.base()), tenant.auditor.key().to_owned());
    let work = move || verify(&Url::new(&url, Some(&token)).unwrap(), &VerifyOptions::new(key), &mut |_| {}).unwrap();
    tokio::task::spawn_blocking(work).await.unwrap().is_ok()
}

/// Whether any file of the host holds these bytes in clear.
fn is_on_disk(server: &Server, text: &str) -> bool {
    fn look(folder: &std::path::Path, text: &[u8]) -> bool {
        std::fs::read_dir(folder).unwrap().flatten().any(|entry| {
            let path = entry.path();
            if path.is_dir() {
                return look(&path, text);
            }
            // A file that is written to meanwhile may be gone.
            let bytes = std::fs::read(&path).unwrap_or_default();
            bytes.windows(text.len()).any(|window| window == text)
        })
    }
    look(&server.data, text.as_bytes())
}

#[test]
fn payloads_are_kept_where_policy_says_so_and_shown_to_those_who_may() {
    run(async {
        let server = shared().await;
        let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
        let before = echo(&acme).await;
        acme.policy("[audit]\npayloads = \"1h\"\n").await;
        let call = echo(&acme).await;
        let shown = payload(&acme, &call).await;
        assert_eq!(shown["arguments"], json!({"text": SECRET}), "{shown}");
        assert_eq!(shown["result"]["content"][0]["text"], SECRET, "{shown}");
        assert_eq!((&shown["host_calls"], &shown["not_there"]), (&Value::Null, &Value::Null), "{shown}");
        // Who made it may see it, another agent may not.
        let path = format!("/v1/calls/{call}/payload");
        acme.agent.get(&path).await.ok();
        let other = acme.operator.post("/v1/keys", &json!({"name": "other", "scopes": ["agent"]})).await.ok();
        acme.operator.with_key(other["key"].as_str().unwrap()).get(&path).await.problem(Code::NotFound);
        for client in [&acme.operator, &acme.publisher] {
            client.get(&path).await.problem(Code::Denied);
        }
        for client in [&globex.auditor, &globex.agent] {
            client.get(&path).await.problem(Code::NotFound);
        }
        // Of calls before, and of others' calls, nothing is kept.
        let path = format!("/v1/calls/{before}/payload");
        assert!(acme.auditor.get(&path).await.problem(Code::NotFound)["detail"].as_str().unwrap().contains("kept"));
        let theirs = echo(&globex).await;
        globex.auditor.get(&format!("/v1/calls/{theirs}/payload")).await.problem(Code::NotFound);
    });
}

#[test]
fn nothing_of_a_payload_is_anywhere_in_clear_nor_in_an_error() {
    run(async {
        let server = shared().await;
        let acme = keeping(server, "acme").await;
        let secret = "words that stand nowhere else 4711";
        let call = acme.agent.call("catalogue/limits.echo", json!({"text": secret})).await.call().to_owned();
        assert!(payload(&acme, &call).await.to_string().contains(secret));
        let wrong = json!({"arguments": {"text": format!("{secret} or not")}});
        let replayed = replay_with(&acme, &call, wrong).await;
        assert!(!replayed.text.contains(secret), "{replayed:?}");
        says(&replayed.ok(), "differs", "the arguments' digest was");
        assert!(!is_on_disk(server, secret));
        assert!(!format!("{:?}", acme.log(0).await).contains(secret));
    });
}

#[test]
fn a_payload_is_there_for_its_time_and_no_longer() {
    run(async {
        let acme = shared().await.tenant("acme").await;
        acme.policy("[audit]\npayloads = \"2s\"\n").await;
        let call = echo(&acme).await;
        payload(&acme, &call).await;
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        acme.auditor.get(&format!("/v1/calls/{call}/payload")).await.problem(Code::NotFound);
        // The arguments can still be given by whoever has them.
        replay_with(&acme, &call, json!({})).await.problem(Code::NotFound);
        same(&replay_with(&acme, &call, json!({"arguments": {"text": SECRET}})).await.ok());
    });
}

#[test]
fn leaving_is_no_way_around_having_ones_arguments_kept() {
    run(async {
        let acme = keeping(shared().await, "acme").await;
        let asked = acme.agent.calling("catalogue/limits.sleep", &json!({"milliseconds": 3_000}));
        acme.agent.try_send(asked.timeout(Duration::from_millis(300))).await.unwrap_err();
        let ended = acme.entry("call.ended", json!({"outcome": "cancelled"})).await;
        let call = ended["event"]["call"].as_str().unwrap().to_owned();
        let shown = payload(&acme, &call).await;
        assert_eq!((&shown["arguments"]["milliseconds"], &shown["result"]), (&json!(3_000), &Value::Null), "{shown}");
        says(&replay(&acme, &call).await, "not-comparable", "it ended as cancelled");
    });
}

#[test]
fn an_erased_payload_is_gone_and_the_record_still_verifies() {
    run(async {
        let server = shared().await;
        let (acme, globex) = (keeping(server, "acme").await, keeping(server, "globex").await);
        let (one, other, theirs) = (echo(&acme).await, echo(&acme).await, echo(&globex).await);
        let path = format!("/v1/calls/{one}/payload");
        for client in [&acme.auditor, &acme.agent] {
            client.delete(&path).await.problem(Code::Denied);
        }
        globex.operator.delete(&path).await.problem(Code::NotFound);
        assert_eq!(acme.operator.delete(&path).await.status, 204);
        let problem = acme.auditor.get(&path).await.problem(Code::NotFound).clone();
        assert!(problem["detail"].as_str().unwrap().contains("was erased at"), "{problem}");
        acme.operator.delete(&path).await.problem(Code::NotFound);
        acme.entry("payload.erased", json!({"call": one})).await;
        payload(&acme, &other).await;
        // Nobody can run it again who does not have the arguments.
        let problem = replay_with(&acme, &one, json!({})).await.problem(Code::NotFound).clone();
        assert!(problem["detail"].as_str().unwrap().contains("was erased at"), "{problem}");
        same(&replay_with(&acme, &one, json!({"arguments": {"text": SECRET}})).await.ok());

        acme.auditor.delete("/v1/payloads").await.problem(Code::Denied);
        assert_eq!(acme.operator.delete("/v1/payloads").await.status, 204);
        acme.auditor.get(&format!("/v1/calls/{other}/payload")).await.problem(Code::NotFound);
        let erased = acme.log(0).await.into_iter().filter(|entry| entry["kind"] == "payload.erased").count();
        assert_eq!(erased, 2);
        payload(&globex, &theirs).await;
        // What comes after is kept again, and the record says the same as ever.
        let later = echo(&acme).await;
        payload(&acme, &later).await;
        assert!(verifies(&acme).await);
        let receipt = acme.auditor.get(&format!("/v1/calls/{one}/receipt")).await;
        assert_eq!(receipt.status, 200, "{receipt:?}");
    });
}

#[test]
fn a_payload_outlives_the_host_and_one_that_was_altered_is_named() {
    run(async {
        let data = tempfile::tempdir().unwrap();
        let options = || Options { data: Some(data.path().to_owned()), ..Options::default() };
        let mut server = Server::start(options()).await;
        let acme = server.tenant("acme").await;
        acme.policy("[audit]\npayloads = \"1h\"\n").await;
        acme.push("limits", guest("limits")).await;
        let call = acme.agent.call("limits.echo", json!({"text": SECRET})).await.call().to_owned();
        server.kill();
        let server = Server::start(options()).await;
        let acme = acme.at(server.platform.base());
        assert_eq!(payload(&acme, &call).await["arguments"], json!({"text": SECRET}));
        assert_eq!(server.stop().await, Some(0));

        // A bit of the arguments' seal. The file is whole now: nothing waits beside it.
        let file = data.path().join("payloads.db");
        let mut bytes = std::fs::read(&file).unwrap();
        let sealed = sealed_arguments(&bytes, &call);
        assert!(!sealed.is_empty());
        sealed.into_iter().for_each(|place| bytes[place] ^= 1);
        std::fs::write(&file, &bytes).unwrap();
        let server = Server::start(options()).await;
        let acme = acme.at(server.platform.base());
        let shown = payload(&acme, &call).await;
        assert_eq!(shown["not_there"], json!([{"piece": "arguments", "why": "altered"}]), "{shown}");
        assert_eq!((&shown["arguments"], &shown["result"]["content"][0]["text"]), (&Value::Null, &json!(SECRET)));
        says(&replay(&acme, &call).await, "not-comparable", "altered");
        same(&replay_with(&acme, &call, json!({"arguments": {"text": SECRET}})).await.ok());
    });
}

/// Where in the file a byte of the call's sealed arguments is: behind the row's call, kind, key (32 hex digits) and times.
fn sealed_arguments(file: &[u8], call: &str) -> Vec<usize> {
    let begins = format!("{call}arguments").into_bytes();
    let places = file.windows(begins.len()).enumerate().filter(|(_, window)| *window == begins);
    let keys = places.map(|(place, _)| place + begins.len());
    keys.filter(|key| file[*key..*key + 32].iter().all(u8::is_ascii_hexdigit))
        .map(|key| key + 32 + 2 * 8 + 10)
        .collect()
}

#[test]
fn the_platform_bounds_what_is_kept_and_forbids_it() {
    run(async {
        let ceiling = |audit: &str| Some(format!("[[grant]]\ntools = [\"*\", \"catalogue/*\"]\nkv = true\n{audit}"));
        let small = "[storage]\npayloads_bytes_max = 2_000\n";
        let server = Server::start(Options { ceiling: ceiling(small), ..Options::default() }).await;
        let acme = server.tenant("acme").await;
        acme.push("limits", guest("limits")).await;
        acme.policy("[audit]\npayloads = \"1h\"\n").await;
        let call = acme.agent.call("limits.echo", json!({"text": "x".repeat(1_500)})).await.call().to_owned();
        let shown = payload(&acme, &call).await;
        assert_eq!(shown["not_there"], json!([{"piece": "result", "why": "no-room"}]), "{shown}");
        same(&replay(&acme, &call).await);
        let call = acme.agent.call("limits.echo", json!({"text": "y".repeat(1_500)})).await.call().to_owned();
        replay_with(&acme, &call, json!({})).await.problem(Code::NotFound);

        std::fs::write(server.data.join("platform.toml"), ceiling("[audit]\npayloads = false\n").unwrap()).unwrap();
        server.platform.get("/v1/audit").await.ok();
        cofferdam_tests::eventually("the ceiling", async || {
            let call = acme.agent.call("limits.echo", json!({"text": "z"})).await.call().to_owned();
            (acme.auditor.get(&format!("/v1/calls/{call}/payload")).await.status == 404).then_some(())
        })
        .await;
    });
}
