//! Attacks by real guests, each of which must fail: say no, or end the call, and harm nobody.
#![allow(clippy::unwrap_used, reason = "tests")]

mod advisories;
mod bombs;
mod breaks;
mod cancel;
mod children;
mod crowds;
mod egress;
mod forgery;
mod noise;
mod outside;
mod page;
mod reach;
mod residue;
mod schemas;
mod secrets;
mod spin;

use cofferdam::Code;
use cofferdam_tests::{beside, run, shared};
use serde_json::Value;

/// Tools of the guest program `attack`, with the module that has its tests.
const TESTED: &[(&str, &str)] = &[
    ("break-down", "breaks"),
    ("clocks", "../determinism"),
    ("connect", "egress"),
    ("dump", "secrets"),
    ("fail", "breaks"),
    ("header-flood", "egress"),
    ("lie", "breaks"),
    ("lift", "../conformance/host"),
    ("reach", "reach"),
    ("request", "egress"),
    ("residue-leave", "../isolation"),
    ("residue-look", "../isolation"),
    ("settings", "outside"),
    ("surroundings", "outside"),
];

/// A call that goes too far, while somebody else calls too: it ends as `code` says, and the record has it.
async fn contained(stem: &str, policy: &str, tool: &str, arguments: Value, code: Code) {
    let server = shared().await;
    let tenant = server.tenant(stem).await;
    tenant.policy(policy).await;
    let answer = beside(server, tenant.agent.call(tool, arguments)).await;
    let problem = answer.problem(code);
    assert!(problem["next"].is_string(), "{problem} says nothing about what to do");
    let record = tenant.record(answer.call()).await;
    assert_eq!(record.last().unwrap()["event"]["outcome"], code.as_str(), "{record:?}");
}

#[test]
fn every_attack_has_a_test() {
    run(async {
        let tools = shared().await.platform.get("/v1/tools").await.ok();
        let names = tools["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap());
        let mut attacks: Vec<_> = names.filter_map(|name| name.strip_prefix("catalogue/attack.")).collect();
        attacks.sort_unstable();
        assert_eq!(attacks, TESTED.iter().map(|(attack, _)| *attack).collect::<Vec<_>>());
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks");
        for (attack, module) in TESTED {
            let tests = std::fs::read_to_string(folder.join(format!("{module}.rs"))).unwrap();
            assert!(tests.contains(&format!("attack.{attack}\"")), "{module} has no test of {attack}");
        }
    });
}
