//! Hostile and malformed input for a running host: whatever is sent is answered with a success or a problem with a known
//! code, never with a defect of the host, and the host goes on serving. Targets within the host, with a corpus each, are in
//! its own tests; `cargo xtask fuzz --list` names them all.
//!
//! `COFFERDAM_FUZZ_SECONDS` says how long each target is tried; three seconds where it does not.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use cofferdam::Code;
use cofferdam_tests::handmade::{Handmade, with_sections};
use cofferdam_tests::{Answer, Client, Tenant, foreign, guest, run, shared};
use futures::StreamExt as _;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

fn seconds() -> Duration {
    let seconds = std::env::var("COFFERDAM_FUZZ_SECONDS").map_or(3, |seconds| seconds.parse().unwrap());
    Duration::from_secs(seconds)
}

/// Tries inputs, several at once, for as long as the target gets; then the host has to work as before.
async fn fuzz<T: std::fmt::Debug>(
    tenant: &Tenant,
    inputs: impl Strategy<Value = T>,
    try_it: impl AsyncFn(&T) -> Option<Answer>,
) {
    let mut runner = TestRunner::default();
    let end = Instant::now() + seconds();
    let inputs = std::iter::from_fn(|| (Instant::now() < end).then(|| inputs.new_tree(&mut runner).unwrap().current()));
    let mut tried = 0;
    let mut answers = std::pin::pin!(
        futures::stream::iter(inputs).map(|input| async { (try_it(&input).await, input) }).buffer_unordered(8)
    );
    while let Some((answer, input)) = answers.next().await {
        tried += 1;
        if let Some(answer) = answer {
            acceptable(&answer, &input);
        }
    }
    assert!(tried >= 10, "{tried}");
    assert_eq!(tenant.agent.call("catalogue/noop", json!({})).await.text(), "ok");
    assert!(shared().await.is_ready().await);
}

#[track_caller]
fn acceptable(answer: &Answer, input: &dyn std::fmt::Debug) {
    let code = answer.code();
    let shown = || format!("{input:?}").chars().take(2_000).collect::<String>();
    assert_ne!(code, Some(Code::Internal), "{}\n{answer:#?}", shown());
    assert!(
        answer.status != 500 && answer.text.len() < 100_000,
        "{}\n{} {}",
        shown(),
        answer.status,
        answer.text.len()
    );
    if code.is_some() {
        // What was sent comes back cut, and never as something that moves a terminal's cursor.
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.len() < 10_000, "{}\n{detail}", shown());
        assert!(!answer.text.contains("panicked") && !answer.text.contains("/src/"), "{}\n{answer:#?}", shown());
    }
}

async fn tenant(stem: &str) -> Tenant {
    shared().await.tenant(stem).await
}

/// Names, as they are, nearly as they are, and as nobody would write them.
fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}(/[a-z]{1,8})?(\\.[a-z-]{1,8})?(@[0-9.]{1,6})?",
        "catalogue/(noop|limits\\.spin|limits\\.echo|attack\\.lie|nothing)(@[0-9.x*^~-]{0,9})?",
        "(catalogue/)?[a-zA-Z0-9./@_%-]{0,80}",
        "\\PC{0,40}",
        any::<String>(),
        vec(
            prop_oneof![Just("../"), Just("%2e%2e/"), Just("catalogue/"), Just("\0"), Just("\r\n"), Just("noop")],
            0..9
        )
        .prop_map(|parts| parts.concat()),
        (1_usize..100_000).prop_map(|length| "a".repeat(length)),
    ]
}

/// Documents, some of them large, deep or odd.
fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("x".repeat(70_000))),
    ];
    let keys = prop_oneof![
        Just("text".to_owned()),
        Just("bytes".to_owned()),
        Just("rounds".to_owned()),
        Just("shape".to_owned()),
        Just("how".to_owned()),
        Just("tool".to_owned()),
        Just("arguments".to_owned()),
        any::<String>(),
    ];
    leaf.prop_recursive(6, 200, 12, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..12).prop_map(Value::from),
            proptest::collection::btree_map(keys.clone(), inner, 0..12)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn fuzz_names_of_tools() {
    run(async {
        let tenant = tenant("names").await;
        fuzz(&tenant, names(), async |name| {
            let arguments = json!({});
            Some(tenant.agent.call(name, arguments).await)
        })
        .await;
    });
}

