//! Four teams over one task: how long, how much fuel, what a worker that fails or hangs costs, and where each is saturated.
//! The plots go into `docs/`, beside the page that says what they mean.

use std::time::{Duration, Instant};

use cofferdam_tests::{Client, Options as HostOptions, Server};
use serde_json::{Value, json};

use super::Options;
use super::machine::unpin;
use super::plot::{self, Line, Lines};
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
/// What shows it.
const PLOT: &str = "teams.svg";

/// What came of so many tasks at once.
struct Point {
    at_once: usize,
    /// Whole tasks a second.
    rate: f64,
    /// Milliseconds of a task, the median.
    ms: f64,
    /// Tasks that came back with documents missing.
    broken: usize,
}

/// Adds the rows of teams, and draws their plots.
pub(crate) fn measure(options: &Options, report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // Workers of a team are to run at once, and whoever asks has next to nothing to do.
    unpin(std::process::id());
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
                let counted = format!("{team} with {words}, documents counted of {DOCUMENTS}");
                report.figure(&counted, ill.counted as f64, "");
            }
            curves.push((team, saturated(&tenant.agent, team, options.duration() / 2).await));
        }
        for (team, curve) in &curves {
            for Point { at_once, rate, ms, broken } in curve {
                report.figure(&format!("{team}, {at_once} at once"), *rate, "tasks/s");
                report.figure(&format!("{team}, {at_once} at once, latency, p50"), *ms, "ms");
                report.figure(&format!("{team}, {at_once} at once, not whole"), *broken as f64, "tasks");
            }
            let best = curve.iter().map(|point| point.rate).fold(0.0, f64::max);
            report.figure(&format!("{team}, most tasks a second"), best, "tasks/s");
        }
        // A hanging worker costs its deadline, and not the team's.
        let most = Target::AtMost(f64::from(u32::try_from(WORKER_MS).unwrap()) * 2.0 + 500.0);
        let hung = alone(&tenant.agent, "supervisor", json!({"hanging": [TROUBLED]}), 1).await;
        report.target("supervisor with a hanging worker, against two deadlines of a worker", hung.ms, "ms", most, &[]);
        // A quick run is no figure to be kept.
        if !options.quick {
            draw(&curves);
            report.note(format!("{} shows how each team takes more tasks at once.", plot::file(PLOT).display()));
        }
    });
}

/// Tasks a second and latency over tasks at once, a line for each team.
fn draw(curves: &[(&'static str, Vec<Point>)]) {
    let chart = |title, of: fn(&Point) -> f64| {
        let line = |(team, curve): &(&'static str, Vec<Point>)| -> Line {
            (*team, curve.iter().map(|point| (point.at_once as f64, of(point))).collect())
        };
        Lines { title, over: "tasks at once", lines: curves.iter().map(line).collect() }
    };
    let charts = [chart("tasks a second", |point| point.rate), chart("milliseconds of a task, p50", |point| point.ms)];
    plot::lines(PLOT, &charts);
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

/// For each number of tasks at once, what comes of them.
async fn saturated(agent: &Client, team: &str, duration: Duration) -> Vec<Point> {
    let mut curve = Vec::new();
    for at_once in LOADS {
        let (began, end) = (Instant::now(), Instant::now() + duration);
        let clients = (0..at_once).map(|_| async {
            let mut tasks = Vec::new();
            while tasks.is_empty() || Instant::now() < end {
                tasks.push(alone(agent, team, json!({}), 1).await);
            }
            tasks
        });
        let tasks: Vec<Came> = futures::future::join_all(clients).await.into_iter().flatten().collect();
        let broken = tasks.iter().filter(|task| task.counted < DOCUMENTS).count();
        let rate = (tasks.len() - broken) as f64 / began.elapsed().as_secs_f64();
        curve.push(Point { at_once, rate, ms: median(tasks.iter().map(|task| task.ms)), broken });
    }
    curve
}
