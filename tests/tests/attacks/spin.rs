//! Loops without an end, wherever a component can have one, and bombs: every one of them is stopped, and others are served.

use std::time::{Duration, Instant};

use cofferdam::Code;
use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{attack, run, shared};
use serde_json::json;

use crate::contained;

const ENDLESS: &str = "(loop $again (br $again))";

/// Stopped by its fuel; the record says `fuel-exhausted`.
#[test]
fn hostile_loop_without_an_end() {
    run(contained("loop", "[limits]\nfuel = 50_000_000", "catalogue/limits.spin", json!({}), Code::FuelExhausted));
}

/// Stopped at its deadline, however much fuel it has.
#[test]
fn hostile_loop_with_fuel_for_ever() {
    let policy = "[limits]\nfuel = 100_000_000_000\ndeadline = \"1s\"";
    run(contained("rich", policy, "catalogue/limits.spin", json!({}), Code::DeadlineExceeded));
}

/// Stopped at its deadline, though it hardly computes.
#[test]
fn hostile_loop_of_host_calls() {
    let policy = "[limits]\nfuel = 100_000_000_000\ndeadline = \"1s\"";
    run(contained("asks", policy, "catalogue/limits.spin-host", json!({}), Code::DeadlineExceeded));
}

/// Rejected at the upload, in words for its author.
#[test]
fn hostile_loop_at_the_start_or_in_describe() {
    attack(async {
        let tenant = shared().await.tenant("endless").await;
        let start = Handmade { start: Some(ENDLESS.to_owned()), ..Handmade::default() };
        let describe = Handmade { describe: format!("{ENDLESS} (unreachable)"), ..Handmade::default() };
        let trap = Handmade { describe: "(unreachable)".to_owned(), ..Handmade::default() };
        let lost = Handmade { describe: "(i32.const 0x7ffffff0)".to_owned(), ..Handmade::default() };
        let hungry = Handmade {
            describe: "(drop (memory.grow (i32.const 60000))) (unreachable)".to_owned(),
            ..Handmade::default()
        };
        for component in [start, describe, trap, lost, hungry] {
            let began = Instant::now();
            let answer = tenant.publisher.upload(component.build()).await;
            answer.problem(Code::ComponentRejected);
            assert!(answer.body["facts"]["reasons"][0].as_str().unwrap().contains("describe"), "{answer:?}");
            assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
        }
        tenant.entry("component.rejected", json!({})).await;
        assert_eq!(tenant.publisher.get("/v1/components").await.ok()["components"], json!([]));
        assert_eq!(tenant.agent.call("catalogue/noop", json!({})).await.text(), "ok");
    });
}

/// Each is stopped at its deadline; another tenant's calls take no more than two seconds.
#[test]
fn hostile_crowd_that_spins() {
    attack(async {
        let server = shared().await;
        let (flood, quiet) = (server.tenant("flood").await, server.tenant("quiet").await);
        flood.policy("[limits]\nfuel = 100_000_000_000\ndeadline = \"3s\"").await;
        let spinning = (0..32).map(|number| {
            let tool = ["catalogue/limits.spin", "catalogue/limits.spin-host"][number % 2];
            flood.agent.call(tool, json!({}))
        });
        let spinning = futures::future::join_all(spinning);
        let working = async {
            let mut slowest = Duration::ZERO;
            for _ in 0..50 {
                let began = Instant::now();
                assert_eq!(quiet.agent.call("catalogue/noop", json!({})).await.text(), "ok");
                slowest = slowest.max(began.elapsed());
            }
            slowest
        };
        let (spun, slowest) = futures::join!(spinning, working);
        for answer in spun {
            answer.problem(Code::DeadlineExceeded);
            flood.ended(&answer, "deadline-exceeded").await;
        }
        assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    });
}

/// A caller that leaves takes its call with it, and the record says how it ended.
#[test]
fn hostile_caller_that_leaves() {
    attack(async {
        let server = shared().await;
        let tenant = server.tenant("left").await;
        let limits = "[limits]\nfuel = 100_000_000_000\ndeadline = \"50s\"\n";
        tenant.policy(&format!("{limits}{}", server.upstream.grant("catalogue/*"))).await;
        // While it computes, while it waits in the host, while the host waits for somebody else, and for a body's end.
        let ask = |path: &str| json!({"url": server.upstream.url(&tenant.name, path)});
        for (tool, arguments) in [
            ("spin", json!({})),
            ("sleep", json!({"milliseconds": 45_000})),
            ("http", ask("/slow/45000")),
            ("http", ask("/stall")),
        ] {
            let tool = format!("catalogue/limits.{tool}");
            let ended = tenant.leave(&tool, arguments).await;
            assert_eq!(ended["outcome"], "cancelled", "{tool}: {ended}");
        }
    });
}
