//! Four teams over one task: how long, how much fuel, what a worker that fails or hangs costs, and where each is saturated.
//! The plots go into `docs/`, beside the page that says what they mean.

mod plot;

use std::path::Path;
use std::time::{Duration, Instant};

use cofferdam_tests::{Client, Options as HostOptions, Server};
use serde_json::{Value, json};

use super::Options;
use super::report::{Report, Target, median};

/// The teams, as tools of the package.
const TEAMS: [&str; 4] = ["supervisor", "round-robin", "hierarchy", "peers"];
/// Documents of one task, and words of each.
const DOCUMENTS: usize = 24;
const WORDS: usize = 2_000;
/// What a worker may take for what it is given.
const WORKER_MS: u64 = 400;
/// Tasks that are under way at once.
const LOADS: [usize; 4] = [1, 2, 4, 8];
/// The document that goes wrong.
const TROUBLED: usize = 9;

/// Adds the rows of teams, and draws their plots.
pub(crate) fn measure(options: &Options, report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::start(HostOptions::default()).await;
        server.push(&["team"]).await;
        let tenant = server.tenant("bench").await;
        tenant
            .policy(
                "[limits]\nfuel = 100_000_000_000\ndeadline = \"30s\"\nchild_calls = 1_000\nchild_parallel = 64\n\
                 [[grant]]\ntools = [\"catalogue/team\"]\ncall = [\"catalogue/team\"]\n",
            )
            .await;
        let rounds = if options.quick { 3 } else { 20 };
        let mut curves = Vec::new();
        for team in TEAMS {
            let well = alone(&tenant.agent, team, json!({}), rounds).await;
            assert_eq!(well.counted, DOCUMENTS, "{team} did not count all");
            report.figure(&format!("{team}, latency, p50"), well.ms, "ms");
            report.figure(&format!("{team}, fuel of all calls"), well.fuel / 1e6, "M units");
            report.figure(&format!("{team}, calls"), well.calls, "calls");
            for (trouble, words) in [("failing", "a failing worker"), ("hanging", "a hanging worker")] {
                let ill = alone(&tenant.agent, team, json!({ trouble: [TROUBLED] }), rounds.min(5)).await;
                report.figure(&format!("{team} with {words}, latency, p50"), ill.ms, "ms");
                report.figure(&format!("{team} with {words}, documents counted"), ill.counted as f64, "of 24");
            }
            curves.push((team, saturated(&tenant.agent, team, options.duration() / 2).await));
        }
        for (team, curve) in &curves {
            let best = curve.iter().map(|(_, rate, _)| *rate).fold(0.0, f64::max);
            report.figure(&format!("{team}, most tasks a second"), best, "tasks/s");
        }
        // A hanging worker costs its deadline, and not the team's.
        let most = Target::AtMost(f64::from(u32::try_from(WORKER_MS).unwrap()) * 2.0 + 500.0);
        let hung = alone(&tenant.agent, "supervisor", json!({"hanging": [TROUBLED]}), 1).await;
        report.target("supervisor with a hanging worker, against two deadlines of a worker", hung.ms, "ms", most, &[]);
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs");
        plot::draw(&docs.join("teams.svg"), &curves);
        report.note("docs/teams.svg shows how each team takes more tasks at once.");
    });
}

/// What one task came to.
struct Came {
    ms: f64,
    fuel: f64,
    calls: f64,
    counted: usize,
}

fn task(trouble: &Value) -> Value {
    let documents = vec!["word ".repeat(WORDS); DOCUMENTS];
    json!({"documents": documents, "workers": 4, "worker_ms": WORKER_MS, "trouble": trouble})
}

/// One task after the other.
async fn alone(agent: &Client, team: &str, trouble: Value, rounds: usize) -> Came {
    let tool = format!("catalogue/team.{team}");
    let mut all = Vec::new();
    for _ in 0..rounds {
        let began = Instant::now();
        let body = agent.call(&tool, task(&trouble)).await.ok();
        let ms = began.elapsed().as_secs_f64() * 1e3;
        let usage = |member: &str| body["usage"][member].as_u64().unwrap_or(0) as f64;
        let counted = body["content"][0]["json"]["counted"].as_u64().unwrap();
        all.push(Came {
            ms,
            fuel: usage("fuel") + usage("child_fuel"),
            calls: usage("child_calls"),
            counted: usize::try_from(counted).unwrap(),
        });
    }
    Came {
        ms: median(all.iter().map(|came| came.ms)),
        fuel: median(all.iter().map(|came| came.fuel)),
        calls: median(all.iter().map(|came| came.calls)),
        counted: all.iter().map(|came| came.counted).min().unwrap_or(0),
    }
}

/// Tasks a second, and the median latency in milliseconds, for each number of tasks at once.
async fn saturated(agent: &Client, team: &str, duration: Duration) -> Vec<(usize, f64, f64)> {
    let mut curve = Vec::new();
    for load in LOADS {
        let (began, end) = (Instant::now(), Instant::now() + duration);
        let clients = (0..load).map(|_| async {
            let mut latencies = Vec::new();
            while latencies.is_empty() || Instant::now() < end {
                latencies.push(alone(agent, team, json!({}), 1).await.ms);
            }
            latencies
        });
        let latencies: Vec<f64> = futures::future::join_all(clients).await.concat();
        let rate = latencies.len() as f64 / began.elapsed().as_secs_f64();
        curve.push((load, rate, median(latencies)));
    }
    curve
}
