//! A tenant's log, checked by others: `fsck` of transparency-dev's Tessera, its `omniwitness`, and OCSF's schema.

mod tamper;
mod witness;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cofferdam_auditor::key::VerifierKey;
use cofferdam_auditor::mirror::mirror;
use cofferdam_auditor::source::{Folder, Url};
use cofferdam_auditor::verify::{Options as VerifyOptions, verify};
use cofferdam_tests::{Options, Server, Tenant, guest, program};
use futures::{StreamExt as _, stream};
use serde_json::json;
use tokio::process::Command;

use super::{Checks, Peers};

/// Calls that are made: each is two entries.
const CALLS: usize = 50_500;
/// The entries that there are to be at least.
const ENTRIES: u64 = 100_000;
/// `fsck` can wait for ever for workers that gave up.
const FSCK_TIME_MAX: Duration = Duration::from_secs(120);

pub(super) async fn run(peers: &Peers, checks: &mut Checks) {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(Options::default()).await;
    let tenant = server.tenant("acme").await;
    tenant.push("noop", guest("noop")).await;
    println!("making {CALLS} calls");
    fill(&tenant).await;
    let key = key(&tenant).await;
    let (base, token) = (format!("{}/v1/log", server.platform.base()), tenant.auditor.key().to_owned());
    let (folder, key_file) = (scratch.path().join("log"), scratch.path().join("vkey"));
    fs::write(&key_file, key.to_string()).unwrap();

    checks
        .check("a log of more than 100,000 entries is mirrored, and verified", async {
            let (from, to, key) = ((base.clone(), token.clone()), folder.clone(), key.clone());
            let size = tokio::task::spawn_blocking(move || {
                let source = Url::new(&from.0, Some(&from.1)).unwrap();
                mirror(&source, &to, &key, &mut |_| {}).unwrap();
                let report = verify(&Folder::new(&to), &VerifyOptions::new(key), &mut |_| {}).unwrap();
                assert!(report.is_ok(), "{report}");
                report.size
            });
            assert!(size.await.unwrap() >= ENTRIES);
        })
        .await;
    let url = format!("file://{}", folder.display());
    checks
        .check("tessera's fsck accepts the mirrored log", async {
            assert!(fsck(peers, &url, &key_file, None).await);
        })
        .await;
    checks
        .check("tessera's fsck accepts the log as the host serves it", async {
            assert!(fsck(peers, &base, &key_file, Some(&token)).await);
        })
        .await;
    for tampering in tamper::ALL {
        let name = format!("tessera's fsck and ours reject a log that was tampered with: {}", tampering.name);
        checks
            .check(&name, async {
                let copy = scratch.path().join("tampered");
                copy_folder(&folder, &copy).await;
                (tampering.done)(&copy);
                let url = format!("file://{}", copy.display());
                assert!(!fsck(peers, &url, &key_file, None).await, "fsck accepts it");
                let report = verify(&Folder::new(&copy), &VerifyOptions::new(key.clone()), &mut |_| {}).unwrap();
                assert!(!report.is_ok(), "{report}");
            })
            .await;
    }
    checks
        .check("a log whose key is another is rejected by both", async {
            let other = server.tenant("globex").await;
            let file = scratch.path().join("other");
            fs::write(&file, self::key(&other).await.to_string()).unwrap();
            assert!(!fsck(peers, &url, &file, None).await);
        })
        .await;
    checks
        .check("exported entries are events of OCSF's class API Activity", async {
            exported(peers, &server, &tenant, scratch.path()).await;
        })
        .await;
    witness::run(peers, checks, scratch.path()).await;
}

async fn fill(tenant: &Tenant) {
    stream::iter(0..CALLS)
        .map(async |_| tenant.agent.call("noop.noop", json!({})).await.ok())
        .buffer_unordered(64)
        .for_each(async |_| ())
        .await;
}

async fn key(tenant: &Tenant) -> VerifierKey {
    tenant.auditor.get("/v1/log").await.ok()["keys"][0].as_str().unwrap().parse().unwrap()
}

/// Whether `fsck` says that all is well. Its exit code does not say.
async fn fsck(peers: &Peers, url: &str, key: &Path, token: Option<&str>) -> bool {
    let mut command = Command::new(peers.folder.join("fsck"));
    command.args(["--ui=false", "--N=256", "--storage_url", url, "--public_key"]).arg(key);
    if let Some(token) = token {
        command.args(["--bearer_token", token]);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(FSCK_TIME_MAX, command.output()).await {
        Ok(output) => String::from_utf8_lossy(&output.unwrap().stderr).contains("Successfully fsck'd log"),
        Err(_) => false,
    }
}

async fn copy_folder(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).unwrap();
    }
    assert!(Command::new("cp").arg("-r").arg(from).arg(to).status().await.unwrap().success());
}

async fn exported(peers: &Peers, server: &Server, tenant: &Tenant, scratch: &Path) {
    // One of every kind that a tenant sees in a minute: refused, denied and failed ones too.
    tenant.agent.call("nothing.there", json!({})).await;
    tenant.agent.get("/v1/audit").await;
    let file = scratch.join("events.jsonl");
    let mut export = Command::new(program());
    export.args(["audit", "export", "--format", "ocsf", "--output"]).arg(&file);
    export.args(["--url", server.platform.base()]).env("COFFERDAM_KEY", tenant.auditor.key());
    assert!(export.status().await.unwrap().success());
    let checked = Command::new(&peers.python).args(["-c", CHECK]).arg(&file).output().await.unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

/// Checks each line of a file; says what is wrong with the first ones.
const CHECK: &str = r#"
import json, sys
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0")).get_class_schema(class_name="api_activity", profiles=[])
validator = Draft202012Validator(schema)
lines = wrong = 0
for line in open(sys.argv[1]):
    lines += 1
    event = json.loads(line)
    # What the schema leaves to whoever reads: the type follows from the class and the activity.
    said = [error.message[:200] for error in validator.iter_errors(event)]
    if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
        said.append("the type is not that of the activity")
    if said and wrong < 5:
        print(lines, event["unmapped"].get("kind"), said)
    wrong += bool(said)
print(lines, "events,", wrong, "wrong")
sys.exit(1 if wrong or lines < 1000 else 0)
"#;
