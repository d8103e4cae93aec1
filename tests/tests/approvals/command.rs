//! `cofferdam approvals`, and `cofferdam call --approval`.

use std::process::Output;

use cofferdam_tests::{Client, program, run};
use serde_json::Value;
use tokio::process::Command;

use super::*;

async fn cofferdam(key: &Client, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(program());
    command.args(arguments).env("COFFERDAM_URL", key.base()).env("COFFERDAM_KEY", key.key());
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_call_is_let_go_and_made_with_commands() {
    run(async {
        let tenant = tenant("commands").await;
        let set = ["call", SET, "bucket=done", "key=k", "value=one"];
        for more in [&[][..], &["--stream"]] {
            let (code, stdout, stderr) = cofferdam(&tenant.agent, &[&set[..], more].concat()).await;
            assert_eq!((code, stdout.as_str()), (Some(8), ""), "{stderr}");
            assert!(
                stderr.contains("[approval-required]") && stderr.contains("cofferdam approvals approve"),
                "{stderr}"
            );
        }
        let (_, _, stderr) = cofferdam(&tenant.agent, &[&set[..], &["--json"]].concat()).await;
        let failure: Value = serde_json::from_str(&stderr).unwrap();
        let approval = failure["facts"]["approval"].as_str().unwrap_or_else(|| panic!("{failure}")).to_owned();

        let (code, stdout, _) = cofferdam(&tenant.operator, &["approvals", "list", "--state", "waiting"]).await;
        assert!(code == Some(0) && stdout.contains(&approval) && stdout.contains("agent"), "{stdout}");
        let (code, stdout, _) = cofferdam(&tenant.operator, &["approvals", "show", &approval]).await;
        assert!(code == Some(0) && stdout.contains("\"value\": \"one\""), "{stdout}");
        let (code, _, stderr) = cofferdam(&tenant.agent, &["approvals", "approve", &approval]).await;
        assert_eq!(code, Some(3), "{stderr}");
        let (code, stdout, stderr) = cofferdam(&tenant.operator, &["approvals", "approve", &approval]).await;
        assert!(code == Some(0) && stdout.contains("approved"), "{stdout}{stderr}");
        let with = [&set[..], &["--approval", &approval]].concat();
        let (code, stdout, stderr) = cofferdam(&tenant.agent, &with).await;
        assert_eq!((code, stdout.trim()), (Some(0), "1"), "{stderr}");
        let (code, _, _) = cofferdam(&tenant.agent, &with).await;
        assert_eq!(code, Some(1));

        let other = park(&tenant.agent, SET, &super::set("two")).await;
        let (code, stdout, _) = cofferdam(&tenant.operator, &["approvals", "deny", &other, "not now", "--json"]).await;
        assert_eq!((code, &serde_json::from_str::<Value>(&stdout).unwrap()["state"]), (Some(0), &json!("denied")));
        let (code, stdout, _) = cofferdam(&tenant.agent, &["approvals", "list", "--json"]).await;
        let listed: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!((code, listed["approvals"].as_array().unwrap().len()), (Some(0), 2));
        let (code, _, _) = cofferdam(&tenant.agent, &["approvals", "list", "--state", "lost"]).await;
        assert_eq!(code, Some(2));
    });
}
