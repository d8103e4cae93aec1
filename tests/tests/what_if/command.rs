//! The same with the command line.

use std::process::Output;

use cofferdam_tests::{Tenant, program, run};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{make, server};

async fn cofferdam(tenant: &Tenant, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(arguments).env("COFFERDAM_URL", tenant.operator.base()).env("COFFERDAM_KEY", tenant.operator.key());
    command.output().await.unwrap()
}

#[test]
fn policy_try_and_policy_suggest_are_commands() {
    run(async {
        let tenant = server().await.tenant("command").await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.toml");
        let path = file.to_str().unwrap();
        let grant = "[[grant]]\ntools = [\"catalogue/limits\"]\nkv = [{ bucket = \"a\", access = \"read-write\" }]\n";
        tenant.policy(grant).await;
        let set = ("catalogue/limits.kv-set", json!({"bucket": "a", "key": "k", "value": "v"}));
        let made = make(&tenant, &[set, ("catalogue/noop", json!({}))]).await;

        std::fs::write(&file, "[tools]\ndeny = [\"catalogue/noop\"]\n").unwrap();
        let tried = cofferdam(&tenant, &["policy", "try", path, "--since", "1h"]).await;
        let text = String::from_utf8(tried.stdout).unwrap();
        assert_eq!(tried.status.code(), Some(3), "{text}");
        for part in ["2 calls", "would be denied", "write bucket \"a\"", made[0].as_str(), made[1].as_str()] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let tried = cofferdam(&tenant, &["policy", "try", path, "--json"]).await;
        let json: Value = serde_json::from_slice(&tried.stdout).unwrap();
        assert_eq!((&json["changed"], tried.status.code()), (&json!(2), Some(3)), "{json:#}");

        let suggested = cofferdam(&tenant, &["policy", "suggest", "catalogue/limits.kv-set"]).await;
        assert!(suggested.status.success());
        let basis = String::from_utf8(suggested.stderr).unwrap();
        assert!(basis.contains("it rests on 1 call from"), "{basis}");
        // What is redirected into a file is a policy, under which nothing changes for the calls it rests on.
        std::fs::write(&file, suggested.stdout).unwrap();
        let tried = cofferdam(&tenant, &["policy", "try", path]).await;
        let text = String::from_utf8(tried.stdout).unwrap();
        assert!(tried.status.success() && text.contains("nothing would change"), "{text}");

        std::fs::write(&file, "[limits]\nfeul = 1\n").unwrap();
        assert_eq!(cofferdam(&tenant, &["policy", "try", path]).await.status.code(), Some(7));
        for wrong in [["policy", "try", path, "--since", "tomorrow"], ["policy", "suggest", "../x", "--since", "1d"]] {
            assert_eq!(cofferdam(&tenant, &wrong).await.status.code(), Some(2));
        }
        assert_eq!(cofferdam(&tenant, &["policy", "suggest", "nothing"]).await.status.code(), Some(4));
    });
}
