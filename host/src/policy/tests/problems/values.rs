//! Values that are none: of another type, out of bounds, misspelt, too many, or two of one.

use super::*;

#[test]
fn values_of_another_type() {
    policy_is(
        "tools = 1\nlimits = []\ngrant = true",
        &expect![[r#"
        line 1: tools: a table belongs here, not a whole number
        line 2: limits: a table belongs here, not a list
        line 3: grant: a list belongs here, not true or false"#]],
    );
    policy_is("[grant]\ntools = []", &expect!["line 1: grant: grants are a list: write [[grant]] with two brackets"]);
    policy_is("grant = [1]", &expect!["line 1: grant[1]: a table belongs here, not a whole number"]);
    policy_is(
        "[tools]\nallow = \"*\"\ndeny = [1]",
        &expect![[r#"
        line 2: tools.allow: a list belongs here, not a text
        line 3: tools.deny[1]: a text belongs here, not a whole number"#]],
    );
    policy_is(
        "[limits]\nfuel = \"1\"\nmemory_bytes = true\ndeadline = 5\ninstances = 1.5",
        &expect![[r#"
        line 2: limits.fuel: a whole number belongs here, not a text
        line 3: limits.memory_bytes: a size such as "64MiB" or a number of bytes belongs here, not true or false
        line 4: limits.deadline: a time such as "5s" or "250ms" belongs here, not a whole number
        line 5: limits.instances: a whole number belongs here, not a number with a fraction"#]],
    );
    policy_is(
        "[[grant]]\ntools = [\"a\"]\nkv = {}\nfiles = [1]\nhttp = true\nclock = 1\nlog = 2020-01-01\nconfig = []",
        &expect![[r#"
            line 3: grant[1].kv: a list belongs here, not a table
            line 4: grant[1].files[1]: a table belongs here, not a whole number
            line 5: grant[1].http: a list belongs here, not true or false
            line 6: grant[1].clock: a text belongs here, not a whole number
            line 7: grant[1].log: a text belongs here, not a date or time
            line 8: grant[1].config: a table of texts belongs here, not a list"#]],
    );
    policy_is(
        "[[grant]]\ntools = [\"a\"]\nconfig = { a = 1 }",
        &expect!["line 3: grant[1].config.a: a text belongs here, not a whole number"],
    );
    policy_is(
        "[[grant]]\ntools = [\"a\"]\nhttp = [{ host = 1, port = \"1\", methods = \"GET\", paths = [1] }]",
        &expect![[r#"
            line 3: grant[1].http[1].host: a text belongs here, not a whole number
            line 3: grant[1].http[1].port: a whole number belongs here, not a text
            line 3: grant[1].http[1].methods: a list belongs here, not a text
            line 3: grant[1].http[1].paths[1]: a text belongs here, not a whole number"#]],
    );
}

#[test]
fn values_out_of_bounds() {
    policy_is(
        "[limits]\nfuel = 0\nmemory_bytes = \"1KiB\"\ndeadline = \"0s\"\ninstances = -1\nlog_bytes = \"64MeB\"\nhttp_timeout = \"2h\"",
        &expect![[r#"
            line 2: limits.fuel: it is less than 1, the least that it can be
            line 3: limits.memory_bytes: it is less than 64 KiB, the least that it can be
            line 4: limits.deadline: it is less than 1ms, the least that it can be
            line 5: limits.instances: it is less than 1, the least that it can be
            line 6: limits.log_bytes: "64MeB" is no size: write one as "64MiB" or 65536
            line 7: limits.http_timeout: it is more than 1h, the most that it can be"#]],
    );
    policy_is(
        "[limits]\nmemory_bytes = \"1TiB\"\nfuel = 99999999999999999999999999999999999999999999",
        &expect![[r#"
        line 2: limits.memory_bytes: it is more than 512 MiB, the most that it can be
        line 3: limits.fuel: a whole number belongs here, not a number beyond all bounds"#]],
    );
    policy_is(
        "[limits]\ndeadline = \"5 parsecs\"\nkv_value_bytes = \"99999999999EiB\"",
        &expect![[r#"
        line 2: limits.deadline: "5 parsecs" is no time: write one as "5s" or "250ms"
        line 3: limits.kv_value_bytes: it is more than 9223372036854775807 bytes, the most that it can be"#]],
    );
    policy_is(
        "[[grant]]\ntools = [\"a\"]\nhttp = [{ host = \"a\", port = 0 }, { host = \"a\", port = 65536 }]",
        &expect![[r#"
        line 3: grant[1].http[1].port: it is less than 1, the least that it can be
        line 3: grant[1].http[2].port: it is more than 65535, the most that it can be"#]],
    );
}

#[test]
fn words_that_are_none() {
    policy_is(
        "[[grant]]\ntools = [\"a\"]\nclock = \"fine\"\nrandom = \"\"\nlog = \"warning\"\nkv = [{ bucket = \"a\", access = \"write\" }]",
        &expect![[r#"
            line 3: grant[1].clock: "fine" is none of "frozen", "coarse", "real"
            line 4: grant[1].random: "" is none of "seeded", "secure"
            line 5: grant[1].log: "warning" is none of "trace", "debug", "info", "warn", "error", "critical"
            line 6: grant[1].kv[1].access: "write" is none of "read-only", "read-write""#]],
    );
    policy_is(
        "[tools]\nallow = [\"notes.add\", \"notes@1\", \"acme/notes\", \"cat*\", \"catalogue/\", \"\", \"catalogue/**\"]",
        &expect![[r#"
            line 2: tools.allow[1]: "notes.add" is more than a package; rules are for whole packages: write "notes"
            line 2: tools.allow[2]: "notes@1" is more than a package; rules are for whole packages: write "notes"
            line 2: tools.allow[3]: "acme/notes" names no packages: write "name" or "*" for the tenant's own packages, "catalogue/name" or "catalogue/*"
            line 2: tools.allow[4]: "cat*" names no packages: write "name" or "*" for the tenant's own packages, "catalogue/name" or "catalogue/*"
            line 2: tools.allow[5]: "catalogue/" names no packages: write "name" or "*" for the tenant's own packages, "catalogue/name" or "catalogue/*"
            line 2: tools.allow[6]: "" names no packages: write "name" or "*" for the tenant's own packages, "catalogue/name" or "catalogue/*"
            line 2: tools.allow[7]: "catalogue/**" names no packages: write "name" or "*" for the tenant's own packages, "catalogue/name" or "catalogue/*""#]],
    );
    policy_is(
        "[[grant]]\nkv = []",
        &expect![[r#"line 1: grant[1].tools: it has to say which packages it is for: tools = ["…"]"#]],
    );
}

#[test]
fn names_and_places() {
    policy_is(
        "[[grant]]\ntools = [\"a\"]\nkv = [{}, { bucket = \"\" }, { bucket = \"-a\" }, { bucket = \"a/b\" }]",
        &expect![[r#"
            line 3: grant[1].kv[1].bucket: it has to name the bucket
            line 3: grant[1].kv[2].bucket: "" is no name: 1 to 64 lower-case letters, digits, '-' and '_', beginning with a letter or digit
            line 3: grant[1].kv[3].bucket: "-a" is no name: 1 to 64 lower-case letters, digits, '-' and '_', beginning with a letter or digit
            line 3: grant[1].kv[4].bucket: "a/b" is no name: 1 to 64 lower-case letters, digits, '-' and '_', beginning with a letter or digit"#]],
    );
    policy_is(
        r#"[[grant]]
tools = ["a"]
files = [
  { mount = "/a" },
  { volume = "../b" },
  { volume = "c", mount = "c" },
  { volume = "d", mount = "/d/../e" },
  { volume = "e", mount = "/e/" },
  { volume = "f", mount = "//f" },
]"#,
        &expect![[r#"
            line 4: grant[1].files[1].volume: it has to name the volume
            line 5: grant[1].files[2].volume: "../b" is no name: 1 to 64 lower-case letters, digits, '-' and '_', beginning with a letter or digit
            line 6: grant[1].files[3].mount: "c" is no place for a volume: write an absolute path such as "/work", of letters, digits, '.', '-' and '_', with at most 128 bytes
            line 7: grant[1].files[4].mount: "/d/../e" is no place for a volume: write an absolute path such as "/work", of letters, digits, '.', '-' and '_', with at most 128 bytes
            line 8: grant[1].files[5].mount: "/e/" is no place for a volume: write an absolute path such as "/work", of letters, digits, '.', '-' and '_', with at most 128 bytes
            line 9: grant[1].files[6].mount: "//f" is no place for a volume: write an absolute path such as "/work", of letters, digits, '.', '-' and '_', with at most 128 bytes"#]],
    );
}

#[test]
fn rules_for_requests() {
    policy_is(
        r#"[[grant]]
tools = ["a"]
http = [
  { methods = ["GET"] },
  { host = "a b" },
  { host = "https://example.com" },
  { host = "*.*.com" },
  { host = "a", scheme = "ftp" },
  { host = "a", methods = [] },
  { host = "a", methods = ["CONNECT"] },
  { host = "a", paths = ["x"] },
  { host = "a", paths = ["/*/x"] },
  { host = "a", paths = ["/../x"] },
]"#,
        &expect![[r#"
            line 4: grant[1].http[1].host: it has to name the host: "api.example.com", or "*" for any
            line 5: grant[1].http[2].host: "a b": there can be no such host
            line 6: grant[1].http[3].host: "https://example.com": there can be no such host
            line 7: grant[1].http[4].host: "*.*.com": '*' stands alone, or at the beginning as in "*.example.com"
            line 8: grant[1].http[5].scheme: "ftp" is none of "https", "http"
            line 9: grant[1].http[6].methods: "[]": an empty list allows nothing; "*" allows any
            line 10: grant[1].http[7].methods: "CONNECT": no tool may use the methods CONNECT and TRACE
            line 11: grant[1].http[8].paths: "x": a path begins with a slash
            line 12: grant[1].http[9].paths: "/*/x": '*' stands at the end only, for anything
            line 13: grant[1].http[10].paths: "/../x": a path may not hold '.' or '..'"#]],
    );
}

#[test]
fn what_adds_up_to_two_of_one() {
    policy_is(
        r#"[[grant]]
tools = ["*"]
files = [{ volume = "a", mount = "/work" }]
config = { unit = "metric" }
[[grant]]
tools = ["notes", "catalogue/x"]
files = [{ volume = "b", mount = "/work" }, { volume = "a", mount = "/other" }]
config = { unit = "imperial" }
"#,
        &expect![[r#"
            line 7: grant[2].files: volume "b" and volume "a" (grant[1], line 3) are both at "/work" for "notes", and can be only one of them
            line 7: grant[2].files: volume "a" is at "/other" and at "/work" (grant[1], line 3) for "notes", and can be only one of them
            line 8: grant[2].config: setting "unit" is "imperial" and "metric" (grant[1], line 4) for "notes", and can be only one of them"#]],
    );
    // The order of the rows does not matter, nor does who is named by a wildcard.
    policy_is(
        r#"[[grant]]
tools = ["notes"]
files = [{ volume = "a", mount = "/work" }]
[[grant]]
tools = ["*"]
files = [{ volume = "b", mount = "/work" }]
"#,
        &expect![[
            r#"line 3: grant[1].files: volume "a" and volume "b" (grant[2], line 6) are both at "/work" for "notes", and can be only one of them"#
        ]],
    );
    // Not for the same package, or the same volume twice.
    policy_is(
        r#"[[grant]]
tools = ["a", "catalogue/*"]
files = [{ volume = "a", mount = "/work" }]
config = { unit = "metric" }
[[grant]]
tools = ["b"]
files = [{ volume = "b", mount = "/work" }]
config = { unit = "imperial" }
[[grant]]
tools = ["a", "catalogue/c"]
files = [{ volume = "a", mount = "/work", access = "read-write" }]
config = { unit = "metric" }
"#,
        &expect![[""]],
    );
}

#[test]
fn settings_are_bounded() {
    let many: String = (0..101).map(|n| format!("k{n} = \"\"\n")).collect();
    policy_is(
        &format!("[[grant]]\ntools = [\"a\"]\n[grant.config]\n{many}"),
        &expect!["line 3: grant[1].config: there are 101 of them; at most 100 may be"],
    );
    let (key, value) = ("k".repeat(129), "v".repeat(4097));
    policy_is(
        &format!("[[grant]]\ntools = [\"a\"]\nconfig = {{ \"\" = \"\", {key} = \"\", a = \"{value}\" }}"),
        &expect![[r#"
        line 3: grant[1].config: "" is no key of a setting: it has 1 to 128 bytes
        line 3: grant[1].config.a: it has 4097 bytes; at most 4096 may be
        line 3: grant[1].config: "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"… is no key of a setting: it has 1 to 128 bytes"#]],
    );
}

#[test]
fn lists_are_bounded() {
    let list = |count: usize, text: &str| vec![text; count].join(",");
    policy_is(
        &format!("[tools]\nallow = [{}]", list(1001, "\"a\"")),
        &expect!["line 2: tools.allow: there are 1001 of them; at most 1000 may be"],
    );
    policy_is(
        &"[[grant]]\ntools = [\"a\"]\n".repeat(1001),
        &expect!["line 1: grant: there are 1001 of them; at most 1000 may be"],
    );
    policy_is(
        &format!("[[grant]]\ntools = [{}]", list(101, "\"a\"")),
        &expect!["line 2: grant[1].tools: there are 101 of them; at most 100 may be"],
    );
    policy_is(
        &format!("[[grant]]\ntools = [\"a\"]\nkv = [{}]", list(101, "{bucket=\"a\"}")),
        &expect!["line 3: grant[1].kv: there are 101 of them; at most 100 may be"],
    );
    let half = format!("[[grant]]\ntools = [\"a\"]\nhttp = [{}]\n", list(501, "{host=\"a\"}"));
    let rows = |entries: &str| format!("[[grant]]\ntools = [\"a\"]\n{entries}\n").repeat(11);
    policy_is(
        &rows(&format!("kv = [{}]", list(100, "{bucket=\"a\"}"))),
        &expect!["line 33: grant[11].kv: with these there are more than 1,000 in the file"],
    );
    policy_is(
        &rows(&format!("files = [{}]", list(100, "{volume=\"a\"}"))),
        &expect!["line 33: grant[11].files: with these there are more than 1,000 in the file"],
    );
    let settings: String = (0..100).map(|n| format!("k{n} = \"\"\n")).collect();
    policy_is(
        &rows(&format!("[grant.config]\n{settings}")),
        &expect!["line 1043: grant[11].config: with these there are more than 1,000 in the file"],
    );
    policy_is(&half.repeat(2), &expect!["line 6: grant[2].http: with these there are more than 1,000 in the file"]);
    policy_is(
        &format!("[[grant]]\ntools = [\"a\"]\nhttp = [{{ host = \"a\", methods = [{}] }}]", list(17, "\"GET\"")),
        &expect!["line 3: grant[1].http[1].methods: there are 17 of them; at most 16 may be"],
    );
    policy_is(&" ".repeat(256 * 1024 + 1), &expect!["it has 262,145 bytes; at most 262,144 may be"]);
    policy_is(&" ".repeat(256 * 1024), &expect![[""]]);
}
