//! Those who may not, and those who would like to.

use cofferdam::Code;
use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{Options, Server, attack, beside, eventually, run, shared};
use serde_json::json;

use crate::apply;

/// `denied`, and recorded.
#[test]
fn hostile_keys_without_the_scope_neither_read_nor_change_access_rules() {
    attack(async {
        let tenant = shared().await.tenant("scope").await;
        for client in [&tenant.agent, &tenant.publisher, &tenant.auditor] {
            let refused = apply(client, "").await;
            let facts = &refused.problem(Code::Denied)["facts"];
            assert_eq!(facts["rules"], json!(["scopes: no scope of the key permits change-access"]));
            // The record has it under the very id that the answer has.
            let event = json!({"operation": "PUT /v1/policy/access", "decisions": [facts["decision"]]});
            let entry = tenant.entry("request.refused", event).await;
            assert_eq!(entry["event"]["rules"], facts["rules"]);
        }
        for client in [&tenant.agent, &tenant.publisher] {
            client.get("/v1/policy/access").await.problem(Code::Denied);
        }
        tenant.auditor.get("/v1/policy/access").await.ok();
    });
}

/// Refused before they are in force.
#[test]
fn hostile_rules_that_lock_their_author_out_are_refused() {
    attack(async {
        let tenant = shared().await.tenant("lock").await;
        for rules in [
            "forbid (principal, action, resource);",
            "forbid (principal, action == Action::\"change-access\", resource);",
            "permit (principal == Principal::\"x\", action, resource);",
            "forbid (principal in Scope::\"operator\", action, resource) when { context.hour + 9223372036854775807 > 0 };",
        ] {
            apply(&tenant.operator, rules).await.problem(Code::Conflict);
        }
        assert_eq!(tenant.operator.get("/v1/policy/access").await.ok()["text"], "");
        apply(&tenant.operator, "forbid (principal, action == Action::\"upload\", resource);").await.ok();
        let refused = tenant.publisher.upload(&b"\0asm"[..]).await;
        let facts = &refused.problem(Code::Denied)["facts"];
        assert_eq!(facts["rules"], json!(["access line 1: forbid"]));
        let event = json!({"operation": "POST /v1/components", "decisions": [facts["decision"]]});
        assert_eq!(tenant.entry("request.refused", event).await["event"]["rules"], facts["rules"]);
    });
}

/// Change nothing for another tenant.
#[test]
fn hostile_rules_are_for_their_own_tenant_alone() {
    attack(async {
        let server = shared().await;
        let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
        let forbid = format!(
            "forbid (principal, action == Action::\"call\", resource) when {{ principal.tenant == \"{}\" }};",
            globex.name
        );
        apply(&acme.operator, &forbid).await.ok();
        apply(&acme.operator, "forbid (principal, action == Action::\"call\", resource);").await.ok();
        globex.agent.call("catalogue/noop", json!({})).await.ok();
        acme.agent.call("catalogue/noop", json!({})).await.problem(Code::Denied);
        acme.entry("call.refused", json!({"code": "denied", "rule": "access line 1: forbid"})).await;
        assert_eq!(globex.operator.get("/v1/policy/access").await.ok()["text"], "");
    });
}

/// `invalid-policy`, with the line; what was in force stays.
#[test]
fn hostile_rules_that_cannot_be_put_in_force_change_nothing() {
    attack(async {
        let tenant = shared().await.tenant("wrong").await;
        let before = "forbid (principal, action == Action::\"upload\", resource);";
        apply(&tenant.operator, before).await.ok();
        let nested = format!(
            "permit (principal, action, resource) when {{ {}true{} }};",
            "(".repeat(10_000),
            ")".repeat(10_000)
        );
        for rules in [
            "permit (",
            "forbid (principal, action == Action::\"cal\", resource);",
            "\u{0}",
            nested.as_str(),
            &"/* */".repeat(10_000),
            "permit (principal == ?principal, action, resource);",
        ] {
            let refused = apply(&tenant.operator, rules).await;
            assert!(matches!(refused.code(), Some(Code::InvalidPolicy | Code::Conflict)), "{refused:?}");
            assert!(refused.text.len() < 20_000, "{}", refused.text.len());
        }
        assert_eq!(tenant.operator.get("/v1/policy/access").await.ok()["text"], before);
        // What was put in force is in the record, and nothing else.
        let log = tenant.log(0).await;
        assert_eq!(log.iter().filter(|entry| entry["kind"] == "access.changed").count(), 1, "{log:?}");
    });
}

