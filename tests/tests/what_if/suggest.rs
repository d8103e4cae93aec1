//! Grants that are suggested from real calls let these through, and nothing else.

use cofferdam_tests::{Tenant, run};
use serde_json::{Value, json};

use crate::{Record, make, server};

/// Grants everything that these tests use.
fn wide(port: u16) -> String {
    format!(
        r#"
        [[grant]]
        tools = ["catalogue/*"]
        kv = [{{ bucket = "a", access = "read-write", bytes_max = "2MiB" }}, {{ bucket = "notes", access = "read-write" }}]
        files = [{{ volume = "w", mount = "/work", access = "read-write" }}]
        http = [{{ host = "*", scheme = "http", port = {port}, methods = ["*"], paths = ["/suggest/*", "/other/*"] }}]
        clock = "coarse"
        random = "secure"
        log = "trace"
        config = {{ greeting = "hello" }}
        "#
    )
}

async fn suggest(tenant: &Tenant, tool: &str) -> Value {
    tenant.auditor.post("/v1/policy/suggest", &json!({"tool": tool})).await.ok()
}

/// Makes calls under a wide policy, puts what is suggested in force alone, and gives that, after the same calls were made
/// again and used the same.
async fn narrowed(tenant: &Tenant, tool: &str, calls: &[(&str, Value)]) -> Value {
    let server = server().await;
    tenant.policy(&wide(server.upstream.address.port())).await;
    let made = make(tenant, calls).await;
    let before = Record::all(tenant, &made).await;
    assert!(
        before.iter().all(|one| one.limits.is_some() && one.outcome == "ok" && one.denials.is_empty()),
        "{before:#?}"
    );
    let suggested = suggest(tenant, tool).await;
    assert_eq!(suggested["calls"], calls.len(), "{suggested:#}");
    tenant.policy(suggested["text"].as_str().unwrap()).await;
    let after = Record::all(tenant, &make(tenant, calls).await).await;
    for ((before, after), (tool, _)) in before.iter().zip(&after).zip(calls) {
        assert!(after.outcome == "ok" && after.denials.is_empty(), "{tool}: {after:?}\n{suggested:#}");
        assert!(before.uses.iter().all(|used| after.uses.contains(used)), "{tool}: {before:?}, {after:?}");
    }
    suggested
}

#[test]
fn policy_suggest_lets_every_call_of_the_catalogue_through_and_nothing_more() {
    run(async {
        let server = server().await;
        let tenant = server.tenant("suggest").await;
        let url = |who: &str, path: &str| server.upstream.url(who, path);

        let fetch = [("catalogue/http-fetch", json!({"url": url("suggest", "/slow/0")}))];
        let suggested = narrowed(&tenant, "catalogue/http-fetch", &fetch).await;
        assert_eq!(suggested["uses"][0]["use"]["http"]["path"], "/suggest/*", "{suggested:#}");
        // Another path, and another host.
        for other in [url("other", "/slow/0"), url("suggest", "/slow/0").replace("127.0.0.1", "127.0.0.2")] {
            let answer = tenant.agent.call("catalogue/http-fetch", json!({"url": other})).await;
            answer.problem(cofferdam::Code::Denied);
        }

        let tenant = server.tenant("suggest").await;
        let add = ("catalogue/notes.add", json!({"title": "Sluice", "text": "opens at noon"}));
        let list = ("catalogue/notes.list", json!({}));
        let find = ("catalogue/notes.search", json!({"query": "noon"}));
        let suggested = narrowed(&tenant, "catalogue/notes.add", &[add.clone(), list.clone(), find.clone()]).await;
        assert!(suggested["text"].as_str().unwrap().contains("read-write"), "{suggested:#}");
        // Who only reads is given no more.
        let tenant = server.tenant("suggest").await;
        narrowed(&tenant, "catalogue/notes", &[list, find]).await;
        let written = tenant.agent.call(add.0, add.1).await;
        assert_eq!(Record::of(&tenant, written.call()).await.denials, ["kv"], "{written:?}");

        let tenant = server.tenant("suggest").await;
        let write = ("catalogue/files.write", json!({"path": "plans/one.txt", "text": "first"}));
        let look = ("catalogue/files.list", json!({"path": "."}));
        narrowed(&tenant, "catalogue/files", &[write.clone(), look.clone()]).await;
        let tenant = server.tenant("suggest").await;
        narrowed(&tenant, "catalogue/files.list", &[look]).await;
        let written = tenant.agent.call(write.0, write.1).await;
        assert_eq!(Record::of(&tenant, written.call()).await.denials, ["files"], "{written:?}");

        let tenant = server.tenant("suggest").await;
        let count = [("catalogue/text.count", json!({"text": "two words"}))];
        let suggested = narrowed(&tenant, "catalogue/text", &count).await;
        assert!(!suggested["text"].as_str().unwrap().contains("[[grant]]"), "{suggested:#}");
        let tools: Vec<_> = suggested["tools"].as_array().unwrap().iter().map(|one| one["calls"].clone()).collect();
        assert_eq!(tools, [json!(1), json!(0), json!(0)], "{suggested:#}");
    });
}

