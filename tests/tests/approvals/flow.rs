//! Rules of flow that somebody can lift for one call.

use cofferdam::Code;
use cofferdam_tests::{guest, run, shared};
use serde_json::json;

use super::*;

#[test]
fn flow_a_way_out_that_is_closed_opens_for_the_one_call_that_somebody_looked_at() {
    run(async {
        let server = shared().await;
        server.push(&["notes"]).await;
        let tenant = server.tenant("flow-approval").await;
        tenant.push("limits", guest("limits")).await;
        let port = server.upstream.address.port();
        tenant
            .policy(&format!(
                r#"
                [[grant]]
                tools = ["catalogue/notes"]
                kv = [{{ bucket = "notes", access = "read-write" }}]
                [[grant]]
                tools = ["limits"]
                http = [{{ host = "127.0.0.1", scheme = "http", port = {port}, methods = ["*"] }}]
                [labels]
                private_buckets = ["notes"]
                [[flow]]
                when = ["private"]
                deny = ["http"]
                require = "approval"
                "#
            ))
            .await;
        let note = json!({"title": "salaries", "text": "the canary sings at noon"});
        let note = tenant.agent.call("catalogue/notes.add", note).await.json()["id"].clone();
        let url = server.upstream.url(&tenant.name, "/collect");
        let post = json!({"url": url, "method": "POST"});
        let posted = || server.upstream.seen(&tenant.name).len();

        // A session that has read nothing asks nobody.
        assert_eq!(tenant.agent.call_in("clean", "limits.http", post.clone()).await.json()["answered"], 1);
        let read = tenant.agent.call_in("chat", "catalogue/notes.get", json!({"id": note})).await;
        let parked_call = tenant.agent.call_in("chat", "limits.http", post.clone()).await;
        let approval = parked(&parked_call);
        let rule = parked_call.body["facts"]["rules"][0].as_str().unwrap();
        assert!(rule.contains("[[flow]] 1") && rule.contains("require = \"approval\""), "{rule}");
        assert_eq!(posted(), 1);
        // Whoever decides sees which call brought the label.
        let shown = tenant.operator.get(&format!("/v1/approvals/{approval}")).await.ok();
        assert_eq!((&shown["labels"][0]["call"], &shown["session"]), (&json!(read.call()), &json!("chat")), "{shown}");
        approve(&tenant.operator, &approval).await.ok();
        let made = json!({"tool": "limits.http", "arguments": post, "session": "chat", "approval": approval});
        assert_eq!(tenant.agent.post("/v1/calls", &made).await.json()["answered"], 1);
        assert_eq!(posted(), 2);
        // It was for that call: the next one waits, and the session stays as it is.
        assert_ne!(parked(&tenant.agent.call_in("chat", "limits.http", post.clone()).await), approval);
        tenant.agent.post("/v1/calls", &made).await.problem(Code::Conflict);
        assert_eq!(posted(), 2);
    });
}

#[test]
fn flow_what_the_session_touched_since_was_not_agreed_to() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("flow-grown").await;
        tenant.push("limits", guest("limits")).await;
        let port = server.upstream.address.port();
        let policy = format!(
            r#"
            [[grant]]
            tools = ["limits"]
            http = [{{ host = "127.0.0.1", scheme = "http", port = {port}, methods = ["*"] }}]
            kv = [{{ bucket = "notes", access = "read-write" }}]
            [approval]
            tools = ["limits"]
            [labels]
            private_buckets = ["notes"]
            [[flow]]
            when = ["private"]
            deny = ["http"]
            require = "approval"
            "#
        );
        tenant.policy(&policy).await;
        let url = server.upstream.url(&tenant.name, "/collect");
        let post = json!({"url": url, "method": "POST"});
        let approval = parked(&tenant.agent.call_in("chat", "limits.http", post.clone()).await);
        approve(&tenant.operator, &approval).await.ok();
        // Meanwhile the session reads what is private.
        let get = json!({"bucket": "notes", "key": "k"});
        let read = parked(&tenant.agent.call_in("chat", "limits.kv-get", get.clone()).await);
        approve(&tenant.operator, &read).await.ok();
        let read = json!({"tool": "limits.kv-get", "arguments": get, "session": "chat", "approval": read});
        tenant.agent.post("/v1/calls", &read).await.ok();
        let made = json!({"tool": "limits.http", "arguments": post, "session": "chat", "approval": approval});
        let refused = tenant.agent.post("/v1/calls", &made).await;
        assert!(refused.problem(Code::Denied)["detail"].as_str().unwrap().contains("labels"), "{refused:?}");
        assert_eq!(server.upstream.seen(&tenant.name).len(), 0);
    });
}
