//! Checks against programs that others wrote. `cargo xtask interop` fetches those and starts this.
#![allow(clippy::unwrap_used, reason = "a check that cannot be made has failed")]
#![allow(clippy::print_stdout, reason = "the report")]

mod audit;

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;

use futures::FutureExt as _;
use serde::Serialize;

/// What is checked, by name.
const NAMES: &[&str] = &["audit"];

/// Where others' programs are.
#[derive(Debug, Default)]
struct Peers {
    /// The folder with the programs.
    folder: PathBuf,
    /// An interpreter with packages.
    python: PathBuf,
}

/// What was checked.
#[derive(Debug, Default)]
struct Checks(Vec<Row>);

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    holds: bool,
}

impl Checks {
    /// Makes a check; one that panics has failed.
    async fn check(&mut self, name: &str, check: impl Future<Output = ()>) {
        let holds = AssertUnwindSafe(check).catch_unwind().await.is_ok();
        println!("{name} ... {}", if holds { "ok" } else { "FAILED" });
        self.0.push(Row { name: name.to_owned(), holds });
    }
}

fn main() -> ExitCode {
    let (mut peers, mut names, mut json) = (Peers::default(), Vec::new(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--peers" => peers.folder = arguments.next().unwrap().into(),
            "--python" => peers.python = arguments.next().unwrap().into(),
            "--json" => json = arguments.next(),
            name if NAMES.contains(&name) => names.push(name.to_owned()),
            other => {
                eprintln!("there is no check {other:?}; there are: {}", NAMES.join(", "));
                return ExitCode::from(2);
            }
        }
    }
    // Clients are made without a default provider, so that only one is compiled.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut checks = Checks::default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if names.is_empty() || names.iter().any(|name| name == "audit") {
        runtime.block_on(audit::run(&peers, &mut checks));
    }
    if let Some(file) = json {
        std::fs::write(file, serde_json::to_string_pretty(&checks.0).unwrap()).unwrap();
    }
    let failed = checks.0.iter().filter(|row| !row.holds).count();
    println!("\n{} passed, {failed} failed", checks.0.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
