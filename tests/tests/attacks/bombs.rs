//! Things that grow: memory, tables, stacks, handles, texts, and components that are small until they are compiled.

use std::time::{Duration, Instant};

use cofferdam::Code;
use cofferdam_tests::handmade::{Handmade, growing, with_instances};
use cofferdam_tests::{Upstream, attack, beside, run, shared};
use serde_json::json;

use crate::contained;

/// The growth past the limit fails, and the guest with it: `memory-exceeded`.
#[test]
fn hostile_memory_that_grows() {
    let grow = json!({"pages": 60_000, "or_break": true});
    run(contained("memory", "", "catalogue/limits.grow", grow, Code::MemoryExceeded));
}

/// One limit for all memories of all instances together: `memory-exceeded`.
#[test]
fn hostile_memories_by_the_dozen() {
    attack(async {
        let tenant = shared().await.tenant("memories").await;
        tenant.push("many", with_instances(&Handmade::default().build(), "(memory 100)", 12)).await;
        tenant.policy("[limits]\nmemory_bytes = \"64MiB\"").await;
        let answer = tenant.agent.call("many.handmade", json!({})).await;
        answer.problem(Code::MemoryExceeded);
        assert_eq!(tenant.record(answer.call()).await.last().unwrap()["event"]["outcome"], "memory-exceeded");
    });
}

/// `limit-exceeded`, naming `table_elements`.
#[test]
fn hostile_table_that_grows() {
    attack(async {
        let tenant = shared().await.tenant("table").await;
        let grown = Handmade {
            more: "(table $t 1 funcref)".to_owned(),
            ..Handmade::calling(
                "(if (i32.lt_s (table.grow $t (ref.null func) (i32.const 5000000)) (i32.const 0)) (then unreachable))",
            )
        };
        tenant.push("table", grown.build()).await;
        let answer = tenant.agent.call("table.handmade", json!({})).await;
        assert_eq!(answer.problem(Code::LimitExceeded)["facts"]["limit"], "table_elements", "{answer:?}");
        tenant.ended(&answer, "limit-exceeded").await;
    });
}

/// `limit-exceeded`, naming the stack.
#[test]
fn hostile_recursion() {
    let policy = "[limits]\nfuel = 100_000_000_000";
    run(contained("recursion", policy, "catalogue/limits.recurse", json!({}), Code::LimitExceeded));
}

/// A text of 2 GiB that is said to be there is read no further than its first byte: `limit-exceeded`, or the guest traps.
#[test]
fn hostile_text_of_two_gigabytes() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("lift").await;
        for (at, length) in [(0, 2_u64 << 30), (0xffff_fff0_u64, 0xffff_ffff)] {
            let arguments = json!({"at": at, "length": length});
            let answer = beside(server, tenant.agent.call("catalogue/attack.lift", arguments)).await;
            assert!(matches!(answer.code(), Some(Code::LimitExceeded | Code::ToolFailed)), "{answer:?}");
            let record = tenant.record(answer.call()).await;
            assert_eq!(record.last().unwrap()["event"]["outcome"], answer.code().unwrap().as_str());
        }
    });
}

/// `limit-exceeded`, naming `resources`.
#[test]
fn hostile_million_of_handles() {
    let hold = json!({"what": "fields", "count": 1_000_000});
    let policy = "[limits]\nfuel = 100_000_000_000\ndeadline = \"30s\"";
    run(contained("handles", policy, "catalogue/limits.hold", hold, Code::LimitExceeded));
}

/// `limit-exceeded`, naming `random_bytes`: nothing is made that the guest could not hold.
#[test]
fn hostile_thirst_for_random_bytes() {
    run(contained("random", "", "catalogue/limits.random", json!({"bytes": 4_000_000_000_u32}), Code::LimitExceeded));
}

