//! A canary is planted wherever something of one tenant is kept or goes through, and then every byte that another tenant gets, and
//! every byte that its tools send out, is searched for it.
#![allow(clippy::unwrap_used, reason = "tests")]

use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{Answer, Client, Server, Tenant, guest, run, shared};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

/// What both tenants have in force: the same names, so that whatever goes by name alone would meet.
fn policy(server: &Server) -> String {
    let port = server.upstream.address.port();
    format!(
        r#"
        [limits]
        fuel = 100_000_000
        [[grant]]
        tools = ["limits", "attack"]
        kv = [{{ bucket = "notes", access = "read-write" }}]
        files = [{{ volume = "work", mount = "/work", access = "read-write" }}]
        http = [{{ host = "127.0.0.1", scheme = "http", port = {port}, methods = ["*"] }}]
        log = "trace"
        [cache]
        tools = ["catalogue/text"]
        [[budget.for]]
        tools = ["catalogue/text"]
        calls_per_day = 1
        [approval]
        tools = ["catalogue/noop"]
        [labels]
        private_buckets = ["notes"]
        [[flow]]
        when = ["private", "untrusted"]
        deny = ["files"]
        [audit]
        payloads = "1h"
        record = true
        "#
    )
}

async fn tenant(server: &Server, name: &str) -> Tenant {
    let tenant = server.tenant(name).await;
    tenant.push("limits", guest("limits")).await;
    tenant.push("attack", guest("attack")).await;
    tenant.policy(&policy(server)).await;
    tenant
}

/// The canary in all spellings that it could have come out in.
fn spellings(canary: &str) -> Vec<String> {
    use base64::Engine as _;
    let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![canary.to_owned(), hex.to_uppercase(), hex];
    // Wherever in a longer text it begins: what a whole number of groups covers of it.
    for skip in 0..3 {
        let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
        let text = engine.encode(&canary.as_bytes()[skip..]);
        all.push(text[..text.len() - 2].to_owned());
    }
    all
}

/// Everything that one tenant was answered.
#[derive(Default)]
struct Heard(Vec<(String, String)>);

impl Heard {
    fn take(&mut self, answer: Answer) -> Value {
        let headers = format!("{:?}", answer.headers);
        self.0.push((answer.asked, headers + &answer.text));
        answer.body
    }

    fn take_text(&mut self, what: &str, text: String) {
        self.0.push((what.to_owned(), text));
    }

    /// That none of it holds the canary, and that something was heard at all.
    fn search(&self, canary: &str) {
        assert!(self.0.len() > 60, "only {} answers were searched", self.0.len());
        for spelling in spellings(canary) {
            for (what, text) in &self.0 {
                assert!(!text.contains(&spelling), "{what} holds {spelling}: {text:.2000}");
            }
        }
    }
}

async fn put(client: &Client, path: &str, kind: &str, text: &str) -> Answer {
    client.send(client.request("PUT", path).header(CONTENT_TYPE, kind).body(text.to_owned())).await
}

/// Plants the canary in every place of a tenant that something can be put into.
async fn plant(server: &Server, acme: &Tenant, canary: &str) -> Vec<String> {
    let agent = &acme.agent;
    let mut calls = Vec::new();
    let mut note = |answer: Answer| calls.extend(answer.body["call"].as_str().map(str::to_owned));
    let call = async |tool: &str, arguments: Value| agent.call_in(canary, tool, arguments).await;
    // Memory, and the answer of a call.
    note(agent.call("limits.echo", json!({"text": canary})).await);
    note(agent.call("attack.residue-leave", json!({"pages": 64})).await);
    // A bucket and a volume.
    note(call("limits.kv-set", json!({"bucket": "notes", "key": canary, "value": canary})).await);
    note(agent.call("limits.file-write", json!({"path": "/work/note", "text": canary})).await);
    // A request that a tool sends, and what its server remembers of it.
    let url = server.upstream.url(&acme.name, &format!("/{canary}"));
    note(call("limits.http", json!({"url": url})).await);
    // A log line, watched; and progress.
    note(agent.call("limits.log", json!({"lines": 2, "bytes": 100, "text": canary})).await);
    // An answer that is kept, twice asked for; a call that waits.
    for _ in 0..2 {
        note(agent.call("catalogue/text.count", json!({"text": canary})).await);
    }
    note(agent.call("catalogue/noop", json!({"canary": canary})).await);
    // Errors: of arguments that do not fit, of a tool that there is not, of a tool that fails.
    note(agent.call("limits.spin", json!({"rounds": canary})).await);
    note(agent.call("catalogue/text.count", json!({canary: canary})).await);
    note(agent.call("limits.kv-get", json!({"bucket": canary, "key": canary})).await);
    // A secret, names of keys, reasons and messages, policies, access rules, a package and its description.
    put(&acme.operator, &format!("/v1/secrets/{}", canary.to_lowercase()), "text/plain", canary).await;
    acme.operator.post("/v1/keys", &json!({"name": canary, "scopes": ["agent"]})).await.ok();
    let component = Handmade { description: format!("Says {canary}."), ..Handmade::default() }.build();
    acme.push("described", component).await;
    let deprecate = json!({"version": "1.0.0", "message": canary});
    acme.publisher.post("/v1/packages/described/deprecate", &deprecate).await.ok();
    acme.policy(&format!("# {canary}\n{}", policy(server))).await;
    put(&acme.operator, "/v1/policy/access", "text/plain", &format!("// {canary}\n")).await.ok();
    calls
}

