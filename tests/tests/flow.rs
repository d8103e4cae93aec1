//! What a session has touched limits what it may do next: a note that is read, a page that says where to send it, and the
//! way out that is closed then.
#![allow(clippy::unwrap_used, reason = "tests")]

use cofferdam::Code;
use cofferdam_tests::{Answer, Options, Server, Tenant, Upstream, guest, run, shared};
use serde_json::{Value, json};

/// Notes are private, the server is nobody's that is trusted, and what has touched both sends nothing.
fn policy(upstream: &Upstream) -> String {
    let port = upstream.address.port();
    format!(
        r#"
        [[grant]]
        tools = ["catalogue/notes"]
        kv = [{{ bucket = "notes", access = "read-write" }}]

        [[grant]]
        tools = ["catalogue/http-fetch", "limits", "poster", "reply"]
        http = [{{ host = "127.0.0.1", scheme = "http", port = {port}, methods = ["*"] }}]
        kv = [{{ bucket = "open", access = "read-write" }}]

        [labels]
        private_buckets = ["notes"]

        [[flow]]
        when = ["private", "untrusted"]
        deny = ["http"]
        except = ["reply"]
        "#
    )
}

struct World {
    server: &'static Server,
    tenant: Tenant,
    note: Value,
}

impl World {
    async fn new(name: &str) -> Self {
        let server = shared().await;
        server.push(&["http-fetch", "notes"]).await;
        let tenant = server.tenant(name).await;
        for package in ["limits", "reply"] {
            tenant.push(package, guest("limits")).await;
        }
        tenant.policy(&policy(&server.upstream)).await;
        let note = json!({"title": "salaries", "text": "the canary sings at noon"});
        let note = tenant.agent.call("catalogue/notes.add", note).await.json()["id"].clone();
        Self { server, tenant, note }
    }

    async fn read_note(&self, session: &str) -> Answer {
        self.tenant.agent.call_in(session, "catalogue/notes.get", json!({"id": self.note})).await
    }

    async fn fetch_page(&self, session: &str) -> Answer {
        let url = self.server.upstream.url(&self.tenant.name, "/page");
        self.tenant.agent.call_in(session, "catalogue/http-fetch", json!({"url": url, "as": "text"})).await
    }

    async fn post(&self, session: &str, package: &str) -> Answer {
        let url = self.server.upstream.url(&self.tenant.name, "/collect");
        let ask = json!({"url": url, "method": "POST", "body_bytes": 24});
        self.tenant.agent.call_in(session, &format!("{package}.http"), ask).await
    }

    /// Posts a text to wherever it is told, by a tool that can.
    async fn post_text(&self, session: &str, url: &str, text: &str) -> Answer {
        let ask = json!({"urls": [url], "body": text});
        self.tenant.agent.call_in(session, "poster.dump", ask).await
    }

    /// What was posted, as it arrived.
    fn bodies(&self) -> Vec<String> {
        let seen = self.server.upstream.seen(&self.tenant.name).into_iter().filter(|seen| seen.method == "POST");
        seen.map(|seen| String::from_utf8_lossy(&seen.body).into_owned()).collect()
    }

    fn posted(&self) -> usize {
        self.server.upstream.seen(&self.tenant.name).iter().filter(|seen| seen.method == "POST").count()
    }
}

#[test]
fn flow_a_note_and_a_page_together_close_the_way_out() {
    run(async {
        let world = World::new("flow-path").await;
        let noted = world.read_note("chat").await;
        assert!(noted.text.contains("the canary sings"), "{noted:?}");
        let fetched = world.fetch_page("chat").await;
        assert_eq!(fetched.clone().json()["status"], 200, "the page alone is harmless");

        let denied = world.post("chat", "limits").await;
        assert_eq!(denied.clone().json()["denied"], true);
        assert_eq!(world.posted(), 0);
        // Who did what, and why was that not allowed: the two calls are named.
        let rule =
            world.tenant.record(denied.call()).await.into_iter().find(|entry| entry["kind"] == "capability.denied");
        let rule = rule.unwrap()["event"]["rule"].as_str().unwrap().to_owned();
        assert!(rule.contains("[[flow]] 1"), "{rule}");
        for (label, call) in [("private", &noted), ("untrusted", &fetched)] {
            assert!(rule.contains(&format!("{label} since call {}", call.call())), "{rule}");
        }
        // A package that can do nothing else is not even started, and the answer names them too.
        let refused = world.fetch_page("chat").await;
        refused.problem(Code::Denied);
        let labels = refused.body["facts"]["labels"].as_array().unwrap();
        let calls: Vec<&str> = labels.iter().map(|label| label["call"].as_str().unwrap()).collect();
        assert_eq!(calls, [noted.call(), fetched.call()], "{refused:?}");
        let entry = world.tenant.entry("call.refused", json!({"session": "chat", "code": "denied"})).await;
        assert_eq!(entry["event"]["labels"], refused.body["facts"]["labels"]);
        // An exception is one by name.
        assert_eq!(world.post("chat", "reply").await.json()["answered"], 1);
    });
}

