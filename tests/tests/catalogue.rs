//! The catalogue as agents meet it: pushed by the platform's team with the command line, called over HTTP, described on
//! a page that is made from what the host lists.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;

use cofferdam::Code;
use cofferdam_tests::{Options, Server, Tenant, includes, run};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

const PACKAGES: [&str; 8] = ["calculate", "files", "http-fetch", "json-query", "notes", "summarise", "team", "text"];

struct Stand {
    server: Server,
    tenant: Tenant,
}

/// A host with the whole catalogue, and a tenant that grants it what it needs, under each package's own limits.
async fn stand() -> &'static Stand {
    static STAND: OnceCell<Stand> = OnceCell::const_new();
    STAND
        .get_or_init(async || {
            let server = Server::start(Options::default()).await;
            server.push(&PACKAGES).await;
            let tenant = server.tenant("user").await;
            let port = server.upstream.address.port();
            let http = format!("http = [{{ scheme = \"http\", host = \"127.0.0.1\", port = {port} }}]");
            tenant
                .policy(&format!(
                    "[limits]\nfuel = 100_000_000_000\ndeadline = \"1m\"\nmemory_bytes = \"512MiB\"\n\
                     [[grant]]\ntools = [\"catalogue/*\"]\n{http}\n\
                     model = [\"summarise\"]\nprompt = [\"summarise\"]\n\
                     kv = [{{ bucket = \"notes\", access = \"read-write\" }}]\n\
                     files = [{{ volume = \"work\", mount = \"/work\", access = \"read-write\" }}]\n\
                     call = [\"catalogue/team\"]\n\
                     [[model]]\nname = \"summarise\"\nchoices = [{{ provider = \"none\", model = \"none\" }}]\n\
                     [prompts]\nsummarise = \"{{sentences}} {{text}}\"\n"
                ))
                .await;
            Stand { server, tenant }
        })
        .await
}

impl Stand {
    /// That a call gives at least `expected`.
    async fn gives(&self, tool: &str, arguments: Value, expected: Value) {
        let answer = self.tenant.agent.call(&format!("catalogue/{tool}"), arguments).await.json();
        assert!(includes(&answer, &expected), "{tool}: {answer}");
    }
}

#[test]
fn text() {
    run(async {
        let stand = stand().await;
        stand.gives("text.count", json!({"text": "zwei Wörter\n"}), json!({"words": 2, "bytes": 13})).await;
        let changed = json!({"before": "a\nb\n", "after": "a\nc\n"});
        let answer = stand.tenant.agent.call("catalogue/text.diff", changed).await.json();
        assert!(answer.to_string().contains("-b\\n+c"), "{answer}");
        let searched = json!({"text": "x=1, y=22", "pattern": r"(\w)=(\d+)"});
        let answer = stand.tenant.agent.call("catalogue/text.extract", searched).await.json();
        assert!(answer.to_string().contains("22"), "{answer}");
    });
}

#[test]
fn json_query() {
    run(async {
        let query = json!({"query": "[.[] | select(.n > 1) | .name]", "document": [{"n": 1, "name": "a"}, {"n": 2, "name": "b"}]});
        stand().await.gives("json-query", query, json!({"results": [["b"]], "is_cut": false})).await;
    });
}

#[test]
fn calculate() {
    run(async {
        let stand = stand().await;
        stand.gives("calculate", json!({"expression": "3 GiB / (20 megabit/s) to s"}), json!({"is_exact": true})).await;
        stand.gives("calculate", json!({"expression": "2^64"}), json!({"result": "18446744073709551616"})).await;
        // The longest and deepest expression that it takes fits its stack and its fuel.
        let deepest = format!("1{}", "+1".repeat(511));
        stand.gives("calculate", json!({"expression": deepest}), json!({"result": "512"})).await;
    });
}

