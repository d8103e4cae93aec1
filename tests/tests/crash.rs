//! kill -9 at random moments during a load of calls, uploads, versions and policy changes: what was acknowledged is
//! there after the restart, nothing is there by half, and the record verifies.
//!
//! `COFFERDAM_CRASHES` says how often; 50 times where it does not.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cofferdam::audit;
use cofferdam::id::Digest;
use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{Answer, Client, Options, Server, Tenant, run};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What clients were told, and may hold the host to.
#[derive(Debug, Default, Clone)]
struct Told {
    /// Calls by their ids, with the outcome.
    calls: BTreeMap<String, String>,
    /// Components that were admitted.
    components: BTreeSet<String>,
    /// Versions of the package, with what they run.
    versions: BTreeMap<String, String>,
    /// The number of the last policy that was put in force, and of the last that was sent.
    policy: (u64, u64),
    /// Values of the counter that calls were told.
    counted: BTreeSet<u64>,
    /// Keys that were created, and revoked ones.
    keys: BTreeSet<String>,
}

/// A number that is different every time, for what has to be new.
static NEXT: AtomicU64 = AtomicU64::new(1);

fn next() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn policy(number: u64) -> String {
    format!(
        "# policy {number}\n[limits]\nfuel = {}\n[[grant]]\ntools = [\"catalogue/limits\"]\n\
         kv = [{{ bucket = \"counts\", access = \"read-write\" }}]\n",
        100_000_000 + number
    )
}

/// The host under load, as one round of the test sees it.
struct Round {
    tenant: Tenant,
    told: Arc<Mutex<Told>>,
}

impl Round {
    /// Sends requests until the host is gone.
    async fn load(self: Arc<Self>) {
        let mut work = Vec::new();
        for worker in 0..6 {
            let this = Arc::clone(&self);
            work.push(tokio::spawn(async move {
                while match worker {
                    0..=2 => this.call().await,
                    3 => this.upload().await,
                    4 => this.change_policy().await,
                    _ => this.create_key().await,
                } {}
            }));
        }
        for worker in work {
            worker.await.unwrap();
        }
    }

    fn told<T>(&self, note: impl FnOnce(&mut Told) -> T) -> T {
        note(&mut self.told.lock().unwrap())
    }

    /// A call with an effect, one without, and one that is stopped.
    async fn call(&self) -> bool {
        let calls = [
            ("catalogue/limits.kv-count", json!({"bucket": "counts", "key": "n", "times": 1})),
            ("catalogue/noop", json!({})),
            ("catalogue/limits.random", json!({"bytes": 100_000_000})),
        ];
        let (tool, arguments) = calls[usize::try_from(next()).unwrap() % 3].clone();
        let Some(answer) = ask(&self.tenant.agent, self.tenant.agent.calling(tool, &arguments)).await else {
            return false;
        };
        let outcome = answer.code().map_or("ok", cofferdam::Code::as_str).to_owned();
        self.told(|told| told.calls.insert(answer.call().to_owned(), outcome));
        if tool.ends_with("kv-count") {
            let count = answer.text().parse().unwrap();
            assert!(self.told(|told| told.counted.insert(count)), "{count} was told before");
        }
        true
    }

    /// A component that nobody has yet, and a version that runs it.
    async fn upload(&self) -> bool {
        let number = next();
        let publisher = &self.tenant.publisher;
        let upload = publisher.request("POST", "/v1/components").header("content-type", "application/wasm");
        let Some(answer) = ask(publisher, upload.body(Handmade::numbered(number))).await else { return false };
        let digest = answer.ok()["digest"].as_str().unwrap().to_owned();
        self.told(|told| told.components.insert(digest.clone()));
        let version = format!("1.{number}.0");
        let body = json!({"version": version, "component": digest});
        let publish = publisher.request("POST", "/v1/packages/made/versions").json(&body);
        let Some(answer) = ask(publisher, publish).await else { return false };
        answer.ok();
        self.told(|told| told.versions.insert(version, digest));
        true
    }

    async fn change_policy(&self) -> bool {
        let number = next();
        self.told(|told| told.policy.1 = number);
        let operator = &self.tenant.operator;
        let put = operator.request("PUT", "/v1/policy").header("content-type", "application/toml");
        let Some(answer) = ask(operator, put.body(policy(number))).await else { return false };
        assert_eq!(answer.ok()["digest"], Digest::of(policy(number).as_bytes()).to_string());
        self.told(|told| told.policy.0 = number);
        true
    }

