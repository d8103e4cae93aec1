//! Fuel, time, memory, stack.

use std::time::{Duration, Instant};

use cofferdam::Code;
use serde_json::json;

use crate::stand::Stand;

/// Fuel in which a guest may run on before it is looked at again: from one loop's turn or function's entry to the next.
const FUEL_STEP: u64 = 200;

pub(crate) async fn fuel() {
    let stand = Stand::new("fuel").await;
    let used = stand.holds("catalogue/limits.spin", json!({"rounds": 100_000})).await["fuel"].as_u64().unwrap();
    stand.limit(&format!("fuel = {used}")).await;
    assert_eq!(stand.holds("catalogue/limits.spin", json!({"rounds": 100_000})).await["fuel"], used);

    let less = used - FUEL_STEP;
    stand.limit(&format!("fuel = {less}")).await;
    let facts = json!({"limit": "fuel", "maximum": less, "used": less});
    stand.breaks("catalogue/limits.spin", json!({"rounds": 100_000}), Code::FuelExhausted, facts).await;

    for endless in ["spin", "spin-host"] {
        stand.limit("fuel = 20_000_000").await;
        let facts = json!({"limit": "fuel", "maximum": 20_000_000});
        stand.breaks(&format!("catalogue/limits.{endless}"), json!({}), Code::FuelExhausted, facts).await;
    }
}

pub(crate) async fn deadline() {
    let stand = Stand::new("deadline").await;
    stand.limit("deadline = \"30s\"").await;
    stand.holds("catalogue/limits.sleep", json!({"milliseconds": 300})).await;

    // One that computes is stopped where it gives way; one that waits, by a timer.
    let ways = [("sleep", json!({"milliseconds": 60_000})), ("spin", json!({})), ("spin-host", json!({}))];
    for (endless, arguments) in ways {
        stand.limit("deadline = \"300ms\"\nfuel = 100_000_000_000").await;
        let began = Instant::now();
        let facts = json!({"limit": "deadline", "maximum_ms": 300});
        stand.breaks(&format!("catalogue/limits.{endless}"), arguments, Code::DeadlineExceeded, facts).await;
        assert!(began.elapsed() < Duration::from_secs(20), "{endless}: {:?}", began.elapsed());
    }
}

pub(crate) async fn memory() {
    let stand = Stand::new("memory").await;
    let tool = "catalogue/limits.grow";
    let more = 100;
    let used = stand.holds(tool, json!({"pages": more})).await["memory_bytes"].as_u64().unwrap();
    stand.limit(&format!("memory_bytes = {used}")).await;
    assert_eq!(stand.holds(tool, json!({"pages": more})).await["memory_bytes"], used);

    // The guest sees a failed growth first, and may well do without.
    let answer = stand.call(tool, json!({"pages": more + 1})).await.json();
    assert_eq!(answer["given"], false);

    let broken = json!({"pages": more + 1, "or_break": true});
    let facts = json!({"limit": "memory_bytes", "maximum": used});
    stand.breaks(tool, broken.clone(), Code::MemoryExceeded, facts).await;
    // Limits are bytes, memory is pages: one byte less is a page less.
    stand.limit(&format!("memory_bytes = {}", used - 1)).await;
    let facts = json!({"limit": "memory_bytes", "maximum": used - 1});
    stand.breaks(tool, json!({"pages": more, "or_break": true}), Code::MemoryExceeded, facts).await;
}

#[test]
fn the_stack_is_bounded() {
    cofferdam_tests::run(async {
        let stand = Stand::new("stack").await;
        stand.holds("catalogue/limits.recurse", json!({"depth": 1_000})).await;
        stand.limit("fuel = 100_000_000_000").await;
        let facts = json!({"limit": "stack"});
        stand.breaks("catalogue/limits.recurse", json!({}), Code::LimitExceeded, facts).await;
    });
}
