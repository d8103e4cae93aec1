//! The attacks that each kind's door invites. Every one is contained: the right error, an entry that says so, and a
//! bystander that is served in the same moment.

use std::fmt::Write as _;

use cofferdam::Code;
use cofferdam_tests::{Answer, Tenant, attack, foreign, shared};
use serde_json::{Value, json};

use crate::tenant_with;

/// Attacks, while another tenant's call has to succeed; the record has how it ended.
async fn recorded(tenant: &Tenant, tool: &str, arguments: Value) -> Answer {
    let bystander = shared().await.tenant("bystander").await;
    let attacking = tenant.agent.call(tool, arguments.clone());
    let (answer, served) = futures::join!(attacking, bystander.agent.call("catalogue/noop", json!({})));
    assert_eq!(served.text(), "ok", "beside {tool} {arguments}");
    let outcome = answer.code().map_or("ok".to_owned(), |code| code.to_string());
    let record = tenant.record(answer.call()).await;
    assert_eq!(record.last().unwrap()["event"]["outcome"], outcome, "{record:?}");
    answer
}

#[track_caller]
fn is_over(answer: &Answer, limit: &str) {
    assert_eq!(answer.problem(Code::LimitExceeded)["facts"]["limit"], limit, "{answer:?}");
}

/// A result past a limit ends the call.
#[test]
fn hostile_functions_give_no_more_than_they_may() {
    attack(async {
        let tenant = tenant_with("hostile-functions").await;
        let called =
            async |name: &str, arguments| recorded(&tenant, &format!("hostile-functions.{name}"), arguments).await;
        // Lists and texts of two gigabytes that are only said to be there are not read.
        for name in ["lift-list", "lift-text"] {
            called(name, json!({"length": 0x7fff_ffff_u32})).await.problem(Code::ToolFailed);
        }
        // Those that are there are as long as the host will hold.
        is_over(&called("long-list", json!({"length": 1_000_000})).await, "hostcall_bytes");
        is_over(&called("nested", json!({"times": 60_000})).await, "hostcall_bytes");
        // Six characters of JSON for each of the text's.
        is_over(&called("long-text", json!({"length": 5_000_000})).await, "result_bytes");
        called("spin", json!({})).await.problem(Code::FuelExhausted);
        called("hoard", json!({})).await.problem(Code::MemoryExceeded);
        called("break-down", json!({})).await.problem(Code::ToolFailed);
        assert_eq!(called("long-list", json!({"length": 2})).await.json(), json!(vec![u64::MAX.to_string(); 2]));
    });
}

/// `invalid-arguments`, with the place of what is wrong.
#[test]
fn hostile_arguments_are_refused_before_they_reach_a_function() {
    attack(async {
        let tenant = tenant_with("shapes").await;
        // Few bytes of JSON, many values.
        let many = format!("{{\"value\":[{}]}}", vec!["0"; 400_000].join(","));
        let arguments: Value = serde_json::from_str(&many).unwrap();
        is_over(&recorded(&tenant, "shapes.echo-numbers", arguments).await, "hostcall_bytes");
        let deep = format!(
            "{{\"tool\":\"shapes.echo-maybe\",\"arguments\":{{\"value\":{}{}}}}}",
            "[".repeat(5_000),
            "]".repeat(5_000)
        );
        let request = tenant.agent.request("POST", "/v1/calls").header("content-type", "application/json").body(deep);
        assert!(tenant.agent.send(request).await.code().is_some());
    });
}

/// A program that loops or floods its output ends at its limits.
#[test]
fn hostile_programs_are_stopped() {
    attack(async {
        let tenant = tenant_with("program").await;
        tenant.policy("[limits]\nresult_bytes = \"64KiB\"\ndeadline = \"3s\"\nfuel = 100_000_000_000").await;
        let called = async |args: Value| recorded(&tenant, "program.run", json!({"args": args})).await;
        is_over(&called(json!(["flood"])).await, "result_bytes");
        is_over(&called(json!(["flood-errors"])).await, "result_bytes");
        called(json!(["spin"])).await.problem(Code::DeadlineExceeded);
        called(json!(["sleep", "60000"])).await.problem(Code::DeadlineExceeded);
    });
}

/// A handler that answers never, twice, without an end or with a flood of header fields ends as `tool-failed` or at a limit.
#[test]
fn hostile_handlers_answer_whole_or_not_at_all() {
    attack(async {
        let tenant = tenant_with("hostile-handler").await;
        tenant.policy("[limits]\ndeadline = \"3s\"\nfuel = 100_000_000_000").await;
        let called = async |path: &str| recorded(&tenant, "hostile-handler.request", json!({"path": path})).await;
        for path in ["/never", "/drop", "/twice", "/half", "/trap-after", "/error"] {
            let answer = called(path).await;
            assert_eq!(answer.code(), Some(Code::ToolFailed), "{path}: {answer:?}");
        }
        is_over(&called("/headers").await, "http_header_bytes");
        is_over(&called("/endless").await, "result_bytes");
        called("/spin-after").await.problem(Code::DeadlineExceeded);
        assert_eq!(called("/").await.json()["body"], "fine");
    });
}

