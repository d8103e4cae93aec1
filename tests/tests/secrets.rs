//! Secrets at the front door: a value goes in, is sealed wherever it lies, and never comes out.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

use cofferdam::Code;
use cofferdam_tests::{Answer, Client, Options, Server, Tenant, program, run, shared};
use memchr::memmem;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tempfile::TempDir;

const VALUE: &str = "marrow-and-bone-4711";

async fn set(client: &Client, name: &str, value: &str) -> Answer {
    let request = client.request("PUT", &format!("/v1/secrets/{name}"));
    client.send(request.header(CONTENT_TYPE, "text/plain").body(value.to_owned())).await
}

async fn names(tenant: &Tenant) -> Vec<(String, u64)> {
    let listed = tenant.auditor.get("/v1/secrets").await.ok();
    let one = |secret: &Value| (secret["name"].as_str().unwrap().to_owned(), secret["version"].as_u64().unwrap());
    listed["secrets"].as_array().unwrap().iter().map(one).collect()
}

/// Files below `folder` that hold `value`.
fn holding(folder: &Path, value: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.extend(holding(&path, value));
        } else if std::fs::read(&path).is_ok_and(|bytes| memmem::find(&bytes, value.as_bytes()).is_some()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_value_goes_in_gets_a_version_and_does_not_come_out() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("secrets").await;
        let first = set(&tenant.operator, "github", VALUE).await;
        assert!(!first.text.contains(VALUE));
        let first = first.ok();
        assert_eq!((&first["name"], &first["version"]), (&json!("github"), &json!(1)));
        assert_eq!(set(&tenant.operator, "github", "another-value").await.ok()["version"], 2);
        assert_eq!(set(&tenant.operator, "a_2", VALUE).await.ok()["version"], 1);
        assert_eq!(names(&tenant).await, [("a_2".to_owned(), 1), ("github".to_owned(), 2)]);
        tenant.operator.delete("/v1/secrets/github").await.ok();
        tenant.operator.delete("/v1/secrets/github").await.problem(Code::NotFound);
        assert_eq!(names(&tenant).await, [("a_2".to_owned(), 1)]);
        // A version is never another's.
        assert_eq!(set(&tenant.operator, "github", VALUE).await.ok()["version"], 3);
        for (kind, event) in [
            ("secret.set", json!({"name": "github", "version": 1})),
            ("secret.set", json!({"name": "github", "version": 2})),
            ("secret.removed", json!({"name": "github", "version": 2})),
            ("secret.set", json!({"name": "github", "version": 3})),
        ] {
            tenant.entry(kind, event).await;
        }
        let log = tenant.log(0).await;
        assert!(!format!("{log:?}").contains(VALUE) && !format!("{log:?}").contains("another-value"));
        assert_eq!(holding(&server.data, VALUE), [""; 0]);
    });
}

#[test]
fn what_cannot_be_a_value_or_a_name_is_refused_without_being_repeated() {
    run(async {
        let tenant = shared().await.tenant("values").await;
        for value in ["short", "marrow-and-bone\n", "marrow\0and-bone"] {
            let answer = set(&tenant.operator, "github", value).await;
            answer.problem(Code::InvalidRequest);
            assert!(!answer.text.contains("marrow"), "{answer:?}");
        }
        set(&tenant.operator, "github", &"m".repeat(20_000)).await.problem(Code::TooLarge);
        for name in ["GitHub", "a%20b", "-a"] {
            set(&tenant.operator, name, VALUE).await.problem(Code::NotFound);
        }
        assert_eq!(names(&tenant).await, []);
    });
}

/// What is set, is set for one tenant: another has nothing of that name, and can take nothing away.
#[test]
fn a_secret_is_one_tenants() {
    run(async {
        let server = shared().await;
        let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
        set(&acme.operator, "github", VALUE).await.ok();
        assert_eq!(names(&globex).await, []);
        globex.operator.delete("/v1/secrets/github").await.problem(Code::NotFound);
        assert_eq!(set(&globex.operator, "github", "globex-value").await.ok()["version"], 1);
        assert_eq!(names(&acme).await, [("github".to_owned(), 1)]);
    });
}

