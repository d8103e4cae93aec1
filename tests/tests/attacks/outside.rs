//! What a guest finds around it: nothing.

use cofferdam_tests::{attack, shared};
use serde_json::json;

/// Finds nothing of the host: no environment, arguments, files, sockets.
#[test]
fn hostile_look_around() {
    attack(async {
        let tenant = shared().await.tenant("outside").await;
        let answer = tenant.agent.call("catalogue/attack.surroundings", json!({})).await;
        let ended = tenant.ended(&answer, "ok").await;
        assert_eq!(ended["uses"], json!([]), "it got at nothing, so it used nothing");
        let found = answer.json();
        assert_eq!(found["environment"], json!({}));
        assert_eq!(found["arguments"], json!([]));
        assert_eq!(found["folder"], json!(null));
        assert_eq!(found["mounts"], json!([]));
        assert_eq!(found["opened"], json!([]));
        assert_eq!(found["input"].get("Ok").unwrap_or(&json!(0)), &json!(0), "{found}");
    });
}

/// Sees its policy's settings and no others.
#[test]
fn hostile_look_at_settings() {
    attack(async {
        let server = shared().await;
        let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
        let settings = async |tenant: &cofferdam_tests::Tenant| {
            tenant.agent.call("catalogue/attack.settings", json!({})).await.json()
        };
        assert_eq!(settings(&acme).await, json!({}));
        acme.policy("[[grant]]\ntools = [\"catalogue/attack\"]\nconfig = { token = \"acme's\" }").await;
        globex.policy("[[grant]]\ntools = [\"catalogue/limits\"]\nconfig = { token = \"globex's\" }").await;
        assert_eq!(settings(&acme).await, json!({"token": "acme's"}));
        assert_eq!(settings(&globex).await, json!({}));
        let log = acme.log(0).await;
        let used = |entry: &&serde_json::Value| entry["event"]["uses"].to_string().contains("config");
        assert_eq!(log.iter().filter(used).count(), 1, "{log:?}");
        assert!(!json!(log).to_string().contains("acme's"), "values are in no record");
    });
}
