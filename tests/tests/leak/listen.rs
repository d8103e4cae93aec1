//! Everything that a tenant can ask, of its own things and of what it knows of another's.

use cofferdam::Code;
use cofferdam_tests::operations::{Ids, Operation};
use cofferdam_tests::{Client, Tenant, name};
use serde_json::{Value, json};

use crate::plant::{Planted, watch};
use crate::search::Heard;
use crate::stand::{Stand, policy};

/// Reads everything, by every key, and makes calls of its own, the same as the other tenant's.
pub(crate) async fn listen(stand: &Stand, tenant: &Tenant, own: &Planted, others: &Planted, heard: &mut Heard) {
    read(stand, tenant, own, &[own, others], heard).await;
    call(stand, tenant, heard).await;
    ask_models(tenant, heard).await;
    look_into_memory(tenant, heard).await;
    let auditor = &tenant.auditor;
    for call in own.calls.iter().chain(&others.calls) {
        heard.take(auditor.post(&format!("/v1/calls/{call}/replay"), &json!({})).await);
    }
    for target in ["limits", "attack", "catalogue/models", "described"] {
        let suggest = json!({"tool": target});
        heard.take(tenant.operator.post("/v1/policy/suggest", &suggest).await);
        heard.take(tenant.agent.post("/v1/explain", &suggest).await);
    }
    heard.take_text("the record", Value::from(tenant.log(0).await).to_string());
    let health = Client::new(&stand.server.health);
    for path in ["/healthz", "/readyz", "/metrics"] {
        heard.take(health.get(path).await);
    }
}

/// All that can be named of what is there, one after the other.
fn about(planted: &Planted) -> Vec<Ids> {
    let (package, tool) = ("described".to_owned(), "described.handmade".to_owned());
    let described = Ids { package, tool, secret: "token".to_owned(), ..planted.ids.clone() };
    let of_call = |call: &String| Ids { call: call.clone(), ..planted.ids.clone() };
    [planted.ids.clone(), described].into_iter().chain(planted.calls.iter().map(of_call)).collect()
}

/// Every operation that reads, by every key.
async fn read(stand: &Stand, tenant: &Tenant, own: &Planted, all: &[&Planted], heard: &mut Heard) {
    let keys = [&own.all, &tenant.agent, &tenant.operator, &tenant.auditor, &tenant.publisher];
    for operation in Operation::all(&stand.server.platform).await {
        if operation.method != "GET" {
            continue;
        }
        // To keys that may not read calls there is nothing to say of each of them.
        let keys = if operation.path.contains("{call}") { &keys[..2] } else { &keys[..] };
        let named = all.iter().flat_map(|planted| {
            let of_calls = operation.path.contains("{call}");
            about(planted).into_iter().take(if of_calls { usize::MAX } else { 2 })
        });
        for ids in named.take(if operation.path.contains('{') { usize::MAX } else { 1 }) {
            for key in keys {
                heard.take(operation.send(key, &ids).await);
            }
        }
    }
    for of in ["tile/0/000.p/1", "tile/entries/000.p/1", "tile/entries/000", "checkpoint"] {
        heard.take(tenant.auditor.get(&format!("/v1/log/{of}")).await);
    }
}

