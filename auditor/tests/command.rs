//! The binary as it is run: what it prints, and its exit codes.

#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cofferdam_auditor::receipt::Receipt;
use cofferdam_auditor::tlog_proof::TlogProof;
use serde_json::Value;
use support::server::Server;
use support::{Files, call, entry, key, usual};
use tempfile::TempDir;

struct Bench {
    folder: TempDir,
    log: Files,
}

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

impl Bench {
    /// A folder with `log/`, its key in `key`, and its checkpoint of 300 entries in `held`.
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap(), log: log(600) };
        bench.log.write(&bench.path("log"));
        bench.put("key", format!("{}\n", key().vkey()).as_bytes());
        bench.put("held", &log(300).0["checkpoint"]);
        bench.put("now", &bench.log.0["checkpoint"]);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, None)
    }

    fn run_with(&self, arguments: &[&str], token: Option<&str>) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam-auditor"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("COFFERDAM_KEY")
            .envs(token.map(|t| ("COFFERDAM_KEY", t)));
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

fn log(size: u64) -> Files {
    Files::of(&(0..size).map(usual).collect::<Vec<_>>(), &key())
}

#[test]
fn verify() {
    let bench = Bench::new();
    let vkey = key().vkey().to_string();
    for key in ["key", vkey.as_str()] {
        let ran = bench.run(&["verify", "log", "--key", key, "--held", "held", "--held", "now"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
        assert!(ran.stdout.ends_with("All 600 entries are as they were signed.\n"), "{}", ran.stdout);
    }
    let ran = bench.run(&["verify", "log", "--key", "key", "--json"]);
    assert_eq!(ran.json()["size"], 600);
    assert_eq!(ran.json()["entries"]["call.ended"], 300);
    assert_eq!(ran.json()["findings"], Value::Array(Vec::new()));

    bench.put("log/tile/0/001", &[0; 8192]);
    let ran = bench.run(&["--json", "verify", "log", "--key", "key"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.json()["findings"][0]["code"], "tile-altered");
    assert_eq!(ran.json()["findings"][0]["file"], "tile/0/001");
    let ran = bench.run(&["verify", "log", "--key", "key"]);
    assert!(ran.stdout.contains("\ntile-altered, tile/0/001:\n"), "{}", ran.stdout);
}

#[test]
fn what_cannot_be_checked_is_not_a_finding() {
    let bench = Bench::new();
    for arguments in [
        ["verify", "nowhere", "--key", "key"].as_slice(),
        &["verify", "log", "--key", "key", "--held", "nowhere"],
        &["check", "nowhere", "--key", "key"],
        &["prove", "log", "600"],
        &["verify", "http://127.0.0.1:1/", "--key", "key"],
        &["verify", "log", "--key", "key", "--token-file", "nowhere"],
    ] {
        let ran = bench.run(arguments);
        assert_eq!(ran.code, 3, "{arguments:?} {} {}", ran.stdout, ran.stderr);
        assert!(ran.stderr.starts_with("error: ") && ran.stdout.is_empty(), "{}", ran.stderr);
    }
    for arguments in [[].as_slice(), &["verify", "log"], &["verify", "log", "--key", "a+b+c"], &["prove", "log", "x"]] {
        assert_eq!(bench.run(arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn prove_and_check() {
    let bench = Bench::new();
    let ran = bench.run(&["prove", "log", "200", "--key", "key"]);
    assert_eq!(ran.code, 0);
    ran.stdout.parse::<TlogProof>().unwrap().check(&usual(200)).unwrap();
    let ran = bench.run(&["prove", "log", "200", "--json"]);
    assert_eq!(ran.json()["entry"].as_str().unwrap().as_bytes(), usual(200));

    let receipt = Receipt::make(&bench.log, &bench.log.checkpoint(), call(100), &[200, 201]).unwrap();
    bench.put("receipt", &serde_json::to_vec(&receipt).unwrap());
    let ran = bench.run(&["check", "receipt", "--key", "key"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.starts_with(&format!("call {} is in the log ", call(100))), "{}", ran.stdout);
    let ran = bench.run(&["check", "receipt", "--key", "key", "--json"]);
    assert_eq!(ran.json()["decided"]["index"], 200);
    bench.put("receipt", serde_json::to_string(&receipt).unwrap().replace("call.ended", "call.ENDED").as_bytes());
    let ran = bench.run(&["check", "receipt", "--key", "key", "--json"]);
    assert_eq!((ran.code, ran.json()["code"].as_str()), (1, Some("bad-proof")));
    bench.put("receipt", b"{}");
    assert_eq!(bench.run(&["check", "receipt", "--key", "key"]).code, 1);
}

#[test]
fn consistency() {
    let bench = Bench::new();
    let ran = bench.run(&["consistency", "held", "now", "log", "--key", "key"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = bench.run(&["consistency", "now", "held", "log", "--key", "key", "--json"]);
    assert_eq!((ran.code, ran.json()["code"].as_str()), (1, Some("rolled-back")));
    let mut other: Vec<_> = (0..300).map(usual).collect();
    other[3] = entry(3, "acme", "login.failed", serde_json::json!({}));
    bench.put("held", &Files::of(&other, &key()).0["checkpoint"]);
    let ran = bench.run(&["consistency", "held", "now", "log", "--key", "key", "--json"]);
    assert_eq!((ran.code, ran.json()["code"].as_str()), (1, Some("forked")));
}

#[test]
fn mirror_with_a_token() {
    let bench = Bench::new();
    let server = Server::start(bench.log.0.clone(), Some("secret"));
    let arguments = ["mirror", server.url.as_str(), "copy", "--key", "key"];
    assert_eq!(bench.run(&arguments).code, 3);
    let ran = bench.run_with(&arguments, Some("secret"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    bench.put("token", b"secret\n");
    let ran = bench.run(&[&arguments[..], &["--token-file", "token", "--json"]].concat());
    assert_eq!((ran.code, ran.json()["files_written"].as_u64()), (0, Some(0)), "{}", ran.stderr);
    assert!(Path::new(&bench.path("copy/checkpoint")).is_file());
    assert_eq!(bench.run(&["verify", "copy", "--key", "key"]).code, 0);
}
