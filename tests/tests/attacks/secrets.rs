//! Secrets that a policy has requests leave with: the host that they are for gets them, and no guest ever does, whatever
//! it tries. Every byte of everything that is left of a call is looked through for them.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use cofferdam_tests::{Options, Secure, Server, Tenant, beside, eventually, run};
use memchr::memmem;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

const VALUE: &str = "marrow-and-bone-4711-NEVER-seen";

/// A host of its own, with all that it logs in a file.
struct Stand {
    server: Server,
    secure: Secure,
    log: std::path::PathBuf,
}

async fn stand() -> &'static Stand {
    static STAND: OnceCell<Stand> = OnceCell::const_new();
    STAND
        .get_or_init(async || {
            let log = tempfile::NamedTempFile::new().unwrap().into_temp_path().keep().unwrap();
            let server = Server::start(Options { log: Some(log.clone()), ..Options::default() }).await;
            server.publish(&["noop", "attack"]).await;
            Stand { server, secure: Secure::shared().await, log }
        })
        .await
}

async fn set(tenant: &Tenant, name: &str, value: &str) {
    let request = tenant.operator.request("PUT", &format!("/v1/secrets/{name}"));
    tenant.operator.send(request.header(CONTENT_TYPE, "text/plain").body(value.to_owned())).await.ok();
}

/// The value in the forms in which something could let it slip.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![value.as_bytes().to_vec(), value.bytes().rev().collect()];
    forms.push(value.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes());
    for before in 0..3 {
        let encoded = STANDARD_NO_PAD.encode([&vec![b'x'; before], value.as_bytes()].concat());
        // What it does not share with its neighbours.
        forms.push(encoded.as_bytes()[(before * 8).div_ceil(6)..encoded.len() - 1].to_vec());
    }
    forms
}

fn holds(bytes: &[u8], value: &str) -> bool {
    forms(value).iter().any(|form| memmem::find(bytes, form).is_some())
}

/// Files below `folder` that hold the value.
fn holding(folder: &Path, value: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(holding(&path, value)),
            Ok(kind) if kind.is_file() && std::fs::read(&path).is_ok_and(|bytes| holds(&bytes, value)) => {
                found.push(path.display().to_string());
            }
            _ => {}
        }
    }
    found
}

impl Stand {
    /// Nothing that is left anywhere holds the value: answers, record, payloads, the host's own log, its whole data.
    async fn is_clean(&self, tenant: &Tenant, answers: &[String], value: &str) {
        for answer in answers {
            assert!(!holds(answer.as_bytes(), value), "{answer}");
        }
        let record = tenant.log(0).await;
        assert!(!holds(Value::from(record.clone()).to_string().as_bytes(), value), "{record:?}");
        for entry in record.iter().filter(|entry| entry["kind"] == "call.ended") {
            let call = entry["event"]["call"].as_str().unwrap();
            let payload = tenant.auditor.get(&format!("/v1/calls/{call}/payload")).await;
            assert!(!holds(payload.text.as_bytes(), value), "{payload:?}");
        }
        assert_eq!(holding(&self.server.data, value), [""; 0]);
        let log = std::fs::read(&self.log).unwrap();
        assert!(!log.is_empty(), "the host logs everything here");
        assert!(!holds(&log, value), "the host's own log");
    }

    /// A tenant whose requests to the server leave with a secret.
    async fn tenant(&self, stem: &str, credential: &str, more: &str) -> Tenant {
        let tenant = self.server.tenant(stem).await;
        set(&tenant, "token", VALUE).await;
        let grant = self.secure.grant("catalogue/attack", &format!(", credential = {credential}"));
        tenant.policy(&format!("{grant}{more}\n[audit]\npayloads = \"1h\"\nrecord = true\n")).await;
        tenant
    }
}

/// What a call asks for, and what came of each request.
async fn dump(tenant: &Tenant, arguments: Value) -> (Value, String) {
    let answer = tenant.agent.call("catalogue/attack.dump", arguments).await;
    let text = answer.text.clone();
    (answer.json(), text)
}

fn used() -> Value {
    json!({"secret": {"host": "127.0.0.1", "name": "token", "version": 1}})
}

