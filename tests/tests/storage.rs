//! What tools keep: quotas and versions that hold when many calls are at them, and folders that go with their call.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use cofferdam_tests::{Answer, Options, Server, Tenant, beside, eventually, run, shared};
use futures::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

const CALLS: usize = 24;

/// Makes many calls at once.
async fn at_once(tenant: &Tenant, tool: &str, arguments: impl Fn(usize) -> Value) -> Vec<Answer> {
    join_all((0..CALLS).map(|number| tenant.agent.call(tool, arguments(number)))).await
}

/// Calls whose tool says that it did what it was told.
fn done(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 200 && answer.body["is_error"] == false).count()
}

#[test]
fn replacing_what_others_replace_loses_nothing() {
    run(async {
        let tenant = shared().await.tenant("versions").await;
        tenant
            .policy("[[grant]]\ntools = [\"catalogue/limits\"]\nkv = [{ bucket = \"b\", access = \"read-write\" }]\n")
            .await;
        let arguments = |_| json!({"bucket": "b", "key": "n", "times": 3});
        let answers = at_once(&tenant, "catalogue/limits.kv-update", arguments).await;
        assert_eq!(done(&answers), CALLS, "{answers:?}");
        let value = tenant.agent.call("catalogue/limits.kv-get", json!({"bucket": "b", "key": "n"})).await.text();
        assert_eq!(value, (3 * CALLS).to_string());
        // Who may only read may not replace.
        tenant.policy("[[grant]]\ntools = [\"catalogue/limits\"]\nkv = [{ bucket = \"b\" }]\n").await;
        let answer = tenant.agent.call("catalogue/limits.kv-update", arguments(0)).await;
        assert_eq!(answer.problem(cofferdam::Code::Denied)["code"], "denied");
        tenant.entry("capability.denied", json!({"capability": "kv", "rule": "the kv grant is read-only"})).await;
    });
}

/// The quota holds under concurrency.
#[test]
fn hostile_crowd_fills_a_bucket_to_its_quota_and_no_further() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("crowd").await;
        let grant = "[[grant]]\ntools = [\"catalogue/limits\"]\n\
            kv = [{ bucket = \"b\", access = \"read-write\", keys_max = 10 }]\n";
        tenant.policy(grant).await;
        let set = |number| json!({"bucket": "b", "key": format!("k{number}"), "value": "v"});
        let answers = beside(server, at_once(&tenant, "catalogue/limits.kv-set", set)).await;
        assert_eq!(done(&answers), 10, "{answers:?}");
        let told = answers.iter().filter(|answer| answer.text.contains("quota: the bucket may hold 10 keys")).count();
        assert_eq!(told, CALLS - 10);
        let keys = tenant.agent.call("catalogue/limits.kv-keys", json!({"bucket": "b"})).await.text();
        assert_eq!(keys.lines().count(), 10);
        // Refused or not, each call is in the record.
        let ended = tenant.log(0).await.into_iter().filter(|entry| entry["kind"] == "call.ended").count();
        assert_eq!(ended, CALLS + 1);
    });
}

/// The quota holds under concurrency.
#[test]
fn hostile_crowd_fills_a_volume_to_its_quota_and_no_further() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("heap").await;
        let grant = |more: &str| {
            format!(
                "[[grant]]\ntools = [\"catalogue/limits\"]\n\
                 files = [{{ volume = \"v\", mount = \"/v\", access = \"read-write\", {more} }}]\n"
            )
        };
        tenant.policy(&grant("files_max = 10")).await;
        let write = |number| json!({"path": format!("/v/f{number}"), "text": "x"});
        let answers = beside(server, at_once(&tenant, "catalogue/limits.file-write", write)).await;
        assert_eq!(done(&answers), 10, "{answers:?}");
        let ended = tenant.log(0).await.into_iter().filter(|entry| entry["kind"] == "call.ended").count();
        assert_eq!(ended, CALLS, "refused or not, each call is in the record");
        tenant.policy(&grant("bytes_max = 1_000")).await;
        let fill = |number| json!({"path": format!("/v/g{number}"), "bytes": 100});
        beside(server, at_once(&tenant, "catalogue/limits.file-write", fill)).await;
        let volume = server.data.join("volumes").join(&tenant.name).join("v");
        let bytes: u64 = std::fs::read_dir(volume).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
        assert!((900..=1_000).contains(&bytes), "{bytes}");
    });
}