    async fn create_key(&self) -> bool {
        let operator = &self.tenant.operator;
        let body = json!({"name": format!("key {}", next()), "scopes": ["agent"]});
        let Some(answer) = ask(operator, operator.request("POST", "/v1/keys").json(&body)).await else { return false };
        let id = answer.ok()["id"].as_str().unwrap().to_owned();
        let revoke = operator.request("DELETE", &format!("/v1/keys/{id}"));
        let Some(answer) = ask(operator, revoke).await else { return false };
        answer.ok();
        self.told(|told| told.keys.insert(id));
        true
    }
}

/// The answer; nothing once the host is gone.
async fn ask(client: &Client, request: reqwest::RequestBuilder) -> Option<Answer> {
    client.try_send(request).await.ok()
}

/// What is seen of the record from one restart to the next.
#[derive(Default)]
struct Seen {
    entries: Vec<Value>,
    /// Outcomes by call; nothing yet for those that are open.
    calls: BTreeMap<String, Option<String>>,
}

impl Seen {
    /// Reads what is new, and checks that it goes on where the old ends.
    async fn read_on(&mut self, tenant: &Tenant) {
        for entry in tenant.log(self.entries.len() as u64).await {
            assert_eq!(entry["index"], self.entries.len(), "{entry}");
            let event = &entry["event"];
            let call = event["call"].as_str().unwrap_or_default().to_owned();
            match entry["kind"].as_str().unwrap() {
                "call.decided" => assert_eq!(self.calls.insert(call, None), None, "decided twice: {entry}"),
                "call.ended" => {
                    let outcome = event["outcome"].as_str().unwrap().to_owned();
                    let before = self.calls.insert(call, Some(outcome));
                    assert_eq!(before, Some(None), "ended without a decision, or twice: {entry}");
                }
                _ => {}
            }
            self.entries.push(entry);
        }
    }

    fn of(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.entries.iter().filter(move |entry| entry["kind"] == kind).map(|entry| &entry["event"])
    }
}

/// The journal's files have nothing wrong with them.
fn verify(journal: &Path, open_calls: bool) {
    let report = audit::verify(journal).unwrap();
    assert_eq!((&report.findings[..], report.more_findings), (&[][..], 0));
    assert!(open_calls || report.open_calls == 0, "{report:#?}");
}