#[test]
fn fuzz_arguments() {
    run(async {
        let tenant = tenant("arguments").await;
        tenant.policy("[limits]\nfuel = 50_000_000\ndeadline = \"1s\"").await;
        let tools = prop::sample::select(vec![
            "noop",
            "limits.echo",
            "limits.result",
            "attack.lie",
            "limits.grow",
            "limits.kv-set",
        ]);
        fuzz(&tenant, (tools, documents()), async |(tool, arguments)| {
            Some(tenant.agent.call(&format!("catalogue/{tool}"), arguments.clone()).await)
        })
        .await;
    });
}

#[test]
fn fuzz_bodies_that_are_hardly_json() {
    run(async {
        let tenant = tenant("bodies").await;
        let good = json!({"tool": "catalogue/limits.echo", "arguments": {"text": "x"}}).to_string();
        let texts = prop_oneof![
            vec(any::<u8>(), 0..300),
            mutated(good.clone().into_bytes()),
            (1_usize..200_000).prop_map(|depth| "[".repeat(depth).into_bytes()),
            (1_usize..200_000).prop_map(|depth| format!(
                "{{\"tool\":\"noop\",\"arguments\":{}",
                "{\"a\":".repeat(depth)
            )
            .into_bytes()),
            any::<String>().prop_map(|text| format!("{{\"tool\":\"noop\",\"{text}\":1}}").into_bytes()),
            Just(
                format!("{{\"tool\":\"catalogue/limits.echo\",\"arguments\":{{\"text\":{}1e999}}}}", " ".repeat(1000))
                    .into_bytes()
            ),
            Just(good.replace("\"x\"", "\"\\ud800\"").into_bytes()),
            Just(good.replace("\"x\"", "\"x\",\"text\":\"y\"").into_bytes()),
        ];
        let types = prop::sample::select(vec![
            "application/json",
            "text/plain",
            "application/json; charset=latin1",
            "",
            "a/b",
            "multipart/form-data",
        ]);
        let paths = prop::sample::select(vec![
            "/v1/calls",
            "/v1/explain",
            "/v1/keys",
            "/v1/packages/x/versions",
            "/v1/packages/x/promote",
            "/v1/policy/check",
        ]);
        fuzz(&tenant, (paths, types, texts), async |(path, kind, text)| {
            let request = tenant.operator.request("POST", path).body(text.clone());
            let by_agent = tenant.agent.request("POST", path).header(CONTENT_TYPE, *kind).body(text.clone());
            acceptable(&tenant.operator.send(request.header(CONTENT_TYPE, "application/json")).await, text);
            Some(tenant.agent.send(by_agent).await)
        })
        .await;
    });
}

/// The same bytes with some changed, some left out, some there twice.
fn mutated(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0_u8..4, 1_usize..64);
    vec(change, 1..12).prop_map(move |changes| {
        let mut bytes = bytes.clone();
        for (at, to, how, length) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            match how {
                0 => bytes[at] = to,
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let twice = bytes[at..end].to_vec();
                    bytes.splice(at..at, twice);
                }
                _ => bytes[at] ^= 1 << (to % 8),
            }
        }
        bytes
    })
}

