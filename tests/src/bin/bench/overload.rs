//! More calls than the host can run: at one, two, five and ten times its capacity, how many it answers well, how soon, and
//! what it tells the others.

use bytes::Bytes;
use cofferdam_tests::{Options as HostOptions, Server, Tenant, guest};
use serde_json::json;

use super::machine::{CORES, pin, settle};
use super::open::{Came, Load};
use super::plot::{self, Lines};
use super::report::{Report, Target};
use super::{Options, load};

/// What is asked for, in capacities.
const TIMES: [f64; 4] = [1.0, 2.0, 5.0, 10.0];
/// What one call is to take of a processor, in milliseconds.
const CALL_MS: f64 = 5.0;
/// Connections that find the capacity, each with one call at a time: enough to leave no gap, and few enough that none waits
/// for so long that it is given up.
const CONNECTIONS: usize = 8;
/// Connections that an address may have. The generator stands for callers from many addresses.
const ADDRESS_CONNECTIONS: &str = "10000";
/// The calls' deadline, in milliseconds: the one that policy gives where it says nothing.
const DEADLINE_MS: f64 = 5_000.0;
/// What shows it.
const PLOT: &str = "overload.svg";

/// Adds the rows.
pub(crate) fn measure(options: &Options, report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    pin(std::process::id(), CORES[1]);
    let (server, key, body) = runtime.block_on(async {
        let arguments = ["--address-connections-max", ADDRESS_CONNECTIONS].map(str::to_owned).to_vec();
        let server = Server::start(HostOptions { arguments, ..HostOptions::default() }).await;
        pin(server.pid(), CORES[0]);
        let tenant = server.tenant("overload").await;
        tenant.push("limits", guest("limits")).await;
        let rounds = rounds_of(&tenant, CALL_MS).await;
        let body = json!({"tool": "limits.spin", "arguments": {"rounds": rounds}}).to_string();
        (server, tenant.agent.key().to_owned(), body)
    });
    let address = load::address(&server);
    let duration = options.duration() * 2;
    let mut is_quiet = settle(CORES[0]);
    let capacity = load::run(address, Some(&key), &body, CONNECTIONS, duration).rate;
    report.figure(&format!("capacity: closed loop, {CONNECTIONS} connections"), capacity, "calls/s");

    let (mut goodput, mut curve) = (Vec::new(), Vec::new());
    for times in TIMES {
        is_quiet &= settle(CORES[0]);
        let name = format!("{times:.0}× of capacity");
        let load = Load {
            server: address,
            key: key.clone(),
            body: Bytes::from(body.clone()),
            rate: capacity * times,
            duration,
        };
        let came = load.run();
        report.figure(&format!("{name}: answered well"), came.rate(), "calls/s");
        report.figure(&format!("{name}: p50"), came.quantile(0.5), "ms");
        let beside = [name.clone()];
        let beside: Vec<_> = beside.iter().map(String::as_str).collect();
        let deadline = Target::AtMost(DEADLINE_MS);
        report.target(&format!("{name}: p99.9"), came.quantile(0.999), "ms", deadline, &beside);
        report.figure(&format!("{name}: refused"), came.refused as f64 / came.sent as f64 * 100.0, "%");
        let never = Target::AtMost(0.0);
        report.target(&format!("{name}: refused without Retry-After"), came.silent as f64, "calls", never, &beside);
        report.target(&format!("{name}: let in and past the deadline"), came.late as f64, "calls", never, &beside);
        report.target(&format!("{name}: failed otherwise"), came.failed as f64, "calls", never, &beside);
        goodput.push((name, came.rate()));
        curve.push((times, came));
    }
    let peak = goodput.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    for (name, rate) in &goodput {
        let target = Target::AtLeast(0.9);
        report.target(&format!("{name}: goodput over its peak"), rate / peak, "×", target, &[name]);
    }
    if !is_quiet {
        report.note("The machine had other things to do: compare with a run on one that is quiet.");
    }
    // A quick run is no figure to be kept.
    if !options.quick {
        draw(capacity, &curve);
        report.note(format!("{} shows it.", plot::file(PLOT).display()));
    }
    drop(server);
}

/// Goodput beside what was asked for and refused, and how long what was answered took.
fn draw(capacity: f64, curve: &[(f64, Came)]) {
    let line = |name, of: &dyn Fn(&Came) -> f64| (name, curve.iter().map(|(times, came)| (*times, of(came))).collect());
    let over = "calls asked for, in capacities";
    let of_capacity = |calls: u64, came: &Came| calls as f64 / came.duration.as_secs_f64() / capacity;
    let calls = Lines {
        title: "calls a second, in capacities",
        over,
        lines: vec![
            line("answered well", &|came| came.rate() / capacity),
            line("refused, with Retry-After", &|came| of_capacity(came.refused, came)),
        ],
    };
    let latency = Lines {
        title: "milliseconds until the answer",
        over,
        lines: vec![
            line("p50", &|came| came.quantile(0.5)),
            line("p99.9", &|came| came.quantile(0.999)),
            line("the deadline", &|_| DEADLINE_MS),
        ],
    };
    plot::lines(PLOT, &[calls, latency]);
}

/// How many rounds of the spinning tool take so long.
pub(crate) async fn rounds_of(tenant: &Tenant, milliseconds: f64) -> u64 {
    const PROBE: u64 = 1_000_000;
    let arguments = json!({"rounds": PROBE});
    let mut took = f64::MAX;
    for _ in 0..5 {
        let usage = tenant.agent.call("limits.spin", arguments.clone()).await.ok()["usage"].clone();
        took = took.min(usage["duration_us"].as_f64().unwrap() / 1e3);
    }
    (PROBE as f64 * milliseconds / took) as u64
}
