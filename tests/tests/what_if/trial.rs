//! A policy tried on real calls, then put in force, and the same calls made again: both have to say the same.

use std::collections::BTreeSet;

use cofferdam_tests::run;
use serde_json::{Value, json};

use crate::{Record, make, now, server, try_policy};

/// Whether a call's two records differ in a way.
type Differs<'a> = &'a dyn Fn(&Record, &Record) -> bool;

/// What the calls are made under first.
fn first(port: u16) -> String {
    format!(
        r#"
        [tools]
        allow = ["catalogue/*"]
        deny = ["catalogue/text"]
        [limits]
        fuel = 20_000_000_000
        [[grant]]
        tools = ["catalogue/*"]
        kv = [{{ bucket = "a", access = "read-write" }}, {{ bucket = "b", access = "read-write" }},
              {{ bucket = "notes", access = "read-write" }}]
        files = [{{ volume = "work", mount = "/work", access = "read-write" }}]
        http = [{{ host = "127.0.0.1", scheme = "http", port = {port}, methods = ["*"], paths = ["/try/bytes/*", "/try/slow/*"] }}]
        clock = "real"
        random = "secure"
        log = "trace"
        config = {{ greeting = "hello", unit = "metric" }}
        "#
    )
}

/// Calls that use something of every kind, and some that use nothing.
fn calls(origin: &str) -> Vec<(&'static str, Value)> {
    let url = |path: &str| format!("{origin}{path}");
    vec![
        ("catalogue/noop", json!({})),
        ("catalogue/limits.spin", json!({"rounds": 100_000})),
        ("catalogue/limits.kv-set", json!({"bucket": "a", "key": "k", "value": "v"})),
        ("catalogue/limits.kv-get", json!({"bucket": "a", "key": "k"})),
        ("catalogue/limits.kv-get", json!({"bucket": "b", "key": "k"})),
        ("catalogue/limits.file-write", json!({"path": "/work/x", "text": "x"})),
        ("catalogue/limits.file-read", json!({"path": "/work/x"})),
        ("catalogue/limits.http", json!({"url": url("/bytes/5")})),
        ("catalogue/limits.http", json!({"url": url("/bytes/5"), "method": "POST"})),
        ("catalogue/limits.http", json!({"url": url("/slow/0")})),
        ("catalogue/limits.random", json!({"bytes": 8})),
        ("catalogue/limits.log", json!({"lines": 1, "bytes": 5})),
        ("catalogue/attack.clocks", json!({})),
        ("catalogue/attack.settings", json!({})),
        ("catalogue/notes.add", json!({"title": "Sluice", "text": "opens at noon"})),
        ("catalogue/notes.list", json!({})),
        ("catalogue/files.write", json!({"path": "y.txt", "text": "y"})),
        ("catalogue/files.read", json!({"path": "y.txt"})),
        ("catalogue/http-fetch", json!({"url": url("/slow/0")})),
        ("catalogue/text.count", json!({"text": "two words"})),
        ("catalogue/text.count", json!({"text": "one"})),
    ]
}

/// Policies that take something away, or give it.
fn others(port: u16) -> Vec<(&'static str, String)> {
    let first = first(port);
    let changed = |from: &str, to: &str| {
        assert!(first.contains(from), "{from}");
        first.replace(from, to)
    };
    vec![
        ("the same", format!("{first}\n# with a remark\n")),
        ("nothing", String::new()),
        ("no tool", "[tools]\nallow = []\n".to_owned()),
        (
            "another tool denied",
            changed("deny = [\"catalogue/text\"]", "deny = [\"catalogue/noop\", \"catalogue/notes\"]"),
        ),
        ("less fuel", changed("fuel = 20_000_000_000", "fuel = 3_000_000_000")),
        (
            "a bucket read-only",
            changed("bucket = \"a\", access = \"read-write\"", "bucket = \"a\", access = \"read-only\""),
        ),
        ("a bucket less", changed("bucket = \"b\"", "bucket = \"c\"")),
        ("a volume read-only", changed("mount = \"/work\", access = \"read-write\"", "mount = \"/work\"")),
        ("a volume elsewhere", changed("mount = \"/work\"", "mount = \"/elsewhere\"")),
        ("a method less", changed("methods = [\"*\"]", "methods = [\"GET\"]")),
        ("a path less", changed("paths = [\"/try/bytes/*\", \"/try/slow/*\"]", "paths = [\"/try/bytes/*\"]")),
        ("a coarse clock", changed("clock = \"real\"", "clock = \"coarse\"")),
        ("seeded numbers", changed("random = \"secure\"", "random = \"seeded\"")),
        ("fewer lines", changed("log = \"trace\"", "log = \"error\"")),
        ("a setting less", changed("greeting = \"hello\", ", "")),
    ]
}

