//! What may be uploaded, and what compiling it may take.

use std::time::{Duration, Instant};

use bytes::Bytes;
use cofferdam::Code;
use cofferdam::registry::definitions::{DEFINITIONS_MAX, DESCRIPTION_BYTES_MAX, SCHEMA_BYTES_MAX};
use cofferdam::registry::inspect;
use cofferdam_tests::handmade::{Handmade, Parts, nested, with_instances, with_length, with_modules, with_sections};
use cofferdam_tests::{Inside, Tenant, eventually, run, shared};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

async fn tenant() -> Tenant {
    shared().await.tenant("uploads").await
}

/// Is admitted, and can be called.
async fn admitted(tenant: &Tenant, component: Bytes) {
    let digest = tenant.upload(component).await;
    let package = format!("p{}", &digest[7..40]);
    tenant.publish(&package, "1.0.0", &digest).await;
    let tool = tenant.agent.get("/v1/tools").await.ok();
    let tools = tool["tools"].as_array().unwrap();
    let name = tools.iter().map(|tool| tool["name"].as_str().unwrap()).find(|name| name.starts_with(&package)).unwrap();
    assert_eq!(tenant.agent.call(name, json!({})).await.status, 200);
}

/// Is rejected for a reason that its author can act on; nothing of it stays, and the record says so.
async fn rejected(tenant: &Tenant, component: Bytes, words: &str) {
    let before = tenant.publisher.get("/v1/components").await.ok();
    let answer = tenant.publisher.upload(component.clone()).await;
    let reasons = answer.problem(Code::ComponentRejected)["facts"]["reasons"].clone();
    assert!(reasons.to_string().contains(words), "{reasons} does not say {words:?}");
    let digest = cofferdam::id::Digest::of(&component).to_string();
    tenant.entry("component.rejected", json!({"component": digest, "reasons": reasons})).await;
    assert_eq!(tenant.publisher.get("/v1/components").await.ok(), before);
}

#[test]
fn bytes_of_an_upload() {
    run(async {
        let tenant = tenant().await;
        let most = 64 << 20;
        admitted(&tenant, with_length(&Handmade::default().build(), most)).await;
        let answer = tenant.publisher.upload(with_length(&Handmade::default().build(), most + 1)).await;
        let facts = &answer.problem(Code::TooLarge)["facts"];
        assert_eq!(facts["maximum"], most, "{answer:?}");
        // Others upload to the same host, and each of theirs is there for a moment, too.
        let upload = shared().await.data.join("upload");
        let is_empty = async || (std::fs::read_dir(&upload).unwrap().count() == 0).then_some(());
        eventually("a folder of uploads with nothing left in it", is_empty).await;
    });
}

/// A tenant's places are taken by uploads that do not go on; who finds none left learns when to come again.
#[test]
fn uploads_at_once() {
    run(async {
        let tenant = tenant().await;
        // What is known already is not compiled again: those that wait below are given up after a while.
        tenant.upload(Handmade::default().build()).await;
        let key = tenant.publisher.key();
        let head = format!(
            "POST /v1/components HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
             content-type: application/wasm\r\ncontent-length: 1000\r\n\r\n"
        );
        let mut open = Vec::new();
        for _ in 0..4 {
            let mut stream = TcpStream::connect(tenant.publisher.base().trim_start_matches("http://")).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            open.push(stream);
        }
        let refused = eventually("an upload that finds no place", async || {
            let answer = tenant.publisher.upload(Handmade::default().build()).await;
            (answer.status >= 300).then_some(answer)
        });
        let refused = refused.await;
        assert_eq!(refused.problem(Code::Overloaded)["facts"]["maximum"], 4);
        assert_eq!(refused.headers["retry-after"], "5");
        drop(open);
        let admitted = async || (tenant.publisher.upload(Handmade::default().build()).await.status < 300).then_some(());
        eventually("an upload that finds a place again", admitted).await;
    });
}

#[test]
fn sections_of_an_upload() {
    run(async {
        let (tenant, component) = (tenant().await, Handmade::default().build());
        let room = 20_000 - Parts::of(&component).sections;
        admitted(&tenant, with_sections(&component, room)).await;
        rejected(&tenant, with_sections(&component, room + 1), "sections; the limit is 20000").await;
    });
}

#[test]
fn nesting_of_an_upload() {
    run(async {
        let (tenant, component) = (tenant().await, Handmade::default().build());
        // Fifteen within the component itself.
        admitted(&tenant, nested(&component, 15)).await;
        rejected(&tenant, nested(&component, 16), "levels of nesting; the limit is 16").await;
    });
}

#[test]
fn modules_of_an_upload() {
    run(async {
        let (tenant, component) = (tenant().await, Handmade::default().build());
        let room = 500 - Parts::of(&component).modules_and_components;
        admitted(&tenant, with_modules(&component, room)).await;
        rejected(&tenant, with_modules(&component, room + 1), "modules and components; the limit is 500").await;
    });
}

/// So many functions take a while to compile: that they are let in is seen by the inspection.
#[test]
fn functions_of_an_upload() {
    run(async {
        let tenant = tenant().await;
        let with = |count: usize| Handmade { more: "(func)".repeat(count), ..Handmade::default() }.build();
        let own = 3;
        inspect(&with(300_000 - own)).unwrap();
        rejected(&tenant, with(300_000 - own + 1), "functions; the limit is 300000").await;
        // An interpreter has tens of thousands, which is nothing to remark on.
        admitted(&tenant, with(30_000)).await;
    });
}

