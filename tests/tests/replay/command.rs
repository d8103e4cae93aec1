//! The same from the command line.

use std::path::Path;

use cofferdam_tests::{Client, program, run, shared};
use serde_json::{Value, json};
use tokio::process::Command;

/// Runs `cofferdam audit` with a key; gives its exit code, and what it said.
async fn audit(client: &Client, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(program());
    command.arg("audit").args(arguments).env("COFFERDAM_URL", client.base()).env("COFFERDAM_KEY", client.key());
    let output = command.output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

fn write(folder: &Path, name: &str, value: &Value) -> String {
    let path = folder.join(name);
    std::fs::write(&path, value.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn payloads_are_shown_and_erased_and_calls_replayed() {
    run(async {
        let acme = shared().await.tenant("acme").await;
        acme.policy("[audit]\npayloads = \"1h\"\n").await;
        let call = acme.agent.call("catalogue/limits.echo", json!({"text": "hello\u{1b}[2J"})).await.call().to_owned();

        let (code, text) = audit(&acme.auditor, &["payload", &call]).await;
        assert!(code == Some(0) && text.contains("arguments") && text.contains("hello"), "{text}");
        assert!(!text.contains('\u{1b}'), "a payload must not speak to the terminal: {text}");
        let (code, text) = audit(&acme.auditor, &["payload", &call, "--json"]).await;
        let shown: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((code, &shown["arguments"]["text"]), (Some(0), &json!("hello\u{1b}[2J")));

        let (code, text) = audit(&acme.auditor, &["replay", &call]).await;
        assert!(code == Some(0) && text.contains("the same"), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let wrong = write(folder.path(), "wrong.json", &json!({"text": "bye"}));
        let (code, text) = audit(&acme.auditor, &["replay", &call, "--arguments", &wrong]).await;
        assert!(code == Some(1) && text.contains("not the same: the arguments' digest was"), "{text}");
        let (code, text) = audit(&acme.auditor, &["replay", &call, "--version", "7.0.0", "--json"]).await;
        let replayed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((code, &replayed["outcome"]), (Some(1), &json!("not-comparable")), "{text}");

        let (code, text) = audit(&acme.auditor, &["erase", &call]).await;
        assert!(code == Some(3) && text.contains("operator"), "{text}");
        assert_eq!(audit(&acme.operator, &["erase", &call]).await.0, Some(0));
        let (code, text) = audit(&acme.auditor, &["payload", &call]).await;
        assert!(code == Some(4) && text.contains("was erased at"), "{text}");
        let (code, text) = audit(&acme.auditor, &["replay", &call]).await;
        assert!(code == Some(4) && text.contains("give the arguments"), "{text}");
        let right = write(folder.path(), "right.json", &json!({"text": "hello\u{1b}[2J"}));
        assert_eq!(audit(&acme.auditor, &["replay", &call, "--arguments", &right]).await.0, Some(0));
        assert_eq!(audit(&acme.operator, &["erase", "--all"]).await.0, Some(0));
        assert_eq!(audit(&acme.operator, &["erase"]).await.0, Some(2));
        let (_, text) = audit(&acme.auditor, &["show", "--kind", "payload."]).await;
        assert!(text.contains(&call) && text.contains("of every call"), "{text}");
    });
}