/// A component of types and functions alone.
fn with_types(types: &str, functions: &str) -> Vec<u8> {
    let wat = format!(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (func (export "f"))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))
            (core instance $i (instantiate $m))
            {types} {functions})"#
    );
    wat::parse_str(wat).unwrap()
}

fn function(name: &str) -> String {
    format!(r#"(func $f-{name} (canon lift (core func $i "f"))) (export "{name}" (func $f-{name}))"#)
}

async fn rejected(tenant: &Tenant, component: Vec<u8>, words: &str) {
    let answer = tenant.publisher.upload(component).await;
    let reasons = answer.problem(Code::ComponentRejected)["facts"]["reasons"].to_string();
    assert!(reasons.contains(words) && reasons.len() < 20_000, "{reasons} does not say {words:?}");
    tenant.entry("component.rejected", json!({})).await;
}

/// Rejected at the upload, with the reason.
#[test]
fn hostile_types_are_refused_at_upload() {
    attack(async {
        let tenant = shared().await.tenant("hostile-types").await;
        let long = "a".repeat(10_000);
        rejected(&tenant, with_types("", &function(&long)), "10000 bytes; the limit is 256").await;
        rejected(&tenant, with_types("", &function(&"a".repeat(100))), "tool name").await;
        let functions = |count: usize| (0..count).map(|number| function(&format!("f{number}"))).collect::<String>();
        rejected(&tenant, with_types("", &functions(65)), "65 functions; the limit is 64").await;
        rejected(&tenant, with_types("", &functions(1_001)), "imports and exports").await;
        assert_eq!(tenant.publisher.upload(with_types("", &functions(64))).await.status, 201);

        // A type that names the one before twice, on each of many levels.
        let mut types = "(type $t0 u8)".to_owned();
        for level in 1..12 {
            write!(types, "(type $t{level} (tuple $t{0} $t{0}))", level - 1).unwrap();
        }
        let takes = |level: usize, result: &str| {
            format!(
                r#"(func $f (param "x" $t{level}) (canon lift (core func $i "{result}") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
                   (export "f" (func $f))"#
            )
        };
        // More of them than fit in registers are passed by a pointer.
        rejected(&tenant, with_types_of(&(types + &takes(11, "g"))), "2000 types").await;
        // Options of options, deeper than any schema.
        let mut types = "(type $t0 u8)".to_owned();
        for level in 1..40 {
            write!(types, "(type $t{level} (option $t{}))", level - 1).unwrap();
        }
        rejected(&tenant, with_types_of(&(types + &takes(39, "g"))), "deeper than 12 levels").await;
    });
}

/// The same with a function that takes one value by a pointer.
fn with_types_of(fields: &str) -> Vec<u8> {
    let wat = format!(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (func (export "g") (param i32))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))
            (core instance $i (instantiate $m))
            {fields})"#
    );
    wat::parse_str(wat).unwrap()
}

/// Rejected at the upload, naming function and type.
#[test]
fn hostile_resources_are_refused_with_function_and_type() {
    attack(async {
        let tenant = shared().await.tenant("resources").await;
        let answer = tenant.publisher.upload(foreign("resources")).await;
        let reasons = answer.problem(Code::ComponentRejected)["facts"]["reasons"].clone();
        let text = reasons.to_string();
        for words in [
            "the function acme:things/api@0.1.0#make: its result: it has the type own resource, which has no JSON: \
             only values can cross (thing)",
            "the function acme:things/api@0.1.0#look: its parameter at: it has the type borrowed resource",
            "#[method]thing.name: it belongs to the resource thing",
            "#[constructor]thing: it belongs to the resource thing",
        ] {
            assert!(text.contains(words), "{reasons}");
        }
        tenant.entry("component.rejected", json!({})).await;
    });
}

/// A component that fills a whole answer again and again holds nothing that is left over from the call before.
#[test]
fn hostile_programs_leave_nothing_behind() {
    attack(async {
        let (one, other) = (tenant_with("program").await, shared().await.tenant("clean").await);
        other.push("program", foreign("program")).await;
        let secret = json!({"args": ["cat"], "stdin": "secret"});
        assert_eq!(one.agent.call("program.run", secret).await.json()["stdout"], "secret");
        let looked = other.agent.call("program.run", json!({"args": ["cat"]})).await;
        other.ended(&looked, "ok").await;
        assert_eq!(looked.json()["stdout"], "");
    });
}
