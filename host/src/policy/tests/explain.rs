//! Explanations, as people read them.

use expect_test::{Expect, expect};

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

/// What is answered about uses of `notes`, each given as JSON.
#[track_caller]
fn answers(ceiling: &Ceiling, text: &str, asked: &[&str], expected: &Expect) {
    let needs = needs("", "kv http files log clock random config");
    let answer = |json: &&str| {
        let asked: Use = serde_json::from_str(json).unwrap();
        explained(ceiling, &policy(text), "notes", &needs, Some(&asked)).asked.unwrap().to_string()
    };
    expected.assert_eq(&asked.iter().map(answer).collect::<String>());
}

#[test]
fn uses_of_buckets() {
    let asked = [
        r#"{"kind":"kv","bucket":"notes"}"#,
        r#"{"kind":"kv","bucket":"notes","access":"read-write"}"#,
        r#"{"kind":"kv","bucket":"note"}"#,
        r#"{"kind":"kv","bucket":"No such!"}"#,
    ];
    answers(
        &Ceiling::builtin(),
        EXAMPLE,
        &asked,
        &expect![[r#"
        it could read bucket "notes"
          by policy line 12: kv in [[grant]] 1 (tools = ["notes", …]); ceiling: built-in
        it could write bucket "notes"
          by policy line 12: kv in [[grant]] 1 (tools = ["notes", …]); ceiling: built-in
        it could not read bucket "note"
          by default: no [[grant]] gives bucket "note" to notes
          nearest: policy line 12: kv in [[grant]] 1 (tools = ["notes", …]): bucket "notes", read-write, at most 1 MiB and 1,000 keys
          to allow it, add to the policy:
            [[grant]]
            tools = ["notes"]
            kv = [{ bucket = "note", access = "read-only" }]
        it could not read bucket "No such!"
          by default: no [[grant]] gives bucket "No such!" to notes
          to allow it, use a name that there can be: 1 to 64 lower-case letters, digits, '-' and '_', beginning with a letter or digit
    "#]],
    );
    answers(
        &ceiling(LOW_CEILING),
        EXAMPLE,
        &asked[1..2],
        &expect![[r#"
        it could not write bucket "notes"
          by ceiling line 9: kv in [[grant]] 1 (tools = ["*", …])
          nearest: policy line 12: kv in [[grant]] 1 (tools = ["notes", …])
          to allow it, ask the platform team: its ceiling has to give kv to notes, and the policy to grant it
    "#]],
    );
    answers(
        &Ceiling::builtin(),
        "",
        &asked[..1],
        &expect![[r#"
            it could not read bucket "notes"
              by default: no [[grant]] gives kv to notes
              to allow it, add to the policy:
                [[grant]]
                tools = ["notes"]
                kv = [{ bucket = "notes", access = "read-only" }]
        "#]],
    );
}

#[test]
fn uses_of_files() {
    let asked = [
        r#"{"kind":"files"}"#,
        r#"{"kind":"files","path":"/work/a/b.txt"}"#,
        r#"{"kind":"files","path":"/work/a/b.txt","access":"read-write"}"#,
        r#"{"kind":"files","path":"/workshop"}"#,
        r#"{"kind":"files","volume":"workspace"}"#,
        r#"{"kind":"files","volume":"workspaces","path":"/work"}"#,
    ];
    answers(
        &Ceiling::builtin(),
        EXAMPLE,
        &asked,
        &expect![[r#"
            it could read files
              by policy line 13: files in [[grant]] 1 (tools = ["notes", …]); ceiling: built-in
            it could read "/work/a/b.txt"
              by policy line 13: files in [[grant]] 1 (tools = ["notes", …]); ceiling: built-in
            it could not write "/work/a/b.txt"
              by policy line 13: files in [[grant]] 1 (tools = ["notes", …]): access is read-only
              to allow it, say access = "read-write" there
            it could not read "/workshop"
              by default: no [[grant]] gives a volume at "/workshop" to notes
              nearest: policy line 13: files in [[grant]] 1 (tools = ["notes", …]): volume "workspace" at /work, read-only, at most 100 MiB and 10,000 files
              to allow it, add to the policy:
                [[grant]]
                tools = ["notes"]
                files = [{ volume = "workshop", mount = "/workshop", access = "read-only" }]
            it could read volume "workspace"
              by policy line 13: files in [[grant]] 1 (tools = ["notes", …]); ceiling: built-in
            it could not read "/work" in volume "workspaces"
              by default: no [[grant]] gives volume "workspaces" to notes
              nearest: policy line 13: files in [[grant]] 1 (tools = ["notes", …]): volume "workspace" at /work, read-only, at most 100 MiB and 10,000 files
              to allow it, add to the policy:
                [[grant]]
                tools = ["notes"]
                files = [{ volume = "workspaces", mount = "/work", access = "read-only" }]
        "#]],
    );
    let nested = "[[grant]]\ntools = [\"notes\"]\nfiles = [{ volume = \"a\", mount = \"/\", access = \"read-write\" }, { volume = \"b\", mount = \"/b\" }]";
    let asked = [
        r#"{"kind":"files","path":"/a","access":"read-write"}"#,
        r#"{"kind":"files","path":"/b/a","access":"read-write"}"#,
    ];
    answers(
        &Ceiling::builtin(),
        nested,
        &asked,
        &expect![[r#"
        it could write "/a"
          by policy line 3: files in [[grant]] 1 (tools = ["notes"]); ceiling: built-in
        it could not write "/b/a"
          by policy line 3: files in [[grant]] 1 (tools = ["notes"]): access is read-only
          to allow it, say access = "read-write" there
    "#]],
    );
}

#[test]
fn uses_of_the_network() {
    let asked = [
        r#"{"kind":"http","url":"https://api.github.com/repos/a?b=c#d"}"#,
        r#"{"kind":"http","method":"post","url":"https://api.github.com/repos/a"}"#,
        r#"{"kind":"http","url":"http://example.com:8080"}"#,
        r#"{"kind":"http","url":"example.com"}"#,
        r#"{"kind":"http","url":"https://a@example.com/"}"#,
    ];
    answers(
        &Ceiling::builtin(),
        EXAMPLE,
        &asked,
        &expect![[r#"
            it could GET https://api.github.com/repos/a?b=c#d
              by policy line 14: http in [[grant]] 1 (tools = ["notes", …]); ceiling: built-in
              but it fails where the host's address is private, loopback, link-local or of a metadata service, unless the ceiling's [egress] excepts it; header fields and quotas are not looked at here
            it could not post https://api.github.com/repos/a
              by default: no http rule of the policy allows it
              nearest: policy line 14: http in [[grant]] 1 (tools = ["notes", …]): GET https://api.github.com /repos/*: not this method
              to allow it, add to the policy:
                [[grant]]
                tools = ["notes"]
                http = [{ host = "api.github.com", methods = ["POST"], paths = ["/repos/a"] }]
            it could not GET http://example.com:8080
              by default: no http rule of the policy allows it
              nearest: policy line 14: http in [[grant]] 1 (tools = ["notes", …]): GET https://api.github.com /repos/*: not this host
              to allow it, add to the policy:
                [[grant]]
                tools = ["notes"]
                http = [{ host = "example.com", scheme = "http", port = 8080, methods = ["GET"], paths = ["/"] }]
            it could not GET example.com
              by no such request: a URL begins with https:// or http://
              to allow it, ask about another request: none can be like this
            it could not GET https://a@example.com/
              by no such request: an authority may not hold a user or a password
              to allow it, ask about another request: none can be like this
        "#]],
    );
    let wide = "[[grant]]\ntools = [\"notes\"]\nhttp = [{ host = \"*\" }]";
    let asked =
        [r#"{"kind":"http","url":"https://example.com/"}"#, r#"{"kind":"http","url":"https://api.github.com/"}"#];
    answers(
        &ceiling(LOW_CEILING),
        wide,
        &asked,
        &expect![[r#"
            it could not GET https://example.com/
              by default: no http rule of the platform's ceiling allows it
              nearest: * https://*.github.com /*: not this host
              to allow it, ask the platform team: its ceiling has to give http to notes, and the policy to grant it
            it could GET https://api.github.com/
              by policy line 3: http in [[grant]] 1 (tools = ["notes"]); ceiling line 11: http in [[grant]] 1 (tools = ["*", …])
              but it fails where the host's address is private, loopback, link-local or of a metadata service, unless the ceiling's [egress] excepts it; header fields and quotas are not looked at here
        "#]],
    );
    answers(
        &Ceiling::builtin(),
        "",
        &asked[..1],
        &expect![[r#"
            it could not GET https://example.com/
              by default: no [[grant]] gives http to notes
              to allow it, add to the policy:
                [[grant]]
                tools = ["notes"]
                http = [{ host = "example.com", methods = ["GET"], paths = ["/"] }]
        "#]],
    );
}

#[test]
fn uses_of_the_rest() {
    let asked = [r#"{"kind":"clock"}"#, r#"{"kind":"random"}"#, r#"{"kind":"log"}"#, r#"{"kind":"config"}"#];
    answers(
        &Ceiling::builtin(),
        EXAMPLE,
        &asked,
        &expect![[r#"
        it could see the time
          by policy line 15: clock in [[grant]] 1 (tools = ["notes", …]); ceiling: built-in
        it could have random bytes that cannot be foreseen
          by policy line 16: random in [[grant]] 1 (tools = ["notes", …]); ceiling: built-in
        it could have log lines kept
          by policy line 17: log in [[grant]] 1 (tools = ["notes", …]); ceiling: built-in
        it could read settings
          by policy line 18: config in [[grant]] 1 (tools = ["notes", …]); ceiling: built-in
    "#]],
    );
    answers(
        &ceiling(LOW_CEILING),
        EXAMPLE,
        &asked,
        &expect![[r#"
        it could not see the time
          by ceiling line 12: clock in [[grant]] 1 (tools = ["*", …])
          nearest: ceiling line 7: [[grant]] 1 (tools = ["*", …]) names it
          to allow it, ask the platform team: its ceiling has to give clock to notes, and the policy to grant it
        it could have random bytes that cannot be foreseen
          by policy line 16: random in [[grant]] 1 (tools = ["notes", …]); ceiling line 13: random in [[grant]] 1 (tools = ["*", …])
        it could have log lines kept
          by policy line 17: log in [[grant]] 1 (tools = ["notes", …]); ceiling line 14: log in [[grant]] 1 (tools = ["*", …])
        it could not read settings
          by ceiling: no [[grant]] gives config to notes
          nearest: ceiling line 7: [[grant]] 1 (tools = ["*", …]) names it
          to allow it, ask the platform team: its ceiling has to give config to notes, and the policy to grant it
    "#]],
    );
    // What the package does not declare.
    let undeclared = explained(&Ceiling::builtin(), &policy(EXAMPLE), "notes", &Needs::default(), Some(&Use::Clock {}));
    expect![[r#"
        it could not see the time
          by package: clock is not among the needs of notes
          to allow it, publish a version of notes that has "clock" in its [needs]
    "#]]
    .assert_eq(&undeclared.asked.unwrap().to_string());
    let nothing = explained(&Ceiling::builtin(), &Policy::default(), "notes", &Needs::default(), Some(&Use::Clock {}));
    expect![[r#"
        it could not see the time
          by package: clock is not among the needs of notes
          to allow it, publish a version of notes that has "clock" in its [needs], and grant it in the policy
    "#]]
    .assert_eq(&nothing.asked.unwrap().to_string());
}

#[test]
fn a_use_with_unknown_members_is_refused() {
    for text in [
        r#"{"kind":"kv"}"#,
        r#"{"kind":"kv","bucket":"a","x":1}"#,
        r#"{"kind":"clock","x":1}"#,
        r#"{"kind":"shell"}"#,
        r#"{"kind":"http"}"#,
    ] {
        assert!(serde_json::from_str::<Use>(text).is_err(), "{text}");
    }
}

#[test]
fn values_of_settings_are_not_told() {
    let needs = needs("", "config");
    let explanation = explained(&Ceiling::builtin(), &policy(EXAMPLE), "notes", &needs, Some(&Use::Config {}));
    let told = format!("{explanation}{}", serde_json::to_string(&explanation).unwrap());
    assert!(told.contains("greeting") && !told.contains("hello"), "{told}");
}
