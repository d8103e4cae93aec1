//! Disks that are full, cannot be written, fail, or do not answer: nothing runs that cannot be recorded, readiness says
//! why, and nothing that was acknowledged is lost.
//!
//! The faults are the kernel's own: a small file system in a mount namespace of the host's, and system calls that strace
//! has the kernel fail or put off.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam::error::Code;
use cofferdam_tests::{Options, Server, command, eventually, program, run};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Mounts a file system of this many bytes over the data folder, then starts what follows.
fn on_a_small_disk(data: &Path, bytes: u64, further: &str) -> Vec<String> {
    let script = format!(
        r#"set -e
        cp "$0/platform.toml" "$0.toml"
        mount -t tmpfs -o size={bytes},mode=0700 none "$0"
        cp "$0.toml" "$0/platform.toml"
        {further}
        exec "$@""#
    );
    let mut within: Vec<String> = vec!["unshare".into(), "--mount".into()];
    // Who may not mount may do so in a user namespace of its own.
    if !is_root() {
        within.push("--map-root-user".into());
    }
    within.extend(["sh".into(), "-c".into(), script, data.display().to_string()]);
    within
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The kernel does as `inject` says to the host's system calls.
fn with_faults(inject: &[&str]) -> Vec<String> {
    // The host itself is the child then, so that ending it ends all.
    let mut within: Vec<String> =
        ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "signal=none"].map(String::from).into();
    let calls: Vec<&str> = inject.iter().filter_map(|fault| fault.split(':').next()).collect();
    within.extend(["-e".into(), format!("trace={}", calls.join(","))]);
    for fault in inject {
        within.extend(["-e".into(), format!("inject={fault}")]);
    }
    within
}

fn data() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    (folder, data)
}

/// What readiness says.
async fn readiness(server: &Server) -> (u16, Value) {
    let health = server.platform.at(&server.health);
    let answer = health.get("/readyz").await;
    (answer.status, serde_json::from_str(&answer.text).unwrap_or_default())
}

