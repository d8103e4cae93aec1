//! What advisories of 2026 about wasmtime describe, done by guests, as far as a guest can do it: named after each, so that a
//! step back to a version before its fix, or a feature that is turned on, shows here. What does not bear on this host is
//! here too, with why.

use cofferdam::Code;
use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{Answer, Tenant, attack, foreign, run, shared};
use serde_json::{Value, json};

/// Pushes a component and calls its one tool, which may trap or come to a limit, and may not do more than that.
async fn held(tenant: &Tenant, package: &str, component: impl Into<bytes::Bytes>, arguments: Value) -> Answer {
    tenant.push(package, component).await;
    let tools = tenant.agent.get("/v1/tools").await.ok();
    let mut names = tools["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap());
    let tool = names.find(|name| name.starts_with(&format!("{package}."))).unwrap();
    call(tenant, tool, arguments).await
}

async fn call(tenant: &Tenant, tool: &str, arguments: Value) -> Answer {
    let answer = tenant.agent.call(tool, arguments).await;
    let may = [Code::ToolFailed, Code::LimitExceeded, Code::MemoryExceeded, Code::FuelExhausted];
    assert!(answer.code().is_none_or(|code| may.contains(&code)), "{tool}: {answer:?}");
    tenant.ended(&answer, answer.code().map_or("ok", Code::as_str)).await;
    answer
}

/// Is not admitted, and the record says so.
async fn rejected(tenant: &Tenant, component: Vec<u8>) -> String {
    let answer = tenant.publisher.upload(component).await;
    let reasons = answer.problem(Code::ComponentRejected)["facts"]["reasons"].to_string();
    tenant.entry("component.rejected", json!({})).await;
    reasons
}

/// Traps where `wrong` is not zero, and answers otherwise: what a guest computed is told so.
fn unless(wrong: &str) -> Handmade {
    Handmade::calling(&format!("(if {wrong} (then unreachable))"))
}

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

/// RUSTSEC-2026-0020, what the host keeps for a guest: handles, random bytes and texts end at limits of their own.
#[test]
fn hostile_rustsec_2026_0020_exhaustion_of_the_host_for_a_guest() {
    attack(async {
        let tenant = shared().await.tenant("exhaust").await;
        tenant.policy("[limits]\nfuel = 100_000_000_000\ndeadline = \"30s\"").await;
        for (tool, arguments) in [
            ("hold", json!({"what": "timer", "count": 1_000_000})),
            ("hold", json!({"what": "fields", "count": 1_000_000})),
            ("random", json!({"bytes": 1_u32 << 31})),
            ("string", json!({"bytes": 60_u32 << 20})),
        ] {
            let answer = tenant.agent.call(&format!("catalogue/limits.{tool}"), arguments.clone()).await;
            assert!(
                matches!(answer.code(), Some(Code::LimitExceeded | Code::MemoryExceeded)),
                "{tool} {arguments}: {answer:?}"
            );
            tenant.ended(&answer, answer.code().unwrap().as_str()).await;
        }
    });
}

/// RUSTSEC-2026-0021, fields without number: the guest gets an error of the interface or its own end, and nothing panics.
#[test]
fn hostile_rustsec_2026_0021_fields_without_number() {
    attack(async {
        let tenant = shared().await.tenant("fields").await;
        tenant.policy("[limits]\nfuel = 100_000_000_000\ndeadline = \"30s\"").await;
        for bytes in [0, 1, 4_000] {
            let flood = json!({"count": 200_000, "bytes": bytes});
            let answer = call(&tenant, "catalogue/attack.header-flood", flood).await;
            if answer.status == 200 {
                assert!(answer.text().parse::<u64>().unwrap() < 20_000);
            }
        }
    });
}

/// RUSTSEC-2026-0022, a call that is dropped half-way: its store is never entered again, and the next call has its own.
#[test]
fn hostile_rustsec_2026_0022_calls_that_are_dropped() {
    attack(async {
        let server = shared().await;
        let tenant = server.tenant("dropped").await;
        tenant.push("program-3", foreign("program-3")).await;
        tenant.policy("[limits]\nfuel = 100_000_000_000\ndeadline = \"30s\"").await;
        let waits = json!({"milliseconds": 20_000});
        let calls = [
            ("catalogue/limits.sleep", waits.clone()),
            ("catalogue/limits.spin", json!({})),
            ("program-3.run", json!({"args": ["wait-for-ever"]})),
            ("program-3.run", json!({"args": ["spin"]})),
        ];
        for _ in 0..3 {
            for (tool, arguments) in &calls {
                let ended = tenant.leave(tool, arguments.clone()).await;
                assert_eq!(ended["outcome"], "cancelled", "{tool}: {ended}");
            }
            assert_eq!(tenant.agent.call("catalogue/limits.spin", json!({"rounds": 10})).await.status, 200);
        }
    });
}

/// RUSTSEC-2026-0085, flags with bits that the type does not have: read as the flags that there are, or the guest's end.
#[test]
fn hostile_rustsec_2026_0085_flags_that_there_are_not() {
    attack(async {
        let tenant = shared().await.tenant("flags").await;
        for (package, count) in [("few", 2), ("eight", 8), ("many", 17), ("all", 32)] {
            let names: String = (0..count).map(|flag| format!("\"f{flag}\" ")).collect();
            let component = format!(
                r#"(component
                    (type $f (flags {names}))
                    (import "f" (type $f' (eq $f)))
                    (core module $m (func (export "f") (result i32) (i32.const -1)))
                    (core instance $i (instantiate $m))
                    (func $g (result $f') (canon lift (core func $i "f")))
                    (export "g" (func $g)))"#
            );
            let answer = held(&tenant, package, wat::parse_str(component).unwrap(), json!({})).await;
            if answer.status == 200 {
                assert!(answer.json().as_array().unwrap().len() <= count, "flags that {package} has not");
            }
        }
    });
}

/// RUSTSEC-2026-0088, pool slots: what one tenant's call left in memory is nothing that another's finds.
#[test]
fn hostile_rustsec_2026_0088_slots_that_were_somebody_elses() {
    attack(async {
        let server = shared().await;
        let (leaver, looker) = (server.tenant("leaver").await, server.tenant("looker").await);
        for pages in [1, 40, 400] {
            for _ in 0..4 {
                let leave = leaver.agent.call("catalogue/attack.residue-leave", json!({"pages": pages}));
                let look = looker.agent.call("catalogue/attack.residue-look", json!({"pages": pages}));
                let (left, looked) = futures::join!(leave, look);
                leaver.ended(&left, "ok").await;
                looker.ended(&looked, "ok").await;
                let seen = looked.json();
                assert_eq!((&seen["pattern"], &seen["fresh"]), (&json!(0), &json!(0)), "{seen}");
            }
        }
    });
}

/// Two components in one, of which one passes the other a text: each in an encoding of its own, so that the engine transcodes
/// between their memories. `realloc` is where the callee says that there is room.
fn transcoding(from: &str, to: &str, realloc: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (component $callee
                (core module $m
                    (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                    (func (export "take") (param i32 i32)))
                (core instance $i (instantiate $m))
                (func (export "take") (param "text" string)
                    (canon lift (core func $i "take") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))
                        string-encoding={to})))
            (instance $callee (instantiate $callee))
            (component $caller
                (import "take" (func $take (param "text" string)))
                (core module $libc (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
                (core instance $libc (instantiate $libc))
                (core func $take' (canon lower (func $take) (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))
                    string-encoding={from}))
                (core module $m
                    (import "" "take" (func $take (param i32 i32)))
                    (func (export "run") (param i32 i32) (call $take (local.get 0) (local.get 1))))
                (core instance $i (instantiate $m (with "" (instance (export "take" (func $take'))))))
                (func (export "run") (param "at" u32) (param "length" u32) (canon lift (core func $i "run"))))
            (instance $caller (instantiate $caller (with "take" (func $callee "take"))))
            (export "run" (func $caller "run")))"#
    );
    wat::parse_str(text).unwrap()
}

/// Passes texts from every kind of place, of every kind of length.
async fn transcode(stem: &str, pairs: &[(&str, &str)], reallocs: &[&str], places: &[(u32, u32)]) {
    let tenant = shared().await.tenant(stem).await;
    for (number, (from, to)) in pairs.iter().enumerate() {
        for (nth, realloc) in reallocs.iter().enumerate() {
            let package = format!("t{number}-{nth}");
            tenant.push(&package, transcoding(from, to, realloc)).await;
            for (at, length) in places {
                call(&tenant, &format!("{package}.run"), json!({"at": at, "length": length})).await;
            }
        }
    }
}

/// Marks a text of `latin1+utf16` as one of UTF-16.
const UTF16: u32 = 1 << 31;

/// RUSTSEC-2026-0091, transcoding into where there is no room: the guest traps, and no byte outside of its memory is written.
#[test]
fn hostile_rustsec_2026_0091_texts_into_where_there_is_no_room() {
    let pairs = [("utf8", "utf16"), ("utf8", "latin1+utf16"), ("utf16", "utf8"), ("latin1+utf16", "utf8")];
    // Behind the memory's end, at its last bytes, and at the greatest address of all.
    let reallocs = ["(i32.const 65536)", "(i32.const 65534)", "(i32.const -2)", "(i32.const -65536)"];
    attack(transcode("room", &pairs, &reallocs, &[(0, 100), (0, 20_000), (0, UTF16 | 100), (65_000, 536)]));
}

/// RUSTSEC-2026-0092, texts of UTF-16 at odd addresses: the guest traps, and nothing panics.
#[test]
fn hostile_rustsec_2026_0092_texts_at_odd_addresses() {
    let pairs = [("utf16", "utf8"), ("utf16", "utf16"), ("utf16", "latin1+utf16"), ("latin1+utf16", "utf16")];
    let reallocs = ["(i32.const 1024)", "(i32.const 1025)"];
    attack(transcode("odd", &pairs, &reallocs, &[(1, 10), (3, 1), (65_535, 0), (1, UTF16 | 10), (65_533, 1)]));
}

/// RUSTSEC-2026-0093, texts that are said to reach past the end of memory: the guest traps, and nothing is read there.
#[test]
fn hostile_rustsec_2026_0093_texts_past_the_end_of_memory() {
    let pairs = [("utf16", "latin1+utf16"), ("latin1+utf16", "latin1+utf16"), ("latin1+utf16", "utf16")];
    let places = [
        (65_534, 2),
        (65_536, 1),
        (0, 32_769),
        (0, UTF16 | 32_769),
        (0, UTF16 | 0x4000_0000),
        (0x8000_0000, 4),
        (0xffff_fffe, 0x7fff_ffff),
        (0, 0xffff_ffff),
    ];
    attack(transcode("past", &pairs, &["(i32.const 1024)"], &places));
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

/// RUSTSEC-2026-0149 and -0188, GHSA-vqjp-4c8c-hfgg: truncation, links, renames and slashes at the end, on what is read-only.
#[test]
fn hostile_rustsec_2026_0149_0188_changes_of_what_is_read_only() {
    attack(async {
        let tenant = shared().await.tenant("read-only").await;
        let policy = |access: &str| {
            format!(
                "[[grant]]\ntools = [\"catalogue/attack\", \"catalogue/limits\"]\nfiles = [\
                 {{ volume = \"kept\", mount = \"/kept\", access = \"{access}\" }}, \
                 {{ volume = \"work\", mount = \"/work\", access = \"read-write\" }}]"
            )
        };
        tenant.policy(&policy("read-write")).await;
        for path in ["/kept/secret", "/work/own"] {
            tenant.agent.call("catalogue/limits.file-write", json!({"path": path, "text": "kept"})).await.text();
        }
        tenant.policy(&policy("read-only")).await;
        for (mount, way, path, to_mount, to) in [
            ("/kept", "truncate", "secret", "", ""),
            ("/kept", "truncate", "secret/", "", ""),
            ("/kept", "truncate", "./secret", "", ""),
            ("/kept", "set-size", "secret", "", ""),
            ("/kept", "hard-link", "secret", "/work", "twin"),
            ("/kept", "rename", "secret", "/work", "twin"),
            ("/work", "rename", "own", "/kept", "secret"),
            ("/work", "hard-link", "own", "/kept", "secret"),
            ("/kept", "create", "secret/", "", ""),
            ("/kept", "unlink", "secret/", "", ""),
            ("/kept", "remove-folder", "secret/", "", ""),
        ] {
            let arguments =
                json!({"mount": mount, "way": way, "path": path, "to_mount": to_mount, "to": to, "follow": true});
            let came = tenant.agent.call("catalogue/attack.reach", arguments).await.text();
            assert_ne!(came, "ok", "{mount} {way} {path} {to_mount} {to}");
            let kept = tenant.agent.call("catalogue/limits.file-read", json!({"path": "/kept/secret"})).await.text();
            assert_eq!(kept, "kept", "{mount} {way} {path}");
        }
        tenant.entry("capability.denied", json!({"capability": "files"})).await;
    });
}

/// RUSTSEC-2026-0182, a leak in WASIp1: this host links none of it, and refuses what asks for it.
#[test]
fn hostile_rustsec_2026_0182_preview_1_is_not_there() {
    attack(async {
        let tenant = shared().await.tenant("preview-1").await;
        let module = r#"(module (import "wasi_snapshot_preview1" "fd_renumber" (func (param i32 i32) (result i32))))"#;
        assert!(rejected(&tenant, wat::parse_str(module).unwrap()).await.contains("core module"));
        let component = r#"(component (import "wasi_snapshot_preview1" (instance)) (instance $i)
            (export "cofferdam:tool/tools@1.0.0" (instance $i)))"#;
        if let Ok(component) = wat::parse_str(component) {
            rejected(&tenant, component).await;
        }
    });
}

/// CVE-2026-115384, an asynchronous callback of another type than it has to be: not admitted.
#[test]
fn hostile_cve_2026_115384_callbacks_of_another_type() {
    attack(async {
        let tenant = shared().await.tenant("callbacks").await;
        for (parameters, results) in [
            ("i32 i32 i32", "i64"),
            ("i32 i32 i32", "i32 i32 i32 i32 i32 i32 i32 i32"),
            ("i32 i32", "i32"),
            ("i64 i64 i64", "i32"),
            ("i32 i32 i32", ""),
            ("", "i32"),
        ] {
            let values: String = results.split_whitespace().map(|kind| format!("({kind}.const 0)")).collect();
            let component = format!(
                r#"(component
                    (core module $m
                        (func (export "f") (result i32) (i32.const 0))
                        (func (export "cb") (param {parameters}) (result {results}) {values}))
                    (core instance $i (instantiate $m))
                    (func $f async (canon lift (core func $i "f") async (callback (core func $i "cb"))))
                    (export "f" (func $f)))"#
            );
            let Ok(component) = wat::parse_str(&component) else { panic!("no component: {component}") };
            rejected(&tenant, component).await;
        }
    });
}

/// CVE-2026-119140, `thread.yield` in a start function: not admitted, or started; the host goes on.
#[test]
fn hostile_cve_2026_119140_yield_in_a_start_function() {
    attack(async {
        let tenant = shared().await.tenant("yield").await;
        let component = r#"(component
            (core func $yield (canon thread.yield))
            (core module $m
                (import "" "yield" (func $yield (result i32)))
                (func $start (drop (call $yield)) (drop (call $yield)))
                (start $start)
                (func (export "f") (result i32) (i32.const 1)))
            (core instance $i (instantiate $m (with "" (instance (export "yield" (func $yield))))))
            (func $f (result u32) (canon lift (core func $i "f")))
            (export "f" (func $f)))"#;
        let component = wat::parse_str(component).unwrap();
        let answer = tenant.publisher.upload(component.clone()).await;
        match answer.code() {
            Some(code) => assert_eq!(code, Code::ComponentRejected, "{answer:?}"),
            None => _ = held(&tenant, "yields", component, json!({})).await,
        }
        assert!(shared().await.is_ready().await);
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

/// RUSTSEC-2026-0570, an abort of builds without a garbage collector, which this is: what could ask for one is not admitted.
#[test]
fn hostile_rustsec_2026_0570_what_would_need_a_collector() {
    attack(async {
        let tenant = shared().await.tenant("collector").await;
        for fields in [
            "(type (struct (field i32)))",
            "(type (array i8))",
            "(func (result i31ref) (ref.i31 (i32.const 1)))",
            "(func (param anyref))",
            "(func (param eqref) (result i32) (ref.test (ref i31) (local.get 0)))",
            "(type $f (func)) (func (param (ref null $f)) (call_ref $f (local.get 0)))",
            "(type $f (func)) (global (ref null $f) (ref.null $f))",
            "(func (param externref) (result anyref) (any.convert_extern (local.get 0)))",
            "(tag (param i32))",
            "(tag $t) (func (throw $t))",
            "(func (param exnref) (throw_ref (local.get 0)))",
            "(type $f (func)) (type $c (cont $f)) (func (param (ref null $c)))",
            "(rec (type (sub (struct))))",
        ] {
            let component = format!(
                r#"(component (core module {fields}) (instance $i) (export "cofferdam:tool/tools@1.0.0" (instance $i)))"#
            );
            let component = wat::parse_str(&component).unwrap_or_else(|error| panic!("{fields}: {error}"));
            let reasons = rejected(&tenant, component).await;
            assert!(reasons.contains("feature"), "{fields}: {reasons}");
        }
        // References to functions need none of it.
        let plain = "(table $e 4 funcref) (func $f (result i32) (ref.is_null (table.get $e (i32.const 3))))";
        let component = Handmade { more: plain.to_owned(), ..unless("(i32.eqz (call $f))") };
        held(&tenant, "plain", component.build(), json!({})).await;
    });
}

/// RUSTSEC-2026-0086, -0089, -0094 and -0095 are about Winch: that compiler is not in this host. RUSTSEC-2026-0090 is about
/// cloned linkers: none is cloned. RUSTSEC-2026-0096 is about other processors, and its guest is among those above.
#[test]
fn hostile_rustsec_2026_0086_0089_0090_0094_0095_of_what_is_not_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let locked = std::fs::read_to_string(root.join("Cargo.lock")).unwrap();
    let locked: toml::Table = toml::from_str(&locked).unwrap();
    let packages = locked["package"].as_array().unwrap();
    let name = |package: &toml::Value| package["name"].as_str().unwrap().to_owned();
    for winch in ["winch-codegen", "wasmtime-internal-winch", "wasmtime-winch"] {
        assert!(packages.iter().all(|package| name(package) != winch), "{winch} is compiled in");
    }
    // Fixed since: none of the host's engine is older than the last of these fixes that there is a version of.
    let engine = packages.iter().find(|package| name(package) == "wasmtime").unwrap();
    let version: Vec<u64> = engine["version"].as_str().unwrap().split('.').map(|part| part.parse().unwrap()).collect();
    assert!(version >= vec![48, 0, 8], "{version:?}");
    let mut folders = vec![root.join("host/src/engine"), root.join("host/src/capability")];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                let text = std::fs::read_to_string(&entry).unwrap();
                assert!(!text.contains("linker.clone()") && !text.contains("Linker::clone"), "{}", entry.display());
                read += 1;
            }
        }
    }
    assert!(read > 50, "{read}");
    // And while all of that is so, a guest is served.
    run(async {
        let tenant = shared().await.tenant("served").await;
        assert_eq!(tenant.agent.call("catalogue/noop", json!({})).await.text(), "ok");
    });
}
