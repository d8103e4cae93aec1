//! Buckets: the call's limits, and the grant's.

use cofferdam_tests::run;
use serde_json::json;

use crate::stand::Stand;

const GRANT: &str = "kv = [{ bucket = \"b\", access = \"read-write\" }]";

pub(crate) async fn operations() {
    let stand = Stand::granting("operations", GRANT).await;
    stand.limit("kv_operations = 10").await;
    let count = |times: u32| json!({"bucket": "b", "key": "k", "times": times});
    let usage = stand.holds("catalogue/limits.kv-count", count(10)).await;
    assert_eq!(usage["kv_operations"], 10);
    let told = stand.is_told("catalogue/limits.kv-count", count(11), "limits.kv_operations is 10: use fewer").await;
    assert_eq!((&told["is_error"], &told["usage"]["kv_operations"]), (&json!(true), &json!(10)));
}

pub(crate) async fn key_bytes() {
    let stand = Stand::granting("key", GRANT).await;
    stand.limit("kv_key_bytes = 100").await;
    let set = |bytes: u32| json!({"bucket": "b", "key_bytes": bytes, "value": "v"});
    stand.holds("catalogue/limits.kv-set", set(100)).await;
    let told = stand.is_told("catalogue/limits.kv-set", set(101), "limits.kv_key_bytes is 100").await;
    assert_eq!(told["usage"]["kv_operations"], 0);
}

pub(crate) async fn value_bytes() {
    let stand = Stand::granting("value", GRANT).await;
    stand.limit("kv_value_bytes = 5000").await;
    let set = |bytes: u32| json!({"bucket": "b", "key": "k", "value_bytes": bytes});
    stand.holds("catalogue/limits.kv-set", set(5000)).await;
    let told = stand.is_told("catalogue/limits.kv-set", set(5001), "limits.kv_value_bytes is 5000").await;
    assert_eq!(told["usage"]["kv_operations"], 0);
    // What was there is there still.
    stand.limit("").await;
    assert_eq!(stand.call("catalogue/limits.kv-get", json!({"bucket": "b", "key": "k"})).await.text().len(), 5000);
}

#[test]
fn a_bucket_holds_so_many_keys() {
    run(async {
        let grant = "kv = [{ bucket = \"b\", access = \"read-write\", keys_max = 5 }]";
        let stand = Stand::granting("keys", grant).await;
        stand.limit("").await;
        stand.holds("catalogue/limits.kv-set", json!({"bucket": "b", "count": 5, "value": "v"})).await;
        // One that is there may be changed; one more may not be.
        stand.holds("catalogue/limits.kv-set", json!({"bucket": "b", "count": 5, "value": "w"})).await;
        stand.is_told("catalogue/limits.kv-set", json!({"bucket": "b", "count": 6, "value": "v"}), "set 5: ").await;
        stand.limit("").await;
        let keys = stand.call("catalogue/limits.kv-keys", json!({"bucket": "b"})).await.text();
        assert_eq!(keys.lines().collect::<Vec<_>>(), ["0", "1", "2", "3", "4"]);
    });
}

#[test]
fn a_bucket_holds_so_many_bytes() {
    run(async {
        let grant = "kv = [{ bucket = \"b\", access = \"read-write\", bytes_max = 1000 }]";
        let stand = Stand::granting("bytes", grant).await;
        stand.limit("").await;
        // Keys count as values do.
        let set = |key: &str, value: u32| json!({"bucket": "b", "key": key, "value_bytes": value});
        stand.holds("catalogue/limits.kv-set", set("a", 499)).await;
        stand.holds("catalogue/limits.kv-set", set("b", 499)).await;
        stand.is_told("catalogue/limits.kv-set", set("a", 500), "set 0: ").await;
        stand.limit("").await;
        stand.is_told("catalogue/limits.kv-set", set("c", 0), "set 0: ").await;
        stand.limit("").await;
        stand.holds("catalogue/limits.kv-set", set("a", 498)).await;
        stand.holds("catalogue/limits.kv-set", set("c", 0)).await;
    });
}
