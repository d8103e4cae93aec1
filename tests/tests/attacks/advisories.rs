//! What advisories of 2026 about wasmtime describe, done by guests, as far as a guest can do it: named after each, so that a
//! step back to a version before its fix, or a feature that is turned on, shows here. What does not bear on this host is
//! here too, with why.

mod code;
mod lent;
mod values;

use cofferdam::Code;
use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{Answer, Tenant, attack, run, shared};
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