/// The server has the value; no byte of results, logs, record, payloads or files holds it.
#[test]
fn hostile_dump_of_everything_a_guest_can_see() {
    run(async {
        let stand = stand().await;
        let basic = STANDARD.encode(format!("me:{VALUE}"));
        for (credential, sent) in [
            ("\"token\"", format!("Bearer {VALUE}")),
            ("{ secret = \"token\", header = \"x-api-key\" }", VALUE.to_owned()),
            ("{ secret = \"token\", query = \"key\" }", format!("key={VALUE}")),
            ("{ secret = \"token\", basic = \"me\" }", format!("Basic {basic}")),
        ] {
            let more = "log = \"trace\"\nconfig = { greeting = \"hello\" }\n\
                kv = [{ bucket = \"loot\", access = \"read-write\" }]\n\
                files = [{ volume = \"loot\", mount = \"/loot\", access = \"read-write\" }]\n";
            let tenant = stand.tenant("dump", credential, more).await;
            let who = tenant.name.clone();
            let paths = ["/echo?a=b", "/drip", "/status/500", "/to/127.0.0.1:1"];
            let urls: Vec<_> = paths.map(|path| stand.secure.url(&who, path)).into();
            let arguments = json!({
                "urls": urls, "headers": [["x-mine", "of the guest"]], "body": "a body", "follow": 1,
                "folders": ["/loot"], "bucket": "loot",
            });
            let (found, text) = beside(&stand.server, dump(&tenant, arguments)).await;
            // The server had it, each time.
            let seen = stand.secure.seen(&who);
            assert_eq!(seen.len(), paths.len(), "{seen:?}");
            for (seen, _) in &seen {
                let had = seen.path.contains(&sent) || seen.headers.iter().any(|(_, value)| *value == sent);
                assert!(had, "{seen:?}");
            }
            // The guest saw everything that was said back, but for that.
            let first = &found["answers"][0];
            assert_eq!((&first["status"], &first["error"]), (&json!(200), &json!("")), "{first}");
            for part in ["body", "headers", "trailers"] {
                assert!(first[part].to_string().contains("********"), "{part}: {first}");
                assert!(first[part].to_string().contains("of the guest"), "{part}: {first}");
            }
            assert_eq!(found["settings"], json!({"greeting": "hello"}));
            let kept = tenant.agent.call("catalogue/attack.dump", json!({"urls": [], "folders": []})).await;
            stand.is_clean(&tenant, &[text, kept.text.clone()], VALUE).await;
            // The record names the secret and its version, and that it was said back.
            let ended = tenant.entry("call.ended", json!({"http_requests": 4})).await;
            assert!(ended["event"]["uses"].as_array().unwrap().contains(&used()), "{ended}");
            tenant
                .entry(
                    "capability.denied",
                    json!({"rule": "the response held the secret \"token\", which was overwritten"}),
                )
                .await;
        }
    });
}

/// The other host gets the request without it, or none.
#[test]
fn hostile_redirect_takes_no_secret_to_another_host() {
    run(async {
        let stand = stand().await;
        let tenant = stand.tenant("elsewhere", "\"token\"", "").await;
        let plain = &stand.server.upstream;
        // One that may be asked too, and one that may not.
        let grants =
            stand.secure.grant("catalogue/attack", ", credential = \"token\"") + &plain.grant("catalogue/attack");
        tenant.policy(&grants).await;
        let to = |host: &str| stand.secure.url(&tenant.name, &format!("/to/{host}"));
        let port = stand.secure.address.port();
        let arguments = json!({"urls": [to("169.254.169.254"), to(&format!("localhost:{port}"))], "follow": 1});
        let (found, text) = beside(&stand.server, dump(&tenant, arguments)).await;
        let answers = found["answers"].as_array().unwrap();
        assert_eq!(answers.len(), 4, "{answers:?}");
        for refused in [&answers[1], &answers[3]] {
            assert!(refused["error"].as_str().unwrap().contains("HttpRequestDenied"), "{refused}");
        }
        // What the guest asks by itself of another host goes without.
        let other = plain.url(&tenant.name, "/other");
        let (_, more) = dump(&tenant, json!({"urls": [other]})).await;
        let seen = plain.seen(&tenant.name);
        assert!(seen.iter().all(|seen| seen.headers.iter().all(|(name, _)| name != "authorization")), "{seen:?}");
        assert_eq!(seen.len(), 1);
        tenant.entry("capability.denied", json!({"capability": "http"})).await;
        stand.is_clean(&tenant, &[text, more], VALUE).await;
    });
}