#[test]
fn a_host_starts_with_the_key_that_it_had_and_with_no_other() {
    run(async {
        let data = TempDir::new().unwrap();
        let key = data.path().join("key");
        std::fs::write(&key, "07".repeat(32)).unwrap();
        let private = |path: &Path| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
        };
        private(&key);
        let folder = data.path().join("data");
        let file = vec!["--secrets-key-file".to_owned(), key.display().to_string()];
        let options = Options { data: Some(folder.clone()), arguments: file.clone(), ..Options::default() };
        let server = Server::start(options.clone()).await;
        let tenant = server.tenant("kept").await;
        set(&tenant.operator, "github", VALUE).await.ok();
        assert_eq!(server.stop().await, Some(0));
        assert_eq!(holding(&folder, VALUE), [""; 0]);
        assert!(!folder.join("keys/secrets.key").exists());

        let start = |arguments: &[&str]| {
            let mut command = Command::new(program());
            command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--health", "127.0.0.1:0", "--data"]);
            let output = command.arg(&folder).args(arguments).env("OTHER_KEY", "08".repeat(32)).output().unwrap();
            assert!(!output.status.success(), "{output:?}");
            String::from_utf8(output.stderr).unwrap()
        };
        for other in [
            &["--secrets-key-env", "OTHER_KEY"][..],
            &["--secrets-key-command", "printf 0909090909090909090909090909090909090909090909090909090909090909"],
            // Its own, which is made now.
            &[],
        ] {
            let said = start(other);
            assert!(said.contains("is not the one") && !said.contains("0808") && !said.contains("0909"), "{said}");
        }
        assert!(start(&["--secrets-key-env", "NO_SUCH_VARIABLE"]).contains("NO_SUCH_VARIABLE"));
        let said = start(&["--secrets-key-env", "OTHER_KEY", "--secrets-key-command", "true"]);
        assert!(said.contains("cannot be used with"), "{said}");

        let server = Server::start(options).await;
        let tenant = tenant.at(server.platform.base());
        assert_eq!(names(&tenant).await, [("github".to_owned(), 1)]);
    });
}

#[test]
fn the_command_sets_lists_and_removes() {
    run(async {
        let server = shared().await;
        let tenant = server.tenant("command").await;
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("value");
        std::fs::write(&file, format!("{VALUE}\n")).unwrap();
        let command = |arguments: &[&str]| {
            let mut command = Command::new(program());
            command.args(["secret"]).args(arguments).arg("--json");
            command.env("COFFERDAM_URL", tenant.operator.base()).env("COFFERDAM_KEY", tenant.operator.key());
            let output = command.stdin(std::fs::File::open(&file).unwrap()).output().unwrap();
            let text =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(!text.contains(VALUE), "{text}");
            (output.status.success(), serde_json::from_str::<Value>(&text).unwrap_or(Value::Null))
        };
        // It blocks: not on the runtime's own threads.
        let done = tokio::task::block_in_place(|| {
            [
                command(&["set", "from-file", "--file", file.to_str().unwrap()]),
                command(&["set", "from-input"]),
                command(&["set", "from-input"]),
                command(&["list"]),
                command(&["remove", "from-file"]),
                command(&["remove", "from-file"]),
            ]
        });
        assert_eq!(done.clone().map(|(ok, _)| ok), [true, true, true, true, true, false], "{done:?}");
        assert_eq!(done[2].1["version"], 2);
        assert_eq!(done[3].1["secrets"].as_array().unwrap().len(), 2);
        assert_eq!(names(&tenant).await, [("from-input".to_owned(), 2)]);
    });
}

/// Rotates the host's own keys of a data folder: whether it did, and what it said.
fn rotate(data: &Path, arguments: &[&str]) -> (bool, Value) {
    let mut command = Command::new(program());
    command.args(["rotate-host-keys", "--json", "--data"]).arg(data).args(arguments);
    let output = command.env("NEW_KEY", "0a".repeat(32)).output().unwrap();
    let done = output.status.success();
    (done, serde_json::from_slice(if done { &output.stdout } else { &output.stderr }).unwrap())
}

/// The files of keys in a data folder, with what they hold.
fn keys(data: &Path) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(data.join("keys")).unwrap().flatten();
    let mut keys: Vec<_> = files
        .map(|file| (file.file_name().to_string_lossy().into_owned(), std::fs::read(file.path()).unwrap()))
        .filter(|(name, _)| name.starts_with("secrets") || name.starts_with("payloads"))
        .collect();
    keys.sort();
    keys
}

/// A host whose tenant has a secret that its requests leave with, and keeps payloads.
struct Rotated {
    data: std::path::PathBuf,
    tenant: Tenant,
    secure: cofferdam_tests::Secure,
    platform: Client,
    _folder: TempDir,
}

impl Rotated {
    async fn new() -> (Self, Server) {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        let server = Server::start(Options { data: Some(data.clone()), ..Options::default() }).await;
        server.publish(&["attack"]).await;
        let (tenant, secure) = (server.tenant("rotated").await, cofferdam_tests::Secure::shared().await);
        set(&tenant.operator, "github", VALUE).await.ok();
        let grant = secure.grant("catalogue/attack", ", credential = \"github\"");
        tenant.policy(&format!("{grant}\n[audit]\npayloads = \"1h\"\n")).await;
        let platform = server.platform.clone();
        let rotated = Self { data, tenant, secure, platform, _folder: folder };
        rotated.works(&server, "first").await;
        (rotated, server)
    }

    async fn start(&self, arguments: &[&str]) -> Server {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Server::start(Options { data: Some(self.data.clone()), arguments, ..Options::default() }).await
    }