/// For each kind: a call that uses it, and one that uses a little more of it.
#[test]
fn policy_suggest_denies_one_capability_more_of_each_kind() {
    run(async {
        let server = server().await;
        let url = |method: &str| json!({"url": server.upstream.url("suggest", "/bytes/5"), "method": method});
        let kv = json!({"bucket": "a", "key": "k", "value": "v"});
        let file = json!({"path": "x.txt", "text": "x"});
        for (kind, once, more) in [
            ("kv", ("catalogue/limits.kv-get", kv.clone()), ("catalogue/limits.kv-set", kv)),
            ("files", ("catalogue/files.list", json!({"path": "."})), ("catalogue/files.write", file)),
            ("http", ("catalogue/limits.http", url("GET")), ("catalogue/limits.http", url("POST"))),
            ("clock", ("catalogue/limits.string", json!({"bytes": 1})), ("catalogue/attack.clocks", json!({}))),
            (
                "random",
                ("catalogue/limits.string", json!({"bytes": 1})),
                ("catalogue/limits.random", json!({"bytes": 8})),
            ),
            (
                "log",
                ("catalogue/limits.kv-hold", json!({"bucket": "a", "count": 1})),
                ("catalogue/limits.log", json!({"lines": 1, "bytes": 5})),
            ),
            ("config", ("catalogue/attack.surroundings", json!({})), ("catalogue/attack.settings", json!({}))),
        ] {
            let tenant = server.tenant("more").await;
            let suggested = narrowed(&tenant, once.0, std::slice::from_ref(&once)).await;
            // The other package has nothing at all then; its own is asked for what it did not use.
            let answer = tenant.agent.call(more.0, more.1).await;
            let record = Record::of(&tenant, answer.call()).await;
            let used = record.uses.iter().filter(|used| used.get(kind).is_some());
            let used: Vec<&Value> = used.filter(|used| !is_among(used, &suggested["uses"])).collect();
            assert_eq!(used, Vec::<&Value>::new(), "{kind}: {suggested:#}");
            if ["kv", "files", "http"].contains(&kind) {
                assert!(record.denials.contains(&kind.to_owned()) || record.limits.is_none(), "{kind}: {record:?}");
            }
        }
    });
}

fn is_among(used: &Value, uses: &Value) -> bool {
    uses.as_array().unwrap().iter().any(|known| known["use"] == *used)
}

#[test]
fn policy_suggest_tells_what_it_rests_on() {
    run(async {
        let server = server().await;
        let tenant = server.tenant("basis").await;
        tenant.policy(&wide(server.upstream.address.port())).await;
        let set = ("catalogue/limits.kv-set", json!({"bucket": "a", "key": "k", "value": "v"}));
        let denied = ("catalogue/limits.kv-get", json!({"bucket": "z", "key": "k"}));
        make(&tenant, &[set.clone(), set, denied]).await;
        let suggested = suggest(&tenant, "catalogue/limits").await;
        assert_eq!((&suggested["calls"], &suggested["denials"]), (&json!(3), &json!(1)), "{suggested:#}");
        let write = json!({"use": {"kv": {"access": "write", "bucket": "a"}}, "calls": 2});
        assert!(suggested["uses"].as_array().unwrap().contains(&write), "{suggested:#}");
        // Quotas stay as they are, and what is granted elsewhere is told.
        let text = suggested["text"].as_str().unwrap();
        assert!(text.contains("bytes_max = 2097152") && !text.contains("\"z\""), "{text}");
        let notes = suggested["notes"].to_string();
        for part in ["grants add up", "[[grant]] 1", "not called in this time", "denied 1 uses"] {
            assert!(notes.contains(part), "{part}: {notes}");
        }
        assert!(suggested["most"]["fuel"].as_u64().unwrap() > 0, "{suggested:#}");
        let later = json!({"tool": "catalogue/limits", "since": crate::now()});
        let nothing = tenant.operator.post("/v1/policy/suggest", &later).await.ok();
        assert_eq!(nothing["calls"], 0, "{nothing:#}");
    });
}