/// Asks everything that the other tenant can ask, by every key that it has, of its own and of what it knows of the first one.
async fn listen(server: &Server, globex: &Tenant, acme: &Tenant, theirs: &[String], heard: &mut Heard) {
    for client in [&globex.agent, &globex.operator, &globex.auditor, &globex.publisher] {
        let document = heard.take(client.get("/v1/openapi.json").await);
        for (path, item) in document["paths"].as_object().unwrap() {
            if item.get("get").is_none() {
                continue;
            }
            let ids = if path.contains("{call}") || path.contains("{approval}") { theirs } else { &theirs[..1] };
            for id in ids {
                let path = path
                    .replace("{tenant}", &acme.name)
                    .replace("{package}", "described")
                    .replace("{tool}", "described.handmade")
                    .replace("{path}", "0/000")
                    .replace("{number}", "1")
                    .replace("{component}", "sha256:0000000000000000000000000000000000000000000000000000000000000000")
                    .replace("{call}", id)
                    .replace("{approval}", id)
                    .replace("{submission}", id)
                    .replace("{key}", id)
                    .replace("{secret}", "x");
                heard.take(client.get(&path).await);
            }
        }
    }
    // Its own calls, the same as those of the first tenant: what goes by name or by content alone would meet here.
    for (tool, arguments) in [
        ("limits.kv-keys", json!({"bucket": "notes"})),
        ("limits.kv-get", json!({"bucket": "notes", "key": "k"})),
        ("limits.file-read", json!({"path": "/work/note"})),
        ("limits.file-read", json!({"path": "/work/../note"})),
        ("limits.spin", json!({"rounds": 1})),
        ("catalogue/text.count", json!({"text": "mine"})),
        ("catalogue/text.count", json!({"text": "mine"})),
        ("catalogue/noop", json!({})),
        ("described.handmade", json!({})),
        ("limits.random", json!({"bytes": 64})),
    ] {
        heard.take(globex.agent.call_in("chat", tool, arguments).await);
    }
    // Fresh memory of many stores, page by page.
    for _ in 0..8 {
        let look = globex.agent.call("attack.residue-look", json!({"pages": 64})).await;
        let found = look.clone().json();
        assert_eq!((&found["pattern"], &found["fresh"]), (&json!(0), &json!(0)), "{found}");
        heard.take(look);
    }
    // What its tools send out, as who is there sees it.
    let url = server.upstream.url(&globex.name, "/mine");
    heard.take(globex.agent.call("limits.http", json!({"url": url, "method": "POST", "body_bytes": 65_536})).await);
    heard.take_text("the connections of globex", format!("{:?}", server.upstream.seen(&globex.name)));
    let watched = globex.agent.calling("limits.log", &json!({"lines": 2, "bytes": 100}));
    heard.take(globex.agent.send(watched.header("accept", "text/event-stream")).await);
    heard.take_text("the record of globex", json!(globex.log(0).await).to_string());
}

#[test]
fn leak_nothing_that_a_tenant_put_anywhere_is_in_anything_that_another_gets() {
    run(async {
        let server = shared().await;
        server.push(&["text"]).await;
        let (acme, globex) = (tenant(server, "acme").await, tenant(server, "globex").await);
        // Before anything is planted the same questions are asked, so that what is remembered between is there to be met.
        let mut heard = Heard::default();
        listen(server, &globex, &acme, &["0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77".to_owned()], &mut heard).await;
        let canary = "canary-sings-at-noon-7f3a9c";
        let theirs = plant(server, &acme, canary).await;
        assert!(theirs.len() >= 8, "{theirs:?}");
        // It is there: what the first tenant asks for it gets.
        let own = acme.agent.call("limits.file-read", json!({"path": "/work/note"})).await;
        assert!(own.text.contains(canary), "{own:?}");
        assert!(server.upstream.seen(&acme.name).iter().any(|seen| seen.path.contains(canary)));
        assert!(acme.auditor.get(&format!("/v1/calls/{}/payload", theirs[0])).await.text.contains(canary));

        listen(server, &globex, &acme, &theirs, &mut heard).await;
        heard.search(canary);
    });
}

#[test]
fn leak_the_search_finds_what_it_looks_for() {
    let canary = "canary-sings-at-noon-7f3a9c";
    for hidden in [canary.to_owned(), spellings(canary)[1].clone(), {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("x{canary} and more"))
    }] {
        let mut heard = Heard::default();
        (0..100).for_each(|_| heard.take_text("nothing", String::new()));
        heard.take_text("something", format!("..{hidden}.."));
        assert!(std::panic::catch_unwind(|| heard.search(canary)).is_err(), "{hidden}");
    }
}
