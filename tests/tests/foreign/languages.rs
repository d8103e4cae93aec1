//! Components of other toolchains, built from source: JavaScript, Python, Go and C. What they are built with is fetched
//! once, hundreds of megabytes of it.
//!
//! An interpreter takes half a minute of processor time to compile, at the lowest priority: on a machine that is busy with
//! other tests that may be minutes, and they are compiled one after another.

use std::path::Path;

use bytes::Bytes;
use cofferdam_tests::{Options, Server, Tenant, run};
use cofferdam_toolchain::Language;
use serde_json::json;
use tokio::sync::{Mutex, OnceCell};

/// A tenant that has pushed the component in `tests/foreign/FOLDER`.
async fn tenant_with(language: Language, folder: &str) -> Tenant {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign").join(folder);
    let built = tokio::task::spawn_blocking(move || language.build(&path, &|_| {})).await.unwrap();
    let component = Bytes::from(std::fs::read(built.unwrap_or_else(|error| panic!("{error:?}"))).unwrap());
    static TURN: Mutex<()> = Mutex::const_new(());
    let tenant = patient().await.tenant(folder).await;
    let _turn = TURN.lock().await;
    tenant.push("tool", component).await;
    tenant
}

/// A host that lets compiling take its time.
async fn patient() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    let arguments = vec!["--compile-time-max".to_owned(), "10m".to_owned()];
    SERVER.get_or_init(|| Server::start(Options { arguments, ..Options::default() })).await
}

/// What the host says of the tenant's one component.
async fn facts(tenant: &Tenant) -> (String, String) {
    let component = tenant.publisher.get("/v1/components").await.ok()["components"][0].clone();
    let fact = |name: &str| component[name].as_str().unwrap().to_owned();
    (fact("kind"), fact("class"))
}

fn expected(kind: &str, class: &str) -> (String, String) {
    (kind.to_owned(), class.to_owned())
}

#[test]
fn needs_javascript_functions_made_by_componentize_js() {
    run(async {
        let tenant = tenant_with(Language::JavaScript, "javascript").await;
        assert_eq!(facts(&tenant).await, expected("functions", "large"));
        let text = "To be, or not to be: that is the question.";
        let counted = tenant.agent.call("tool.words-frequencies", json!({"text": text, "most": 2})).await.json();
        assert_eq!(counted, json!([{"word": "be", "times": 2}, {"word": "to", "times": 2}]));
        let refused = tenant.agent.call("tool.words-frequencies", json!({"text": "…"})).await.ok();
        let told = (&refused["is_error"], &refused["content"][0]["text"]);
        assert_eq!(told, (&json!(true), &json!("there are no words")));
    });
}

#[test]
fn needs_python_functions_made_by_componentize_py() {
    run(async {
        let tenant = tenant_with(Language::Python, "python").await;
        assert_eq!(facts(&tenant).await, expected("functions", "large"));
        let summary = tenant.agent.call("tool.summarise", json!({"numbers": [1, 2, 4, 9]})).await.json();
        assert_eq!((&summary["mean"], &summary["median"]), (&json!(4.0), &json!(3.0)), "{summary}");
        let one = tenant.agent.call("tool.summarise", json!({"numbers": [1]})).await.json();
        assert_eq!(one, json!({"mean": 1.0, "median": 1.0, "deviation": null}));
        let refused = tenant.agent.call("tool.summarise", json!({"numbers": []})).await.ok();
        let told = (&refused["is_error"], &refused["content"][0]["text"]);
        assert_eq!(told, (&json!(true), &json!("there are no numbers")));
    });
}

#[test]
fn needs_go_program_made_for_wasip1_with_the_adapter() {
    run(async {
        let tenant = tenant_with(Language::Go, "go").await;
        assert_eq!(facts(&tenant).await.0, "command");
        let counted = json!({"args": ["-limit", "10", "x"], "stdin": "abba"});
        let counted = tenant.agent.call("tool.run", counted).await.json();
        assert_eq!(counted["exit_code"], 0, "{counted}");
        let told: serde_json::Value = serde_json::from_str(counted["stdout"].as_str().unwrap()).unwrap();
        assert_eq!(told, json!({"counts": {"a": 2, "b": 2}, "arguments": ["x"], "environment": 0}));
        let refused = tenant.agent.call("tool.run", json!({"args": ["-limit", "3"], "stdin": "abba"})).await.ok();
        assert_eq!(refused["is_error"], true);
        assert_eq!(refused["content"][0]["json"]["stderr"], "more than 3 bytes\n", "{refused}");
    });
}

#[test]
fn needs_c_program_made_by_clang_with_the_adapter() {
    run(async {
        let tenant = tenant_with(Language::C, "c").await;
        assert_eq!(facts(&tenant).await, expected("command", "small"));
        let turned = tenant.agent.call("tool.run", json!({"stdin": "Hello, World"})).await.json();
        assert_eq!((&turned["exit_code"], &turned["stdout"]), (&json!(0), &json!("Uryyb, Jbeyq")), "{turned}");
        let left = tenant.agent.call("tool.run", json!({"args": ["--exit", "9"]})).await.ok();
        assert_eq!((&left["is_error"], &left["content"][0]["json"]["stderr"]), (&json!(true), &json!("leaving\n")));
    });
}