/// Cut at the tenant's limit with a marker, and the tool goes on.
#[test]
fn hostile_flood_of_log_lines() {
    attack(async {
        let tenant = shared().await.tenant("flood").await;
        tenant.policy("[limits]\nlog_bytes = 10_000\n[[grant]]\ntools = [\"catalogue/*\"]\nlog = \"trace\"").await;
        let watched = tenant.agent.watch("catalogue/limits.log", json!({"lines": 10_000, "bytes": 1_000})).await;
        assert_eq!(watched.of("log-cut"), [&json!({"bytes_max": 10_000})]);
        let kept: usize = watched.of("log").iter().map(|line| line["message"].as_str().unwrap().len()).sum();
        assert!(kept <= 10_000, "{kept}");
        let decided = tenant.entry("call.decided", json!({"tool": "catalogue/limits.log"})).await;
        tenant.entry("call.ended", json!({"call": decided["event"]["call"], "outcome": "ok"})).await;
    });
}

/// Rejected: an upload has a time, a memory and a process of its own to be compiled in.
#[test]
fn hostile_component_that_compiles_to_gigabytes() {
    attack(async {
        let tenant = shared().await.tenant("compile").await;
        let began = Instant::now();
        tenant.publisher.upload(growing()).await.problem(Code::ComponentRejected);
        assert!(began.elapsed() < Duration::from_secs(300), "{:?}", began.elapsed());
        tenant.entry("component.rejected", json!({})).await;
    });
}

/// Rejected before anything is compiled, with the limit in the reason.
#[test]
fn hostile_types_and_imports_without_number() {
    attack(async {
        let tenant = shared().await.tenant("types").await;
        let mut doubling = "(component (type $t0 u8)".to_owned();
        for n in 0..90 {
            doubling += &format!("(type $t{} (tuple $t{n} $t{n}))", n + 1);
        }
        doubling += "(import \"acme:big/type\" (type (eq $t90))))";
        let imports: String = (0..10_000).map(|n| format!("(import \"a:b/c{n}\" (instance))")).collect();
        for text in [doubling, format!("(component {imports})")] {
            let component = wat::parse_str(text).unwrap();
            let answer = tenant.publisher.upload(component).await;
            assert!(answer.problem(Code::ComponentRejected)["facts"]["reasons"][0].is_string(), "{answer:?}");
        }
        tenant.entry("component.rejected", json!({})).await;
    });
}

/// Passed on as it came: the host unpacks nothing, so what a few bytes would become is the guest's own to pay for.
#[test]
fn hostile_response_that_unpacks_to_gigabytes() {
    attack(async {
        let server = shared().await;
        let tenant = server.tenant("packed").await;
        tenant.policy(&server.upstream.grant("catalogue/*")).await;
        let url = server.upstream.url(&tenant.name, "/packed");
        let answer = tenant.agent.call("catalogue/limits.http", json!({"url": url})).await;
        let ended = tenant.ended(&answer, "ok").await;
        let asked = answer.json();
        assert_eq!((&asked["status"], &asked["bytes"]), (&json!(200), &json!(Upstream::PACKED.len())), "{asked}");
        assert!(ended["http_received_bytes"].as_u64().unwrap() < 10_000, "{ended}");
        assert!(ended["memory_bytes"].as_u64().unwrap() < 16 << 20, "{ended}");
    });
}

/// Cut off where the tenant's limit is; what the guest gets is the interface's own error.
#[test]
fn hostile_response_without_an_end() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("endless").await;
        tenant
            .policy(&format!("[limits]\nhttp_received_bytes = 100_000\n{}", server.upstream.grant("catalogue/*")))
            .await;
        let url = server.upstream.url(&tenant.name, "/bytes/50000000");
        let answer = beside(server, tenant.agent.call("catalogue/limits.http", json!({"url": url}))).await;
        let ended = tenant.record(answer.call()).await.last().unwrap()["event"].clone();
        assert!(ended["http_received_bytes"].as_u64().unwrap() < 300_000, "{ended}");
    });
}