#[test]
fn notes() {
    run(async {
        let stand = stand().await;
        stand.gives("notes.add", json!({"title": "Sluice", "text": "opens at noon"}), json!({"id": 1})).await;
        stand.gives("notes.get", json!({"id": 1}), json!({"text": "opens at noon"})).await;
        let found = stand.tenant.agent.call("catalogue/notes.search", json!({"query": "noon"})).await.json();
        assert!(found.to_string().contains("Sluice"), "{found}");
        // Another tenant's bucket of the same name is another bucket.
        let other = stand.server.tenant("other").await;
        other.policy("[[grant]]\ntools = [\"catalogue/notes\"]\nkv = [{ bucket = \"notes\" }]\n").await;
        let listed = other.agent.call("catalogue/notes.list", json!({})).await.json();
        assert!(includes(&listed, &json!({"notes": []})), "{listed}");
    });
}

/// Whoever asks for parts gets each tool once, also where one is gone that it went on behind.
#[test]
fn tools_are_listed_in_parts() {
    run(async {
        let agent = &stand().await.tenant.agent;
        let names = async |query: &str| -> (Vec<String>, Value) {
            let listed = agent.get(&format!("/v1/tools{query}")).await.ok();
            let tools = listed["tools"].as_array().unwrap().iter();
            (tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect(), listed["next"].clone())
        };
        let (all, next) = names("").await;
        assert!(all.len() > 14 && next.is_null(), "{all:?}");
        let (mut parts, mut after) = (Vec::new(), String::new());
        loop {
            let (part, next) = names(&format!("?limit=7{after}")).await;
            assert!(part.len() <= 7, "{part:?}");
            parts.extend(part);
            let Some(next) = next.as_str() else { break };
            assert_eq!(Some(next), parts.last().map(String::as_str));
            after = format!("&after={next}");
        }
        assert_eq!(parts, all);
        let (behind, _) = names("?after=catalogue/notes.b").await;
        assert_eq!(behind.first().map(String::as_str), Some("catalogue/notes.get"));
        for wrong in ["limit=0", "limit=10001", "after=../x", "from=1"] {
            agent.get(&format!("/v1/tools?{wrong}")).await.problem(Code::InvalidRequest);
        }
    });
}

/// Every team does the whole task, and goes on where a worker fails; what that costs is as its page says.
#[test]
fn team() {
    run(async {
        let stand = stand().await;
        let documents: Vec<String> = (1..=8).map(|words| "word ".repeat(words)).collect();
        for (team, calls, missing) in [
            ("supervisor", 8, json!([2])),
            ("round-robin", 4, json!([2, 6])),
            ("hierarchy", 10, json!([2])),
            ("peers", 4, json!([2, 3, 4, 5, 6, 7])),
        ] {
            let tool = format!("catalogue/team.{team}");
            let body = stand.tenant.agent.call(&tool, json!({"documents": documents, "worker_ms": 20_000})).await.ok();
            let answer = &body["content"][0]["json"];
            assert!(includes(answer, &json!({"words": 36, "counted": 8, "missing": []})), "{team}: {answer}");
            assert_eq!(body["usage"]["child_calls"], calls, "{team}: {body}");
            let ill = json!({"documents": documents, "worker_ms": 20_000, "trouble": {"failing": [2]}});
            stand.gives(&format!("team.{team}"), ill, json!({"missing": missing})).await;
        }
        // One that hangs costs its deadline, and no more.
        let hung = json!({"documents": documents, "worker_ms": 500, "trouble": {"hanging": [2]}});
        stand.gives("team.supervisor", hung, json!({"counted": 7, "missing": [2]})).await;
    });
}

#[test]
fn files() {
    run(async {
        let stand = stand().await;
        let file = json!({"path": "plans/one.txt", "text": "first\nsecond line\n"});
        stand.gives("files.write", file, json!({"bytes": 18})).await;
        stand.gives("files.read", json!({"path": "plans/one.txt"}), json!({"lines": 2})).await;
        for (tool, arguments, expected) in [
            ("files.list", json!({"path": "plans"}), "one.txt"),
            ("files.search", json!({"pattern": "sec.nd"}), "second line"),
        ] {
            let answer = stand.tenant.agent.call(&format!("catalogue/{tool}"), arguments).await.json();
            assert!(answer.to_string().contains(expected), "{answer}");
        }
    });
}

