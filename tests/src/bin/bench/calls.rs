//! A no-op tool over keep-alive HTTP through the whole host, beside a bare handler and a process spawn.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use cofferdam_tests::{Options as HostOptions, Server, Tenant, guest};
use hdrhistogram::Histogram;

use super::machine::{self, CORES, pin};
use super::report::{Report, Target, median};
use super::{Options, bare, load};

/// Connections at once.
const CONNECTIONS: [usize; 3] = [1, 32, 256];

/// The same body for both servers.
const BODY: &str = r#"{"tool":"noop.noop","arguments":{}}"#;

/// Adds the rows of calls over HTTP.
pub(crate) fn measure(options: &Options, report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    pin(std::process::id(), CORES[1]);
    let (server, key) = runtime.block_on(host());
    pin(server.pid(), CORES[0]);
    let address = load::address(&server);
    let bare = Bare::start();
    pin(bare.child.id(), CORES[0]);

    let sync = machine::syncs(&server.data, if options.quick { 200 } else { 2_000 });
    let sync_us = sync.value_at_quantile(0.5) as f64 / 1_000.0;
    report.figure("one sync of the disk, p50", sync_us, "µs");

    for connections in CONNECTIONS {
        let bare_name = format!("bare axum with JSON, {connections} connections");
        let tool_name = format!("no-op tool over HTTP, {connections} connections");
        // In turn, so that both see the machine in the same moods.
        let mut ratios = Vec::new();
        let (mut bare_runs, mut tool_runs) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let bare = load::run(bare.address, None, BODY, connections, options.duration() / 3);
            let tool = load::run(address, Some(&key), BODY, connections, options.duration() / 3);
            ratios.push(tool.rate / bare.rate);
            bare_runs.push(bare);
            tool_runs.push(tool);
        }
        for (name, runs) in [(&bare_name, &bare_runs), (&tool_name, &tool_runs)] {
            report.figure(&format!("{name}, rate"), median(runs.iter().map(|run| run.rate)), "calls/s");
            report.figure(&format!("{name}, p50"), median(runs.iter().map(load::Measured::p50)), "µs");
            report.figure(&format!("{name}, p99"), median(runs.iter().map(load::Measured::p99)), "µs");
        }
        let beside = [bare_name.as_str(), tool_name.as_str()];
        if connections == 1 {
            let bare_us = median(bare_runs.iter().map(load::Measured::p50));
            let tool_us = median(tool_runs.iter().map(load::Measured::p50));
            let most = Target::AtMost(bare_us + 2.0 * sync_us + 60.0);
            report.target("no-op tool, 1 connection, against bare + 2 syncs + 60 µs", tool_us, "µs", most, &beside);
            report.note(format!(
                "One call, one connection: {bare_us:.0} µs of HTTP and JSON, {sync_us:.0} µs of disk, {:.0} µs of all else.",
                tool_us - bare_us - sync_us
            ));
        } else {
            let name = format!("no-op tool over bare, {connections} connections");
            report.target(&name, median(ratios), "×", Target::AtLeast(0.5), &beside);
        }
    }
    let spawned = spawns(if options.quick { 50 } else { 500 });
    report.figure("process spawn (/bin/true), p50", spawned.value_at_quantile(0.5) as f64 / 1_000.0, "µs");
    report.figure("process spawn (/bin/true), p99", spawned.value_at_quantile(0.99) as f64 / 1_000.0, "µs");
    drop(server);
}

/// A host with one tenant that has published the no-op, and the key of its agent.
async fn host() -> (Server, String) {
    let server = Server::start(HostOptions::default()).await;
    let tenant: Tenant = server.tenant("bench").await;
    tenant.push("noop", guest("noop")).await;
    tenant.agent.post("/v1/calls", &serde_json::json!({"tool": "noop.noop", "arguments": {}})).await.ok();
    let key = tenant.agent.key().to_owned();
    (server, key)
}

struct Bare {
    child: Child,
    address: SocketAddr,
}

impl Bare {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(bare::SUBCOMMAND)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.trim().parse().unwrap() }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawns(rounds: usize) -> Histogram<u64> {
    let mut latencies = Histogram::new(3).unwrap();
    for _ in 0..rounds {
        let started = Instant::now();
        assert!(Command::new("/bin/true").status().unwrap().success());
        latencies.record(started.elapsed().as_nanos() as u64).unwrap();
    }
    latencies
}
