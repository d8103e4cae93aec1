//! A noisy neighbour: a tenant that calls at a steady rate, alone, and beside one that loops, allocates, floods, uploads
//! bombs and opens connections, each by itself and all at once.

mod attack;

use std::path::PathBuf;
use std::time::Duration;

use cofferdam_tests::{Options as HostOptions, Server, guest};
use serde_json::json;

use super::machine::{CORES, pin, settle};
use super::oha::{Came, Kind, Oha};
use super::plot::{self, Bars};
use super::report::{Report, Target, median};
use super::{Options, load, overload};
use attack::{Attack, Attacker, What};

/// The victim's calls a second.
const RATE: f64 = 100.0;
/// The victim's connections: few, so that opening them is less than one request in a hundred.
const CONNECTIONS: usize = 4;
/// The attacker's calls a second when it floods, and its connections.
const FLOOD_RATE: f64 = 2_000.0;
const FLOOD_CONNECTIONS: usize = 512;
/// What one of those calls computes, in milliseconds: all of them are twice what a core can do.
const FLOOD_CALL_MS: f64 = 1.0;
/// Each attack is measured so often, with a measurement alone before each. Many short pairs and not few long ones: a machine and
/// its disk have moods that last for seconds, and what the median of many says is not said by the one that met a bad one.
const PAIRS: usize = 9;
/// An attack is under way for so long before it is measured.
const LEAD: Duration = Duration::from_millis(500);

/// What shows it.
const PLOT: &str = "noisy.svg";
/// What the attacker does.
const ATTACKS: [(&str, &[What]); 6] = [
    ("loops", &[What::Loops]),
    ("allocates", &[What::Allocates]),
    ("floods", &[What::Floods]),
    ("uploads bombs", &[What::Uploads]),
    ("opens connections", &[What::Connects]),
    ("all of it", &[What::Loops, What::Allocates, What::Floods, What::Uploads, What::Connects]),
];

/// Adds the rows. `oha` is the program that makes the victim's load, and the flood.
pub(crate) fn measure(options: &Options, oha: PathBuf, report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    pin(std::process::id(), CORES[1]);
    let (server, steady, attacker) = runtime.block_on(async {
        let server = Server::start(HostOptions::default()).await;
        pin(server.pid(), CORES[0]);
        let (victim, attacker) = (server.tenant("victim").await, server.tenant("attacker").await);
        victim.push("noop", guest("noop")).await;
        attacker.push("limits", guest("limits")).await;
        attacker.policy("[limits]\nfuel = 50_000_000_000\n").await;
        victim.agent.call("noop.noop", json!({})).await.ok();
        let steady = Oha {
            program: oha,
            server: load::address(&server),
            key: victim.agent.key().to_owned(),
            body: json!({"tool": "noop.noop", "arguments": {}}).to_string(),
            connections: CONNECTIONS,
            rate: RATE,
            duration: options.duration(),
            kind: Kind::Measured,
        };
        let rounds = overload::rounds_of(&attacker, FLOOD_CALL_MS).await;
        let flood = Oha {
            key: attacker.agent.key().to_owned(),
            body: json!({"tool": "limits.spin", "arguments": {"rounds": rounds}}).to_string(),
            connections: FLOOD_CONNECTIONS,
            rate: FLOOD_RATE,
            // It ends by itself, after the victim.
            duration: steady.duration + LEAD * 3,
            kind: Kind::Flood,
            ..steady.clone()
        };
        (server, steady, Attacker::new(attacker, flood))
    });
    let mut bars = Vec::new();
    let mut is_quiet = true;
    for (attack, kinds) in ATTACKS {
        // In turn, so that both see the machine in the same moods.
        let (mut alone, mut beside, mut done) = (Vec::new(), Vec::new(), [0, 0]);
        for _ in 0..if options.quick { 1 } else { PAIRS } {
            is_quiet &= settle(CORES[0]);
            alone.push(runtime.block_on(steady.run()));
            let (came, [asked, taken]) = runtime.block_on(under(&steady, attacker.begin(kinds)));
            beside.push(came);
            done = [done[0] + asked, done[1] + taken];
        }
        bars.push((attack, rows(report, attack, &alone, &beside)));
        report.figure(&format!("{attack}: requests of the attacker"), done[0] as f64, "");
        let taken = format!("{attack}: of those, taken on");
        report.target(&taken, done[1] as f64, "", Target::AtLeast(1.0), &[]);
    }
    if !is_quiet {
        report.note("The machine had other things to do: compare with a run on one that is quiet.");
    }
    // A quick run is no figure to be kept.
    if !options.quick {
        let title = "the victim's p99 in milliseconds, beside an attacker that …";
        plot::bars(PLOT, &Bars { title, kinds: ["alone", "beside it"], bars });
        report.note(format!("{} shows it.", plot::file(PLOT).display()));
    }
    drop(server);
}

/// The victim's calls while the attack goes on; and what the attacker asked for, and got.
async fn under(steady: &Oha, attack: Attack) -> (Came, [u64; 2]) {
    tokio::time::sleep(LEAD).await;
    let came = steady.run().await;
    (came, attack.end().await)
}

/// Adds the rows of one attack; gives the victim's p99 alone and beside it, in milliseconds.
fn rows(report: &mut Report, attack: &str, alone: &[Came], beside: &[Came]) -> [f64; 2] {
    let p99 = [alone, beside].map(|came| median(came.iter().map(|came| came.p99)));
    let names = ["alone", "beside"].map(|name| format!("{attack}: the victim's p99 {name}"));
    names.iter().zip(p99).for_each(|(name, p99)| report.figure(name, p99, "ms"));
    let with: Vec<_> = names.iter().map(String::as_str).collect();
    let ratios = |of: fn(&Came) -> f64| alone.iter().zip(beside).map(move |(alone, beside)| of(beside) / of(alone));
    let most = Target::AtMost(2.0);
    report.target(&format!("{attack}: p99 over p99 alone"), median(ratios(|came| came.p99)), "×", most, &with);
    let least = Target::AtLeast(0.9);
    report.target(&format!("{attack}: throughput over alone"), median(ratios(Came::rate)), "×", least, &with);
    let came = || alone.iter().chain(beside);
    let errors = came().map(Came::errors).sum::<u64>() as f64;
    report.target(&format!("{attack}: the victim's errors"), errors, "calls", Target::AtMost(0.0), &with);
    for (error, many) in came().flat_map(|came| &came.others) {
        report.note(format!("{attack}: {many} calls of the victim came to: {error}"));
    }
    let ratios: Vec<_> = ratios(|came| came.p99).map(|ratio| format!("{ratio:.2}")).collect();
    report.note(format!("{attack}: p99 over p99 alone, each time: {}.", ratios.join(", ")));
    p99
}