/// `invalid-policy`: what Cedar reads as a rule is looked at as one, whatever ends the comment before it.
#[test]
fn hostile_rules_hidden_behind_a_comment_do_not_bring_the_host_down() {
    attack(async {
        let tenant = shared().await.tenant("hidden").await;
        let (open, close) = ("(".repeat(15_000), ")".repeat(15_000));
        for end in ["\r", "\n", "\r\n", "\u{b}", "\u{85}", "\u{2028}"] {
            let text = format!("// x{end}permit (principal, action, resource) when {{ {open}true{close} }};");
            let request = tenant.agent.request("POST", "/v1/policy/access/check").header("content-type", "text/plain");
            let answer = tenant.agent.send(request.body(text.clone())).await;
            // What does not end a comment is a part of it: then there is no rule.
            if end != "\u{2028}" {
                answer.problem(Code::InvalidPolicy);
                apply(&tenant.operator, &text).await.problem(Code::InvalidPolicy);
            } else {
                answer.ok();
            }
        }
        tenant.agent.call("catalogue/noop", json!({})).await.ok();
        assert!(tenant.log(0).await.iter().all(|entry| entry["kind"] != "access.changed"));
    });
}

/// `denied` by the example of the reference page: to publish what is to run is to promote it.
#[test]
fn hostile_publishing_does_not_get_round_a_rule_against_promotion() {
    attack(async {
        let tenant = shared().await.tenant("promote").await;
        let page = include_str!("../../../docs/access.md");
        let example = page.split("```cedar\n").nth(1).unwrap().split("```").next().unwrap();
        let always = example
            .replace("context.weekday == \"sun\"", "context.weekday != \"sun\"")
            .replace("context.weekday == \"sat\"", "context.weekday == \"sun\"");
        assert_ne!(always, example);
        apply(&tenant.operator, &always).await.ok();
        let digest = tenant.upload(Handmade::default().build()).await;
        let publish = async |promote: Option<bool>| {
            let mut body = json!({"version": "1.0.0", "component": digest});
            if let Some(promote) = promote {
                body["promote"] = json!(promote);
            }
            tenant.publisher.post("/v1/packages/own/versions", &body).await
        };
        for promote in [None, Some(true)] {
            let rules = publish(promote).await.problem(Code::Denied)["facts"]["rules"].clone();
            assert!(rules[0].as_str().unwrap().ends_with("forbid @id(\"no-promotion-at-weekends\")"), "{rules}");
            tenant.publisher.get("/v1/packages/own").await.problem(Code::NotFound);
        }
        assert_eq!(publish(Some(false)).await.ok()["current"], json!(null));
        // Nor does publishing the same once more.
        for promote in [None, Some(true)] {
            publish(promote).await.problem(Code::Denied);
        }
        tenant.publisher.post("/v1/packages/own/promote", &json!({"version": "1.0.0"})).await.problem(Code::Denied);
        assert_eq!(tenant.publisher.get("/v1/packages/own").await.ok()["current"], json!(null));
        let event = json!({"operation": "POST /v1/packages/{package}/versions"});
        tenant.entry("request.refused", event).await;
        apply(&tenant.operator, "").await.ok();
        assert_eq!(publish(None).await.ok()["current"], "1.0.0");
    });
}

