//! Words of a tenant's own, in every place that something can be put into.

use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::operations::{ALL, Ids};
use cofferdam_tests::{Answer, Client, Tenant, guest, name};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::search::Heard;
use crate::stand::{Stand, policy};

/// Every place, by the name that ends its word.
#[rustfmt::skip]
pub(crate) const PLACES: [&str; 27] = [
    "access", "answer", "approval", "argument", "body", "bucket", "cached", "child", "error", "file", "key", "log",
    "memory", "model", "package", "page", "path", "prompt", "reason", "remark", "secret", "session", "setting", "template",
    "tool", "vector", "wrong",
];

/// Those whose words leave for a server or for a provider.
pub(crate) const SENT_OUT: [&str; 6] = ["body", "path", "prompt", "secret", "template", "vector"];

/// A tenant's own words: one for each place, all with the same beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words(pub(crate) &'static str);

impl Words {
    /// The word for a place.
    pub(crate) fn of(self, place: &str) -> String {
        format!("{}-{place}", self.0)
    }

    /// It backwards: for whoever is to say it without having been told.
    fn backwards(self, place: &str) -> String {
        self.of(place).chars().rev().collect()
    }
}

/// What a tenant has behind its words.
pub(crate) struct Planted {
    pub(crate) words: Words,
    /// What requests can name.
    pub(crate) ids: Ids,
    /// Its calls.
    pub(crate) calls: Vec<String>,
    /// A key with every scope.
    pub(crate) all: Client,
}

impl Stand {
    /// Puts the tenant's words into every place, and keeps what it was answered.
    pub(crate) async fn plant(&self, tenant: &Tenant, words: Words, heard: &mut Heard) -> Planted {
        settle(self, tenant, words, heard).await;
        self.compute(tenant, words, heard).await;
        self.ask_models(tenant, words, heard).await;
        let arguments = json!({"text": words.of("approval")});
        let waits = heard.take(tenant.agent.call("catalogue/limits.echo", arguments).await).body;
        let created = json!({"name": "all", "scopes": ALL});
        let created = heard.take(tenant.operator.post("/v1/keys", &created).await).ok();
        let all = tenant.operator.with_key(created["key"].as_str().unwrap());
        let mut ids = Ids::of(tenant).await.submitted(tenant).await;
        waits["facts"]["approval"].as_str().unwrap().clone_into(&mut ids.approval);
        let log = tenant.log(0).await;
        let decided = log.iter().filter(|entry| entry["kind"] == "call.decided");
        let calls = decided.map(|entry| entry["event"]["call"].as_str().unwrap().to_owned()).collect();
        Planted { words, ids, calls, all }
    }

    /// Memory, answers, logs, errors, buckets, volumes, requests, calls of calls.
    async fn compute(&self, tenant: &Tenant, words: Words, heard: &mut Heard) {
        let (agent, word) = (&tenant.agent, |place: &str| words.of(place));
        let url = |path: &str| self.upstream.url(&tenant.name, path);
        heard.take(agent.call("limits.echo", json!({"text": word("argument")})).await);
        // All over memory, in copies, and a pattern that others can look for.
        heard.take(agent.call("limits.echo", json!({"text": word("memory").repeat(4_000)})).await);
        heard.take(agent.call("attack.residue-leave", json!({"pages": 64})).await);
        let session = word("session");
        let set = json!({"bucket": "notes", "key": "k", "value": word("bucket")});
        heard.take(agent.call_in(&session, "limits.kv-set", set).await);
        heard.take(agent.call_in(&session, "limits.kv-get", json!({"bucket": "notes", "key": "k"})).await);
        heard.take(agent.call("limits.file-write", json!({"path": "/work/note", "text": word("file")})).await);
        for _ in 0..2 {
            heard.take(agent.call("told.handmade", json!({})).await);
        }
        heard.take(agent.call("says.handmade", json!({})).await);
        heard.take(watch(agent, "limits.log", json!({"lines": 2, "bytes": 100, "text": word("log")})).await);
        // Everything that it can get hold of is printed, written and sent.
        let page = url(&format!("/backwards/{}", words.backwards("page")));
        let dump = json!({"urls": [page], "body": word("body"), "folders": ["/work"], "bucket": "notes"});
        heard.take(watch(agent, "attack.dump", dump).await);
        heard.take(agent.call("limits.http", json!({"url": url(&format!("/{}", word("path")))})).await);
        for failure in ["invalid-arguments", "denied", "unavailable", "failed", "internal"] {
            let failure = json!({"failure": failure, "text": word("error")});
            heard.take(agent.call("attack.fail", failure).await);
        }
        heard.take(agent.call("limits.spin", json!({"rounds": word("wrong")})).await);
        heard.take(agent.call("limits.kv-get", json!({"bucket": word("wrong"), "key": word("wrong")})).await);
        let echo = json!({"tool": "limits.echo", "arguments": {"text": word("child")}});
        heard.take(agent.call("catalogue/relay.one", echo).await);
    }