#[test]
fn policy_try_names_exactly_the_calls_that_a_real_run_decides_otherwise() {
    run(async {
        let server = server().await;
        let tenant = server.tenant("try").await;
        let port = server.upstream.address.port();
        let calls = calls(&server.upstream.url("try", ""));
        tenant.policy(&first(port)).await;
        // What the first use of a bucket does once is done.
        make(&tenant, &calls).await;
        let since = now();
        let made = make(&tenant, &calls).await;
        let until = now();
        let before = Record::all(&tenant, &made).await;
        assert!(before.iter().zip(&calls).all(|(one, (tool, _))| one.limits.is_some() != tool.contains("/text.")));

        for (name, policy) in others(port) {
            let span = format!("since={since}&until={until}&calls=100");
            let tried = try_policy(&tenant.auditor, &span, &policy).await.ok();
            assert_eq!(tried["decisions"], calls.len(), "{name}: {tried}");
            assert_eq!((&tried["not_compared"], &tried["uses_unknown"]), (&json!([]), &json!(0)), "{name}: {tried}");
            let named = |kinds: &[&str]| -> BTreeSet<String> {
                let changes = tried["changes"].as_array().unwrap().iter();
                let changes = changes.filter(|change| kinds.contains(&change["kind"].as_str().unwrap()));
                let calls = changes.flat_map(|change| change["calls"].as_array().unwrap());
                calls.map(|call| call.as_str().unwrap().to_owned()).collect()
            };

            tenant.policy(&policy).await;
            let again = make(&tenant, &calls).await;
            let after = Record::all(&tenant, &again).await;
            let really = |differs: Differs<'_>| -> BTreeSet<String> {
                let both = before.iter().zip(&after).zip(&made);
                both.filter(|((before, after), _)| differs(before, after)).map(|(_, call)| call.clone()).collect()
            };
            let both = |before: &Record, after: &Record| before.limits.is_some() && after.limits.is_some();
            let kinds: [(&str, Differs<'_>); 4] = [
                ("denied", &|before, after| before.limits.is_some() && after.limits.is_none()),
                ("allowed", &|before, after| before.limits.is_none() && after.limits.is_some()),
                ("limited", &|before, after| both(before, after) && before.limits != after.limits),
                ("use-denied", &|before, after| {
                    both(before, after) && before.uses.iter().any(|used| !after.uses.contains(used))
                }),
            ];
            for (kind, differs) in kinds {
                assert_eq!(named(&[kind]), really(differs), "{name}: {kind} of {made:#?}: {tried:#}");
            }
            assert_eq!(named(&["use-uncertain"]), BTreeSet::new(), "{name}");
            let changed = named(&["denied", "allowed", "limited", "use-denied"]).len();
            assert_eq!(tried["changed"], changed, "{name}: {tried}");
            assert_eq!(changed > 0, name != "the same", "{name}: {tried}");
        }
    });
}

/// Of a request the record has the pattern that its path matched: where a rule covers a part of that, both can be.
#[test]
fn policy_try_says_where_the_record_does_not_tell() {
    run(async {
        let server = server().await;
        let tenant = server.tenant("narrow").await;
        let port = server.upstream.address.port();
        tenant.policy(&first(port)).await;
        let ask = |path: &str| ("catalogue/limits.http", json!({"url": server.upstream.url("try", path)}));
        let made = make(&tenant, &[ask("/bytes/5"), ask("/bytes/6")]).await;
        let narrow = first(port).replace("\"/try/bytes/*\"", "\"/try/bytes/5\"");
        let tried = try_policy(&tenant.operator, "", &narrow).await.ok();
        let change = &tried["changes"][0];
        assert_eq!((&change["kind"], &change["calls"]), (&json!("use-uncertain"), &json!(made)), "{tried:#}");
        assert_eq!(change["use"]["http"]["path"], "/try/bytes/*");
        // Neither the path nor what else a guest sent is in the record or the answer.
        let record = json!(tenant.log(0).await).to_string();
        assert!(!record.contains("bytes/5") && !tried.to_string().contains("bytes/6"), "{record}");
    });
}
