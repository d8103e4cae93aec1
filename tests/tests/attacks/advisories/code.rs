//! Code that an engine could compile wrongly, or fail to stop: what it comes to is what it says, or the guest's own end.

use cofferdam::Code;
use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{attack, shared};
use serde_json::json;

use super::{held, rejected, unless};

/// The last eight bytes of memory that a guest has at its start.
const LAST: u32 = (64 << 10) - 8;

/// RUSTSEC-2026-0006, `f64.copysign`: reads the eight bytes that it is for, at the very end of memory, and traps behind it.
#[test]
fn hostile_rustsec_2026_0006_copysign_at_the_end_of_memory() {
    attack(async {
        let tenant = shared().await.tenant("copysign").await;
        let at = |place: u32| {
            format!(
                "(f64.store (i32.const {LAST}) (f64.const -2))
                 (if (f64.ne (f64.copysign (f64.const 1) (f64.load (i32.const {place}))) (f64.const -1)) (then unreachable))"
            )
        };
        let answer = held(&tenant, "inside", Handmade::calling(&at(LAST)).build(), json!({})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = held(&tenant, "beyond", Handmade::calling(&at(LAST + 1)).build(), json!({})).await;
        answer.problem(Code::ToolFailed);
    });
}

/// RUSTSEC-2026-0087, `f64x2.splat`: the same with a vector that is made of eight bytes at the end of memory.
#[test]
fn hostile_rustsec_2026_0087_splat_at_the_end_of_memory() {
    attack(async {
        let tenant = shared().await.tenant("splat").await;
        let splat = |place: u32| {
            unless(&format!(
                "(f64.ne (f64x2.extract_lane 1 (f64x2.splat (f64.load (i32.const {place})))) (f64.const 0))"
            ))
        };
        assert_eq!(held(&tenant, "inside", splat(LAST).build(), json!({})).await.status, 200);
        held(&tenant, "beyond", splat(LAST + 1).build(), json!({})).await.problem(Code::ToolFailed);
    });
}

/// RUSTSEC-2026-0114, tables as large as the address space: not admitted, or ended at the limit of elements.
#[test]
fn hostile_rustsec_2026_0114_tables_as_large_as_the_address_space() {
    attack(async {
        let tenant = shared().await.tenant("tables").await;
        for table in
            ["(table 0xffffffff funcref)", "(table 0xffffffff 0xffffffff funcref)", "(table 0x7fffffff externref)"]
        {
            let component = Handmade { more: table.to_owned(), ..Handmade::default() }.build();
            rejected(&tenant, component.to_vec()).await;
        }
        // Those of 64 bits are a feature that is off.
        let wide = wat::parse_str(
            r#"(component (core module (table i64 0x1000000000000000 funcref)) (instance $i)
                (export "cofferdam:tool/tools@1.0.0" (instance $i)))"#,
        );
        assert!(rejected(&tenant, wide.unwrap()).await.contains("feature"));
        let grow = "(if (i32.ne (table.grow $t (ref.null func) (i32.const -2)) (i32.const -1)) (then unreachable))";
        let grows = Handmade { more: "(table $t 1 funcref)".to_owned(), ..Handmade::calling(grow) };
        held(&tenant, "grows", grows.build(), json!({})).await;
    });
}

/// RUSTSEC-2026-0222, types of several engines: what is called through a table is of its own type, whichever engines were
/// at work before.
#[test]
fn hostile_rustsec_2026_0222_types_of_several_engines() {
    attack(async {
        let tenant = shared().await.tenant("engines").await;
        // Types in another order each, so that an index of one is another type in the next; and of both engines' sizes.
        let component = |turn: usize, large: bool, right: bool| {
            let kinds = ["(param i32) (result i32)", "(param i64)", "(param f64) (result i64)", "(result f64)"];
            let types: String = (0..4)
                .map(|nth| format!("(type $t{0} (func {1}))", (nth + turn) % 4, kinds[(nth + turn) % 4]))
                .collect();
            // As much of them as makes it a large one.
            let texts = if large { (63_000, 8_000) } else { (0, 0) };
            let wanted = if right { "$t0" } else { "$t2" };
            let call = if right {
                format!("(drop (call_indirect (type {wanted}) (i32.const 7) (i32.const 0)))")
            } else {
                format!("(drop (call_indirect (type {wanted}) (f64.const 7) (i32.const 0)))")
            };
            Handmade {
                schema: json!({"type": "object", "$comment": "x".repeat(texts.0)}).to_string(),
                description: format!("Calls. {}", "y".repeat(texts.1)),
                more: format!(
                    "{types} (table $t 1 funcref) (elem (i32.const 0) $f) (func $f (type $t0) (local.get 0))"
                ),
                ..Handmade::calling(&call)
            }
            .build()
        };
        for turn in 0..4 {
            for large in [false, true] {
                let package = |right| format!("{}-{turn}-{right}", if large { "large" } else { "small" });
                let answer = held(&tenant, &package(true), component(turn, large, true), json!({})).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                let answer = held(&tenant, &package(false), component(turn, large, false), json!({})).await;
                answer.problem(Code::ToolFailed);
            }
        }
    });
}

