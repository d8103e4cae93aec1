//! Routes: as they are written, and as they are told of.

mod choosing;

use expect_test::{Expect, expect};

use super::*;
use crate::id::Origin;
use crate::policy::route::Fallback;
use crate::routed::{BreakerSettings, WHOLE_PPM};

const ROUTES: &str = r#"
[[route]]
name = "summarise"
choices = [
    { tool = "catalogue/summarise@1", max_input_bytes = "64KiB", max_complexity = "medium", cost = "low" },
    { tool = "summarise-model@2", max_risk = "medium", min_budget_left = 0.2, share = 0.1, max_load = 0.75, trust = "own" },
    { tool = "summarise-model", without = ["http", "kv"] },
]
fallback = "none"
breaker = { failure_rate = 0.25, slow_rate = 1, slow = "2s", calls = 10, window = "30s", open = "5s" }

[[route]]
name = "count"
choices = [{ tool = "catalogue/text.count" }]
"#;

fn problems(text: &str, expected: &Expect) {
    let error = Policy::parse(text).unwrap_err();
    let lines: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    expected.assert_eq(&lines.join("\n"));
}

/// Of a route `a` with these choices.
fn route(choices: &str) -> String {
    format!("[[route]]\nname = \"a\"\nchoices = [{choices}]\n")
}

