//! Many calls at once, each within its limits: together they take no more than their tenant's part of what the host has.

use std::time::Duration;

use cofferdam::Code;
use cofferdam_tests::handmade::{Handmade, with_instances};
use cofferdam_tests::{Options, Server, attack, beside, eventually, run, shared};
use reqwest::header::ACCEPT;
use serde_json::json;

/// `throttled`, naming the tenant's share: the pools of memories and tables have room for the others' calls.
#[test]
fn hostile_crowd_with_many_memories() {
    attack(async {
        let tenant = shared().await.tenant("memories").await;
        tenant.policy("[limits]\nfuel = 100_000_000_000\ndeadline = \"5s\"").await;
        let spins = Handmade::calling("(loop $again (br $again))").build();
        tenant.push("many", with_instances(&spins, "(memory 0)", 15)).await;
        let crowd = (0..64).map(|_| tenant.agent.call("many.handmade", json!({})));
        let answers = futures::future::join_all(crowd).await;
        let (throttled, ran): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.code() == Some(Code::Throttled));
        assert!(throttled.len() >= 10 && ran.len() >= 20, "{} were refused, {} ran", throttled.len(), ran.len());
        for answer in &ran {
            answer.problem(Code::DeadlineExceeded);
        }
        for answer in &throttled {
            assert_eq!(answer.problem(Code::Throttled)["facts"]["limit"], "tenant_memories", "{answer:?}");
            let record = tenant.record(answer.call()).await;
            assert_eq!(record.last().unwrap()["event"]["outcome"], "throttled", "{record:?}");
        }
    });
}

/// Memory that the host's process takes, in bytes.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Cut with a marker where what waits has no more room, and the call goes on: empty lines are not free.
#[test]
fn hostile_crowd_that_does_not_read_what_it_watches() {
    run(async {
        const CROWD: usize = 12;
        // One of its own: what it takes is measured.
        let server = Server::start(Options::default()).await;
        server.publish(&["noop", "limits"]).await;
        beside(&server, async {
            let tenant = server.tenant("stalled").await;
            tenant
                .policy(
                    "[limits]\nfuel = 100_000_000_000\ndeadline = \"60s\"\nlog_bytes = \"1MiB\"\n\
                     [[grant]]\ntools = [\"catalogue/*\"]\nlog = \"trace\"",
                )
                .await;
            let before = resident(&server);
            let watching = (0..CROWD).map(|_| {
                let arguments = json!({"lines": 100_000, "bytes": 0});
                tenant.agent.calling("catalogue/limits.log", &arguments).header(ACCEPT, "text/event-stream").send()
            });
            let mut watching: Vec<_> =
                futures::future::join_all(watching).await.into_iter().map(|response| response.unwrap()).collect();
            // Nobody reads, and every call comes to its end all the same.
            eventually("all of them at their ends", async || {
                let log = tenant.log(0).await;
                let ended = log.iter().filter(|entry| entry["kind"] == "call.ended").count();
                (ended == CROWD).then_some(())
            })
            .await;
            let grown = resident(&server).saturating_sub(before);
            // Unbounded it would be some 160 MB at least.
            assert!(grown < 80 << 20, "{grown}");
            let text = watching.remove(0).text().await.unwrap();
            assert!(text.contains("event: log-cut") && text.contains("event: result"), "{} bytes", text.len());
        })
        .await;
    });
}

/// Served in turn: whoever writes little waits for little, however much another writes.
#[test]
fn hostile_flood_of_writes_to_buckets() {
    attack(async {
        let server = shared().await;
        let (flood, quiet) = (server.tenant("flood").await, server.tenant("quiet").await);
        for tenant in [&flood, &quiet] {
            tenant
                .policy(
                    "[limits]\nfuel = 100_000_000_000\ndeadline = \"60s\"\nkv_operations = 100_000\n[[grant]]\n\
                     tools = [\"catalogue/limits\"]\nkv = [{ bucket = \"b\", access = \"read-write\", bytes_max = \"10MiB\", \
                     keys_max = 10_000 }]",
                )
                .await;
        }
        let set = |count: usize| json!({"bucket": "b", "key": "k", "count": count, "value": "x"});
        let crowd = (0..32).map(|_| flood.agent.call("catalogue/limits.kv-set", set(200)));
        let writing = async {
            let mut slowest = Duration::ZERO;
            for _ in 0..5 {
                let began = std::time::Instant::now();
                quiet.agent.call("catalogue/limits.kv-set", set(1)).await.ok();
                slowest = slowest.max(began.elapsed());
            }
            slowest
        };
        let (wrote, slowest) = futures::join!(futures::future::join_all(crowd), writing);
        for answer in wrote {
            let call = answer.call().to_owned();
            assert_eq!(answer.text(), "200");
            let record = flood.record(&call).await;
            assert_eq!(record.last().unwrap()["event"]["kv_operations"], 200, "{record:?}");
        }
        assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    });
}

/// `throttled`, naming the tenant's part: each call is within its limits, and together they would take the machine's memory.
#[test]
fn hostile_crowd_that_holds_memory() {
    run(async {
        let arguments = ["--live-memory-bytes-max", "512MiB"].map(str::to_owned).into();
        let server = Server::start(Options { arguments, ..Options::default() }).await;
        server.publish(&["noop"]).await;
        beside(&server, async {
            let tenant = server.tenant("greedy").await;
            tenant.policy("[limits]\nfuel = 100_000_000_000\ndeadline = \"4s\"").await;
            // Fifty mebibytes, and then it stays.
            let grows = "(if (i32.lt_s (memory.grow (i32.const 800)) (i32.const 0)) (then unreachable)) \
                (loop $again (br $again))";
            tenant.push("greedy", Handmade::calling(grows).build()).await;
            let crowd = (0..16).map(|_| tenant.agent.call("greedy.handmade", json!({})));
            let answers = futures::future::join_all(crowd).await;
            let (throttled, ran): (Vec<_>, Vec<_>) =
                answers.iter().partition(|answer| answer.code() == Some(Code::Throttled));
            assert!(ran.len() >= 5 && throttled.len() >= 5, "{} ran, {} did not", ran.len(), throttled.len());
            for answer in ran {
                answer.problem(Code::DeadlineExceeded);
            }
            for answer in throttled {
                assert_eq!(answer.problem(Code::Throttled)["facts"]["limit"], "tenant_memory_bytes", "{answer:?}");
                let record = tenant.record(answer.call()).await;
                assert_eq!(record.last().unwrap()["event"]["outcome"], "throttled", "{record:?}");
            }
        })
        .await;
    });
}
