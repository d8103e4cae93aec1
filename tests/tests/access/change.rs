//! A change of policy and of access rules, under load and without a restart: each call sees one version of both, whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam::Code;
use cofferdam_tests::{run, shared};
use serde_json::{Value, json};

use crate::apply;

/// Two facts that a guest reports and that change together, and a bucket that goes with them.
fn policy(generation: &str) -> String {
    format!(
        "[[grant]]\ntools = [\"catalogue/attack\"]\nconfig = {{ left = \"{generation}\", right = \"{generation}\" }}\n\
         [[grant]]\ntools = [\"catalogue/limits\"]\nkv = [{{ bucket = \"{generation}\", access = \"read-write\" }}]\n"
    )
}

const GENERATIONS: [&str; 2] = ["even", "odd"];
/// Changes while calls run.
const CHANGES: usize = 30;

#[test]
fn no_call_sees_a_mix_of_two_policies() {
    run(async {
        let tenant = shared().await.tenant("change").await;
        tenant.policy(&policy(GENERATIONS[0])).await;
        let over = Arc::new(AtomicBool::new(false));
        let mut workers = tokio::task::JoinSet::new();
        for worker in 0..6 {
            let (agent, over) = (tenant.agent.clone(), Arc::clone(&over));
            workers.spawn(async move {
                let mut calls: Vec<(String, Option<Value>)> = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    if worker % 2 == 0 {
                        let answer = agent.call("catalogue/attack.settings", json!({})).await;
                        calls.push((answer.call().to_owned(), Some(answer.json())));
                    } else {
                        // Only one of the two is granted at any time, and which depends on the policy alone.
                        let arguments = json!({"bucket": GENERATIONS[calls.len() % 2], "key": "k", "value": "v"});
                        let answer = agent.call("catalogue/limits.kv-set", arguments).await;
                        calls.push((answer.call().to_owned(), None));
                    }
                }
                calls
            });
        }
        let mut digests = BTreeMap::new();
        for change in 0..CHANGES {
            let generation = GENERATIONS[change % 2];
            let put = tenant.policy(&policy(generation)).await;
            digests.insert(put["digest"].as_str().unwrap().to_owned(), generation);
        }
        over.store(true, Ordering::Relaxed);
        let calls: BTreeMap<String, Option<Value>> = workers.join_all().await.into_iter().flatten().collect();
        let mut seen = BTreeMap::new();
        let mut generation_of = BTreeMap::new();
        for entry in tenant.log(0).await {
            let event = &entry["event"];
            let Some(call) = event["call"].as_str().filter(|call| calls.contains_key(*call)) else { continue };
            match entry["kind"].as_str().unwrap() {
                "call.decided" => {
                    let generation = digests[event["policy"].as_str().unwrap()];
                    assert!(generation_of.insert(call.to_owned(), generation).is_none(), "decided twice: {entry}");
                    *seen.entry(generation).or_insert(0) += 1;
                    // Both facts that the guest saw are those of the policy that the record names.
                    if let Some(Some(reported)) = calls.get(call) {
                        assert_eq!(*reported, json!({"left": generation, "right": generation}), "{entry}");
                    }
                }
                "call.ended" => {
                    let generation = generation_of[call];
                    for used in event["uses"].as_array().unwrap() {
                        if let Some(bucket) = used.pointer("/kv/bucket") {
                            assert_eq!(bucket, generation, "{entry}");
                        }
                    }
                }
                _ => {}
            }
        }
        assert_eq!(generation_of.len(), calls.len());
        assert!(seen.len() == 2 && seen.values().all(|count| *count > 5), "{seen:?}");
    });
}

#[test]
fn a_change_of_access_rules_holds_for_the_next_request_and_each_call_names_the_text_it_saw() {
    run(async {
        let tenant = shared().await.tenant("rules").await;
        let call = async || tenant.agent.call("catalogue/noop", json!({})).await;
        let empty = call().await;
        let forbid = "@id(\"not-noop\") forbid (principal, action == Action::\"call\", resource in Package::\"catalogue/noop\");";
        let put = apply(&tenant.operator, forbid).await.ok();
        assert_eq!(put["changed"], true);
        let denied = call().await;
        let problem = denied.problem(Code::Denied);
        assert_eq!(problem["facts"]["rules"], json!(["access line 1: forbid @id(\"not-noop\")"]));
        assert_eq!(problem["facts"]["decision"], problem["call"]);
        let shown = tenant.operator.get("/v1/policy/access").await.ok();
        assert_eq!((&shown["digest"], &shown["text"]), (&put["digest"], &json!(forbid)));
        apply(&tenant.operator, "").await.ok();
        let again = call().await;
        let access = async |call: &str| tenant.record(call).await[0]["event"]["access"].clone();
        let (first, refused, last) =
            (access(empty.call()).await, access(denied.call()).await, access(again.call()).await);
        assert_eq!(first["by"], json!(["scopes: permit @id(\"agent-may-call\")"]));
        assert_eq!((&refused["tenant"], &refused["by"]), (&put["digest"], &problem["facts"]["rules"]));
        assert_eq!(first["tenant"], last["tenant"]);
        tenant.entry("access.changed", json!({"after": put["digest"], "before": first["tenant"]})).await;
        empty.ok();
        again.ok();
    });
}

#[test]
fn recorded_decisions_are_made_again_with_the_access_rules_of_then() {
    run(async {
        let tenant = shared().await.tenant("again").await;
        let forbid =
            "forbid (principal, action == Action::\"call\", resource) when { resource.name == \"catalogue/noop\" };";
        tenant.agent.call("catalogue/noop", json!({})).await.ok();
        apply(&tenant.operator, forbid).await.ok();
        tenant.agent.call("catalogue/noop", json!({})).await.problem(Code::Denied);
        apply(&tenant.operator, "").await.ok();
        tenant.agent.call("catalogue/noop", json!({})).await.ok();
        let request = tenant.operator.request("POST", "/v1/policy/try").header("content-type", "application/toml");
        let tried = tenant.operator.send(request.body("")).await.ok();
        // The denied one would be let in now: not for the policy, but for the access rules that are in force.
        assert_eq!(
            (&tried["decisions"], &tried["same"], &tried["changed"]),
            (&json!(3), &json!(2), &json!(1)),
            "{tried}"
        );
        assert_eq!((&tried["changes"][0]["kind"], &tried["not_compared"]), (&json!("allowed"), &json!([])), "{tried}");
    });
}
