//! A noisy neighbour: a tenant that calls at a steady rate, alone, and beside one that loops, allocates, floods, uploads
//! bombs and opens connections, each by itself and all at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cofferdam_tests::handmade::{Handmade, with_modules};
use cofferdam_tests::{Options as HostOptions, Server, Tenant, guest};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::machine::{CORES, pin};
use super::open::{Came, Load};
use super::plot::{self, Bars};
use super::report::{Report, Target, median};
use super::{Options, load};

/// The victim's calls a second.
const RATE: f64 = 50.0;
/// The attacker's calls at once, of each kind.
const AT_ONCE: usize = 32;
/// The attacker's connections that say nothing.
const CONNECTIONS: usize = 400;

/// What shows it.
const PLOT: &str = "noisy.svg";
/// What the attacker does.
const ATTACKS: [&str; 6] = ["loops", "allocates", "floods", "uploads bombs", "opens connections", "all of it"];

/// Adds the rows.
pub(crate) fn measure(options: &Options, report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    pin(std::process::id(), CORES[1]);
    let (server, victim, attacker) = runtime.block_on(async {
        let server = Server::start(HostOptions::default()).await;
        let (victim, attacker) = (server.tenant("victim").await, server.tenant("attacker").await);
        victim.push("noop", guest("noop")).await;
        attacker.push("limits", guest("limits")).await;
        attacker.policy("[limits]\nfuel = 50_000_000_000\n").await;
        victim.agent.call("noop.noop", json!({})).await.ok();
        (server, victim, attacker)
    });
    pin(server.pid(), CORES[0]);
    let steady = Load {
        server: load::address(&server),
        key: victim.agent.key().to_owned(),
        body: Bytes::from_static(br#"{"tool":"noop.noop","arguments":{}}"#),
        rate: RATE,
        duration: options.duration() * 2,
    };
    let mut bars = Vec::new();
    for attack in ATTACKS {
        // In turn, so that both see the machine in the same moods.
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        for _ in 0..if options.quick { 1 } else { 3 } {
            alone.push(steady.run());
            beside.push(runtime.block_on(under(&steady, &attacker, attack)));
        }
        let p99 = |came: &[Came]| median(came.iter().map(|came| came.quantile(0.99)));
        let rate = |came: &[Came]| median(came.iter().map(Came::rate));
        let names = ["alone".to_owned(), format!("beside one that {attack}")];
        let rows: Vec<_> = names.iter().map(|name| format!("victim {name}, p99")).collect();
        report.figure(&rows[0], p99(&alone), "ms");
        report.figure(&rows[1], p99(&beside), "ms");
        let with: Vec<_> = rows.iter().map(String::as_str).collect();
        let most = Target::AtMost(2.0);
        report.target(&format!("{attack}: p99 over p99 alone"), p99(&beside) / p99(&alone), "×", most, &with);
        let least = Target::AtLeast(0.9);
        report.target(&format!("{attack}: throughput over alone"), rate(&beside) / rate(&alone), "×", least, &with);
        bars.push((attack, [p99(&alone), p99(&beside)]));
        let errors: u64 = beside.iter().map(|came| came.sent - came.answered.len()).sum();
        report.target(&format!("{attack}: the victim's errors"), errors as f64, "calls", Target::AtMost(0.0), &with);
    }
    // A quick run is no figure to be kept.
    if !options.quick {
        let title = "the victim's p99 in milliseconds, beside an attacker that …";
        plot::bars(PLOT, &Bars { title, kinds: ["alone", "beside it"], bars });
        report.note(format!("{} shows it.", plot::file(PLOT).display()));
    }
}

/// The victim's calls while the attack goes on.
async fn under(steady: &Load, attacker: &Tenant, attack: &str) -> Came {
    let over = Arc::new(AtomicBool::new(false));
    let mut work = tokio::task::JoinSet::new();
    let wants = |what: &str| attack == what || attack == "all of it";
    if wants("loops") {
        calls(&mut work, &over, attacker, "limits.spin", &json!({}));
    }
    if wants("allocates") {
        calls(&mut work, &over, attacker, "limits.grow", &json!({"pages": 900}));
    }
    if wants("floods") {
        let flood = Load {
            key: attacker.agent.key().to_owned(),
            body: Bytes::from(json!({"tool": "limits.spin", "arguments": {"rounds": 1_000}}).to_string()),
            rate: 2_000.0,
            ..steady.clone()
        };
        work.spawn(async move { drop(flood.send().await) });
    }
    if wants("uploads bombs") {
        for number in 0..4 {
            work.spawn(uploads(attacker.clone(), Arc::clone(&over), number));
        }
    }
    if wants("opens connections") {
        work.spawn(connections(steady.server, Arc::clone(&over)));
    }
    // The attack is under way before it is measured.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let came = steady.send().await;
    over.store(true, Ordering::Relaxed);
    work.abort_all();
    while work.join_next().await.is_some() {}
    // What it left behind on the host ends by its deadline.
    tokio::time::sleep(Duration::from_millis(500)).await;
    came
}

fn calls(
    work: &mut tokio::task::JoinSet<()>,
    over: &Arc<AtomicBool>,
    attacker: &Tenant,
    tool: &'static str,
    arguments: &Value,
) {
    for _ in 0..AT_ONCE {
        let (attacker, over, arguments) = (attacker.clone(), Arc::clone(over), arguments.clone());
        work.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                // How it ends is the attacker's own concern; a refusal is no reason to hold back.
                let request = attacker.agent.calling(tool, &arguments);
                drop(attacker.agent.try_send(request).await);
            }
        });
    }
}

/// Components that are small and take long to compile, each another one.
async fn uploads(attacker: Tenant, over: Arc<AtomicBool>, first: u64) {
    let mut number = first;
    while !over.load(Ordering::Relaxed) {
        number += 4;
        let bomb = with_modules(&Handmade::numbered(number), 500);
        let request = attacker.publisher.request("POST", "/v1/components").header("content-type", "application/wasm");
        drop(attacker.publisher.try_send(request.body(bomb)).await);
    }
}

/// Connections that begin a request and never end it.
async fn connections(server: SocketAddr, over: Arc<AtomicBool>) {
    let mut open = Vec::new();
    while !over.load(Ordering::Relaxed) {
        if open.len() < CONNECTIONS
            && let Ok(mut stream) = TcpStream::connect(server).await
        {
            // Refused or not: what counts is that it was tried.
            let _ = stream.write_all(b"POST /v1/calls HTTP/1.1\r\nhost: localhost\r\n").await;
            open.push(stream);
        } else {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