/// Refused as a policy.
#[test]
fn hostile_policy_sends_no_secret_in_clear_unless_both_files_say_so() {
    run(async {
        let stand = stand().await;
        let tenant = stand.tenant("clear", "\"token\"", "").await;
        let plain = &stand.server.upstream;
        let port = plain.address.port();
        let policy = |credential: &str| {
            format!(
                "[[grant]]\ntools = [\"catalogue/attack\"]\nhttp = [{{ host = \"127.0.0.1\", scheme = \"http\", \
                 port = {port}, credential = {credential} }}]\n"
            )
        };
        let refused = tenant.operator.put("/v1/policy", &policy("\"token\"")).await;
        assert!(refused.problem(cofferdam::Code::InvalidPolicy).to_string().contains("plain_http"), "{refused:?}");
        // It says so, and the ceiling does not.
        tenant.policy(&policy("{ secret = \"token\", plain_http = true }")).await;
        let url = plain.url(&tenant.name, "/");
        let (answer, text) = beside(&stand.server, async {
            let answer = tenant.agent.call("catalogue/attack.dump", json!({"urls": [url]})).await;
            (answer.status, answer.text)
        })
        .await;
        // No rule is left that would let the tool ask anything: its requests are denied.
        assert!(answer == 403 || text.contains("HttpRequestDenied"), "{answer} {text}");
        assert_eq!(plain.seen(&tenant.name), []);
        stand.is_clean(&tenant, &[text], VALUE).await;
    });
}

/// There is none of that name.
#[test]
fn hostile_tenant_names_the_secret_of_another() {
    run(async {
        let stand = stand().await;
        let acme = stand.tenant("owner", "\"token\"", "").await;
        let globex = stand.server.tenant("thief").await;
        globex.policy(&stand.secure.grant("catalogue/attack", ", credential = \"token\"")).await;
        let url = stand.secure.url(&globex.name, "/echo");
        let (found, text) = beside(&stand.server, dump(&globex, json!({"urls": [url]}))).await;
        let error = found["answers"][0]["error"].as_str().unwrap();
        assert!(error.contains("cannot be sent") && !error.contains("token"), "{error}");
        assert!(stand.secure.seen(&globex.name).is_empty());
        globex.entry("capability.denied", json!({"rule": "the rule's secret \"token\" is not set"})).await;
        stand.is_clean(&globex, &[text], VALUE).await;
        // Its owner's works.
        let url = stand.secure.url(&acme.name, "/echo");
        assert_eq!(dump(&acme, json!({"urls": [url]})).await.0["answers"][0]["status"], 200);
    });
}

/// Refused, or overwritten.
#[test]
fn hostile_guest_puts_its_own_in_the_place_of_a_secret_or_asks_for_a_part() {
    run(async {
        let stand = stand().await;
        let tenant = stand.tenant("own", "\"token\"", "").await;
        let url = stand.secure.url(&tenant.name, "/echo");
        let own =
            json!({"urls": [url], "headers": [["authorization", "Bearer mine"], ["Authorization", "Basic mine"]]});
        let (found, text) = beside(&stand.server, dump(&tenant, own)).await;
        assert_eq!(found["answers"][0]["status"], 200, "{found}");
        let seen = stand.secure.seen(&tenant.name);
        let sent: Vec<_> = seen[0].0.headers.iter().filter(|(name, _)| name == "authorization").collect();
        assert_eq!(sent, [&("authorization".to_owned(), format!("Bearer {VALUE}"))]);

        let part = json!({"urls": [url], "headers": [["range", "bytes=0-20"]]});
        let (found, more) = dump(&tenant, part).await;
        assert!(found["answers"][0]["error"].as_str().unwrap().contains("HttpRequestDenied"), "{found}");
        tenant
            .entry(
                "capability.denied",
                json!({"rule": "a request with a credential asks for the whole, not for a range"}),
            )
            .await;
        assert_eq!(stand.secure.seen(&tenant.name).len(), 1);
        stand.is_clean(&tenant, &[text, more], VALUE).await;
    });
}