#[test]
fn imports_of_an_upload() {
    run(async {
        let tenant = tenant().await;
        let with = |count: usize| -> Bytes {
            let imports: String = (0..count).map(|n| format!("(import \"a:b/c{n}\" (instance))")).collect();
            wat::parse_str(format!("(component {imports})")).unwrap().into()
        };
        rejected(&tenant, with(1_000), "a:b/c0").await;
        rejected(&tenant, with(1_001), "imports and exports of components; the limit is 1000").await;
        rejected(&tenant, with(10_000), "imports and exports of components; the limit is 1000").await;
    });
}

#[test]
fn types_of_an_upload() {
    run(async {
        let tenant = tenant().await;
        let mut doubling = "(component (type $t0 u8)".to_owned();
        for n in 0..90 {
            doubling += &format!("(type $t{} (tuple $t{n} $t{n}))", n + 1);
        }
        doubling += "(import \"acme:big/type\" (type (eq $t90))))";
        rejected(&tenant, wat::parse_str(doubling).unwrap().into(), "").await;
        let deep = format!("(component (type {}u8{}))", "(list ".repeat(5_000), ")".repeat(5_000));
        if let Ok(deep) = wat::parse_str(deep) {
            rejected(&tenant, deep.into(), "").await;
        }
        let types = format!("(component {})", "(type u32)".repeat(100_001));
        rejected(&tenant, wat::parse_str(types).unwrap().into(), "types; the limit is 100000").await;
    });
}

/// What a pool slot has room for is said at the upload, not at the first call.
#[test]
fn instances_and_memories_of_an_upload() {
    run(async {
        let (tenant, component) = (tenant().await, Handmade::default().build());
        let own = Parts::of(&component).instances;
        admitted(&tenant, with_instances(&component, "", 64 - own)).await;
        rejected(&tenant, with_instances(&component, "", 64 - own + 1), "64").await;
        admitted(&tenant, with_instances(&component, "(memory 1)", 15)).await;
        rejected(&tenant, with_instances(&component, "(memory 1)", 16), "16").await;
        admitted(&tenant, with_instances(&component, "(table 1 funcref)", 32)).await;
        rejected(&tenant, with_instances(&component, "(table 1 funcref)", 33), "32").await;
        // A memory that begins larger than any may get.
        rejected(&tenant, with_instances(&component, "(memory 65536)", 1), "").await;
    });
}

#[test]
fn what_a_component_says_of_its_tools() {
    run(async {
        let tenant = tenant().await;
        let describing = |bytes: usize| Handmade { description: "d".repeat(bytes), ..Handmade::default() }.build();
        admitted(&tenant, describing(DESCRIPTION_BYTES_MAX)).await;
        rejected(&tenant, describing(DESCRIPTION_BYTES_MAX + 1), "the limit is 8192").await;
        let schema = |bytes: usize| {
            let rest = r#"{"type":"object","title":""}"#.len();
            let schema = format!(r#"{{"type":"object","title":"{}"}}"#, "t".repeat(bytes - rest));
            Handmade { schema, ..Handmade::default() }.build()
        };
        admitted(&tenant, schema(SCHEMA_BYTES_MAX)).await;
        rejected(&tenant, schema(SCHEMA_BYTES_MAX + 1), "the limit is 65536").await;
        let named = |bytes: usize| Handmade { name: "n".repeat(bytes), ..Handmade::default() }.build();
        admitted(&tenant, named(64)).await;
        rejected(&tenant, named(65), "1 to 64").await;
        // As many definitions as there may be, all at one place: told apart they are not, but counted first.
        let many = |count: usize| {
            let describe = format!("(i32.store (i32.const 1028) (i32.const {count})) (i32.const 1024)");
            Handmade { describe, ..Handmade::default() }.build()
        };
        rejected(&tenant, many(DEFINITIONS_MAX + 1), "the limit is 64").await;
    });
}

/// Compiling has a time and a memory of its own: whoever is past it is rejected, and whoever comes next is served.
#[test]
fn time_and_memory_of_compiling() {
    run(async {
        let harmless = Handmade::default().build();
        let growing = cofferdam_tests::handmade::growing();
        let brief = Inside::open(|settings| settings.registry.compiling.time_max = Duration::from_secs(3)).await;
        let narrow = Inside::open(|settings| settings.registry.compiling.room.memory_bytes = 384 << 20).await;
        for (inside, words) in [(brief, "longer than 3s"), (narrow, "MiB of memory")] {
            let (acme, globex) = (inside.tenant("acme").await, inside.tenant("globex").await);
            let began = Instant::now();
            let (broken, fine) =
                futures::join!(inside.upload(&acme, growing.clone()), inside.upload(&globex, harmless.clone()));
            let error = broken.unwrap_err();
            assert_eq!(error.code(), Code::ComponentRejected, "{error:?}");
            assert!(format!("{:?}", error.facts()["reasons"]).contains(words), "{error:?}");
            assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
            fine.unwrap();
            inside.upload(&acme, harmless.clone()).await.unwrap();
            inside.close().await;
        }
    });
}
