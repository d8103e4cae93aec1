//! What the host keeps, carries and shows on a guest's behalf.

use cofferdam::Code;
use serde_json::json;

use crate::stand::Stand;

pub(crate) async fn resources() {
    let stand = Stand::new("resources").await;
    // A timer is two handles: the moment, and what waits for it.
    for (what, handles) in [("timer", 2), ("fields", 1)] {
        // The guest's own library may hold a few as well: how many is found out, and then there is exactly one too many.
        let maximum = 200;
        let mut held = maximum / handles;
        stand.limit(&format!("resources = {maximum}")).await;
        while stand.call("catalogue/limits.hold", json!({"what": what, "count": held})).await.status != 200 {
            held -= 1;
            assert!(held > maximum / handles - 20, "{what}: {held}");
        }
        stand.holds("catalogue/limits.hold", json!({"what": what, "count": held})).await;
        let facts = json!({"limit": "resources", "maximum": maximum});
        let more = json!({"what": what, "count": held + 1});
        stand.breaks("catalogue/limits.hold", more, Code::LimitExceeded, facts).await;
    }
}

/// Handles of resources that a component has by itself are no host's, and bounded all the same: four for each of `resources`.
pub(crate) async fn handles() {
    let stand = Stand::new("handles").await;
    let component = r#"(component
        (type $r (resource (rep i32)))
        (core func $new (canon resource.new $r))
        (core module $m
            (import "" "new" (func $new (param i32) (result i32)))
            (func (export "make") (param $left i32)
                (loop $again
                    (if (i32.eqz (local.get $left)) (then (return)))
                    (drop (call $new (i32.const 7)))
                    (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                    (br $again))))
        (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
        (func $make (param "count" u32) (canon lift (core func $i "make")))
        (export "make" (func $make)))"#;
    stand.tenant.push("own", wat::parse_str(component).unwrap()).await;
    let maximum = 100;
    stand.limit(&format!("resources = {maximum}")).await;
    stand.holds("own.make", json!({"count": 4 * maximum})).await;
    let facts = json!({"limit": "resources", "maximum": maximum});
    stand.breaks("own.make", json!({"count": 4 * maximum + 1}), Code::LimitExceeded, facts).await;
}

pub(crate) async fn hostcall_bytes() {
    let stand = Stand::new("hostcall").await;
    let maximum = 1 << 20;
    stand.limit(&format!("hostcall_bytes = {maximum}")).await;
    stand.holds("catalogue/limits.string", json!({"bytes": maximum})).await;
    let facts = json!({"limit": "hostcall_bytes", "maximum": maximum});
    let more = json!({"bytes": maximum + 1});
    stand.breaks("catalogue/limits.string", more, Code::LimitExceeded, facts).await;

    // What is said to be there and is not is read no further than its first byte.
    stand.limit(&format!("hostcall_bytes = {maximum}")).await;
    for (at, length) in [(0, 2_u64 << 30), (0xffff_fff0_u64, 0xffff_ffff), (1 << 16, maximum + 1)] {
        let answer = stand.beside(stand.call("catalogue/attack.lift", json!({"at": at, "length": length}))).await;
        assert!(matches!(answer.code(), Some(Code::LimitExceeded | Code::ToolFailed)), "{answer:?}");
    }
}

pub(crate) async fn random_bytes() {
    let stand = Stand::new("random").await;
    stand.limit("random_bytes = 1000").await;
    stand.holds("catalogue/limits.random", json!({"bytes": 1000})).await;
    let facts = json!({"limit": "random_bytes", "maximum": 1000});
    stand.breaks("catalogue/limits.random", json!({"bytes": 1001}), Code::LimitExceeded, facts).await;
    stand.limit("random_bytes = 1000").await;
    let facts = json!({"limit": "random_bytes"});
    stand.breaks("catalogue/limits.random", json!({"bytes": 4_000_000_000_u32}), Code::LimitExceeded, facts).await;
}

pub(crate) async fn log_bytes() {
    let stand = Stand::granting("log", "log = \"trace\"").await;
    // A printed line says where it comes from, which counts as well.
    let ways = [
        ("log", json!({"lines": 10, "bytes": 100}), 1000),
        ("print", json!({"lines": 10, "bytes": 100}), 10 * (100 + "stdout".len())),
        ("print", json!({"lines": 10, "bytes": 100, "error": true}), 10 * (100 + "stderr".len())),
    ];
    for (tool, arguments, bytes) in ways {
        let tool = format!("catalogue/limits.{tool}");
        stand.limit(&format!("log_bytes = {bytes}")).await;
        let whole = stand.beside(stand.watch(&tool, arguments.clone())).await;
        assert_eq!(whole.of("log").len(), 10, "{whole:?}");
        assert_eq!(whole.of("log-cut").len(), 0, "{whole:?}");
        whole.result();

        // What is past it is cut, with a marker, and the tool goes on.
        stand.limit(&format!("log_bytes = {}", bytes - 1)).await;
        let cut = stand.beside(stand.watch(&tool, arguments)).await;
        let lines = cut.of("log");
        assert_eq!(lines.len(), 10, "{cut:?}");
        assert_eq!(lines[9]["message"].as_str().unwrap().len(), 99, "{cut:?}");
        assert_eq!(cut.of("log-cut"), [&json!({"bytes_max": bytes - 1})]);
        cut.result();
    }
    stand.works().await;
}

pub(crate) async fn progress_reports() {
    let stand = Stand::new("progress").await;
    stand.limit("progress_reports = 20").await;
    for (asked, shown) in [(20, 20), (21, 20), (5_000, 20)] {
        let watched = stand.beside(stand.watch("catalogue/limits.progress", json!({"reports": asked}))).await;
        assert_eq!(watched.of("progress").len(), shown);
        assert_eq!(watched.of("progress")[19]["done"], 19.0);
        watched.result();
    }
    stand.works().await;
}
