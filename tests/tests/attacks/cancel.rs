//! Callers that leave while a host stops.

use std::process::Command;

use cofferdam_tests::{Options, Server, eventually, run};
use serde_json::json;
use tempfile::TempDir;

/// A drain waits for no call whose caller has left: it ends as `cancelled`, another tenant's call ends as it should, and so
/// does the host.
#[test]
fn hostile_caller_that_leaves_in_a_drain() {
    run(async {
        let folder = TempDir::new().unwrap();
        let options = Options { data: Some(folder.path().join("data")), ..Options::default() };
        let server = Server::start(options.clone()).await;
        server.publish(&["limits"]).await;
        let (leaver, bystander) = (server.tenant("leaver").await, server.tenant("bystander").await);
        leaver.policy("[limits]\ndeadline = \"50s\"").await;
        let calling = |tenant: &cofferdam_tests::Tenant, milliseconds: u64| {
            let agent = tenant.agent.clone();
            tokio::spawn(
                async move { agent.call("catalogue/limits.sleep", json!({"milliseconds": milliseconds})).await },
            )
        };
        let (leaving, staying) = (calling(&leaver, 45_000), calling(&bystander, 2_500));
        for tenant in [&leaver, &bystander] {
            tenant.entry("call.decided", json!({"tool": "catalogue/limits.sleep"})).await;
        }
        let pid = server.pid().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        leaving.abort();
        let answer = staying.await.unwrap();
        assert_eq!(answer.text(), "woken");
        assert_eq!(server.ended().await, Some(0));
        let server = Server::start(options).await;
        let leaver = leaver.at(server.platform.base());
        eventually("the end of the call that was left", async || {
            let log = leaver.log(0).await;
            let ended = log.iter().find(|entry| entry["kind"] == "call.ended")?;
            assert_eq!(ended["event"]["outcome"], "cancelled", "{ended}");
            Some(())
        })
        .await;
    });
}
