//! What is answered about single uses.

use expect_test::Expect;

use super::*;

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