const SCRATCH: &str = "[[grant]]\ntools = [\"catalogue/limits\"]\n\
    files = [{ access = \"scratch\", bytes_max = 1_000, files_max = 5 }]\n";

fn scratch_folders(data: &Path) -> usize {
    std::fs::read_dir(data.join("scratch")).unwrap().count()
}

#[test]
fn a_scratch_folder_is_one_calls_own() {
    run(async {
        let server = shared().await;
        let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
        for tenant in [&acme, &globex] {
            tenant.policy(SCRATCH).await;
        }
        let write = |bytes: u32| json!({"path": "/scratch/f", "bytes": bytes});
        let answer = acme.agent.call("catalogue/limits.file-write", write(1_000)).await;
        let call = answer.call().to_owned();
        assert_eq!(answer.text(), "1");
        let past = acme.agent.call("catalogue/limits.file-write", write(1_001)).await.ok();
        assert_eq!(past["is_error"], true, "{past}");
        let many = json!({"path": "/scratch/f", "count": 6, "text": "x"});
        let past = acme.agent.call("catalogue/limits.file-write", many).await;
        assert!(past.text.contains("file 5: "), "{past:?}");
        // The next call finds nothing, of this tenant or another.
        for tenant in [&acme, &globex] {
            let read = tenant.agent.call("catalogue/limits.file-read", json!({"path": "/scratch/f"})).await.ok();
            assert_eq!(read["is_error"], true, "{read}");
        }
        let uses = acme.record(&call).await.last().unwrap()["event"]["uses"].clone();
        assert!(uses.to_string().contains("(scratch)"), "{uses}");
        assert!(!server.data.join("volumes").join(&acme.name).exists());
        eventually("no folder that is left", async || (scratch_folders(&server.data) == 0).then_some(())).await;
    });
}

/// Gone with the call, or at the next start.
#[test]
fn hostile_crash_leaves_nothing_of_a_scratch_folder() {
    run(async {
        let data = TempDir::new().unwrap();
        let options = Options { data: Some(data.path().join("data")), ..Options::default() };
        let mut server = Server::start(options.clone()).await;
        server.publish(&["limits", "noop"]).await;
        let (tenant, bystander) = (server.tenant("crash").await, server.tenant("bystander").await);
        tenant.policy(SCRATCH).await;
        let agent = tenant.agent.clone();
        let arguments = json!({"path": "/scratch/f", "text": "left", "sleep_ms": 4_000});
        let calling = tokio::spawn(async move {
            let _ = agent.try_send(agent.calling("catalogue/limits.file-write", &arguments)).await;
        });
        eventually("a folder with a file", async || {
            let folders = std::fs::read_dir(server.data.join("scratch")).unwrap().flatten();
            folders.into_iter().any(|folder| folder.path().join("f").exists()).then_some(())
        })
        .await;
        assert_eq!(bystander.agent.call("catalogue/noop", json!({})).await.text(), "ok");
        server.kill();
        calling.await.unwrap();
        assert_eq!(scratch_folders(&server.data), 1);
        let server = Server::start(options).await;
        assert_eq!(scratch_folders(&server.data), 0);
        tenant.at(server.platform.base()).entry("call.ended", json!({"outcome": "interrupted"})).await;
        let bystander = bystander.at(server.platform.base());
        assert_eq!(bystander.agent.call("catalogue/noop", json!({})).await.text(), "ok");
    });
}