#[test]
fn fuzz_uploads() {
    run(async {
        let tenant = tenant("uploads").await;
        let (real, small) = (guest("noop").to_vec(), Handmade::default().build().to_vec());
        let size = |bytes: &[u8], at: usize| {
            // A section that claims to be as large as it can be said to be.
            let mut bytes = bytes.to_vec();
            bytes.splice(at..at, [11, 0xff, 0xff, 0xff, 0xff, 0x0f]);
            bytes
        };
        let uploads = prop_oneof![
            3 => mutated(real.clone()),
            5 => mutated(small.clone()),
            2 => vec(any::<u8>(), 0..2_000).prop_map(|bytes| [b"\0asm\x0d\0\x01\0", bytes.as_slice()].concat()),
            1 => vec(any::<u8>(), 0..2_000),
            1 => any::<prop::sample::Index>().prop_map(move |cut| real[..cut.index(real.len())].to_vec()),
            1 => (0_u32..30_000).prop_map({ let small = small.clone(); move |count| with_sections(&small, count as usize).to_vec() }),
            1 => Just(size(&small, 8)),
            1 => (8_usize..small.len()).prop_map(move |at| size(&small, at)),
        ];
        fuzz(&tenant, uploads, async |bytes| Some(tenant.publisher.upload(bytes.clone()).await)).await;
        // What of it was admitted is what it says, and can be called.
        for component in tenant.publisher.get("/v1/components").await.ok()["components"].as_array().unwrap() {
            assert!(!component["definitions"].as_array().unwrap().is_empty(), "{component}");
        }
    });
}

/// Values of every WIT type, as agents would get them wrong.
#[test]
fn fuzz_values_of_functions() {
    let functions =
        ["wide", "double", "letter", "bytes", "pair", "place", "figure", "rights", "maybe-maybe", "outcome"];
    let cases = prop_oneof![
        documents(),
        ("[a-z-]{0,9}", documents()).prop_map(|(name, value)| json!({ name: value })),
        prop::sample::select(vec!["circle", "polygon", "some", "ok", "err", "x"])
            .prop_map(|name| json!({ name: [null] })),
        vec(documents(), 0..4).prop_map(Value::from),
    ];
    run(async {
        let tenant = tenant("values").await;
        tenant.push("shapes", foreign("shapes")).await;
        fuzz(&tenant, (prop::sample::select(functions.to_vec()), cases), async |(function, value)| {
            Some(tenant.agent.call(&format!("shapes.echo-{function}"), json!({"value": value})).await)
        })
        .await;
    });
}

/// Types and functions of components of others, damaged: what is read of them, is read behind the walls.
#[test]
fn fuzz_types_of_functions() {
    run(async {
        let tenant = tenant("types").await;
        let bytes = foreign("shapes").to_vec();
        // Types stand behind the code: half of the damage goes there.
        let tail = bytes.len() - 4_000;
        let (head, types) = (bytes[..tail].to_vec(), bytes[tail..].to_vec());
        let damaged = mutated(types).prop_map(move |types| [head.clone(), types].concat());
        fuzz(&tenant, prop_oneof![damaged, mutated(bytes)], async |bytes| {
            Some(tenant.publisher.upload(bytes.clone()).await)
        })
        .await;
    });
}

