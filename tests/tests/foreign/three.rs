//! Components of WASI 0.3: asynchronous functions and streams, by the same grants and within the same limits as those of
//! 0.2.

use std::time::{Duration, Instant};

use cofferdam::Code;
use cofferdam_tests::{Tenant, attack, run, shared};
use serde_json::{Value, json};

use crate::tenant_with;

async fn ran(tenant: &Tenant, args: Value) -> Value {
    tenant.agent.call("program-3.run", json!({"args": args})).await.ok()["content"][0]["json"].clone()
}

#[test]
fn a_program_of_0_3_streams_input_and_output_and_waits() {
    run(async {
        let tenant = tenant_with("program-3").await;
        let component = tenant.publisher.get("/v1/components").await.ok()["components"][0].clone();
        assert_eq!((&component["kind"], &component["class"]), (&json!("command"), &json!("async")), "{component}");
        let echoed = json!({"args": ["cat"], "stdin": "streamed"});
        let echoed = tenant.agent.call("program-3.run", echoed).await.json();
        assert_eq!(echoed, json!({"exit_code": 0, "stdout": "streamed", "stderr": ""}));
        let began = Instant::now();
        assert_eq!(ran(&tenant, json!(["wait"])).await["stdout"], "waited");
        assert!(began.elapsed() >= Duration::from_millis(30));
        let complained = ran(&tenant, json!(["complain"])).await;
        assert_eq!(complained, json!({"exit_code": 1, "stdout": "", "stderr": "complaint\n"}));
        assert_eq!(ran(&tenant, json!(["exit", "7"])).await["exit_code"], 7);
    });
}

#[test]
fn what_is_not_granted_to_a_program_of_0_3_is_denied_as_in_0_2() {
    run(async {
        let tenant = tenant_with("program-3").await;
        let looked = ran(&tenant, json!(["look"])).await["stdout"].as_str().unwrap().to_owned();
        assert!(looked.starts_with("environment: 0, folders: 0, clocks stand: true, random: ["), "{looked}");
        let denied = "sockets: (Some(ErrorCode::AccessDenied), Some(ErrorCode::AccessDenied)), lookup: Some(ErrorCode::AccessDenied)";
        assert!(looked.ends_with(denied), "{looked}");
        for action in ["make a TCP socket", "make a UDP socket", "look a name up"] {
            tenant.entry("capability.denied", json!({"capability": "sockets", "action": action})).await;
        }
        assert_eq!(ran(&tenant, json!(["read", "note.txt"])).await["stdout"], "none: ErrorCode::NoEntry");
    });
}

#[test]
fn a_program_of_0_3_reads_and_writes_the_volume_that_policy_grants() {
    run(async {
        let tenant = tenant_with("program-3").await;
        let grant = async |access: &str| {
            let volume = format!(
                "files = [{{ volume = \"work\", mount = \"/\", access = \"{access}\", bytes_max = \"1KiB\" }}]"
            );
            tenant.policy(&format!("[[grant]]\ntools = [\"program-3\"]\n{volume}")).await;
        };
        grant("read-write").await;
        assert_eq!(ran(&tenant, json!(["write", "note.txt", "to be kept"])).await["stdout"], "written");
        assert_eq!(ran(&tenant, json!(["write", "other.txt", ""])).await["stdout"], "written");
        assert_eq!(ran(&tenant, json!(["read", "note.txt"])).await["stdout"], "to be kept");
        assert_eq!(ran(&tenant, json!(["list"])).await["stdout"], "note.txt,other.txt");
        // Its quota, its walls, and its being read-only hold.
        assert_eq!(
            ran(&tenant, json!(["write", "big.txt", "x".repeat(2_000)])).await["stdout"],
            "none: ErrorCode::Quota"
        );
        for path in ["../note.txt", "/etc/passwd"] {
            assert_eq!(ran(&tenant, json!(["read", path])).await["stdout"], "none: ErrorCode::NotPermitted", "{path}");
        }
        grant("read-only").await;
        assert_eq!(ran(&tenant, json!(["read", "note.txt"])).await["stdout"], "to be kept");
        assert_eq!(ran(&tenant, json!(["write", "note.txt", "x"])).await["stdout"], "none: ErrorCode::ReadOnly");
    });
}

