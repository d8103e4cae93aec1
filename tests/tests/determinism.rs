//! A call without grants gives the same bytes for the same fuel, whenever and wherever it is run again.
#![allow(clippy::unwrap_used, reason = "tests")]

use cofferdam_tests::{Inside, guest, run, shared};
use serde_json::{Value, json};

/// Calls that hold nothing.
fn pure() -> Vec<(&'static str, Value)> {
    vec![
        ("noop", json!({})),
        ("limits.spin", json!({"rounds": 12_345})),
        ("limits.echo", json!({"text": "the same \u{1f30a} text"})),
        ("limits.result", json!({"bytes": 70_000, "shape": "json"})),
        ("limits.grow", json!({"pages": 30})),
        ("limits.recurse", json!({"depth": 500})),
        ("attack.surroundings", json!({})),
        ("attack.settings", json!({})),
        ("attack.fail", json!({"failure": "failed", "text": "as ever"})),
    ]
}

#[test]
fn the_same_call_gives_the_same_result_for_the_same_fuel() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("pure").await;
        for (tool, arguments) in pure() {
            let tool = format!("catalogue/{tool}");
            let mut ends = Vec::new();
            for _ in 0..3 {
                let answer = tenant.agent.call(&tool, arguments.clone()).await;
                let record = tenant.record(answer.call()).await;
                let (decided, ended) = (&record[0]["event"], &record.last().unwrap()["event"]);
                assert_eq!(ended["outcome"], "ok", "{answer:?}");
                ends.push((
                    decided["arguments"].clone(),
                    ended["result"].clone(),
                    ended["fuel"].clone(),
                    ended["memory_bytes"].clone(),
                ));
            }
            assert!(ends.iter().all(|end| *end == ends[0]), "{tool}: {ends:#?}");
        }
    });
}

/// What is random follows from the call's id, and the frozen clock shows when it was decided upon: the record has both.
#[test]
fn clocks_stand_still_and_random_numbers_follow_from_the_call() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("frozen").await;
        let mut seen = Vec::new();
        for _ in 0..2 {
            let answer = tenant.agent.call("catalogue/attack.clocks", json!({})).await;
            let call = answer.call().to_owned();
            let clocks = answer.json();
            assert_eq!(clocks["wall"], clocks["wall_later"], "{clocks}");
            assert_eq!(
                (&clocks["monotonic"], &clocks["monotonic_later"]),
                (&json!(1_000_000_000), &json!(1_000_000_000)),
                "{clocks}"
            );
            let record = tenant.record(&call).await;
            let shown = record[0]["event"]["frozen_time"].as_str().unwrap();
            let wall = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(clocks["wall"].as_u64().unwrap());
            assert_eq!(shown, humantime(wall));
            seen.push(clocks);
        }
        for source in ["random", "insecure", "seed"] {
            assert_ne!(seen[0][source], seen[1][source], "{source}: another call, other numbers");
        }
        // With the grant, time goes on.
        tenant.policy("[[grant]]\ntools = [\"catalogue/*\"]\nclock = \"real\"\nrandom = \"secure\"").await;
        let clocks = tenant.agent.call("catalogue/attack.clocks", json!({})).await.json();
        let passed = |from: &str, to: &str| clocks[to].as_u64().unwrap() - clocks[from].as_u64().unwrap();
        assert!(passed("monotonic", "monotonic_later") >= 5_000_000 && passed("wall", "wall_later") > 0, "{clocks}");
        tenant.policy("[[grant]]\ntools = [\"catalogue/*\"]\nclock = \"coarse\"").await;
        let clocks = tenant.agent.call("catalogue/attack.clocks", json!({})).await.json();
        for shown in ["wall", "wall_later", "monotonic", "monotonic_later"] {
            assert_eq!(clocks[shown].as_u64().unwrap() % 1_000_000, 0, "{clocks}");
        }
    });
}

fn humantime(time: std::time::SystemTime) -> String {
    let entry = json!({"event": {"interrupted": 0}, "index": 0, "kind": "host.recovered", "tenant": "a",
        "time": "1970-01-01T00:00:00.000000Z"});
    let mut entry: cofferdam::audit::Entry = serde_json::from_value(entry).unwrap();
    entry.time = time;
    serde_json::to_value(&entry).unwrap()["time"].as_str().unwrap().to_owned()
}

/// The very same call, with the same id at the same time: byte for byte, in both allocators.
#[test]
fn a_call_can_be_run_again() {
    use cofferdam::engine::Allocator;
    run(async {
        let mut fuels = Vec::new();
        for allocator in [Allocator::Pooling, Allocator::OnDemand] {
            let inside = Inside::open(|settings| settings.engine.allocator = allocator).await;
            let key = inside.tenant("again").await;
            for package in ["noop", "limits", "attack"] {
                inside.push(&key, package, guest(package)).await;
            }
            for (tool, arguments) in pure() {
                let first = inside.call(&key, tool, &arguments).await.unwrap();
                let again = inside.call(&key, tool, &arguments).await.unwrap();
                assert_eq!(first.output, again.output, "{tool}");
                assert_eq!(first.usage.engine.fuel, again.usage.engine.fuel, "{tool}");
                fuels.push((tool, first.usage.engine.fuel));
            }
            inside.close().await;
        }
        let (pooling, on_demand) = fuels.split_at(fuels.len() / 2);
        assert_eq!(pooling, on_demand);
    });
}