#[test]
fn fuzz_definitions() {
    run(async {
        let tenant = tenant("definitions").await;
        let schemas = prop_oneof![
            Just(r#"{"type":"object"}"#.to_owned()),
            documents().prop_map(|document| document.to_string()),
            documents().prop_map(|document| json!({"type": "object", "properties": document}).to_string()),
            documents().prop_map(|document| json!({"type": "object", "properties": {"a": document}}).to_string()),
            "\\PC{0,30}".prop_map(|pattern| json!({"type": "object", "patternProperties": {pattern: {}}}).to_string()),
            Just(json!({"type": "object", "$ref": "#"}).to_string()),
            Just(json!({"type": "object", "$ref": "https://example.com/schema"}).to_string()),
            Just(json!({"type": "object", "$ref": "file:///etc/passwd"}).to_string()),
            Just(json!({"type": "object", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "properties": {"x": {"$ref": "#/$defs/a"}}}).to_string()),
            Just(r#"{"type":"object","properties":{"a":{"pattern":"(a+)+$"}}}"#.to_owned()),
        ];
        let names = prop_oneof![Just("handmade".to_owned()), names().prop_map(|name| name.chars().take(500).collect())];
        let definitions = (names, any::<String>(), schemas);
        fuzz(&tenant, definitions, async |(name, description, schema)| {
            // Its texts lie where no argument is put.
            let schema: String = schema.chars().take(8_000).collect();
            let handmade =
                Handmade { name: name.clone(), description: description.clone(), schema, ..Handmade::default() };
            let answer = tenant.publisher.upload(handmade.build()).await;
            if answer.status >= 400 {
                return Some(answer);
            }
            let digest = answer.body["digest"].clone();
            let package = format!("p{}", &digest.as_str().unwrap()[7..40]);
            let body = json!({"version": "1.0.0", "component": digest});
            tenant.publisher.post(&format!("/v1/packages/{package}/versions"), &body).await.ok();
            // Whatever its schema is, arguments are checked against it in time.
            let tool = format!("{package}.{name}");
            for arguments in
                [json!({}), json!({"a": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}), json!({"x": [1], "a": {"b": null}})]
            {
                acceptable(&tenant.agent.call(&tool, arguments).await, &handmade);
            }
            Some(tenant.agent.get(&format!("/v1/tools/{tool}")).await)
        })
        .await;
    });
}

#[test]
fn fuzz_policies() {
    run(async {
        let tenant = tenant("policies").await;
        let good = "[tools]\nallow = [\"*\", \"catalogue/*\"]\ndeny = []\n[limits]\nfuel = 2_000_000_000\nmemory_bytes = \"64MiB\"\n\
            deadline = \"5s\"\n[[grant]]\ntools = [\"notes\", \"catalogue/files\"]\n\
            kv = [{ bucket = \"notes\", access = \"read-write\", bytes_max = \"10MiB\", keys_max = 10_000 }]\n\
            files = [{ volume = \"workspace\", mount = \"/work\", access = \"read-only\", bytes_max = \"100MiB\", files_max = 10_000 }]\n\
            http = [{ host = \"api.github.com\", methods = [\"GET\"], paths = [\"/repos/*\"] }]\nclock = \"coarse\"\n\
            random = \"secure\"\nlog = \"info\"\nconfig = { greeting = \"hello\" }\n";
        tenant.policy(good).await;
        let lines: Vec<&str> = good.lines().collect();
        let shuffled = vec(prop::sample::select(lines.into_iter().map(str::to_owned).collect::<Vec<_>>()), 0..30);
        let texts = prop_oneof![
            mutated(good.as_bytes().to_vec()),
            shuffled.prop_map(|lines| lines.join("\n").into_bytes()),
            any::<String>().prop_map(String::into_bytes),
            vec(any::<u8>(), 0..200),
            (1_usize..50_000).prop_map(|depth| format!("a = {}", "[".repeat(depth)).into_bytes()),
            (1_usize..20_000).prop_map(|depth| "a.".repeat(depth).into_bytes()),
            (1_usize..5_000).prop_map(|count| "[[grant]]\ntools = [\"*\"]\n".repeat(count).into_bytes()),
            (names(), names()).prop_map(|(key, value)| format!("[limits]\n\"{key}\" = \"{value}\"").into_bytes()),
            any::<i128>().prop_map(|number| format!("[limits]\nfuel = {number}").into_bytes()),
        ];
        fuzz(&tenant, texts, async |text| {
            let operator = &tenant.operator;
            let check = operator.request("POST", "/v1/policy/check").header(CONTENT_TYPE, "application/toml");
            let checked = operator.send(check.body(text.clone())).await;
            acceptable(&checked, text);
            let put = operator.request("PUT", "/v1/policy").header(CONTENT_TYPE, "application/toml");
            let put = operator.send(put.body(text.clone())).await;
            assert_eq!(checked.status, put.status, "checked otherwise than put in force:\n{checked:#?}\n{put:#?}");
            Some(put)
        })
        .await;
    });
}

#[test]
fn fuzz_paths_queries_methods_and_headers() {
    run(async {
        let tenant = tenant("paths").await;
        let operator = tenant.operator.clone();
        let segment = prop_oneof![
            "[a-zA-Z0-9._~@:%+-]{0,20}",
            Just("..".to_owned()),
            Just("%2e%2e".to_owned()),
            Just("%00".to_owned()),
            Just("%ff".to_owned()),
            Just("v1".to_owned())
        ];
        let beginnings = prop::sample::select(vec![
            "/v1/tools/",
            "/v1/calls/",
            "/v1/components/",
            "/v1/packages/",
            "/v1/tenants/",
            "/v1/keys/",
            "/v1/audit",
            "/v1/usage",
            "/v1/",
            "/",
        ]);
        let paths =
            (beginnings, vec(segment, 0..5)).prop_map(|(begin, segments)| format!("{begin}{}", segments.join("/")));
        let queries = prop_oneof![
            Just(String::new()),
            "\\?[a-z]{1,6}=[0-9a-zA-Z%-]{0,30}",
            "\\?from=[0-9-]{0,25}&limit=[0-9-]{0,25}",
            "\\?since=[0-9-]{0,12}&until=[0-9T:-]{0,24}",
            "\\?[ -~&&[^#\"<>]]{0,40}"
        ];
        let methods = prop::sample::select(vec![
            "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "X",
        ]);
        let headers = prop::sample::select(vec![
            "accept",
            "authorization",
            "content-type",
            "content-encoding",
            "expect",
            "range",
            "te",
            "x-forwarded-for",
            "cookie",
            "traceparent",
            "if-match",
        ]);
        let values = "[ -~]{0,200}";
        fuzz(&tenant, (methods, paths, queries, headers, values), async |(method, path, query, header, value)| {
            let request = operator.request(method, &format!("{path}{query}")).header(*header, value.as_str());
            let request = request.build().ok()?;
            let is_head = request.method() == "HEAD";
            let answer = send(&operator, request).await;
            if is_head || answer.status == 401 || *method == "OPTIONS" {
                assert_ne!(answer.status, 500, "{answer:?}");
                return None;
            }
            Some(answer)
        })
        .await;
    });
}

async fn send(client: &Client, request: reqwest::Request) -> Answer {
    let method = request.method().as_str().to_owned();
    let mut path = request.url().path().to_owned();
    if let Some(query) = request.url().query() {
        path = format!("{path}?{query}");
    }
    let mut again = client.request(&method, &path);
    for (name, value) in request.headers() {
        again = again.header(name, value);
    }
    client.send(again).await
}

/// Not even HTTP: whatever arrives on a connection ends that connection at most.
#[test]
fn fuzz_raw_bytes() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    run(async {
        let tenant = tenant("raw").await;
        let address = tenant.agent.base().strip_prefix("http://").unwrap().to_owned();
        let good = format!(
            "POST /v1/calls HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 25\r\n\r\n{{\"tool\":\"catalogue/noop\"}}\r\n",
            tenant.agent.key()
        );
        let smuggled = [
            good.replace("content-length: 25", "content-length: 25\r\ncontent-length: 26"),
            good.replace("content-length: 25", "content-length: 25\r\ntransfer-encoding: chunked"),
            good.replace("content-length: 25", "content-length: +25"),
            good.replace("content-length: 25", "content-length: -1"),
            good.replace("content-length: 25", "content-length: 99999999999999999999"),
            good.replace("content-length: 25", "transfer-encoding: chunked, identity"),
            good.replace("host:", "host: other\r\nhost:"),
            good.replace("HTTP/1.1", "HTTP/9.9"),
            good.replace("HTTP/1.1\r\n", "HTTP/1.1\n"),
            good.replace("/v1/calls", &format!("/{}", "a".repeat(100_000))),
            good.replace("host:", &format!("{}host:", "x: y\r\n".repeat(10_000))),
            format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{good}"),
        ];
        let bytes = prop_oneof![
            mutated(good.clone().into_bytes()),
            prop::sample::select(smuggled.to_vec()).prop_map(String::into_bytes),
            vec(any::<u8>(), 1..500),
        ];
        fuzz(&tenant, bytes, async |bytes| {
            let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
            // The host may close before it has read everything.
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
            let mut answer = Vec::new();
            let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
            assert!(read.is_ok(), "no end: {bytes:?}");
            let text = String::from_utf8_lossy(&answer);
            assert!(!text.starts_with("HTTP/1.1 5"), "{:?}\n{text}", String::from_utf8_lossy(bytes));
            None
        })
        .await;
    });
}