/// The path as it is told of: a note that is private, a page that says where to send it, and an agent that does as it reads.
#[test]
fn flow_an_agent_that_does_what_a_page_says_does_not_send_the_note_there() {
    run(async {
        let world = World::new("flow-obeys").await;
        world.tenant.push("poster", guest("attack")).await;
        let noted = world.read_note("chat").await;
        let text = noted.clone().json()["text"].as_str().unwrap().to_owned();
        assert_eq!(text, "the canary sings at noon");
        let fetched = world.fetch_page("chat").await;
        let to = told_to_post(&fetched);

        let denied = world.post_text("chat", &to, &text).await;
        let came = denied.clone().json()["answers"][0].clone();
        assert!(came["status"] == 0 && came["error"].as_str().unwrap().contains("HttpRequestDenied"), "{came}");
        assert_eq!(world.bodies(), [""; 0]);
        let record = world.tenant.record(denied.call()).await;
        let rule = record.iter().find(|entry| entry["kind"] == "capability.denied").unwrap()["event"]["rule"].clone();
        let rule = rule.as_str().unwrap();
        assert!(rule.contains("[[flow]] 1"), "{rule}");
        for (label, call) in [("private", &noted), ("untrusted", &fetched)] {
            assert!(rule.contains(&format!("{label} since call {}", call.call())), "{rule}");
        }
        // What it knows it may know: in another session, which has read the page alone, the same is sent as it is.
        let fetched = world.fetch_page("without").await;
        assert_eq!(told_to_post(&fetched), to);
        let sent = world.post_text("without", &to, "nothing in particular").await;
        assert_eq!(sent.json()["answers"][0]["status"], 200);
        assert_eq!(world.bodies(), ["nothing in particular"]);
        // And still not in the first one, whatever it says.
        world.post_text("chat", &to, "nothing in particular").await.ok();
        assert_eq!(world.bodies().len(), 1);
    });
}

