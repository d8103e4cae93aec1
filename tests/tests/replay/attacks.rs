//! What must fail: others' calls, calls that did not run, recordings without end, arguments of another call.

use cofferdam::Code;
use cofferdam_tests::{guest, run, shared};
use serde_json::{Value, json};

use crate::{recorded, replay, replay_with, same, says};

#[test]
fn another_tenant_s_call_is_not_there() {
    run(async {
        let server = shared().await;
        let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
        for tenant in [&acme, &globex] {
            tenant.policy("[audit]\npayloads = \"1h\"\nrecord = true\n").await;
        }
        let call = acme.agent.call("catalogue/noop", json!({})).await.call().to_owned();
        let answer = replay_with(&globex, &call, json!({})).await;
        answer.problem(Code::NotFound);
        let nobodys = call.replace(&call[..8], "00000000");
        let like = replay_with(&globex, &nobodys, json!({})).await;
        assert_eq!(answer.text.replace(&call, "…"), like.text.replace(&nobodys, "…"));
        for client in [&acme.agent, &acme.operator, &acme.publisher] {
            client.post(&format!("/v1/calls/{call}/replay"), &json!({})).await.problem(Code::Denied);
        }
        let tried = globex.log(0).await;
        assert!(!tried.iter().any(|entry| entry["kind"] == "call.replayed"), "{tried:?}");
        same(&replay(&acme, &call).await);
    });
}

#[test]
fn a_call_that_did_not_run_or_ended_by_chance_is_not_compared() {
    run(async {
        let server = shared().await;
        let acme = server.tenant("acme").await;
        acme.policy("[audit]\npayloads = \"1h\"\n[limits]\ndeadline = \"200ms\"\nfuel = 100_000_000_000\n").await;
        let late = acme.agent.call("catalogue/limits.spin", json!({"rounds": 100_000_000_000_u64})).await;
        let call = late.problem(Code::DeadlineExceeded)["call"].as_str().unwrap().to_owned();
        says(&replay(&acme, &call).await, "not-comparable", "it ended as deadline-exceeded");
        acme.policy("[tools]\ndeny = [\"catalogue/noop\"]\n").await;
        let denied = acme.agent.call("catalogue/noop", json!({})).await;
        let call = denied.problem(Code::Denied)["call"].as_str().unwrap().to_owned();
        replay_with(&acme, &call, json!({})).await.problem(Code::Conflict);
        // Ends that follow from what it ran with do it again.
        acme.policy("[audit]\npayloads = \"1h\"\n[limits]\nfuel = 10_000_000\n").await;
        let spent = acme.agent.call("catalogue/limits.spin", json!({"rounds": 100_000_000_000_u64})).await;
        let call = spent.problem(Code::FuelExhausted)["call"].as_str().unwrap().to_owned();
        same(&replay(&acme, &call).await);
        let broken = json!({"failure": "failed", "text": "as ever"});
        let broken = acme.agent.call("catalogue/attack.fail", broken).await.body["call"].as_str().unwrap().to_owned();
        same(&replay(&acme, &broken).await);
    });
}

#[test]
fn a_policy_that_changed_since_does_not_matter_and_gives_a_replay_nothing() {
    run(async {
        let server = shared().await;
        let acme = recorded(server, "acme").await;
        let call = acme.agent.call("notes.add", json!({"title": "Sluice"})).await.call().to_owned();
        acme.policy("[tools]\ndeny = [\"*\"]\n").await;
        same(&replay(&acme, &call).await);
        acme.agent.call("notes.list", json!({})).await.problem(Code::Denied);
    });
}

#[test]
fn a_recording_without_end_is_not_kept_and_its_call_not_comparable() {
    run(async {
        let server = shared().await;
        let acme = server.tenant("acme").await;
        let limits = "[limits]\nhttp_received_bytes = \"64MiB\"\nmemory_bytes = \"512MiB\"\ndeadline = \"1m\"\n\
             fuel = 100_000_000_000\n";
        let grant = server.upstream.grant("catalogue/limits");
        acme.policy(&format!("[audit]\npayloads = \"1h\"\nrecord = true\n{limits}{grant}")).await;
        for (bytes, outcome, words) in [(1_000_000, "same", ""), (20_000_000, "not-comparable", "more than 16 MiB")] {
            let url = server.upstream.url(&acme.name, &format!("/stream/{bytes}"));
            let answer = acme.agent.call("catalogue/limits.http", json!({"url": url})).await;
            let call = answer.call().to_owned();
            assert_eq!(answer.json()["bytes"], json!(bytes));
            let shown = acme.auditor.get(&format!("/v1/calls/{call}/payload")).await.ok();
            assert_eq!(shown["host_calls"].as_u64().unwrap() > 0, outcome == "same", "{shown}");
            says(&replay(&acme, &call).await, outcome, words);
        }
    });
}

#[test]
fn arguments_of_another_call_are_found_and_hostile_ones_refused() {
    run(async {
        let acme = shared().await.tenant("acme").await;
        acme.policy("[audit]\npayloads = \"1h\"\n").await;
        acme.push("limits", guest("limits")).await;
        let call = acme.agent.call("limits.echo", json!({"text": "one"})).await.call().to_owned();
        let with = async |arguments: Value| replay_with(&acme, &call, json!({"arguments": arguments})).await;
        says(&with(json!({"text": "two"})).await.ok(), "differs", "the arguments' digest was");
        acme.entry("call.replayed", json!({"call": call, "outcome": "differs"})).await;
        same(&with(json!({"text": "one"})).await.ok());
        says(&with(json!({"text": 1})).await.ok(), "differs", "the arguments' digest was");
        with(json!([])).await.problem(Code::InvalidArguments);
        let deep = format!("{{\"arguments\":{}{}}}", "[".repeat(100), "]".repeat(100));
        let request = acme.auditor.request("POST", &format!("/v1/calls/{call}/replay"));
        let request = request.header("content-type", "application/json").body(deep);
        acme.auditor.send(request).await.problem(Code::InvalidArguments);
        let unknown = replay_with(&acme, &call, json!({"argument": {}})).await;
        unknown.problem(Code::InvalidRequest);
    });
}
