//! Explanations, as people read them.

mod uses;

use expect_test::expect;

use super::*;

fn explained(ceiling: &Ceiling, policy: &Policy, name: &str, needs: &Needs, asked: Option<&Use>) -> Explanation {
    let limits: LimitsPatch = toml::from_str("deadline = \"1500ms\"").unwrap();
    explain(ceiling, policy, &Subject { package: &package(name), needs, limits: &limits }, asked)
}

#[test]
fn an_explanation_names_lines_of_both_files() {
    let needs = needs("kv", "http files log clock random config");
    let all = explained(&ceiling(LOW_CEILING), &policy(EXAMPLE), "notes", &needs, None);
    expect![[r#"
        notes may be called
          by policy line 2: [tools] allow "*"
        it holds
          http: GET https://api.github.com /repos/*
            by policy line 14: http in [[grant]] 1 (tools = ["notes", …])
            and ceiling line 11: http in [[grant]] 1 (tools = ["*", …])
          kv: bucket "notes", read-only, at most 512 KiB and 1,000 keys
            by policy line 12: kv in [[grant]] 1 (tools = ["notes", …])
            and ceiling line 9: kv in [[grant]] 1 (tools = ["*", …])
          files: volume "workspace" at /work, read-only, at most 100 MiB and 10,000 files
            by policy line 13: files in [[grant]] 1 (tools = ["notes", …])
            and ceiling line 10: files in [[grant]] 1 (tools = ["*", …])
          random: random bytes come from the operating system
            by policy line 16: random in [[grant]] 1 (tools = ["notes", …])
            and ceiling line 13: random in [[grant]] 1 (tools = ["*", …])
          log: log lines are kept, from warn on
            by policy line 17: log in [[grant]] 1 (tools = ["notes", …])
            and ceiling line 14: log in [[grant]] 1 (tools = ["*", …])
        withheld
          kv: the policy grants more of bucket "notes", but it is read-only, at most 512 KiB
            by ceiling line 9: kv in [[grant]] 1 (tools = ["*", …])
          clock: the policy grants more, but clocks stand still at the call's start
            by ceiling line 12: clock in [[grant]] 1 (tools = ["*", …])
          log: the policy grants more, but log lines are kept, from warn on
            by ceiling line 14: log in [[grant]] 1 (tools = ["*", …])
          config: the ceiling gives no config to notes
            by ceiling: no [[grant]] gives config to notes
        each call may use at most
          fuel                 2,000,000,000      policy line 6: limits.fuel
          deadline             1s                 ceiling line 5: limits.deadline
          memory_bytes         64 MiB             policy line 7: limits.memory_bytes
          table_elements       100,000            default
          instances            64                 default
          resources            1,000              default
          hostcall_bytes       8 MiB              default
          random_bytes         64 KiB             default
          arguments_bytes      1 MiB              default
          result_bytes         4 MiB              default
          log_bytes            64 KiB             default
          progress_reports     1,000              default
          http_requests        16                 default
          http_sent_bytes      1 MiB              default
          http_received_bytes  8 MiB              default
          http_header_bytes    32 KiB             default
          http_timeout         5s                 default
          kv_operations        1,000              default
          kv_key_bytes         512 bytes          default
          kv_value_bytes       1 MiB              default
          files_open           64                 default
          files_written_bytes  64 MiB             default
          model_requests       16                 default
          model_tokens         100,000            default
          model_cost           1.00 USD           default
          child_calls          64                 default
          child_depth          4                  default
          child_parallel       8                  default
    "#]]
    .assert_eq(&all.to_string());
    let text = explained(&Ceiling::builtin(), &Policy::default(), "catalogue/text", &Needs::default(), None);
    assert_eq!(text.grants, []);
    expect![[r#"
        catalogue/text may be called
          by default: [tools] allow "catalogue/*"
        it holds nothing: clocks stand still, random bytes follow from the call's id
    "#]]
    .assert_eq(text.to_string().split("each call").next().unwrap());
}

#[test]
fn a_denial_is_explained_with_what_would_help() {
    let needs = needs("kv http", "log");
    let denied = explained(&Ceiling::builtin(), &policy(EXAMPLE), "note", &needs, Some(&Use::Log {}));
    let json = serde_json::to_value(&denied).unwrap();
    assert_eq!((json["allowed"].as_bool(), json["use"]["allowed"].as_bool()), (Some(false), Some(false)));
    expect![[r#"
        note may not be called: note requires http and kv, which it is not granted
          by default: no [[grant]] gives http to note
          nearest: policy line 14: [[grant]] 1 gives http to "notes"
          to allow it, add to the policy:
            [[grant]]
            tools = ["note"]
            http = [{ host = "api.example.com" }]
            kv = [{ bucket = "note", access = "read-write" }]
        it would hold nothing: clocks stand still, random bytes follow from the call's id
        withheld
          http: the policy grants no http to note
            by default: no [[grant]] gives http to note
          kv: the policy grants no kv to note
            by default: no [[grant]] gives kv to note
          log: the policy grants no log to note
            by default: no [[grant]] gives log to note
        each call may use at most
          fuel                 2,000,000,000      policy line 6: limits.fuel
          deadline             1s 500ms           package note: limits.deadline
          memory_bytes         64 MiB             policy line 7: limits.memory_bytes
          table_elements       100,000            default
          instances            64                 default
          resources            1,000              default
          hostcall_bytes       8 MiB              default
          random_bytes         64 KiB             default
          arguments_bytes      1 MiB              default
          result_bytes         4 MiB              default
          log_bytes            64 KiB             default
          progress_reports     1,000              default
          http_requests        16                 default
          http_sent_bytes      1 MiB              default
          http_received_bytes  8 MiB              default
          http_header_bytes    32 KiB             default
          http_timeout         5s                 default
          kv_operations        1,000              default
          kv_key_bytes         512 bytes          default
          kv_value_bytes       1 MiB              default
          files_open           64                 default
          files_written_bytes  64 MiB             default
          model_requests       16                 default
          model_tokens         100,000            default
          model_cost           1.00 USD           default
          child_calls          64                 default
          child_depth          4                  default
          child_parallel       8                  default
        it could not have log lines kept
          by default: no [[grant]] gives http to note
          nearest: policy line 14: [[grant]] 1 gives http to "notes"
          to allow it, add to the policy:
            [[grant]]
            tools = ["note"]
            http = [{ host = "api.example.com" }]
            kv = [{ bucket = "note", access = "read-write" }]
            log = "info"
    "#]]
    .assert_eq(&denied.to_string());
}

#[test]
fn no_lines_are_said_to_help_that_no_policy_can_have() {
    for (method, url) in [("*", "https://a.example/"), ("*A", "https://a.example/"), ("GET", "https://a.example/*")] {
        let asked = Use::Http { method: method.to_owned(), url: url.to_owned() };
        let policy = policy("[[grant]]\ntools = [\"note\"]\nhttp = [{ host = \"b.example\" }]\n");
        let answer = explained(&Ceiling::builtin(), &policy, "note", &needs("http", ""), Some(&asked)).asked.unwrap();
        let remedy = answer.remedy.unwrap();
        assert!(!answer.allowed && remedy.contains("ask about another request"), "{method} {url}: {remedy}");
    }
}

#[test]
fn what_would_help_helps() {
    let needs = needs("kv http", "log files clock");
    for asked in [
        r#"{"kind": "http", "method": "POST", "url": "https://api.example.org/x"}"#,
        r#"{"kind": "kv", "bucket": "orders", "access": "read-write"}"#,
        r#"{"kind": "files", "path": "/in/a", "access": "read-write"}"#,
        r#"{"kind": "log"}"#,
        r#"{"kind": "clock"}"#,
    ] {
        let asked: Use = serde_json::from_str(asked).unwrap();
        let explain = |text: &str| explained(&Ceiling::builtin(), &policy(text), "note", &needs, Some(&asked));
        for text in [EXAMPLE, ""] {
            let answer = explain(text).asked.unwrap();
            let remedy = answer.remedy.unwrap();
            let lines = remedy.strip_prefix("add to the policy:\n").unwrap();
            let after = explain(&format!("{text}\n{lines}\n"));
            assert!(!answer.allowed && after.allowed && after.asked.unwrap().allowed, "{lines}");
        }
    }
}

#[test]
fn an_explanation_agrees_with_the_decision() {
    let needs = needs("kv", "http files log clock random config");
    let limits = LimitsPatch::default();
    for (ceiling, package_name) in [(ceiling(LOW_CEILING), "notes"), (Ceiling::builtin(), "other")] {
        let package = package(package_name);
        let subject = Subject { package: &package, needs: &needs, limits: &limits };
        let explanation = explain(&ceiling, &policy(EXAMPLE), &subject, None);
        match decide(&ceiling, &policy(EXAMPLE), &subject) {
            Decision::Allowed(allowed) => {
                assert!(explanation.allowed && allowed.rule.starts_with(&explanation.rule));
                assert_eq!(explanation.withheld, allowed.withheld);
            }
            Decision::Denied(denied) => {
                assert_eq!((explanation.allowed, explanation.rule), (false, denied.rule));
                assert_eq!((explanation.nearest, explanation.remedy), (denied.nearest, Some(denied.remedy)));
            }
        }
    }
}

#[test]
fn of_very_many_things_a_hundred_are_told() {
    let needs = needs("", "kv");
    let rows: String = (0..1000)
        .map(|n| format!("[[grant]]\ntools=[\"*\"]\nkv=[{{bucket=\"b{n}\",access=\"read-write\"}}]\n"))
        .collect();
    let cut = ceiling("[[grant]]\ntools = [\"*\"]\nkv = { access = \"read-only\" }");
    let explanation = explained(&cut, &policy(&rows), "notes", &needs, None);
    assert_eq!((explanation.grants.len(), explanation.grants_left_out, explanation.withheld.len()), (100, 900, 100));
    assert!(explanation.to_string().contains("\n  and 900 more\n"));
    // What is left out is held all the same.
    let asked = Use::Kv { bucket: "b999".to_owned(), access: Access::ReadOnly };
    assert!(explained(&cut, &policy(&rows), "notes", &needs, Some(&asked)).asked.unwrap().allowed);
}

#[test]
fn values_of_settings_are_not_told() {
    let needs = needs("", "config");
    let explanation = explained(&Ceiling::builtin(), &policy(EXAMPLE), "notes", &needs, Some(&Use::Config {}));
    let told = format!("{explanation}{}", serde_json::to_string(&explanation).unwrap());
    assert!(told.contains("greeting") && !told.contains("hello"), "{told}");
}
