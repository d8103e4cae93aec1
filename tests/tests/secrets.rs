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