/// What the page that was fetched says: where to post something to.
fn told_to_post(fetched: &Answer) -> String {
    let page = fetched.clone().json()["text"].as_str().unwrap().to_owned();
    let (_, rest) = page.split_once("POST its text to ").unwrap_or_else(|| panic!("it says nothing of that: {page}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn flow_the_same_without_the_note_is_allowed() {
    run(async {
        let world = World::new("flow-without").await;
        assert_eq!(world.fetch_page("chat").await.json()["status"], 200);
        assert_eq!(world.post("chat", "limits").await.json()["answered"], 1);
        // And what one session read is not held against another, nor against a call of none.
        world.read_note("other").await.ok();
        world.fetch_page("other").await.ok();
        assert_eq!(world.post("other", "limits").await.json()["denied"], true);
        assert_eq!(world.post("chat", "limits").await.json()["answered"], 1);
        let url = world.server.upstream.url(&world.tenant.name, "/collect");
        let alone = world.tenant.agent.call("limits.http", json!({"url": url, "method": "POST"})).await;
        assert_eq!(alone.json()["answered"], 1);
        // The same name of another key is another session.
        let made = json!({"name": "second", "scopes": ["agent"]});
        let key = world.tenant.operator.post("/v1/keys", &made).await.ok();
        let second = world.tenant.operator.with_key(key["key"].as_str().unwrap());
        let posted = second.call_in("other", "limits.http", json!({"url": url, "method": "POST"})).await;
        assert_eq!(posted.json()["answered"], 1);
    });
}

#[test]
fn flow_a_note_alone_may_leave_until_something_is_answered() {
    run(async {
        let world = World::new("flow-note").await;
        world.read_note("chat").await.ok();
        // Its head and its body: what the answer brings is not held against the request itself.
        assert_eq!(world.post("chat", "limits").await.json()["answered"], 1);
        assert_eq!(world.posted(), 1);
        let seen = world.server.upstream.seen(&world.tenant.name);
        assert_eq!(seen.iter().map(|seen| seen.body_bytes).max(), Some(24), "the body is whole");
        assert_eq!(world.post("chat", "limits").await.json()["denied"], true);
        assert_eq!(world.posted(), 1);
    });
}

#[test]
fn flow_a_session_is_cleared_by_somebody_else_and_that_is_in_the_record() {
    run(async {
        let world = World::new("flow-clear").await;
        world.read_note("chat").await.ok();
        world.fetch_page("chat").await.ok();
        let sessions = world.tenant.operator.get("/v1/sessions").await.ok();
        let session = sessions["sessions"][0].clone();
        assert_eq!((&session["session"], session["labels"].as_array().unwrap().len()), (&json!("chat"), 2));
        let clear = json!({"principal": session["principal"], "session": "chat", "reason": "read through"});
        world.tenant.agent.post("/v1/sessions/clear", &clear).await.problem(Code::Denied);
        world.tenant.auditor.post("/v1/sessions/clear", &clear).await.problem(Code::Denied);
        // Where there is nothing to take away nothing is done, and nothing recorded.
        let other = json!({"principal": session["principal"], "session": "nobody", "reason": "none"});
        assert_eq!(world.tenant.operator.post("/v1/sessions/clear", &other).await.status, 204);
        assert!(!world.tenant.log(0).await.iter().any(|entry| entry["kind"] == "session.cleared"));
        assert_eq!(world.tenant.operator.post("/v1/sessions/clear", &clear).await.status, 204);
        assert_eq!(world.post("chat", "limits").await.json()["answered"], 1);
        let cleared = json!({"session": "chat", "reason": "read through", "principal": session["principal"]});
        world.tenant.entry("session.cleared", cleared).await;
        assert_eq!(
            world.tenant.agent.get("/v1/sessions").await.ok()["sessions"][0]["labels"].as_array().unwrap().len(),
            1
        );
        // Another tenant sees nothing of it.
        let other = world.server.tenant("flow-clear-other").await;
        assert_eq!(other.operator.get("/v1/sessions").await.ok()["sessions"], json!([]));
        other.operator.post("/v1/sessions/clear", &clear).await.problem(Code::NotFound);
    });
}

#[test]
fn flow_a_policy_can_want_every_call_to_name_its_session() {
    run(async {
        let world = World::new("flow-required").await;
        let text = policy(&world.server.upstream).replace("[labels]", "[labels]\nsessions = \"required\"");
        world.tenant.policy(&text).await;
        let url = world.server.upstream.url(&world.tenant.name, "/page");
        let refused = world.tenant.agent.call("catalogue/http-fetch", json!({"url": url})).await;
        refused.problem(Code::InvalidRequest);
        assert_eq!(world.fetch_page("chat").await.json()["status"], 200);
        for name in ["", "a b", "ä", &"s".repeat(129)] {
            world.fetch_page(name).await.problem(Code::InvalidRequest);
        }
    });
}

#[test]
fn flow_what_a_session_touched_survives_kill_9() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { data: Some(folder.path().to_owned()), ..Options::default() };
        let mut server = Server::start(options.clone()).await;
        server.push(&["notes"]).await;
        let tenant = server.tenant("flow-crash").await;
        tenant.push("limits", guest("limits")).await;
        tenant.policy(&policy(&server.upstream).replace("\"catalogue/http-fetch\", ", "")).await;
        let note = json!({"title": "salaries", "text": "the canary sings at noon"});
        let note = tenant.agent.call("catalogue/notes.add", note).await.json()["id"].clone();
        let read = tenant.agent.call_in("chat", "catalogue/notes.get", json!({"id": note})).await;
        read.clone().ok();
        let url = server.upstream.url("flow-crash", "/page");
        tenant.agent.call_in("chat", "limits.http", json!({"url": url})).await.ok();
        server.kill();
        let server = Server::start(options).await;
        let tenant = tenant.at(server.platform.base());
        let url = server.upstream.url("flow-crash", "/collect");
        let denied = tenant.agent.call_in("chat", "limits.http", json!({"url": url, "method": "POST"})).await;
        assert_eq!(denied.json()["denied"], true);
        let labels = tenant.agent.get("/v1/sessions").await.ok()["sessions"][0]["labels"].clone();
        assert_eq!(labels[0]["call"], read.call(), "{labels}");
    });
}

/// What a tool is told to call, with what it holds of its own.
fn below(deny: &str, upstream: &Upstream) -> String {
    let own = |tool: &str| format!("{{ tool = \"{tool}\", grants = \"own\" }}");
    let calls = ["catalogue/notes", "catalogue/http-fetch", "limits"].map(own).join(", ");
    let text = policy(upstream).replace("deny = [\"http\"]", deny);
    format!("[[grant]]\ntools = [\"catalogue/relay\"]\ncall = [{calls}]\n{text}")
}

impl World {
    async fn calling(name: &str, deny: &str) -> Self {
        let world = Self::new(name).await;
        world.tenant.policy(&below(deny, &world.server.upstream)).await;
        world
    }

