//! Warnings about what is lawful and probably not meant.

use expect_test::{Expect, expect};

use super::*;

#[track_caller]
fn warns(ceiling: &Ceiling, text: &str, expected: &Expect) {
    shows(&check(ceiling, &policy(text)), expected);
}

#[track_caller]
fn shows(warnings: &[Warning], expected: &Expect) {
    let lines: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn a_sound_policy_has_no_warnings() {
    warns(&Ceiling::builtin(), EXAMPLE, &expect![[""]]);
    warns(&Ceiling::builtin(), "", &expect![[""]]);
}

#[test]
fn what_the_ceiling_cuts_is_told() {
    warns(
        &ceiling(LOW_CEILING),
        EXAMPLE,
        &expect![[r#"
            line 8: limits.deadline: 2s is cut to the ceiling's 1s
            line 12: grant[1].kv[1].access: it is cut to read-only
            line 12: grant[1].kv[1].bytes_max: 1 MiB is more than the ceiling's 512 KiB
            line 15: grant[1].clock: it is cut to the ceiling's "frozen"
            line 17: grant[1].log: it is cut to the ceiling's "warn"
            line 18: grant[1].config: the ceiling gives no config to "notes", "catalogue/files"
            line 21: audit.payloads: 7days is cut to the ceiling's 2days
            line 22: audit.record: the ceiling lets no host answers be kept"#]],
    );
    warns(
        &Ceiling::builtin(),
        "[limits]\nfuel = 900_000_000_000\ndeadline = \"2m\"",
        &expect![[r#"
        line 2: limits.fuel: 900,000,000,000 is cut to the ceiling's 100,000,000,000
        line 3: limits.deadline: 2m is cut to the ceiling's 1m"#]],
    );
    let large = "[[grant]]\ntools = [\"a\"]\nkv = [{ bucket = \"a\", bytes_max = \"3GiB\" }]";
    warns(
        &Ceiling::builtin(),
        large,
        &expect!["line 3: grant[1].kv[1].bytes_max: 3 GiB is more than the ceiling's 1 GiB"],
    );
    let elsewhere =
        "[[grant]]\ntools = [\"a\", \"b\"]\nhttp = [{ host = \"github.com\" }, { host = \"a.github.com\" }]";
    warns(
        &ceiling(LOW_CEILING),
        elsewhere,
        &expect![[
            r#"line 3: grant[1].http[1]: the ceiling lets nothing through of GET,HEAD https://github.com /* for "a", "b""#
        ]],
    );
    warns(
        &ceiling(""),
        "[[grant]]\ntools = [\"*\"]\nlog = \"info\"\nconfig = {}",
        &expect![[r#"
        line 3: grant[1].log: the ceiling gives no log to "*"
        line 4: grant[1].config: the ceiling gives no config to "*""#]],
    );
}

#[test]
fn what_is_hidden_or_idle_is_told() {
    let text = r#"[tools]
allow = ["a", "b", "catalogue/*"]
deny = ["a", "catalogue/*"]
[[grant]]
tools = ["a", "c", "catalogue/*", "b"]
log = "info"
[[grant]]
tools = ["b"]
[[grant]]
tools = []
log = "info"
"#;
    warns(
        &Ceiling::builtin(),
        text,
        &expect![[r#"
            line 2: tools.allow: "a" is hidden by "a" in deny (line 3)
            line 2: tools.allow: "catalogue/*" is hidden by "catalogue/*" in deny (line 3)
            line 4: grant[1].tools: by [tools], nothing can be called that is named by "a", "c", "catalogue/*"
            line 7: grant[2]: it gives nothing
            line 9: grant[3]: it gives nothing"#]],
    );
    warns(
        &ceiling(LOW_CEILING),
        "[tools]\nallow = [\"catalogue/shell\"]",
        &expect!["line 2: tools.allow: the ceiling does not let catalogue/shell be called"],
    );
}

#[test]
fn ceilings_have_warnings_of_their_own() {
    shows(
        &check_ceiling(&ceiling("[limits]\nfuel = 5")),
        &expect!["grant: there is no [[grant]], so no tool of any tenant can hold anything"],
    );
    shows(
        &check_ceiling(&ceiling("[tools]\nallow = [\"a\"]\ndeny = [\"*\"]\n[[grant]]\ntools = [\"a\"]")),
        &expect![[r#"
            line 2: tools.allow: "a" is hidden by "*" in deny (line 3)
            line 4: grant[1]: it lets nothing through"#]],
    );
    shows(&check_ceiling(&ceiling(LOW_CEILING)), &expect![[""]]);
}

#[test]
fn of_very_many_warnings_a_hundred_are_told() {
    let text = "[[grant]]\ntools = [\"a\"]\n".repeat(1000);
    assert_eq!(check(&Ceiling::builtin(), &policy(&text)).len(), 100);
}