/// Verifies a data folder, with `within` before the command.
fn verified(within: &[&str], data: &Path) {
    let mut line = within.iter().map(Into::into).chain([program().into_os_string()]);
    let output = Command::new(line.next().unwrap()).args(line).args(["audit", "verify"]).arg(data).output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_full_disk_lets_no_call_in_says_so_and_all_goes_on_when_there_is_room() {
    run(async {
        let (_folder, data) = data();
        let options = Options {
            within: on_a_small_disk(&data, 64 << 20, ""),
            data: Some(data.clone()),
            arguments: ["--segment-bytes", "256KiB"].map(String::from).into(),
            ..Options::default()
        };
        let server = Server::start(options).await;
        server.publish(&["noop"]).await;
        let acme = server.tenant("acme").await;
        acme.agent.call("catalogue/noop", json!({})).await.ok();

        // The same folder, seen from outside of the host's namespace.
        let inside = PathBuf::from(format!("/proc/{}/root{}", server.pid(), data.display()));
        let mut filler = fs::File::create(inside.join("filler")).unwrap();
        while filler.write_all(&[1; 4_096]).is_ok() {}
        let mut answered = 1;
        let refused = loop {
            let answer = acme.agent.call("catalogue/noop", json!({})).await;
            if answer.status != 200 {
                break answer;
            }
            answered += 1;
            assert!(answered < 5_000, "a full disk let 5,000 calls in");
        };
        assert_eq!((refused.status, refused.code()), (503, Some(Code::AuditUnavailable)), "{refused:?}");
        assert_eq!(refused.headers["retry-after"], "1", "{refused:?}");
        let (status, said) = readiness(&server).await;
        assert!(status == 503 && said.to_string().contains("no room"), "{status} {said}");
        // A tool is listed by what is in memory; what would have to be recorded is refused.
        assert_eq!(acme.agent.get("/v1/tools").await.status, 200);

        drop(filler);
        fs::remove_file(inside.join("filler")).unwrap();
        eventually("a host that is ready again", async || server.is_ready().await.then_some(())).await;
        acme.agent.call("catalogue/noop", json!({})).await.ok();
        let ended = |entries: Vec<Value>| entries.iter().filter(|entry| entry["kind"] == "call.ended").count();
        assert_eq!(ended(acme.log(0).await), answered + 1);
        // SQLite follows links, also this one, to a place in its own namespace: so the command goes there, too.
        let pid = server.pid().to_string();
        let mut within = vec!["nsenter", "--target", &pid, "--mount"];
        within.extend(if is_root() { &[][..] } else { &["--user", "--preserve-credentials"] });
        verified(&within, &data);
        assert_eq!(server.stop().await, Some(0));
    });
}

#[test]
fn a_host_does_not_start_on_a_disk_that_cannot_be_written() {
    run(async {
        let (_folder, data) = data();
        fs::create_dir_all(&data).unwrap();
        fs::write(data.join("platform.toml"), "").unwrap();
        let within = on_a_small_disk(&data, 64 << 20, r#"mount -o remount,ro "$0""#);
        let output = command(&within, &data, &[]).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("Read-only file system"), "{said}");
        assert!(output.stdout.is_empty(), "it said that it listens");
    });
}

#[test]
fn needs_strace_a_failed_sync_ends_the_host_and_loses_nothing_that_was_acknowledged() {
    run(async {
        let (_folder, data) = data();
        // The journal alone syncs so; the first few are those of the start.
        let within = with_faults(&["fdatasync:error=EIO:when=60+"]);
        let options = Options { within, data: Some(data.clone()), ..Options::default() };
        let server = Server::start(options).await;
        server.publish(&["noop"]).await;
        let acme = server.tenant("acme").await;
        let mut calls = Vec::new();
        let refused = loop {
            match acme.agent.try_send(acme.agent.calling("catalogue/noop", &json!({}))).await {
                Ok(answer) if answer.status == 200 => calls.push(answer.call().to_owned()),
                // It ended before it could say so.
                Err(_) => break None,
                Ok(answer) => break Some(answer),
            }
            assert!(calls.len() < 1_000, "a failed sync let 1,000 calls end");
        };
        assert!(refused.is_none_or(|answer| answer.status == 503));
        let key = acme.auditor.key().to_owned();
        let code = server.ended().await;
        assert!(code.is_some_and(|code| code != 0), "{code:?}");

        let server = Server::start(Options { data: Some(data.clone()), ..Options::default() }).await;
        let auditor = server.platform.with_key(&key);
        for call in &calls {
            assert_eq!(auditor.get(&format!("/v1/calls/{call}")).await.status, 200, "{call} is lost");
        }
        assert!(!calls.is_empty());
        verified(&[], &data);
        assert_eq!(server.stop().await, Some(0));
    });
}

#[test]
fn needs_strace_a_disk_that_does_not_answer_lets_no_call_in_until_it_does() {
    run(async {
        let (_folder, data) = data();
        let within = with_faults(&["fdatasync:delay_enter=9000000:when=60..61"]);
        let options = Options { within, data: Some(data.clone()), ..Options::default() };
        let server = Server::start(options).await;
        server.publish(&["noop"]).await;
        let acme = server.tenant("acme").await;
        let seen = AtomicBool::new(false);
        // Calls in a row: the one that meets the disk waits, and is answered all the same.
        let calling = async {
            for _ in 0..5_000 {
                if seen.load(Ordering::Relaxed) {
                    break;
                }
                acme.agent.call("catalogue/noop", json!({})).await.ok();
            }
        };
        let watching = async {
            let said = eventually("a host that is not ready", async || {
                let (status, said) = readiness(&server).await;
                (status == 503).then_some(said)
            })
            .await;
            assert!(said.to_string().contains("does not answer in time"), "{said}");
            let refused = acme.agent.call("catalogue/noop", json!({})).await;
            assert_eq!((refused.status, refused.code()), (503, Some(Code::AuditUnavailable)), "{refused:?}");
            assert_eq!(refused.headers["retry-after"], "1", "{refused:?}");
            seen.store(true, Ordering::Relaxed);
        };
        tokio::join!(calling, watching);
        eventually("a host that is ready again", async || server.is_ready().await.then_some(())).await;
        acme.agent.call("catalogue/noop", json!({})).await.ok();
        assert_eq!(server.stop().await, Some(0));
        verified(&[], &data);
    });
}
