//! Schemas that cost more than there is time, to be checked where neither fuel nor a deadline counts: on the host's own
//! threads.

use std::time::{Duration, Instant};

use cofferdam::Code;
use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{Answer, Tenant, attack, shared};
use serde_json::{Map, Value, json};

/// Longer than any check may take here, on a machine that is busy with other things.
const TIME_MAX: Duration = Duration::from_secs(60);

fn with_schema(schema: &Value) -> bytes::Bytes {
    Handmade { schema: schema.to_string(), ..Handmade::default() }.build()
}

/// The caller's own error, in time, and in the record as a refusal.
async fn refused(tenant: &Tenant, began: Instant, answers: &[Answer]) {
    for answer in answers {
        let problem = answer.problem(Code::InvalidArguments);
        assert_eq!(problem["facts"]["limit"], "schema_visits", "{problem}");
        assert!(problem["next"].is_string(), "{problem}");
    }
    assert!(began.elapsed() < TIME_MAX, "{:?}", began.elapsed());
    tenant.entry("call.refused", json!({"code": "invalid-arguments"})).await;
}

/// Rejected at the upload: each level asks for the next two hundred times, which would be years for `{}`.
#[test]
fn hostile_schema_that_fans_out() {
    attack(async {
        let tenant = shared().await.tenant("fan").await;
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let mut defs: Map<_, _> = (0..5)
                .map(|level| {
                    let next = json!({"$ref": format!("#/$defs/{}", level + 1)});
                    (level.to_string(), json!({keyword: vec![next; 200]}))
                })
                .collect();
            defs.insert("5".to_owned(), json!({"type": "object"}));
            let schema = json!({"type": "object", "$ref": "#/$defs/0", "$defs": defs});
            let answer = tenant.publisher.upload(with_schema(&schema)).await;
            let reasons = answer.problem(Code::ComponentRejected)["facts"]["reasons"].to_string();
            assert!(reasons.contains("steps to check"), "{reasons}");
        }
        // One that is refused for what it leads to, not for what it costs.
        let meta = json!({"type": "object", "$ref": "https://json-schema.org/draft/2020-12/schema"});
        tenant.publisher.upload(with_schema(&meta)).await.problem(Code::ComponentRejected);
        tenant.entry("component.rejected", json!({})).await;
    });
}

/// `invalid-arguments`: a schema that holds itself twice to the same member is small, and doubles with each level of what
/// it is held to.
#[test]
fn hostile_schema_that_doubles_with_each_level() {
    attack(async {
        let tenant = shared().await.tenant("double").await;
        let again = json!({"properties": {"a": {"$ref": "#"}}});
        let schema = json!({"type": "object", "anyOf": [again, again, {"required": ["b"]}]});
        tenant.push("double", with_schema(&schema)).await;
        let nested = |levels: usize| (0..levels).fold(json!({}), |inner, _| json!({"a": inner}));
        assert_eq!(tenant.agent.call("double.handmade", nested(5)).await.status, 200, "a little of it is nothing");
        let began = Instant::now();
        let crowd = (0..16).map(|_| tenant.agent.call("double.handmade", nested(50)));
        refused(&tenant, began, &futures::future::join_all(crowd).await).await;
    });
}

/// `invalid-arguments`: many elements, each held to many schemas.
#[test]
fn hostile_elements_by_the_hundred_thousand() {
    attack(async {
        let tenant = shared().await.tenant("elements").await;
        let each = json!({"allOf": vec![json!({"minimum": 0}); 1_000]});
        let schema = json!({"type": "object", "properties": {"a": {"items": each}}});
        tenant.push("elements", with_schema(&schema)).await;
        let few = json!({"a": vec![1; 100]});
        assert_eq!(tenant.agent.call("elements.handmade", few).await.status, 200);
        let began = Instant::now();
        let many = json!({"a": vec![1; 400_000]});
        let crowd = (0..8).map(|_| tenant.agent.call("elements.handmade", many.clone()));
        refused(&tenant, began, &futures::future::join_all(crowd).await).await;
    });
}

/// Rejected at the upload: a host compiles no patterns by the hundred.
#[test]
fn hostile_patterns_by_the_hundred() {
    attack(async {
        let tenant = shared().await.tenant("patterns").await;
        let patterns: Map<_, _> = (0..200).map(|n| (format!("^(\\w{{9}}{n})+$"), json!(true))).collect();
        let schema = json!({"type": "object", "patternProperties": patterns});
        let answer = tenant.publisher.upload(with_schema(&schema)).await;
        let reasons = answer.problem(Code::ComponentRejected)["facts"]["reasons"].to_string();
        assert!(reasons.contains("patterns"), "{reasons}");
        tenant.entry("component.rejected", json!({})).await;
    });
}