/// Calls whose answers could be another's, by what they name.
async fn call(stand: &Stand, tenant: &Tenant, heard: &mut Heard) {
    let agent = &tenant.agent;
    let url = stand.upstream.url(&tenant.name, "/mine");
    for (tool, arguments) in [
        ("limits.kv-keys", json!({"bucket": "notes"})),
        ("limits.kv-get", json!({"bucket": "notes", "key": "k"})),
        ("limits.kv-get", json!({"bucket": "notes", "key": "other"})),
        ("limits.file-read", json!({"path": "/work/note"})),
        ("limits.file-read", json!({"path": "/work/../note"})),
        ("limits.file-read", json!({"path": "/work/none"})),
        ("limits.spin", json!({"rounds": 1})),
        ("limits.spin", json!({"rounds": "many"})),
        ("limits.random", json!({"bytes": 64})),
        ("attack.settings", json!({})),
        ("attack.surroundings", json!({})),
        ("attack.clocks", json!({})),
        ("attack.fail", json!({"failure": "internal", "text": "of its own"})),
        ("attack.reach", json!({"mount": "/work", "way": "read", "path": "../note"})),
        ("says.handmade", json!({})),
        ("described.handmade", json!({})),
        ("described.nothing", json!({})),
        ("limits.http", json!({"url": url, "method": "POST", "body_bytes": 65_536, "header_bytes": 1_000})),
        ("catalogue/limits.echo", json!({"text": "mine"})),
    ] {
        heard.take(agent.call_in("chat", tool, arguments).await);
    }
    let below = json!({"tool": "limits.kv-get", "arguments": {"bucket": "notes", "key": "k"}});
    heard.take(agent.call("catalogue/relay.one", below).await);
    // Where there is no room it has the answer that it was given itself.
    let told = heard.take(agent.call("told.handmade", json!({})).await).ok();
    assert_eq!(told["stand_in"]["because"], "budget-exceeded", "{told}");
    heard.take(agent.call("told.handmade", json!({"other": name("other")})).await).problem(Code::BudgetExceeded);
    heard.take(watch(agent, "limits.log", json!({"lines": 2, "bytes": 100})).await);
    let dump = json!({"urls": [url], "body": "mine", "folders": ["/work"], "bucket": "notes", "follow": 1});
    heard.take(watch(agent, "attack.dump", dump).await);
}

/// Every route, with and without an answer.
async fn ask_models(tenant: &Tenant, heard: &mut Heard) {
    for action in ["ok", "echo", "status:500", "tool"] {
        for (route, tool) in [("openai", "chat"), ("openai", "consult"), ("anthropic", "stream")] {
            let text = json!({"key": name("mine"), "a": [action], "c": [action]}).to_string();
            let ask = json!({"route": route, "text": text, "max_tokens": 100});
            heard.take(tenant.agent.call(&format!("catalogue/models.{tool}"), ask).await);
        }
    }
    for (tool, arguments) in [
        ("models.chat", json!({"route": "nowhere", "text": "mine"})),
        ("models.likeness", json!({"route": "vectors", "texts": ["mine", "yours"]})),
        ("models.render", json!({"name": "summarise", "text": "mine"})),
        ("summarise", json!({"text": "What was said before?", "sentences": 1})),
    ] {
        heard.take(tenant.agent.call(&format!("catalogue/{tool}"), arguments).await);
    }
}

/// Fresh memory of many stores, page by page.
async fn look_into_memory(tenant: &Tenant, heard: &mut Heard) {
    for _ in 0..8 {
        let look = heard.take(tenant.agent.call("attack.residue-look", json!({"pages": 64})).await).json();
        assert_eq!((&look["pattern"], &look["fresh"]), (&json!(0), &json!(0)), "{look}");
    }
}

/// Every operation that changes something: of the other's by every key, which is of no use, and of one's own.
pub(crate) async fn sweep(stand: &Stand, tenant: &Tenant, own: &Planted, others: &Planted, heard: &mut Heard) {
    const POLICY: &str = "[audit]\npayloads = \"1h\"\nrecord = true\n";
    let keys = [&own.all, &tenant.agent, &tenant.operator, &tenant.auditor, &tenant.publisher];
    for operation in Operation::all(&stand.server.platform).await {
        if operation.method == "GET" {
            continue;
        }
        for key in keys {
            heard.take(operation.send(key, &others.ids).await);
        }
        // Something to lose, since what is allowed happens.
        tenant.policy(POLICY).await;
        let mut ids = Ids::of(tenant).await;
        if operation.path.contains("{approval}") {
            ids = ids.parked(tenant, POLICY).await;
        }
        let lost = json!({"name": name("lost"), "scopes": ["agent"]});
        let lost = heard.take(tenant.operator.post("/v1/keys", &lost).await).ok();
        lost["id"].as_str().unwrap().clone_into(&mut ids.key);
        heard.take(operation.send(&own.all, &ids).await);
    }
    tenant.policy(&policy(&stand.upstream, own.words)).await;
}