    /// Prompts, templates, vectors, and what models say by themselves.
    async fn ask_models(&self, tenant: &Tenant, words: Words, heard: &mut Heard) {
        let script = |action: &str| {
            let say = words.backwards("model");
            let (key, note) = (name("leak"), words.of("prompt"));
            json!({"key": key, "note": note, "say": say, "a": [action], "c": [action]}).to_string()
        };
        let call =
            async |tool: &str, arguments: Value| tenant.agent.call(&format!("catalogue/{tool}"), arguments).await;
        for action in ["backwards", "echo", "status:400", "malformed", "tool"] {
            for (route, tool) in [("openai", "chat"), ("anthropic", "stream"), ("openai", "consult")] {
                let ask = json!({"route": route, "text": script(action), "max_tokens": 100});
                heard.take(call(&format!("models.{tool}"), ask).await);
            }
        }
        let texts = json!([words.of("vector"), "x"]);
        heard.take(call("models.likeness", json!({"route": "vectors", "texts": texts})).await);
        heard.take(call("models.render", json!({"name": "summarise", "text": words.of("prompt")})).await);
        heard.take(call("summarise", json!({"text": words.of("prompt"), "sentences": 1})).await);
    }
}

/// Packages, policy, rules, keys and secrets.
async fn settle(stand: &Stand, tenant: &Tenant, words: Words, heard: &mut Heard) {
    let described = Handmade { description: format!("Says {}.", words.of("tool")), ..Handmade::default() };
    for (package, component) in [
        ("limits", guest("limits")),
        ("attack", guest("attack")),
        ("told", Handmade::saying(&words.of("cached")).build()),
        ("says", Handmade::saying(&words.of("answer")).build()),
        ("described", described.build()),
        (words.of("package").as_str(), Handmade::default().build()),
    ] {
        tenant.push(package, component).await;
    }
    let (operator, publisher) = (&tenant.operator, &tenant.publisher);
    let put = async |path: &str, text: String| {
        let request = operator.request("PUT", path).header(CONTENT_TYPE, "text/plain");
        operator.send(request.body(text)).await
    };
    heard.take(put("/v1/secrets/token", words.of("secret")).await).ok();
    heard.take(operator.put("/v1/policy", &policy(&stand.upstream, words)).await).ok();
    heard.take(put("/v1/policy/access", format!("// {}\n", words.of("access"))).await).ok();
    heard.take(operator.post("/v1/keys", &json!({"name": words.of("key"), "scopes": ["agent"]})).await).ok();
    let deprecate = json!({"version": "1.0.0", "message": words.of("reason")});
    heard.take(publisher.post("/v1/packages/described/deprecate", &deprecate).await).ok();
}

/// A call, and all that is seen of it while it runs.
pub(crate) async fn watch(agent: &Client, tool: &str, arguments: Value) -> Answer {
    agent.send(agent.calling(tool, &arguments).header(ACCEPT, "text/event-stream")).await
}
