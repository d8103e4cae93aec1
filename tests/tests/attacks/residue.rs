//! What a call leaves in a memory that the very next one gets, of another tenant.

use cofferdam::engine::Class;
use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{Inside, run};
use serde_json::json;

/// Fills what the component does not use itself, and a hundred fresh pages, with a pattern.
const LEAVE: &str = "(drop (memory.grow (i32.const 100))) (memory.fill (i32.const 90000) (i32.const 0xa5) \
    (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 90000)))";
/// Breaks down when the pattern is anywhere in its memory, with a hundred fresh pages.
const LOOK: &str = "(drop (memory.grow (i32.const 100))) (loop $again \
    (if (i32.eq (i32.load (global.get $at)) (i32.const 0xa5a5a5a5)) (then unreachable)) \
    (global.set $at (i32.add (global.get $at) (i32.const 4))) \
    (br_if $again (i32.lt_u (global.get $at) (i32.mul (memory.size) (i32.const 65536)))))";

/// The same tool, small, with as much data as makes it a large one, or beside an asynchronous function.
fn component(work: &str, class: Class) -> bytes::Bytes {
    let at = "(global $at (mut i32) (i32.const 0))".to_owned();
    if class == Class::Async {
        let component = format!(
            r#"(component
                (core module $m
                    (memory 2)
                    {at}
                    (func (export "run") {work})
                    (func (export "wait") (result i32) (i32.const 0))
                    (func (export "back") (param i32 i32 i32) (result i32) (i32.const 0)))
                (core instance $i (instantiate $m))
                (func $wait async (canon lift (core func $i "wait") async (callback (core func $i "back"))))
                (export "wait" (func $wait))
                (func (export "run") (canon lift (core func $i "run"))))"#
        );
        return wat::parse_str(component).unwrap().into();
    }
    let mut made = Handmade { name: "run".to_owned(), more: at, ..Handmade::calling(work) };
    if class == Class::Large {
        made.schema = json!({"type": "object", "$comment": "x".repeat(63_000)}).to_string();
        made.description = "y".repeat(8_000);
    }
    made.build()
}

/// All zeros: with one memory in the pool, whoever calls next has the very one that another tenant's call had.
#[test]
fn hostile_look_into_the_only_memory_that_another_tenant_just_had() {
    run(async {
        for class in Class::ALL {
            let inside = Inside::open(|settings| {
                settings.engine.live_calls_max = 1;
                settings.engine.pool_memories = Some(1);
            })
            .await;
            let (acme, globex, bystander) =
                (inside.tenant("acme").await, inside.tenant("globex").await, inside.tenant("bystander").await);
            for key in [&acme, &globex] {
                inside.push(key, "leave", component(LEAVE, class)).await;
                inside.push(key, "look", component(LOOK, class)).await;
            }
            inside.push(&acme, "both", component(&format!("{LEAVE} {LOOK}"), class)).await;
            inside.push(&bystander, "noop", component("", class)).await;
            let resolved = inside.caller(&acme).resolve(&"look.run".parse().unwrap()).unwrap();
            assert_eq!(resolved.version.admission.inspection.class, class);
            assert!(inside.call(&acme, "both.run", &json!({})).await.is_err(), "what is there is found");
            for looker in [&globex, &acme, &globex] {
                inside.call(&acme, "leave.run", &json!({})).await.unwrap();
                inside.call(looker, "look.run", &json!({})).await.unwrap();
                inside.call(&bystander, "noop.run", &json!({})).await.unwrap();
            }
            inside.close().await;
        }
    });
}