    /// A request leaves with the secret, and what was kept of the call is read.
    async fn works(&self, server: &Server, stem: &str) -> String {
        let tenant = self.tenant.at(server.platform.base());
        let url = self.secure.url(&format!("{}-{stem}", self.tenant.name), "/echo");
        let answer = tenant.agent.call("catalogue/attack.dump", json!({"urls": [url]})).await;
        let call = answer.call().to_owned();
        assert_eq!(answer.json()["answers"][0]["status"], 200);
        let (seen, _) = self.secure.seen(&format!("{}-{stem}", self.tenant.name)).pop().unwrap();
        assert!(seen.headers.contains(&("authorization".to_owned(), format!("Bearer {VALUE}"))), "{seen:?}");
        self.reads(server, &call).await;
        call
    }

    async fn reads(&self, server: &Server, call: &str) {
        let payload =
            self.tenant.at(server.platform.base()).auditor.get(&format!("/v1/calls/{call}/payload")).await.ok();
        assert!(payload["arguments"].to_string().contains("urls"), "{payload}");
    }

    /// How many rotations the platform's record tells of.
    async fn recorded(&self, server: &Server) -> usize {
        let platform = self.platform.at(server.platform.base());
        let page = platform.get("/v1/audit?kind=host.keys-rotated&limit=100").await.ok();
        let entries = page["entries"].as_array().unwrap();
        assert!(
            entries.iter().all(|entry| entry["event"]["secrets"] == 1 && entry["event"]["payloads"] == 1),
            "{page}"
        );
        entries.len()
    }
}

#[test]
fn the_host_s_keys_are_replaced_and_everything_still_opens() {
    run(async {
        let (rotated, server) = Rotated::new().await;
        let call = rotated.works(&server, "before").await;
        let before = keys(&rotated.data);
        // Not beside a host.
        let (done, said) = rotate(&rotated.data, &[]);
        assert!(!done && said["code"] == "conflict", "{said}");
        assert_eq!(keys(&rotated.data), before);
        assert_eq!(server.stop().await, Some(0));

        let (done, said) = rotate(&rotated.data, &[]);
        assert!(done && said == json!({"secrets": 1, "payloads": 1}), "{said}");
        let after = keys(&rotated.data);
        assert_eq!(after.len(), 2, "{after:?}");
        assert!(before.iter().zip(&after).all(|(before, after)| before.0 == after.0 && before.1 != after.1));
        let server = rotated.start(&[]).await;
        rotated.reads(&server, &call).await;
        rotated.works(&server, "after").await;
        assert_eq!(rotated.recorded(&server).await, 1);
        assert_eq!(server.stop().await, Some(0));

        // Out of the folder: the next start needs the new place, and no other opens it.
        let (done, said) = rotate(&rotated.data, &["--new-secrets-key-env", "NO_SUCH_VARIABLE"]);
        assert!(!done && said["detail"].as_str().unwrap().contains("NO_SUCH_VARIABLE"), "{said}");
        let (done, said) = rotate(&rotated.data, &["--new-secrets-key-env", "NEW_KEY"]);
        assert!(done, "{said}");
        assert_eq!(keys(&rotated.data).len(), 1);
        let printed = format!("printf {}", "0a".repeat(32));
        let server = rotated.start(&["--secrets-key-command", &printed]).await;
        rotated.reads(&server, &call).await;
        rotated.works(&server, "outside").await;
        assert_eq!(rotated.recorded(&server).await, 2);
        assert_eq!(server.stop().await, Some(0));
        let (done, said) = rotate(&rotated.data, &[]);
        assert!(!done && said["detail"].as_str().unwrap().contains("is not the one"), "{said}");
        let (whole, said) = {
            let output = Command::new(program()).args(["audit", "verify"]).arg(&rotated.data).output().unwrap();
            (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        assert!(whole, "{said}");
    });
}

/// Killed at any moment of it: the keys are those before or the new ones, whole, and the record tells of each that is in force.
#[test]
fn a_rotation_that_is_killed_leaves_one_set_of_keys_or_the_other() {
    run(async {
        let (rotated, server) = Rotated::new().await;
        let call = rotated.works(&server, "killed").await;
        assert_eq!(server.stop().await, Some(0));
        let mut in_force = 0;
        for round in 0..12_u64 {
            let before = keys(&rotated.data);
            let mut command = Command::new(program());
            command.args(["rotate-host-keys", "--json", "--data"]).arg(&rotated.data);
            let mut child =
                command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(20 + 35 * round)).await;
            // It may be done already.
            let _ = child.kill();
            child.wait().unwrap();
            let server = rotated.start(&[]).await;
            rotated.reads(&server, &call).await;
            rotated.works(&server, &format!("round-{round}")).await;
            let recorded = rotated.recorded(&server).await;
            assert_eq!(server.stop().await, Some(0));
            let after = keys(&rotated.data);
            assert_eq!(after.len(), 2, "nothing is left half-way: {after:?}");
            // Both keys are new where the record says so, and neither where it does not.
            let replaced = before.iter().zip(&after).filter(|(before, after)| before.1 != after.1).count();
            assert_eq!(replaced, 2 * (recorded - in_force), "round {round}");
            in_force = recorded;
        }
        println!("{in_force} of 12 rotations came into force");
    });
}