/// RUSTSEC-2026-0223, stopped in the middle of a bulk operation: by fuel, by the deadline and by a trap; no store goes on.
#[test]
fn hostile_rustsec_2026_0223_stopped_in_bulk_operations() {
    attack(async {
        let tenant = shared().await.tenant("bulk").await;
        let bulk = |work: &str| Handmade {
            more: "(table $t 1 funcref)".to_owned(),
            ..Handmade::calling(&format!("(drop (memory.grow (i32.const 400))) (loop $again {work} (br $again))"))
        };
        let copies = "(memory.copy (i32.const 0) (i32.const 8388608) (i32.const 8388608))";
        let fills = "(memory.fill (i32.const 65536) (i32.const 7) (i32.const 16777216))";
        let grows = "(drop (table.grow $t (ref.null func) (i32.const 100)))";
        let traps = "(memory.copy (i32.const 26214399) (i32.const 0) (i32.const 8388608))";
        for (name, work) in [("copies", copies), ("fills", fills), ("grows", grows), ("traps", traps)] {
            tenant.push(name, bulk(work).build()).await;
            for limits in ["fuel = 30_000_000", "fuel = 100_000_000_000\ndeadline = \"1s\""] {
                tenant.policy(&format!("[limits]\n{limits}")).await;
                let answer = tenant.agent.call(&format!("{name}.handmade"), json!({})).await;
                let code = answer.code().unwrap();
                let may = [Code::FuelExhausted, Code::DeadlineExceeded, Code::LimitExceeded, Code::ToolFailed];
                assert!(may.contains(&code), "{name}: {answer:?}");
                tenant.ended(&answer, code.as_str()).await;
            }
        }
    });
}

/// CVE-2026-115889 and -115893, code that is large: functions of many locals, and jumps with many targets, give what they say.
#[test]
fn hostile_cve_2026_115889_115893_code_that_is_large() {
    attack(async {
        let tenant = shared().await.tenant("large").await;
        // Each target gives its own number; what is past the last one gives another.
        let targets = 3_000;
        let (mut labels, mut opens, mut ends) = (String::new(), String::new(), String::new());
        for label in 0..targets {
            labels.push_str(&format!("$l{label} "));
            opens.insert_str(0, &format!("block $l{label} "));
            ends.push_str(&format!("end i32.const {label} return "));
        }
        // The innermost block is the first target, so they stand in order.
        let jump = format!(
            "(func $jump (param i32) (result i32)
                block $otherwise {opens} local.get 0 br_table {labels} $otherwise {ends} end i32.const -1)"
        );
        let checks: String = [0, 1, 1_500, targets - 1, targets, i32::MAX]
            .into_iter()
            .map(|at| {
                let want = if at < targets { at } else { -1 };
                format!("(if (i32.ne (call $jump (i32.const {at})) (i32.const {want})) (then unreachable))")
            })
            .collect();
        let table = Handmade { more: jump, ..Handmade::calling(&checks) };
        assert_eq!(held(&tenant, "jumps", table.build(), json!({})).await.status, 200);
        // More locals and live values than a pass has bits for, if it has few.
        let locals = 4_000;
        let sets: String = (0..locals)
            .map(|local| format!("(local.set {local} (i64.add (i64.extend_i32_u (memory.size)) (i64.const {local})))"))
            .collect();
        let sum: String = (0..locals)
            .map(|local| format!("(local.set $sum (i64.add (local.get $sum) (local.get {local})))"))
            .collect();
        let many = format!(
            "(func $many (result i64) (local {}) (local $sum i64) {sets} {sum} (local.get $sum))",
            "i64 ".repeat(locals)
        );
        let expected = locals as u64 + (0..locals as u64).sum::<u64>();
        let check = format!("(if (i64.ne (call $many) (i64.const {expected})) (then unreachable))");
        let many = Handmade { more: many, ..Handmade::calling(&check) };
        let answer = tenant.publisher.upload(many.build()).await;
        if answer.status == 201 {
            assert_eq!(held(&tenant, "locals", many.build(), json!({})).await.status, 200);
        } else {
            answer.problem(Code::ComponentRejected);
        }
    });
}
