//! Three tenants that ask for more than there is, of calls that cost differently: what each gets of the processor, beside
//! what its plan's weight says.
//!
//! What is dealt out is time, and fuel is what the host tells of each call. All of them run the same loop, so that a unit
//! takes as long for one as for the other; and long enough for what has no fuel, such as making an instance, to be little.

mod asking;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use cofferdam_tests::{Options as HostOptions, Server};
use serde_json::json;

use super::machine::{CORES, pin, settle};
use super::report::{Report, Target};
use super::{Options, load};
use asking::{Asking, Came, Ran};

/// Nothing is measured before a tenant's calls cost what they are taken to.
const WARM_UP: Duration = Duration::from_secs(3);
/// All go on asking for so long after what is measured, so that no call that is cut by its end was alone for the rest.
const TAIL: Duration = Duration::from_secs(2);
/// How far a tenant may be off what its weight says.
const FAIR: Target = Target::Between(0.95, 1.05);

/// What a tenant asks for: calls of so many rounds, over so many connections, each with one call at a time.
#[derive(Clone, Copy)]
struct Demand {
    name: &'static str,
    rounds: u64,
    connections: usize,
}

/// A million rounds take about 4 ms. How long they do is no matter: what one call costs beside the others is.
const DEMANDS: [Demand; 3] = [
    Demand { name: "cheap", rounds: 1_000_000, connections: 24 },
    Demand { name: "middle", rounds: 3_000_000, connections: 16 },
    Demand { name: "dear", rounds: 10_000_000, connections: 8 },
];

/// Who weighs what, in the order of the demands: cost goes along with weight, and against it.
const WEIGHTS: [(&str, [u32; 3]); 2] = [("dear weighs most", [1, 2, 4]), ("dear weighs least", [4, 2, 1])];

/// Where it is decided whose turn it is, and how a host is started so that it is there.
struct Place {
    name: &'static str,
    /// Calls of each tenant that run at once.
    plan_calls: u32,
    arguments: &'static [&'static str],
}

/// Each tenant runs fewer calls at once than it asks for, so that none of them waits for the host and is given up.
const PLACES: [Place; 2] = [
    // There is room for all that the plans let run: slices of running calls take turns on the guest thread.
    Place { name: "by slices", plan_calls: 4, arguments: &[] },
    // There is room for two calls of all tenants together: calls take turns to start.
    Place { name: "by calls", plan_calls: 2, arguments: &["--live-calls-max", "2"] },
];

/// Adds the rows.
pub(crate) fn measure(options: &Options, report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // The host inherits it, and has one guest thread for it.
    pin(std::process::id(), CORES[1]);
    let mut is_quiet = true;
    for place in &PLACES {
        let server = runtime.block_on(start(place));
        pin(server.pid(), CORES[0]);
        for (name, weights) in WEIGHTS {
            let asking = runtime.block_on(tenants(&server, weights));
            is_quiet &= settle(CORES[0]);
            let warm_up = if options.quick { WARM_UP / 3 } else { WARM_UP };
            let window = warm_up..warm_up + options.duration() * 6;
            let came = asking::run(load::address(&server), &asking, window.end + TAIL);
            rows(report, &format!("{}, {name}", place.name), weights, &came, &window);
        }
    }
    if !is_quiet {
        report.note("The machine had other things to do: compare with a run on one that is quiet.");
    }
}

/// A host with a plan for each weight.
async fn start(place: &Place) -> Server {
    let plan = |weight: &u32| {
        let calls = place.plan_calls;
        format!("[[plan]]\ntenants = [\"weight-{weight}-*\"]\nweight = {weight}\nconcurrent_calls = {calls}\n")
    };
    let plans: String = WEIGHTS[0].1.iter().map(plan).collect();
    // Nobody waits for so long that it is refused: the line decides, and not how soon a client comes back.
    let arguments = ["--call-wait-max", "60s"].iter().chain(place.arguments).map(|&argument| argument.to_owned());
    let ceiling = Some(format!("{plans}[[grant]]\ntools = [\"catalogue/*\"]\nlog = true\n"));
    let options = HostOptions { ceiling, arguments: arguments.collect(), ..HostOptions::default() };
    let server = Server::start(options).await;
    // Compiled once for all tenants.
    server.publish(&["limits"]).await;
    server
}

/// What three new tenants are to ask for.
async fn tenants(server: &Server, weights: [u32; 3]) -> Vec<Asking> {
    let mut asking = Vec::new();
    for (demand, weight) in DEMANDS.iter().zip(weights) {
        let tenant = server.tenant(&format!("weight-{weight}")).await;
        // Where the host is late, what matters most is not given up.
        let policy = "[limits]\nfuel = 50_000_000_000\ndeadline = \"60s\"\n[admission]\npriority_max = \"high\"\n";
        tenant.policy(policy).await;
        let body = json!({"tool": "catalogue/limits.spin", "arguments": {"rounds": demand.rounds}, "priority": "high"});
        asking.push(Asking {
            key: tenant.agent.key().to_owned(),
            body: Bytes::from(body.to_string()),
            connections: demand.connections,
        });
    }
    asking
}

fn rows(report: &mut Report, name: &str, weights: [u32; 3], came: &[Came], window: &Range<Duration>) {
    let used: Vec<_> = came.iter().map(|came| used(&came.ran, window)).collect();
    let beside: Vec<_> = DEMANDS.iter().map(|demand| format!("{name}: {}", demand.name)).collect();
    let beside: Vec<_> = beside.iter().map(String::as_str).collect();
    for (((name, came), used), weight) in beside.iter().zip(came).zip(&used).zip(weights) {
        let ended = came.ran.iter().filter(|ran| window.contains(&ran.ended)).count();
        let seconds = (window.end - window.start).as_secs_f64();
        report.figure(&format!("{name}, weight {weight}"), ended as f64 / seconds, "calls/s");
        report.figure(&format!("{name}, fuel"), used / seconds / 1e6, "M/s");
    }
    for (name, share) in beside.iter().zip(over_weights(&used, &weights)) {
        report.target(&format!("{name}, share over what its weight says"), share, "×", FAIR, &beside);
    }
    let refused: u64 = came.iter().map(|came| came.refused).sum();
    report.figure(&format!("{name}: refused, and asked again"), refused as f64, "calls");
    let failed: u64 = came.iter().map(|came| came.failed).sum();
    report.target(&format!("{name}: failed otherwise"), failed as f64, "calls", Target::AtMost(0.0), &beside);
}

/// What calls used within a window of time. A call that is cut by an end of it counts by how much of its time lies within:
/// few of the dear ones end in a window, and several of them at once.
fn used(ran: &[Ran], window: &Range<Duration>) -> f64 {
    let part = |ran: &Ran| {
        let took = ran.took.max(Duration::from_nanos(1));
        let began = ran.ended.saturating_sub(took);
        let within = ran.ended.min(window.end).saturating_sub(began.max(window.start));
        ran.fuel as f64 * within.as_secs_f64() / took.as_secs_f64()
    };
    ran.iter().map(part).sum()
}

/// Each tenant's share of what all of them used, over the share that its weight says.
fn over_weights(used: &[f64], weights: &[u32]) -> Vec<f64> {
    let (all, weight): (f64, u32) = (used.iter().sum(), weights.iter().sum());
    let share = |(used, own): (&f64, &u32)| used / all * f64::from(weight) / f64::from(*own);
    used.iter().zip(weights).map(share).collect()
}