#[test]
fn a_route_is_read_as_it_is_written() {
    let policy = policy(ROUTES);
    let words: Vec<String> = policy.routes().iter().map(|route| format!("{}: {route}", route.rule())).collect();
    expect![[r#"
        policy line 2: [[route]] summarise: catalogue/summarise@1 (max_input_bytes 64 KiB, max_complexity medium, cost low), then summarise-model@2 (max_risk medium, max_load 75 %, min_budget_left 20 %, share 10 %, trust own), then summarise-model without http and kv; fallback none; breaker at 25 % failed or 100 % slow (2s) of 10 calls in 30s, open for 5s
        policy line 12: [[route]] count: catalogue/text.count; fallback next"#]]
    .assert_eq(&words.join("\n"));
    assert_eq!(policy.route(&"count".parse().unwrap()).unwrap().breaker, BreakerSettings::default());
    assert!(policy.route(&"other".parse().unwrap()).is_none());
    // JSON says the same.
    let json =
        r#"{"route": [{"name": "a", "choices": [{"tool": "b", "share": 0.1, "max_load": 1}], "fallback": "next"}]}"#;
    let json = Policy::from_json(json).unwrap();
    let conditions = &json.routes()[0].choices[0].conditions;
    assert_eq!((conditions.share_ppm, conditions.max_load_ppm), (Some(100_000), Some(WHOLE_PPM)));
    assert_eq!(json.routes()[0].fallback, Fallback::Next);
}

#[test]
fn every_slip_in_a_route_is_told() {
    problems(
        r#"
[[route]]
choices = []
[[route]]
name = "Wrong Name"
choices = [{ tol = "a" }, { tool = "a/b/c" }, { tool = "a", share = 1.5, max_risk = "some", weight = 1 }]
fallback = "maybe"
[[route]]
name = "a"
choices = [{ tool = "a", share = "10 %", max_input_bytes = -1, min_budget_left = 0.00000001, without = ["htp"] }]
breaker = { failure_rate = 0, calls = 0, open = "1ms", slow = 5 }
[[route]]
name = "a"
choices = [{ tool = "a" }]
max_risk = "low"
"#,
        &expect![[r#"
            line 2: route[1].name: it has to say what it is called by: name = "…"
            line 3: route[1].choices: there is nothing to choose from
            line 5: route[2].name: route "Wrong Name" is not valid: 1 to 64 lower-case letters, digits and single hyphens, beginning with a letter
            line 6: route[2].choices[1].tol: there is no such key; did you mean "tool"?
            line 6: route[2].choices[1].tool: it has to name a tool: tool = "…"
            line 6: route[2].choices[2].tool: package "a/b/c" is not valid: "catalogue/name", or "name" for your own
            line 6: route[2].choices[3].weight: "weight" is called "share"
            line 6: route[2].choices[3].max_risk: "some" is none of "low", "medium", "high"
            line 6: route[2].choices[3].share: "1.5" is no part of a whole: write one from 0 to 1 such as 0.25, with 6 digits at most
            line 7: route[2].fallback: "maybe" is none of "next", "none"
            line 10: route[3].choices[1].max_input_bytes: it is less than 0 bytes, the least that it can be
            line 10: route[3].choices[1].min_budget_left: "0.00000001" is no part of a whole: write one from 0 to 1 such as 0.25, with 6 digits at most
            line 10: route[3].choices[1].share: a number from 0 to 1 belongs here, not a text
            line 10: route[3].choices[1].without[1]: "htp" is none of "http", "kv", "files", "clock", "random", "log", "config", "call", "model", "prompt"
            line 11: route[3].breaker.failure_rate: it is more than 0: at 0 every call would open it
            line 11: route[3].breaker.slow: a time such as "5s" or "250ms" belongs here, not a whole number
            line 11: route[3].breaker.open: it is less than 100ms, the least that it can be
            line 11: route[3].breaker.calls: it is less than 1, the least that it can be
            line 12: route[4].name: route[3] is called so, too
            line 15: route[4].max_risk: it belongs in choices"#]],
    );
    problems(
        "[route]\nname = \"a\"\n",
        &expect!["line 1: route: routes are a list: write [[route]] with two brackets"],
    );
    problems(
        "[tools]\nrisk_floor = \"none\"\nrisk = \"low\"\n",
        &expect![[r#"
        line 2: tools.risk_floor: "none" is none of "low", "medium", "high"
        line 3: tools.risk: "risk" is called "risk_floor""#]],
    );
    let choices = "{ tool = \"a\" },".repeat(17);
    problems(&route(&choices), &expect!["line 3: route[1].choices: there are 17 of them; at most 16 may be"]);
    let many: String = (0..101).map(|nth| route("{ tool = \"b\" }").replace("\"a\"", &format!("\"a{nth}\""))).collect();
    problems(&many, &expect!["line 1: route: there are 101 of them; at most 100 may be"]);
}

#[test]
fn what_is_lawful_and_not_meant_is_told() {
    let warns = |text: &str, expected: &Expect| {
        let lines: Vec<String> = check(&Ceiling::builtin(), &policy(text)).iter().map(ToString::to_string).collect();
        expected.assert_eq(&lines.join("\n"));
    };
    warns(ROUTES, &expect![[""]]);
    warns(
        &format!("[tools]\ndeny = [\"b\"]\n{}", route("{ tool = \"b\" }, { tool = \"a\", trust = \"catalogue\" }")),
        &expect![[r#"
            line 5: route[1].choices[1].tool: by [tools], b cannot be called
            line 5: route[1].choices[2].trust: a is own, not catalogue: no call comes to it"#]],
    );
    let behind = format!("{}fallback = \"none\"\n", route("{ tool = \"a\" }, { tool = \"b\" }"));
    warns(
        &behind,
        &expect![
            "line 3: route[1].choices[2]: choice 1 takes every call, so that none comes to it but while that one's breaker is open"
        ],
    );
    warns(
        &route("{ tool = \"a\", max_risk = \"low\" }, { tool = \"a\", max_risk = \"low\" }"),
        &expect!["line 3: route[1].choices[2]: it is there twice"],
    );
    warns(
        &route("{ tool = \"a\", share = 0.7 }, { tool = \"b\", share = 0.7 }, { tool = \"c\" }"),
        &expect![
            "line 3: route[1].choices[2].share: with those before it, the shares are more than the whole: it gets 30 %"
        ],
    );
    warns(
        &route("{ tool = \"a\", share = 0.7 }, { tool = \"b\", share = 0.2 }"),
        &expect![
            "line 1: route[1].choices: every choice has a share, and 10 % of all keys are in none: their calls are refused"
        ],
    );
    let gone = nothing_chosen(&policy(ROUTES), |tool| {
        (tool.name.package.origin == Origin::Own).then(|| needs("http log", "kv"))
    });
    let lines: Vec<String> = gone.iter().map(ToString::to_string).collect();
    expect![[r#"
        line 5: route[1].choices[1].tool: there is no tool catalogue/summarise@1: until there is, no call comes to it
        line 7: route[1].choices[3].without: summarise-model cannot do without http: no call comes to it
        line 14: route[2].choices[1].tool: there is no tool catalogue/text.count: until there is, no call comes to it"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn what_changes_of_routes_is_told() {
    let differ = |before: &str, after: &str, expected: &Expect| {
        expected.assert_eq(&diff_offline(&Ceiling::builtin(), &policy(before), &policy(after)).to_string());
    };
    differ("", &route("{ tool = \"a\" }"), &expect!["routes/a gains a route: a; fallback next"]);
    differ(
        &route("{ tool = \"a\" }"),
        "[tools]\nrisk_floor = \"high\"\n",
        &expect![[r#"
        routes/a loses what it was: a; fallback next
        every call changes: the risk of calls counts as high at least; before: the risk of calls counts as low at least"#]],
    );
    differ(
        &route("{ tool = \"a\", share = 0.1 }"),
        &format!("# a remark\n{}", route("{ tool = \"a\", share = 0.2 }")),
        &expect!["routes/a changes: a (share 20 %); fallback next; before: a (share 10 %); fallback next"],
    );
    // Another line is no other route.
    differ(ROUTES, &format!("# a remark\n{ROUTES}"), &expect!["nothing changes"]);
}

/// What a choice goes without its call does not hold, and what else it holds stays as it was.
#[test]
fn going_without_takes_away_and_gives_nothing() {
    let policy = policy(
        r#"
        [[grant]]
        tools = ["a"]
        kv = [{ bucket = "notes", access = "read-write" }]
        files = [{ volume = "workspace", mount = "/work", access = "read-only" }]
        http = [{ host = "api.example.com" }]
        clock = "real"
        random = "secure"
        log = "info"
        config = { greeting = "hello" }
        call = ["catalogue/text"]
        model = ["answers"]
        prompt = ["short"]

        [[model]]
        name = "answers"
        choices = [{ provider = "acme", model = "small" }]

        [prompts]
        short = "In a word: {text}"
        "#,
    );
    let every = GrantKind::ALL.map(GrantKind::as_str).join(" ");
    let allowed = allowed(decided(&Ceiling::builtin(), &policy, "a", "", &every));
    let members = |grants: &Grants| serde_json::to_value(grants).unwrap();
    let (all, none) = (members(&allowed.grants), members(&Grants::none()));
    for kind in GrantKind::ALL {
        let less = allowed.without(&[kind].into());
        assert_eq!((&less.rule, &less.limits), (&allowed.rule, &allowed.limits));
        let less = members(&less.grants);
        for (name, value) in all.as_object().unwrap() {
            let expected = if name == kind.as_str() { &none[name] } else { value };
            assert_eq!(&less[name], expected, "without {kind}: {name}");
        }
        assert_ne!(less, all, "{kind}");
    }
    assert_eq!(*allowed.without(&GrantKind::ALL.into_iter().collect()).grants, Grants::none());
}