/// Everything that was acknowledged is there, and whole.
async fn check(server: &Server, tenant: &Tenant, told: &Told, seen: &mut Seen) {
    verify(&server.journal(), false);
    seen.read_on(tenant).await;

    // Every call that somebody was told of ended as they were told; every other one that was decided upon ended too.
    for (call, outcome) in &told.calls {
        assert_eq!(seen.calls.get(call), Some(&Some(outcome.clone())), "{call}");
    }
    let open: Vec<_> = seen.calls.iter().filter(|(_, outcome)| outcome.is_none()).collect();
    assert!(open.is_empty(), "{open:?}");
    for (call, outcome) in &seen.calls {
        let (told, outcome) = (told.calls.contains_key(call), outcome.as_deref().unwrap());
        assert!(told || ["interrupted", "ok", "limit-exceeded", "cancelled"].contains(&outcome), "{call}: {outcome}");
    }

    // What is listed is whole, and in the record once.
    let listed = tenant.auditor.get("/v1/components").await.ok();
    let listed: Vec<_> = listed["components"].as_array().unwrap().clone();
    let components: BTreeSet<_> =
        listed.iter().map(|component| component["digest"].as_str().unwrap().to_owned()).collect();
    assert!(listed.iter().all(|component| component["definitions"][0]["name"] == "handmade"));
    assert!(components.is_superset(&told.components), "{:?}", told.components.difference(&components));
    let admitted: Vec<_> =
        seen.of("component.admitted").map(|event| event["component"].as_str().unwrap().to_owned()).collect();
    assert_eq!(admitted.len(), components.len());
    assert_eq!(admitted.into_iter().collect::<BTreeSet<_>>(), components);

    if !told.versions.is_empty() {
        let package = tenant.auditor.get("/v1/packages/made").await.ok();
        let versions: BTreeMap<_, _> = package["versions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|version| {
                (version["version"].as_str().unwrap().to_owned(), version["component"].as_str().unwrap().to_owned())
            })
            .collect();
        for (version, component) in &told.versions {
            assert_eq!(versions.get(version), Some(component), "{version}");
        }
        assert!(versions.values().all(|component| components.contains(component)));
        assert_eq!(seen.of("tool.published").count(), versions.len());
        assert_eq!(seen.of("tool.promoted").count(), versions.len());
        // The current one is the last that was promoted, and it runs.
        let current = package["current"].as_str().unwrap();
        assert_eq!(seen.of("tool.promoted").last().unwrap()["version"], current);
        let ran = tenant.agent.call("made.handmade", json!({})).await.ok();
        assert_eq!((&ran["version"], &ran["component"]), (&json!(current), &json!(versions[current])));
    }

    // The policy is the last that was acknowledged, or one that was sent after it, whole.
    let put = tenant.operator.get("/v1/policy").await.ok();
    let text = put["text"].as_str().unwrap();
    let number: u64 = text.lines().next().unwrap().strip_prefix("# policy ").unwrap().parse().unwrap();
    assert!((told.policy.0..=told.policy.1).contains(&number), "{number} and {:?}", told.policy);
    assert_eq!(text, policy(number));
    assert_eq!(put["digest"], Digest::of(text.as_bytes()).to_string());
    assert_eq!(seen.of("policy.changed").last().unwrap()["after"], put["digest"]);

    let keys = tenant.operator.get("/v1/keys").await.ok();
    let revoked: BTreeSet<_> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|key| key["revoked"].is_string())
        .map(|key| key["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(revoked.is_superset(&told.keys));
    assert_eq!(seen.of("key.created").count(), keys["keys"].as_array().unwrap().len());
    assert_eq!(seen.of("key.revoked").count(), revoked.len());

    // No count that somebody was told is taken back.
    let count =
        tenant.agent.call("catalogue/limits.kv-count", json!({"bucket": "counts", "key": "n", "times": 1})).await;
    let count: u64 = count.text().parse().unwrap();
    assert!(told.counted.last().is_none_or(|told| count > *told), "{count} and {:?}", told.counted.last());

    // Of uploads that were cut off, nothing is left.
    assert_eq!(std::fs::read_dir(server.data.join("upload")).unwrap().count(), 0);
    for artefact in std::fs::read_dir(server.data.join("artefacts").join(&tenant.name)).unwrap() {
        let name = artefact.unwrap().file_name().into_string().unwrap();
        assert!(name.ends_with(".cwasm") || name.ends_with(".cwasm.tag"), "{name}");
    }
}

/// A moment between the first request and the time by which plenty has been done, as good as random.
fn moment(round: u64) -> Duration {
    let hash = Digest::of(&[round.to_le_bytes(), u64::from(std::process::id()).to_le_bytes()].concat());
    Duration::from_micros(2_000 + u64::from(u16::from_le_bytes([hash.as_bytes()[0], hash.as_bytes()[1]])) * 5)
}

/// Killed at any moment, time and again: what was acknowledged is there, whole, and calls that ran are recorded as interrupted.
#[test]
fn hostile_kill_9_loses_nothing_that_was_acknowledged() {
    let crashes = std::env::var("COFFERDAM_CRASHES").map_or(50, |crashes| crashes.parse().unwrap());
    run(async {
        let folder = TempDir::new().unwrap();
        let options = || Options { data: Some(folder.path().to_owned()), ..Options::default() };
        let mut server = Server::start(options()).await;
        server.publish(&["noop", "limits"]).await;
        let mut tenant = server.tenant("crash").await;
        tenant.policy(&policy(0)).await;
        let (told, mut seen) = (Arc::new(Mutex::new(Told::default())), Seen::default());

        for round in 0..crashes {
            let load = tokio::spawn(Arc::new(Round { tenant: tenant.clone(), told: Arc::clone(&told) }).load());
            tokio::time::sleep(moment(round)).await;
            server.kill();
            load.await.unwrap();
            verify(&server.journal(), true);
            server = Server::start(options()).await;
            tenant = tenant.at(server.platform.base());
            let until_now = told.lock().unwrap().clone();
            check(&server, &tenant, &until_now, &mut seen).await;
        }
        let told = told.lock().unwrap();
        println!(
            "{crashes} crashes; acknowledged: {} calls, {} components, {} versions, {} keys, {} policies up to number {}",
            told.calls.len(),
            told.components.len(),
            told.versions.len(),
            told.keys.len(),
            seen.of("policy.changed").count(),
            told.policy.0
        );
        // Something was at stake.
        assert!(told.calls.len() as u64 > crashes && told.policy.0 > 0);
        let interrupted = seen.calls.values().filter(|outcome| outcome.as_deref() == Some("interrupted")).count();
        println!("{interrupted} calls were interrupted, of {} in the record", seen.calls.len());
    });
}