/// What it prints is seen while it runs, so it waits for the record; what is not granted goes nowhere.
#[test]
fn an_asynchronous_function_waits_and_prints_to_its_log() {
    run(async {
        let tenant = tenant_with("functions-3").await;
        let component = tenant.publisher.get("/v1/components").await.ok()["components"][0].clone();
        assert_eq!((&component["kind"], &component["class"]), (&json!("functions"), &json!("async")), "{component}");
        let began = Instant::now();
        let slowly = json!({"text": "this", "milliseconds": 50});
        let watched = tenant.agent.watch("functions-3.slowly", slowly.clone()).await;
        assert!(began.elapsed() >= Duration::from_millis(50));
        assert!(watched.of("log").is_empty());
        assert_eq!(watched.result()["content"][0]["text"], "this");
        tenant.policy("[[grant]]\ntools = [\"functions-3\"]\nlog = \"info\"").await;
        let watched = tenant.agent.watch("functions-3.slowly", slowly).await;
        let lines = watched.of("log");
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0]["message"], "waiting with this");
        let refused = tenant.agent.call("functions-3.slowly", json!({"text": "", "milliseconds": 0})).await.ok();
        let told = (&refused["is_error"], &refused["content"][0]["text"]);
        assert_eq!(told, (&json!(true), &json!("there is nothing to give back")));
    });
}

#[test]
fn a_handler_of_0_3_streams_its_response() {
    run(async {
        let tenant = tenant_with("handler-3").await;
        let requested = async |arguments| tenant.agent.call("handler-3.request", arguments).await;
        let hello = requested(json!({"path": "/hello?Ada"})).await.json();
        assert_eq!(hello, json!({"status": 200, "headers": {}, "body": "Hello, Ada!"}));
        let echo = requested(json!({"method": "POST", "path": "/echo", "body": "taken"})).await.json();
        assert_eq!(echo["body"], "Method::Post taken");
        assert_eq!(requested(json!({})).await.ok()["is_error"], true);
        requested(json!({"path": "/error"})).await.problem(Code::ToolFailed);
    });
}

#[test]
fn what_a_handler_of_0_3_asks_of_others_is_decided_by_policy() {
    run(async {
        let tenant = tenant_with("handler-3").await;
        let upstream = shared().await.upstream.address;
        let fetch = json!({"path": format!("/fetch?{upstream}/hello")});
        let denied = tenant.agent.call("handler-3.request", fetch.clone()).await.ok();
        assert!(denied["content"][0]["json"]["body"].as_str().unwrap().contains("HttpRequestDenied"), "{denied}");
        tenant.entry("capability.denied", json!({"capability": "http"})).await;
        let port = upstream.port();
        let rule =
            format!("http = [{{ host = \"127.0.0.1\", scheme = \"http\", port = {port}, methods = [\"GET\"] }}]");
        tenant.policy(&format!("[[grant]]\ntools = [\"handler-3\"]\n{rule}")).await;
        let fetched = tenant.agent.call("handler-3.request", fetch).await.json();
        assert!(fetched["body"].as_str().unwrap().starts_with("200: "), "{fetched}");
    });
}

/// Stopped at their limits as others are.
#[test]
fn hostile_components_of_0_3_are_stopped() {
    attack(async {
        let (program, handler) = (tenant_with("program-3").await, tenant_with("handler-3").await);
        for tenant in [&program, &handler] {
            tenant.policy("[limits]\nresult_bytes = \"64KiB\"\ndeadline = \"2s\"\nfuel = 100_000_000_000").await;
        }
        for (how, code) in [
            ("flood", Code::LimitExceeded),
            ("hoard", Code::LimitExceeded),
            ("spin", Code::DeadlineExceeded),
            ("wait-for-ever", Code::DeadlineExceeded),
        ] {
            let answer = program.agent.call("program-3.run", json!({"args": [how]})).await;
            answer.problem(code);
            let record = program.record(answer.call()).await;
            assert_eq!(record.last().unwrap()["event"]["outcome"], code.to_string(), "{how}");
        }
        for (path, code) in
            [("/endless", Code::LimitExceeded), ("/trap", Code::ToolFailed), ("/never", Code::DeadlineExceeded)]
        {
            let answer = handler.agent.call("handler-3.request", json!({"path": path})).await;
            assert!(
                answer.code() == Some(code) || path == "/never" && answer.code() == Some(Code::ToolFailed),
                "{path}: {answer:?}"
            );
        }
        // In 0.3 too many header fields are an error of the interface, which the guest sees.
        let headers = handler.agent.call("handler-3.request", json!({"path": "/headers"})).await.json();
        let fields: u64 = headers["body"].as_str().unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(fields < 100, "{headers}");
    });
}

#[test]
fn a_call_of_a_component_of_0_3_is_not_compared() {
    run(async {
        let tenant = tenant_with("program-3").await;
        tenant.policy("[audit]\npayloads = \"1h\"\nrecord = true").await;
        let answer = tenant.agent.call("program-3.run", json!({"args": ["cat"]})).await;
        let call = answer.call().to_owned();
        let replay = tenant.auditor.post(&format!("/v1/calls/{call}/replay"), &json!({})).await.ok();
        assert_eq!(replay["outcome"], "not-comparable", "{replay}");
        assert!(replay["difference"].as_str().unwrap().contains("WASI 0.3"), "{replay}");
    });
}
