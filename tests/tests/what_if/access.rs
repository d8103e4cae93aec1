//! Access rules tried on real calls, then put in force, and the same calls made again: both have to say the same.

use std::collections::BTreeSet;

use cofferdam::Code;
use cofferdam_tests::{Answer, Client, beside, run};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::{Record, make, now, server};

const FIRST: &str =
    r#"forbid (principal, action == Action::"call", resource) when { resource.name == "catalogue/limits.echo" };"#;

async fn send(client: &Client, method: &str, path: &str, rules: &str) -> Answer {
    client.send(client.request(method, path).header(CONTENT_TYPE, "text/plain").body(rules.to_owned())).await
}

#[test]
fn access_rules_do_what_their_trial_said() {
    run(async {
        let tenant = server().await.tenant("rules").await;
        tenant.policy("[tools]\ndeny = [\"catalogue/notes\"]\n").await;
        let apply = async |rules: &str| send(&tenant.operator, "PUT", "/v1/policy/access", rules).await.ok();
        let calls = [
            ("catalogue/noop", json!({})),
            ("catalogue/limits.echo", json!({"text": "x"})),
            ("catalogue/limits.random", json!({"bytes": 8})),
            ("catalogue/limits.spin", json!({"rounds": 1})),
            ("catalogue/notes.list", json!({})),
            ("catalogue/text.count", json!({"text": "two words"})),
        ];
        apply(FIRST).await;
        let since = now();
        let made = make(&tenant, &calls).await;
        let until = now();
        let let_in = async |ids: &[String]| {
            Record::all(&tenant, ids).await.iter().map(|record| record.limits.is_some()).collect::<Vec<_>>()
        };
        let before = let_in(&made).await;
        for rules in [
            "",
            FIRST,
            r#"forbid (principal, action == Action::"call", resource) when { resource.name like "catalogue/limits.*" };"#,
            r#"permit (principal, action == Action::"call", resource) when { resource.name == "catalogue/text.count" };"#,
            r#"forbid (principal, action == Action::"call", resource) when { context.hour + 9223372036854775807 > 0 || true };"#,
        ] {
            let path = format!("/v1/policy/access/try?calls=1000&since={since}&until={until}");
            let tried = send(&tenant.auditor, "POST", &path, rules).await.ok();
            assert_eq!(tried["not_compared"], json!([]), "{tried}");
            apply(rules).await;
            let after = let_in(&make(&tenant, &calls).await).await;
            let differing = |was: bool| -> BTreeSet<&str> {
                let nth = (0..calls.len()).filter(|nth| before[*nth] == was && after[*nth] != was);
                nth.map(|nth| made[nth].as_str()).collect()
            };
            let said = |kind: &str| -> BTreeSet<&str> {
                let changes = tried["changes"].as_array().unwrap().iter().filter(|change| change["kind"] == kind);
                changes.flat_map(|change| change["calls"].as_array().unwrap()).map(|id| id.as_str().unwrap()).collect()
            };
            assert_eq!((said("denied"), said("allowed")), (differing(true), differing(false)), "{rules}\n{tried}");
            assert_eq!(tried["changed"], json!(said("denied").len() + said("allowed").len()), "{tried}");
            apply(FIRST).await;
        }
    });
}

/// `denied`, `invalid-policy` with the line, and nothing of another tenant's calls.
#[test]
fn hostile_trials_of_access_rules_tell_no_more_than_those_of_policies() {
    run(beside_all(async {
        let (acme, globex) = (server().await.tenant("acme").await, server().await.tenant("globex").await);
        make(&acme, &[("catalogue/noop", json!({}))]).await;
        let path = "/v1/policy/access/try?calls=100";
        for client in [&acme.agent, &acme.publisher] {
            let denied = send(client, "POST", path, "").await;
            denied.problem(Code::Denied);
            let event = json!({"operation": "POST /v1/policy/access/try"});
            acme.entry("request.refused", event).await;
        }
        let tried = send(&globex.auditor, "POST", path, "forbid (principal, action, resource);").await.ok();
        assert_eq!((&tried["decisions"], &tried["changes"]), (&json!(0), &Value::from(Vec::<Value>::new())), "{tried}");
        let wrong =
            send(&acme.operator, "POST", path, "\nforbid (principal, action == Action::\"cal\", resource);").await;
        assert!(wrong.problem(Code::InvalidPolicy).to_string().contains("line"), "{wrong:?}");
        // What is tried is not in force.
        send(&acme.operator, "POST", path, "forbid (principal, action, resource);").await.ok();
        acme.agent.call("catalogue/noop", json!({})).await.ok();
    }));
}

async fn beside_all(work: impl Future<Output = ()>) {
    beside(server().await, work).await;
}
