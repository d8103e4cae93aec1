//! What goes in and what comes out.

use cofferdam::Code;
use cofferdam_tests::includes;
use serde_json::{Value, json};

use crate::stand::Stand;

pub(crate) async fn arguments_bytes() {
    let stand = Stand::new("arguments").await;
    let text = |bytes: usize| json!({"text": "a".repeat(bytes - r#"{"text":""}"#.len())});
    stand.limit("arguments_bytes = 5000").await;
    stand.holds("catalogue/limits.echo", text(5000)).await;

    // The call is not decided upon: it is refused before, and counted.
    let answer = stand.beside(stand.call("catalogue/limits.echo", text(5001))).await;
    let facts = json!({"limit": "arguments_bytes", "maximum": 5000, "used": 5001});
    assert!(includes(&answer.problem(Code::LimitExceeded)["facts"], &facts), "{answer:?}");
    let refused = json!({"code": "limit-exceeded", "count": 1, "tool": "catalogue/limits.echo"});
    stand.tenant.entry("call.refused", refused).await;
    stand.works().await;
}

pub(crate) async fn result_bytes() {
    let stand = Stand::new("result").await;
    for shape in ["text", "json", "file", "pieces"] {
        let answer = |bytes: u64| -> Value { json!({"bytes": bytes, "shape": shape}) };
        stand.limit("result_bytes = 3000").await;
        stand.holds("catalogue/limits.result", answer(3000)).await;
        let facts = json!({"limit": "result_bytes", "maximum": 3000, "used": 3001});
        stand.breaks("catalogue/limits.result", answer(3001), Code::LimitExceeded, facts).await;
    }
}
