//! `cofferdam routes`, and policies that are put only in the place of the one that was read.

use std::process::Output;

use cofferdam::Code;
use cofferdam_tests::{Client, Tenant, program, run, shared};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{bad, good, push, tool};

const POLICY: &str = r#"# Ours, with care.
[[route]]
name = "r"   # the only one
choices = [
    { tool = "new.handmade", share = 0 }, # the canary
    { tool = "old.handmade" },
]
fallback = "none"
"#;

async fn cofferdam(key: &Client, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(arguments).env("COFFERDAM_URL", key.base()).env("COFFERDAM_KEY", key.key());
    command.output().await.unwrap()
}

async fn text(tenant: &Tenant) -> String {
    tenant.operator.get("/v1/policy").await.ok()["text"].as_str().unwrap().to_owned()
}

#[test]
fn a_canary_is_rolled_out_and_back_with_commands() {
    run(async {
        let tenant = shared().await.tenant("command").await;
        push(&tenant, &[("old", good()), ("new", bad())]).await;
        tenant.policy(POLICY).await;
        let routes = async |arguments: &[&str]| {
            let mut all = vec!["routes"];
            all.extend(arguments);
            let output = cofferdam(&tenant.operator, &all).await;
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let (code, shown) = routes(&["list"]).await;
        assert!(code == Some(0) && shown.contains("new.handmade 0 %"), "{shown}");
        let (_, shown) = routes(&["show", "r", "--json"]).await;
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["choices"][1], json!({"tool": "old.handmade", "takes": ""}));
        assert_eq!(tool(&tenant.agent.call("routes/r", json!({})).await.ok()), "old.handmade");

        assert_eq!(routes(&["shift", "r", "new.handmade", "1"]).await.0, Some(0));
        assert_eq!(text(&tenant).await, POLICY.replace("share = 0 ", "share = 1 "));
        tenant.agent.call("routes/r", json!({})).await.problem(Code::ToolFailed);
        let (code, shown) = routes(&["roll-back", "r"]).await;
        assert!(code == Some(0) && shown.contains("in force from the next call on"), "{shown}");
        assert_eq!(text(&tenant).await, POLICY);
        assert_eq!(tool(&tenant.agent.call("routes/r", json!({})).await.ok()), "old.handmade");
        // Once more changes nothing.
        let (code, shown) = routes(&["roll-back", "r", "--json"]).await;
        assert_eq!((code, &serde_json::from_str::<Value>(&shown).unwrap()["changed"]), (Some(0), &json!(false)));

        for (wrong, exit) in [
            (&["show", "other"][..], 4),
            (&["shift", "other", "1", "0.5"][..], 4),
            (&["shift", "r", "3", "0.5"][..], 2),
            (&["shift", "r", "1", "2"][..], 2),
            (&["shift", "r", "1", "0.5 }, { tool = \"evil\""][..], 2),
        ] {
            assert_eq!(routes(wrong).await.0, Some(exit), "{wrong:?}");
        }
        assert_eq!(text(&tenant).await, POLICY);
        // Where every choice has a share, there is none that all calls could go back to.
        let each = POLICY.replace("{ tool = \"old.handmade\" }", "{ tool = \"old.handmade\", share = 1 }");
        tenant.policy(&each).await;
        assert_eq!(routes(&["roll-back", "r"]).await.0, Some(2));
        assert_eq!(text(&tenant).await, each);
        tenant.policy(POLICY).await;
        // Whoever may not change the policy shifts nothing, and whoever may not read it lists nothing.
        let shift = ["routes", "shift", "r", "1", "0.5"];
        assert_eq!(cofferdam(&tenant.auditor, &shift).await.status.code(), Some(3));
        assert_eq!(cofferdam(&tenant.agent, &["routes", "list"]).await.status.code(), Some(3));
        assert_eq!(text(&tenant).await, POLICY);
        // What a call of a route came to is told.
        let called = cofferdam(&tenant.agent, &["call", "routes/r"]).await;
        let told = String::from_utf8_lossy(&called.stderr).into_owned();
        assert!(called.status.success() && told.contains("by routes/r"), "{told}");
        let explain = ["policy", "explain", "--tool", "routes/r", "--risk", "high", "--args", "{\"a\": 1}"];
        let explained = String::from_utf8(cofferdam(&tenant.agent, &explain).await.stdout).unwrap();
        assert!(explained.contains("risk high at least") && explained.contains("2 old.handmade taken"), "{explained}");
    });
}

/// Two who change it at once: the second one is told, and the first one's change stays.
#[test]
fn a_policy_that_was_changed_meanwhile_is_not_written_over() {
    run(async {
        let tenant = shared().await.tenant("meanwhile").await;
        let read = tenant.policy(POLICY).await["digest"].as_str().unwrap().to_owned();
        let put = async |before: &str, text: &str| {
            let request = tenant.operator.request("PUT", &format!("/v1/policy?before={before}"));
            tenant.operator.send(request.header(CONTENT_TYPE, "application/toml").body(text.to_owned())).await
        };
        let first = format!("{POLICY}# first\n");
        let second = put(&read, &first).await.ok();
        assert_eq!(second["before"], read);
        let refused = put(&read, &format!("{POLICY}# second\n")).await;
        assert_eq!(refused.problem(Code::Conflict)["facts"]["in_force"], second["digest"]);
        assert_eq!(text(&tenant).await, first);
        put("sha256:0", POLICY).await.problem(Code::InvalidRequest);
        // Of many at once exactly one is the first.
        let digest = second["digest"].as_str().unwrap();
        let put = &put;
        let many = (0..8).map(|nth| {
            let text = format!("{POLICY}# {nth}\n");
            async move { put(digest, &text).await.status }
        });
        let statuses = futures::future::join_all(many).await;
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    });
}
