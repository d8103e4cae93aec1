//! What only components written by hand make too many of: memories, tables, instances.

use cofferdam::Code;
use cofferdam_tests::handmade::{Handmade, Parts, with_instances};
use cofferdam_tests::{guest, run};
use serde_json::json;

use crate::stand::Stand;

pub(crate) async fn table_elements() {
    let stand = Stand::new("table").await;
    let grown = Handmade {
        more: "(table $t 100 funcref)".to_owned(),
        ..Handmade::calling(
            "(if (i32.lt_s (table.grow $t (ref.null func) (i32.const 4900)) (i32.const 0)) (then unreachable))",
        )
    };
    stand.tenant.push("table", grown.build()).await;
    stand.limit("table_elements = 5000").await;
    stand.holds("table.handmade", json!({})).await;
    stand.limit("table_elements = 4999").await;
    let facts = json!({"limit": "table_elements", "maximum": 4999});
    stand.breaks("table.handmade", json!({}), Code::LimitExceeded, facts).await;
}

pub(crate) async fn instances() {
    let stand = Stand::new("instances").await;
    let many = with_instances(&Handmade::default().build(), "(global i32 (i32.const 0))", 20);
    let count = Parts::of(&many).instances;
    assert!(count > 20);
    stand.tenant.push("many", many).await;
    stand.limit(&format!("instances = {count}")).await;
    stand.holds("many.handmade", json!({})).await;
    stand.limit(&format!("instances = {}", count - 1)).await;
    let facts = json!({"limit": "instances", "maximum": count - 1});
    stand.breaks("many.handmade", json!({}), Code::LimitExceeded, facts).await;

    // A compiled guest is several, too.
    let count = Parts::of(&guest("noop")).instances;
    stand.limit(&format!("instances = {count}")).await;
    stand.holds("catalogue/noop", json!({})).await;
    stand.limit(&format!("instances = {}", count - 1)).await;
    let facts = json!({"limit": "instances", "maximum": count - 1});
    stand.breaks("catalogue/noop", json!({}), Code::LimitExceeded, facts).await;
}

/// The sum is what is limited: each of them alone would be small enough.
#[test]
fn many_memories_are_one_limit() {
    run(async {
        let stand = Stand::new("memories").await;
        let many = with_instances(&Handmade::default().build(), "(memory 10)", 10);
        stand.tenant.push("many", many).await;
        let used = stand.holds("many.handmade", json!({})).await["memory_bytes"].as_u64().unwrap();
        assert_eq!(used, (10 * 10 + 1) << 16);
        stand.limit(&format!("memory_bytes = {used}")).await;
        stand.holds("many.handmade", json!({})).await;
        stand.limit(&format!("memory_bytes = {}", used - 1)).await;
        let facts = json!({"limit": "memory_bytes", "maximum": used - 1});
        stand.breaks("many.handmade", json!({}), Code::MemoryExceeded, facts).await;
    });
}

#[test]
fn many_tables_are_one_limit() {
    run(async {
        let stand = Stand::new("tables").await;
        let many = with_instances(&Handmade::default().build(), "(table 1000 funcref)", 10);
        stand.tenant.push("many", many).await;
        stand.limit("table_elements = 10_000").await;
        stand.holds("many.handmade", json!({})).await;
        stand.limit("table_elements = 9_999").await;
        let facts = json!({"limit": "table_elements", "maximum": 9_999});
        stand.breaks("many.handmade", json!({}), Code::LimitExceeded, facts).await;
    });
}

/// A start function runs before the tool does, and under the same limits.
#[test]
fn a_start_function_is_part_of_the_call() {
    run(async {
        let stand = Stand::new("start").await;
        let start = "(local $n i32) (loop $again (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 100000))))";
        let starting = Handmade { start: Some(start.to_owned()), ..Handmade::default() };
        stand.tenant.push("starting", starting.build()).await;
        let used = stand.holds("starting.handmade", json!({})).await["fuel"].as_u64().unwrap();
        assert!(used > 100_000, "{used}");
        stand.limit("fuel = 100_000").await;
        let facts = json!({"limit": "fuel", "maximum": 100_000});
        stand.breaks("starting.handmade", json!({}), Code::FuelExhausted, facts).await;
    });
}
