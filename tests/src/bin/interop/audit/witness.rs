//! Checkpoints cosigned by a witness that others wrote.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::cosign::{CosigningKey, WitnessKey};
use cofferdam_tests::{Options, Server, eventually, guest};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use super::super::{Checks, Peers};
use super::key;

const NAME: &str = "witness.example/omni";
const SEED: [u8; 32] = [42; 32];

pub(super) async fn run(peers: &Peers, checks: &mut Checks, scratch: &Path) {
    let data = scratch.join("witnessed");
    let options = |arguments| Options { arguments, data: Some(data.clone()), ..Options::default() };
    // The witness wants to know the log before it starts.
    let server = Server::start(options(Vec::new())).await;
    let platform = server.platform.clone();
    let tenant = server.tenant("acme").await;
    tenant.push("noop", guest("noop")).await;
    let log = key(&tenant).await;
    server.stop().await;
    let (address, _running) = start(peers, scratch, &log.to_string()).await;
    let witness = CosigningKey::from_seed(NAME, &SEED).unwrap().vkey();
    let arguments = vec!["--witness".to_owned(), format!("{witness} http://{address}/")];
    let mut server = Server::start(options(arguments)).await;
    server.platform = platform.at(server.platform.base());
    let tenant = tenant.at(server.platform.base());
    checks
        .check("transparency-dev's omniwitness cosigns checkpoint after checkpoint", async {
            let mut size = 0;
            for _ in 0..3 {
                for _ in 0..300 {
                    tenant.agent.call("noop.noop", json!({})).await.ok();
                }
                let cosigned = eventually("a checkpoint that is cosigned", async || {
                    let answer = tenant.auditor.get("/v1/log/checkpoint").await;
                    let checkpoint = Checkpoint::parse(answer.text.as_bytes()).unwrap();
                    is_cosigned(&checkpoint, &witness).then_some(checkpoint)
                })
                .await;
                assert!(cosigned.size() >= size + 600, "{} behind {size}", cosigned.size());
                size = cosigned.size();
            }
        })
        .await;
    server.kill();
}

fn is_cosigned(checkpoint: &Checkpoint, witness: &WitnessKey) -> bool {
    !checkpoint.cosignatures(std::slice::from_ref(witness)).unwrap().is_empty()
}

/// The witness, which ends when it is dropped, and where it listens.
async fn start(peers: &Peers, scratch: &Path, log: &str) -> (String, Child) {
    let origin = log.split('+').next().unwrap();
    let logs = format!("Logs:\n  - Origin: {origin}\n    URL: http://127.0.0.1:1/\n    PublicKey: {log}\n");
    let (key_file, logs_file) = (scratch.join("witness.key"), scratch.join("logs.yaml"));
    fs::write(&key_file, private_key()).unwrap();
    fs::write(&logs_file, logs).unwrap();
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let mut command = Command::new(peers.folder.join("omniwitness"));
    command.args([format!("--listen={address}"), "--metrics_listen=".to_owned()]);
    command.arg(format!("--private_key_path={}", key_file.display()));
    command.arg(format!("--additional_logs={}", logs_file.display()));
    let child = command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    eventually("a witness that listens", async || tokio::net::TcpStream::connect(&address).await.ok()).await;
    (address, child)
}

/// The key as Go's notes spell private keys: its id is that of the Ed25519 key itself.
fn private_key() -> String {
    let vkey = CosigningKey::from_seed(NAME, &SEED).unwrap().vkey().to_string();
    let public = BASE64_STANDARD.decode(vkey.splitn(3, '+').nth(2).unwrap()).unwrap().split_off(1);
    let id = Sha256::new_with_prefix(NAME).chain_update([b'\n', 1]).chain_update(public).finalize();
    let seed = BASE64_STANDARD.encode([&[1][..], &SEED].concat());
    format!("PRIVATE+KEY+{NAME}+{:02x}{:02x}{:02x}{:02x}+{seed}", id[0], id[1], id[2], id[3])
}
