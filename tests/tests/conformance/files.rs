//! Volumes: the call's limit, and the grant's.

use cofferdam_tests::run;
use serde_json::json;

use crate::stand::Stand;

fn grant(more: &str) -> String {
    format!("files = [{{ volume = \"v\", mount = \"/v\", access = \"read-write\"{more} }}]")
}

pub(crate) async fn open() {
    let stand = Stand::granting("open", &grant("")).await;
    stand.limit("").await;
    stand.holds("catalogue/limits.file-write", json!({"path": "/v/f", "text": "x"})).await;
    stand.limit("files_open = 20").await;
    let hold = |count: u32| json!({"path": "/v/f", "count": count});
    stand.holds("catalogue/limits.file-hold", hold(20)).await;
    let told = stand.is_told("catalogue/limits.file-hold", hold(21), "open 20: ").await;
    assert_eq!(told["is_error"], true);
}

pub(crate) async fn written() {
    let stand = Stand::granting("written", &grant("")).await;
    stand.limit("files_written_bytes = 10_000").await;
    let write = |bytes: u32| json!({"path": "/v/f", "bytes": bytes});
    let usage = stand.holds("catalogue/limits.file-write", write(10_000)).await;
    assert_eq!(usage["files_bytes_written"], 10_000);
    // Whatever the file had before: what counts is what is written.
    let told = stand.is_told("catalogue/limits.file-write", write(10_001), "").await;
    assert_eq!(told["is_error"], true, "{told}");
    assert!(told["usage"]["files_bytes_written"].as_u64().unwrap() <= 10_000, "{told}");
}

#[test]
fn a_volume_holds_so_many_bytes() {
    run(async {
        let stand = Stand::granting("volume", &grant(", bytes_max = 10_000")).await;
        stand.limit("").await;
        let write = |path: &str, bytes: u32| json!({"path": path, "bytes": bytes});
        let usage = stand.holds("catalogue/limits.file-write", write("/v/a", 6_000)).await;
        assert_eq!(usage["files_bytes_written"], 6_000);
        stand.holds("catalogue/limits.file-write", write("/v/b", 4_000)).await;
        let told = stand.is_told("catalogue/limits.file-write", write("/v/c", 1), "").await;
        assert_eq!(told["is_error"], true, "{told}");
        stand.limit("").await;
        // Writing a file anew gives back what it had.
        stand.holds("catalogue/limits.file-write", write("/v/a", 5_999)).await;
        stand.holds("catalogue/limits.file-write", write("/v/c", 1)).await;
    });
}

#[test]
fn a_volume_holds_so_many_files() {
    run(async {
        let stand = Stand::granting("files", &grant(", files_max = 5")).await;
        stand.limit("").await;
        let write = |count: u32| json!({"path": "/v/f", "count": count, "text": "x"});
        stand.holds("catalogue/limits.file-write", write(5)).await;
        let told = stand.is_told("catalogue/limits.file-write", write(6), "file 5: ").await;
        assert_eq!(told["is_error"], true, "{told}");
    });
}