/// Told as unclear, one after the other; whoever else calls does not wait for it.
#[test]
fn hostile_comparing_policies_by_the_dozen_keeps_nobody_else_waiting() {
    attack(async {
        let server = shared().await;
        let (tenant, other) = (server.tenant("compares").await, server.tenant("waits").await);
        let list = |texts: Vec<String>| texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(", ");
        let methods = list(('A'..='N').map(|method| format!("M{method}")).collect());
        let paths = list((0..40).map(|nth| format!("/p{nth}/*")).collect());
        let rules: String =
            (0..140).map(|nth| format!("{{ host = \"*.a{nth}.example\", methods = [{methods}] }}, ")).collect();
        let grant = |http: &str| format!("[[grant]]\ntools = [\"*\", \"catalogue/*\"]\nhttp = [{http}]\n");
        tenant.policy(&grant(&rules)).await;
        let compared = grant(&format!("{{ host = \"*\", methods = [{methods}], paths = [{paths}] }}"));
        let compare = async |operation: &str| {
            let request = tenant.operator.request("POST", operation).header("content-type", "application/toml");
            tenant.operator.send(request.body(compared.clone())).await
        };
        let over = std::sync::atomic::AtomicBool::new(false);
        let calling = async {
            let mut longest = std::time::Duration::ZERO;
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let began = std::time::Instant::now();
                other.agent.call("catalogue/noop", json!({})).await.ok();
                longest = longest.max(began.elapsed());
            }
            longest
        };
        let comparing = async {
            let (one, two, check) =
                tokio::join!(compare("/v1/policy/diff"), compare("/v1/policy/diff"), compare("/v1/policy/check"));
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            check.ok();
            [one, two]
        };
        let (longest, answers) = tokio::join!(calling, comparing);
        for answer in answers {
            let effects = answer.ok();
            assert!(effects["packages_left_out"].is_u64() || effects.to_string().contains("\"unclear\""), "{effects}");
        }
        // What was compared on threads that serve took these for seconds each, all of them at once.
        assert!(longest.as_secs() < 10, "a bystander waited {longest:?}");
    });
}

/// `denied` by the platform's rule, whatever a tenant permits.
#[test]
fn hostile_what_the_platform_forbids_no_tenant_permits_and_a_bad_file_changes_nothing() {
    run(async {
        let server = Server::start(Options::default()).await;
        server.publish(&["noop"]).await;
        let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
        let file = server.data.join("platform.cedar");
        let call = async |tenant: &cofferdam_tests::Tenant| tenant.agent.call("catalogue/noop", json!({})).await;
        beside(&server, async {
        std::fs::write(&file, format!(
            "@id(\"acme-is-frozen\")\nforbid (principal, action == Action::\"call\", resource) when {{ principal.tenant == \"{}\" }};\n",
            acme.name
        )).unwrap();
        apply(&acme.operator, "permit (principal, action, resource);").await.ok();
        let denied = eventually("the platform's rules in force", async || {
            let answer = call(&acme).await;
            (answer.code() == Some(Code::Denied)).then_some(answer)
        })
        .await;
        let facts = &denied.body["facts"];
        assert_eq!(facts["rules"], json!(["platform access line 1: forbid @id(\"acme-is-frozen\")"]));
        assert_eq!(acme.agent.get("/v1/tools").await.ok()["tools"], json!([]));
        call(&globex).await.ok();
        let log = server.platform.get("/v1/audit?kind=access.changed").await.ok();
        assert_eq!(log["entries"][0]["event"]["platform"], true, "{log}");
        // A file that is not valid leaves what is in force in force.
        std::fs::write(&file, "permit (principal, action, resource);").unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
        call(&acme).await.problem(Code::Denied);
        std::fs::remove_file(&file).unwrap();
        eventually("no rules of the platform", async || (call(&acme).await.code().is_none()).then_some(())).await;
        let rule = "platform access line 1: forbid @id(\"acme-is-frozen\")";
        acme.entry("call.refused", json!({"code": "denied", "rule": rule})).await;
        }).await;
    });
}