/// A guest has the server say back its guesses: how, and in which pieces, tells nothing of how good they are.
#[test]
fn hostile_guesses_learn_nothing_from_what_is_overwritten() {
    run(async {
        let stand = stand().await;
        let tenant = stand.tenant("guess", "\"token\"", "").await;
        let url = stand.secure.url(&tenant.name, "/drip");
        let mut came = Vec::new();
        for right in [0, 1, VALUE.len() / 2, VALUE.len() - 1] {
            let guess = format!("guess:{}{}", &VALUE[..right], "#".repeat(VALUE.len() - right));
            let (found, _) = beside(&stand.server, dump(&tenant, json!({"urls": [url], "body": guess}))).await;
            let body = found["answers"][0]["body"].as_str().unwrap().to_owned();
            assert!(body.ends_with(&guess), "a guess that is not whole comes back as it was");
            came.push(body.len());
        }
        assert!(came.iter().all(|length| *length == came[0]), "{came:?}");
        // That each response held the value is in the record: so does a guesser show.
        let rule = "the response held the secret \"token\", which was overwritten";
        let held = tenant.log(0).await.into_iter().filter(|entry| entry["event"]["rule"] == rule).count();
        assert_eq!(held, 4);
    });
}

/// Each request has one version whole, and the record says which.
#[test]
fn hostile_moment_of_a_change_mixes_no_versions() {
    run(async {
        let stand = stand().await;
        let tenant = Arc::new(stand.tenant("change", "\"token\"", "").await);
        let url = stand.secure.url(&tenant.name, "/echo");
        let values = [VALUE, "second-value-0815-NEVER-seen", "third-value-0816-NEVER-seen"];
        let calling: Vec<_> = (0..4)
            .map(|_| {
                let (tenant, url) = (Arc::clone(&tenant), url.clone());
                tokio::spawn(async move {
                    let mut texts = Vec::new();
                    for _ in 0..8 {
                        texts.push(dump(&tenant, json!({"urls": [url, url]})).await.1);
                    }
                    texts
                })
            })
            .collect();
        let texts = beside(&stand.server, async {
            for value in &values[1..] {
                set(&tenant, "token", value).await;
            }
            let mut texts = Vec::new();
            for calls in calling {
                texts.extend(calls.await.unwrap());
            }
            texts
        })
        .await;
        for value in values {
            stand.is_clean(&tenant, &texts, value).await;
        }
        // Each call's two requests had the same value, and the record says which.
        let ended: Vec<_> = tenant.log(0).await.into_iter().filter(|entry| entry["kind"] == "call.ended").collect();
        assert_eq!(ended.len(), 32);
        for entry in &ended {
            let uses = entry["event"]["uses"].as_array().unwrap();
            let versions: Vec<_> = uses.iter().filter_map(|used| used["secret"]["version"].as_u64()).collect();
            assert!(versions.len() == 1 && (1..=3).contains(&versions[0]), "{entry}");
        }
        let sent = stand.secure.seen(&tenant.name);
        assert!(sent.iter().all(|(seen, _)| {
            values.iter().any(|value| seen.headers.contains(&("authorization".to_owned(), format!("Bearer {value}"))))
        }));
        // Removed: from the next call on nothing leaves.
        tenant.operator.delete("/v1/secrets/token").await.ok();
        let before = sent.len();
        let (found, _) = dump(&tenant, json!({"urls": [url]})).await;
        assert!(found["answers"][0]["error"].as_str().unwrap().contains("cannot be sent"), "{found}");
        assert_eq!(stand.secure.seen(&tenant.name).len(), before);
        // And nothing is left of it on the disk.
        eventually("a store without it", async || {
            values.iter().all(|value| holding(&stand.server.data, value).is_empty()).then_some(())
        })
        .await;
    });
}
