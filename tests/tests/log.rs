//! A tenant's log, as its auditors see it: verified over HTTP without trusting the host, receipts, keys handed over,
//! restarts, and what others may not see.
#![allow(clippy::unwrap_used, reason = "tests")]

use cofferdam::Code;
use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::cosign::CosigningKey;
use cofferdam_auditor::key::VerifierKey;
use cofferdam_auditor::receipt::Receipt;
use cofferdam_auditor::source::Url;
use cofferdam_auditor::verify::{Options as VerifyOptions, Report, verify};
use cofferdam_tests::{Client, Options, Server, Tenant, Witness, eventually, guest, run, shared};
use serde_json::json;

/// The keys of a tenant's log, oldest first.
async fn keys(tenant: &Tenant) -> Vec<VerifierKey> {
    let log = tenant.auditor.get("/v1/log").await.ok();
    log["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().parse().unwrap()).collect()
}

async fn checkpoint(tenant: &Tenant) -> Checkpoint {
    let answer = tenant.auditor.get("/v1/log/checkpoint").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    Checkpoint::parse(answer.text.as_bytes()).unwrap()
}

/// Verifies the log of whoever has the key `client`, over HTTP.
async fn verified(client: &Client, key: &VerifierKey, held: Vec<Checkpoint>) -> Report {
    let (url, token) = (format!("{}/v1/log", client.base()), client.key().to_owned());
    let options = VerifyOptions { held, ..VerifyOptions::new(key.clone()) };
    let work = move || verify(&Url::new(&url, Some(&token)).unwrap(), &options, &mut |_| {}).unwrap();
    tokio::task::spawn_blocking(work).await.unwrap()
}

async fn receipt(client: &Client, call: &str) -> Receipt {
    serde_json::from_value(client.get(&format!("/v1/calls/{call}/receipt")).await.ok()).unwrap()
}

async fn call(tenant: &Tenant) -> String {
    tenant.agent.call("catalogue/noop", json!({})).await.call().to_owned()
}

#[test]
fn a_log_is_verified_over_http_with_its_public_key_alone() {
    run(async {
        let server = shared().await;
        let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
        let key = keys(&acme).await.remove(0);
        assert_eq!(key.origin().tenant(), acme.name);
        let held = checkpoint(&acme).await;
        // More than a bundle of entries, so that there are full tiles and partial ones.
        for _ in 0..150 {
            call(&acme).await;
        }
        call(&globex).await;
        let report = verified(&acme.auditor, &key, vec![held.clone()]).await;
        assert!(report.is_ok(), "{report}");
        let all = acme.log(0).await.len() as u64;
        assert_eq!((report.size, report.open_calls), (all, 0), "{report}");
        assert!(all > 300);
        // The other tenant's log is another one, and its key says so.
        let other = keys(&globex).await.remove(0);
        let report = verified(&acme.auditor, &other, Vec::new()).await;
        assert!(!report.is_ok(), "{report}");
        assert!(verified(&globex.auditor, &other, Vec::new()).await.is_ok());
    });
}

#[test]
fn a_receipt_is_checked_offline_and_is_nobody_elses() {
    run(async {
        let server = shared().await;
        let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
        let id = call(&acme).await;
        // At once: whoever asks waits until the log has the call.
        let theirs = receipt(&acme.agent, &id).await;
        let checked = theirs.check(&keys(&acme).await, &[]).unwrap();
        assert_eq!(checked.call.to_string(), id);
        assert_eq!(checked.decided.as_ref().unwrap().kind, "call.decided");
        assert_eq!(checked.ended.as_ref().unwrap().event["outcome"], "ok");
        // A word changed, or another log's key, and it proves nothing.
        let mut edited = theirs.clone();
        edited.entries[1].entry = edited.entries[1].entry.replace("\"outcome\":\"ok\"", "\"outcome\":\"cancelled\"");
        assert_eq!(edited.check(&keys(&acme).await, &[]).unwrap_err().code(), "bad-proof");
        theirs.check(&keys(&globex).await, &[]).unwrap_err();

        let path = format!("/v1/calls/{id}/receipt");
        for other in [&globex.agent, &globex.auditor] {
            other.get(&path).await.problem(Code::NotFound);
        }
        acme.operator.get(&path).await.problem(Code::Denied);
        acme.agent.anonymous().get(&path).await.problem(Code::Unauthenticated);
    });
}

#[test]
fn only_auditors_read_a_log_and_hostile_paths_name_nothing() {
    run(async {
        let acme = shared().await.tenant("acme").await;
        for path in ["/v1/log/checkpoint", "/v1/log/tile/0/000.p/1", "/v1/log/tile/entries/000.p/1"] {
            assert_eq!(acme.auditor.get(path).await.status, 200, "{path}");
            for other in [&acme.agent, &acme.publisher, &acme.operator] {
                other.get(path).await.problem(Code::Denied);
            }
        }
        for path in [
            "tile/0/000",
            "tile/0/001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/200",
            "tile/7/000.p/1",
            "tile/64/000",
            "tile/8/0/000.p/0",
            "tile/entries/999",
            "tile/entries/x999/x999/x999/x999/x999/x999/999",
            "tile/0/..%2f..%2fcheckpoint",
            "tile/0/../../../globex/0000000000000000/checkpoint",
            "tile/%00",
            "tile/data/000",
            "handover/0",
            "handover/1",
            "handover/01",
            "handover/-1",
            "handover/4294967296",
        ] {
            let answer = acme.auditor.get(&format!("/v1/log/{path}")).await;
            assert_eq!(answer.status, 404, "{path}: {answer:?}");
        }
        acme.auditor.post("/v1/log/rotate", &json!({})).await.problem(Code::Denied);
    });
}

#[test]
fn a_log_is_handed_over_to_a_new_key_and_the_old_one_still_leads_to_it() {
    run(async {
        let acme = shared().await.tenant("acme").await;
        let first = keys(&acme).await.remove(0);
        let before = call(&acme).await;
        let early = receipt(&acme.auditor, &before).await;
        for rotation in 1..=2 {
            let log = acme.operator.send(acme.operator.request("POST", "/v1/log/rotate")).await.ok();
            assert_eq!(log["keys"].as_array().unwrap().len(), rotation + 1);
            call(&acme).await;
        }
        let keys = keys(&acme).await;
        assert_eq!(keys[0], first);
        // The last checkpoint is not signed anew within a moment.
        let report = eventually("a checkpoint by the last key", async || {
            let report = verified(&acme.auditor, &first, Vec::new()).await;
            assert!(report.is_ok(), "{report}");
            (report.signed_by == [keys[2].clone()]).then_some(report)
        })
        .await;
        assert_eq!(report.size, acme.log(0).await.len() as u64);
        // From the key in between as well; a receipt of before is still one.
        assert!(verified(&acme.auditor, &keys[1], Vec::new()).await.is_ok());
        early.check(&[first], &[]).unwrap();
        acme.entry("log.key-rotated", json!({"after": keys[1].to_string(), "before": keys[0].to_string()})).await;
    });
}

#[test]
fn a_log_goes_on_where_it_was_after_every_kind_of_end() {
    run(async {
        let data = tempfile::tempdir().unwrap();
        let options = || Options { data: Some(data.path().to_owned()), ..Options::default() };
        let mut server = Server::start(options()).await;
        let platform = server.platform.clone();
        let mut acme = server.tenant("acme").await;
        acme.push("noop", guest("noop")).await;
        let key = keys(&acme).await.remove(0);
        let (mut held, mut calls) = (Vec::new(), Vec::new());
        for round in 0..4 {
            for _ in 0..100 {
                calls.push(acme.agent.call("noop.noop", json!({})).await.call().to_owned());
            }
            held.push(checkpoint(&acme).await);
            // Killed, or asked to stop: in turn.
            if round % 2 == 0 {
                server.kill();
            } else {
                assert_eq!(server.stop().await, Some(0));
            }
            server = Server::start(options()).await;
            let base = server.platform.base().to_owned();
            server.platform = platform.at(&base);
            acme = acme.at(&base);
        }
        let report = verified(&acme.auditor, &key, held).await;
        assert!(report.is_ok(), "{report}");
        for call in calls.iter().step_by(57) {
            receipt(&acme.auditor, call).await.check(std::slice::from_ref(&key), &[]).unwrap();
        }
        assert_eq!(server.stop().await, Some(0));
    });
}

#[test]
fn a_witness_cosigns_and_one_that_fails_or_forgets_holds_nothing_up() {
    run(async {
        let witness = Witness::start().await;
        let arguments = vec!["--witness".to_owned(), witness.option()];
        let server = Server::start(Options { arguments, ..Options::default() }).await;
        let acme = server.tenant("acme").await;
        acme.push("noop", guest("noop")).await;
        let cosigned = async |beyond: u64| {
            acme.agent.call("noop.noop", json!({})).await.ok();
            eventually("a checkpoint that is cosigned", async || {
                let checkpoint = checkpoint(&acme).await;
                let signatures = checkpoint.cosignatures(std::slice::from_ref(&witness.key)).unwrap();
                (checkpoint.size() > beyond && signatures.len() == 1).then_some(checkpoint)
            })
            .await
        };
        let first = cosigned(0).await;
        let second = cosigned(first.size()).await;
        witness.fails(true);
        acme.agent.call("noop.noop", json!({})).await.ok();
        let unsigned = eventually("a checkpoint of the longer log", async || {
            Some(checkpoint(&acme).await).filter(|checkpoint| checkpoint.size() > second.size())
        })
        .await;
        assert!(unsigned.cosignatures(std::slice::from_ref(&witness.key)).unwrap().is_empty());
        // It comes back with nothing of what it saw, and is told from the beginning.
        witness.fails(false);
        witness.forget();
        cosigned(unsigned.size()).await;
        let key = keys(&acme).await.remove(0);
        assert!(verified(&acme.auditor, &key, vec![first, second]).await.is_ok());
    });
}

/// One that takes a request and never answers keeps nothing from the others.
#[test]
fn a_witness_that_is_silent_keeps_no_other_from_signing() {
    run(async {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let key = CosigningKey::from_seed("witness.example/silent", &[8; 32]).unwrap().vkey();
        let (good, begun) = (Witness::start().await, std::time::Instant::now());
        let silent = format!("{key} http://{}/", silent.local_addr().unwrap());
        let arguments = ["--witness", &silent, "--witness", &good.option()].map(str::to_owned).to_vec();
        let server = Server::start(Options { arguments, ..Options::default() }).await;
        for name in ["acme", "globex", "initech"] {
            let tenant = server.tenant(name).await;
            tenant.push("noop", guest("noop")).await;
            tenant.agent.call("noop.noop", json!({})).await.ok();
            eventually("a cosigned checkpoint", async || {
                let checkpoint = checkpoint(&tenant).await;
                let signatures = checkpoint.cosignatures(std::slice::from_ref(&good.key)).unwrap();
                (!signatures.is_empty()).then_some(())
            })
            .await;
        }
        // The silent one is given ten seconds for each.
        assert!(begun.elapsed().as_secs() < 25, "{:?}", begun.elapsed());
    });
}