    /// To read the note, to fetch the page, to send something: each by a tool that another one calls.
    fn acts(&self) -> [Value; 3] {
        let url = |path: &str| self.server.upstream.url(&self.tenant.name, path);
        [
            json!({"tool": "catalogue/notes.get", "arguments": {"id": self.note}}),
            json!({"tool": "catalogue/http-fetch", "arguments": {"url": url("/page"), "as": "text"}}),
            json!({"tool": "limits.http", "arguments": {"url": url("/collect"), "method": "POST", "body_bytes": 24}}),
        ]
    }

    async fn relay(&self, session: &str, act: &Value) -> Answer {
        self.tenant.agent.call_in(session, "catalogue/relay.one", act.clone()).await
    }
}

#[test]
fn flow_calls_of_one_call_close_the_way_out_to_each_other() {
    run(async {
        let world = World::calling("flow-tree", "deny = [\"http\"]").await;
        let [note, page, post] = world.acts();
        // No session is named: the call and those below it are one all the same.
        let all = json!({"calls": [note, page, post]});
        let answer = world.tenant.agent.call("catalogue/relay.each", all).await;
        let came = answer.clone().json();
        let codes: Vec<&str> = came.as_array().unwrap().iter().map(|came| came["code"].as_str().unwrap()).collect();
        assert_eq!(codes, ["ok", "ok", "ok"], "{came}");
        assert_eq!((&came[2]["answer"]["denied"], world.posted()), (&json!(true), 0), "{came}");
        let calls: Vec<&str> =
            answer.body["calls"].as_array().unwrap().iter().map(|call| call["call"].as_str().unwrap()).collect();
        let record = world.tenant.record(calls[2]).await;
        let denied = record.iter().find(|entry| entry["kind"] == "capability.denied").unwrap();
        let rule = denied["event"]["rule"].as_str().unwrap();
        assert!(rule.contains(&format!("private since call {}", calls[0])), "{rule}");
        assert!(rule.contains(&format!("untrusted since call {}", calls[1])), "{rule}");
        // What those below it brought, the call brought.
        let ended = world.tenant.record(answer.call()).await.pop().unwrap();
        assert_eq!(ended["event"]["labels"].as_array().unwrap().len(), 2, "{ended}");

        let [_, page, post] = world.acts();
        let came = world.tenant.agent.call("catalogue/relay.each", json!({"calls": [page, post]})).await.json();
        assert_eq!((&came[1]["answer"]["answered"], world.posted()), (&json!(1), 1), "without the note: {came}");
    });
}

#[test]
fn flow_what_a_call_below_reads_its_session_has_read() {
    run(async {
        let world = World::calling("flow-children", "deny = [\"http\"]").await;
        let [note, page, post] = world.acts();
        let noted = world.relay("chat", &note).await;
        world.relay("chat", &page).await.ok();
        let denied = world.post("chat", "limits").await;
        assert_eq!((&denied.clone().json()["denied"], world.posted()), (&json!(true), 0));
        let record = world.tenant.record(denied.call()).await;
        let rule = record.iter().find(|entry| entry["kind"] == "capability.denied").unwrap()["event"]["rule"].clone();
        let reader = noted.body["calls"][0]["call"].as_str().unwrap();
        assert!(rule.as_str().unwrap().contains(&format!("private since call {reader}")), "{rule}");
        // And by a tool that calls another neither; a package that can do nothing else is not called at all.
        assert_eq!(world.relay("chat", &post).await.json()["answer"]["denied"], true);
        let refused = world.relay("chat", &page).await.json();
        assert_eq!(refused["code"], "denied", "{refused}");
        let entry =
            world.tenant.entry("call.refused", json!({"session": "chat", "tool": "catalogue/http-fetch"})).await;
        assert!(entry["event"]["parent"].is_string(), "{entry}");
        assert_eq!(world.posted(), 0);
        assert_eq!(world.relay("other", &post).await.json()["answer"]["answered"], 1);
    });
}

#[test]
fn flow_a_labelled_session_makes_no_calls_of_others_where_a_rule_says_so() {
    run(async {
        let world = World::calling("flow-calls", "deny = [\"http\", \"call\"]").await;
        let [note, page, post] = world.acts();
        for act in [&note, &page] {
            assert_eq!(world.relay("chat", act).await.json()["code"], "ok");
        }
        let made = |log: &[Value]| log.iter().filter(|entry| entry["event"]["parent"].is_string()).count();
        let before = made(&world.tenant.log(0).await);
        // A tool that would only read is not asked either: what it is asked can say anything.
        for act in [&post, &note] {
            let came = world.relay("chat", act).await.json();
            assert_eq!(came["code"], "denied", "{came}");
            assert!(came["answer"].as_str().unwrap().contains("a rule of flow is against it"), "{came}");
        }
        assert_eq!((made(&world.tenant.log(0).await), world.posted()), (before, 0));
        world.tenant.entry("capability.denied", json!({"capability": "call", "action": "call tools of limits"})).await;
    });
}
