//! Access rules that would lock a tenant out of changing them, and keys without which nobody could.

use std::time::{SystemTime, UNIX_EPOCH};

use cofferdam::Code;
use cofferdam_tests::{Client, Tenant, attack, shared};
use serde_json::{Value, json};

use crate::apply;

async fn operator(tenant: &Tenant, name: &str) -> (Client, String) {
    let created = tenant.operator.post("/v1/keys", &json!({"name": name, "scopes": ["operator"]})).await.ok();
    (tenant.operator.with_key(created["key"].as_str().unwrap()), created["id"].as_str().unwrap().to_owned())
}

/// The id of a key of the tenant by its name.
async fn id(tenant: &Tenant, name: &str) -> String {
    let keys = tenant.operator.get("/v1/keys").await.ok();
    let is = |key: &&Value| key["name"] == name;
    keys["keys"].as_array().unwrap().iter().find(is).unwrap()["id"].as_str().unwrap().to_owned()
}

/// `conflict`: the last key that the access rules let change them stays, and another can be given the leave first.
#[test]
fn hostile_revoking_a_key_does_not_lock_the_access_rules_for_good() {
    attack(async {
        let tenant = shared().await.tenant("locks").await;
        let (other, other_id) = operator(&tenant, "other").await;
        let first = id(&tenant, "operator").await;
        let only = |ids: &[&str]| {
            let permit = |id: &&str| {
                format!("permit (principal == Principal::\"{id}\", action == Action::\"change-access\", resource);\n")
            };
            ids.iter().map(permit).collect::<String>()
        };
        apply(&tenant.operator, &only(&[&first])).await.ok();
        apply(&other, "").await.problem(Code::Denied);
        other.delete(&format!("/v1/keys/{first}")).await.problem(Code::Conflict);
        tenant.operator.delete(&format!("/v1/keys/{first}")).await.problem(Code::Conflict);
        // One that could not change them anyway goes.
        let (_, third) = operator(&tenant, "third").await;
        assert_eq!(other.delete(&format!("/v1/keys/{third}")).await.status, 204);
        // Nor is one kept that could only in another hour of the week, where there is one that can.
        apply(&tenant.operator, &only(&[&first, &other_id])).await.ok();
        assert_eq!(other.delete(&format!("/v1/keys/{first}")).await.status, 204);
        apply(&other, "").await.ok();
        other.delete(&format!("/v1/keys/{other_id}")).await.problem(Code::Conflict);
        tenant.entry("key.revoked", json!({"key": first})).await;
    });
}

/// `conflict` where no hour of the week lets it change them again; in force where one does.
#[test]
fn hostile_rules_lock_nobody_out_for_good_at_whatever_hour_they_are_set() {
    attack(async {
        let tenant = shared().await.tenant("hours").await;
        let forbid = |when: &str| {
            format!("forbid (principal, action == Action::\"change-access\", resource) when {{ {when} }};")
        };
        apply(&tenant.operator, &forbid("context.hour < 24")).await.problem(Code::Conflict);
        apply(&tenant.operator, &forbid("context.weekday != \"never\"")).await.problem(Code::Conflict);
        // Now and in an hour: when the clock has gone on, it is the same.
        let hour = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 3_600 % 24;
        let now = forbid(&format!("context.hour == {hour} || context.hour == {}", (hour + 1) % 24));
        apply(&tenant.operator, &now).await.ok();
        apply(&tenant.operator, "").await.problem(Code::Denied);
        tenant.entry("request.refused", json!({"operation": "PUT /v1/policy/access"})).await;
        assert_eq!(tenant.operator.get("/v1/policy/access").await.ok()["text"], json!(now));
    });
}