#[test]
fn http_fetch() {
    run(async {
        let stand = stand().await;
        let page = json!({"url": stand.server.upstream.url("catalogue", "/slow/0")});
        stand.gives("http-fetch", page, json!({"status": 200, "text": "late"})).await;
        let elsewhere = json!({"url": "http://127.0.0.1:1/"});
        stand.tenant.agent.call("catalogue/http-fetch", elsewhere).await.problem(Code::Denied);
    });
}

#[test]
fn the_page_of_the_catalogue_is_as_checked_in() {
    run(async {
        let stand = stand().await;
        let listed = stand.tenant.agent.get("/v1/tools").await.ok();
        let mut page = HEAD.to_owned();
        for package in PACKAGES {
            let versions = stand.server.platform.get(&format!("/v1/packages/{package}")).await.ok();
            let tools = listed["tools"].as_array().unwrap().iter();
            let own = |tool: &&Value| {
                let name = tool["name"].as_str().unwrap().strip_prefix("catalogue/").unwrap();
                name.split('.').next() == Some(package)
            };
            section(&mut page, package, &versions["versions"][0], tools.filter(own));
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/catalogue.md");
        if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
            std::fs::write(path, &page).unwrap();
        }
        let checked_in = std::fs::read_to_string(path).unwrap_or_default();
        assert!(checked_in == page, "run this test with UPDATE=1 to bless docs/catalogue.md");
    });
}

const HEAD: &str = "# The catalogue
<!-- Made by `cargo test --workspace --test catalogue` with UPDATE=1, from what the host lists. Change the tools, not this page. -->

The tools in `tools/`, which the platform publishes with `cofferdam push tools/NAME`; every tenant whose policy allows it
then calls them as `catalogue/NAME`. What a package needs has to be granted by policy; its limits are the most that it
takes of what policy gives.
";

fn section<'a>(page: &mut String, package: &str, version: &Value, tools: impl Iterator<Item = &'a Value>) {
    let words = |of: &Value| {
        let all: Vec<_> = of.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    };
    writeln!(page, "\n## {package}").unwrap();
    writeln!(page, "Needs {}.", words(&version["needs"]["required"])).unwrap();
    let limits: Vec<_> = version["limits"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("`{name}` {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    writeln!(page, "Limits: {}.", limits.join(", ")).unwrap();
    for tool in tools {
        writeln!(page, "\n### {}", tool["name"].as_str().unwrap()).unwrap();
        writeln!(page, "{}\n", tool["description"].as_str().unwrap()).unwrap();
        writeln!(page, "| argument | type | without it | |\n|---|---|---|---|").unwrap();
        let schema = &tool["input_schema"];
        for (name, argument) in schema["properties"].as_object().into_iter().flatten() {
            let required =
                schema["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name.as_str()));
            let without = match argument.get("default") {
                Some(default) => format!("`{default}`"),
                None if required => "has to be there".to_owned(),
                None => String::new(),
            };
            let text = argument["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|");
            writeln!(page, "| `{name}` | {} | {without} | {text} |", kind(schema, argument)).unwrap();
        }
    }
}

/// The type of an argument in words.
fn kind(schema: &Value, argument: &Value) -> String {
    if let Some(target) = argument["$ref"].as_str() {
        let target = schema.pointer(target.trim_start_matches('#')).unwrap();
        let of = |key: &str| target[key].as_array().cloned().unwrap_or_default();
        let mut values = of("enum");
        values.extend(of("oneOf").iter().filter_map(|one| one.get("const").cloned()));
        if !values.is_empty() {
            return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
        }
        return kind(schema, target);
    }
    match &argument["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    }
}
