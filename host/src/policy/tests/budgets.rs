//! `[budget]`, `[admission]` and `[[plan]]`: what they say, what is a mistake, and what is probably not meant.

use expect_test::expect;

use super::*;
use crate::limits::CallLimits;

fn problems(read: Result<(), PolicyError>) -> String {
    let problems = read.err().map(|error| error.problems).unwrap_or_default();
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn mistakes_are_told_with_their_lines() {
    let text = r#"[budget]
fuel_per_week = 1
model_cost_per_day = 25
model_cost_per_hour = "25 EUR"
http_bytes_per_day = "lots"
concurrent_calls = 0
rate = 3
principals = ["ci"]
[[budget.for]]
calls_per_day = 1
[[budget.for]]
principals = "ci"
keys = ["ci"]
tools = ["notes.add"]
[admission]
priority_max = "urgent"
[[admission.for]]
principals = ["ci"]
"#;
    expect![[r#"
        line 2: budget.fuel_per_week: there is no such key; did you mean "fuel_per_day"?
        line 3: budget.model_cost_per_day: a text belongs here, not a whole number
        line 4: budget.model_cost_per_hour: "25 EUR" is no sum of money: write one as "25 USD" or "0.05 USD"
        line 5: budget.http_bytes_per_day: "lots" is no size: write one as "64MiB" or 65536
        line 6: budget.concurrent_calls: it is less than 1, the least that it can be
        line 7: budget.rate: "rate" is called "calls_per_second"
        line 8: budget.principals: it belongs in [[budget.for]]
        line 9: budget.for[1]: it has to say for whom: principals = ["…"], tools = ["…"] or both; what is for all calls stands in [budget] itself
        line 12: budget.for[2].principals: a list belongs here, not a text
        line 13: budget.for[2].keys: "keys" is called "principals"
        line 14: budget.for[2].tools[1]: "notes.add" is more than a package; rules are for whole packages: write "notes"
        line 16: admission.priority_max: "urgent" is none of "low", "normal", "high"
        line 17: admission.for[1].priority_max: it has to say how important
    "#]]
    .assert_eq(&problems(Policy::parse(text).map(drop)));
    let text =
        "[budget]\nfor = []\n[[plan]]\nweight = 0\n[[plan]]\ntenants = [\"*x\", \"team-*\"]\nweight = 2\nqueue = 3\n";
    expect![[r#"
        line 2: budget.for: there is no such key; [budget] of the ceiling knows concurrent_calls, calls_per_minute, calls_per_hour, calls_per_day, fuel_per_minute, fuel_per_hour, fuel_per_day, http_bytes_per_minute, http_bytes_per_hour, http_bytes_per_day, files_bytes_per_minute, files_bytes_per_hour, files_bytes_per_day, child_calls_per_minute, child_calls_per_hour, child_calls_per_day, model_tokens_per_minute, model_tokens_per_hour, model_tokens_per_day, model_cost_per_minute, model_cost_per_hour, model_cost_per_day, calls_per_second
        line 3: plan[1].tenants: it has to say which tenants it is for: tenants = ["…"]
        line 6: plan[2].tenants[1]: "*x" names no tenants: write "acme", "team-*" or "*"
        line 8: plan[2].queue: "queue" is called "queue_calls"
    "#]]
    .assert_eq(&problems(Ceiling::parse(text).map(drop)));
}

#[test]
fn what_is_probably_not_meant_is_told() {
    let ceiling = "[budget]\ncalls_per_day = 10\nconcurrent_calls = 4\n[admission]\npriority_max = \"normal\"\n";
    let policy = r#"[budget]
calls_per_day = 11
concurrent_calls = 5
fuel_per_day = 999_999_999
[[budget.for]]
principals = []
calls_per_hour = 1
[[budget.for]]
tools = ["notes"]
[[budget.for]]
tools = ["notes"]
calls_per_minute = 0
[admission]
priority_max = "high"
"#;
    let warnings = check(&Ceiling::parse(ceiling).unwrap(), &Policy::parse(policy).unwrap());
    let warnings: String = warnings.iter().map(|warning| format!("{warning}\n")).collect();
    expect![[r#"
        line 2: budget.calls_per_day: 11 is cut to the ceiling's 10
        line 3: budget.concurrent_calls: 5 is cut to the ceiling's 4
        line 4: budget.fuel_per_day: no call is let in: each reserves 1,000,000,000, as its limits say
        line 5: budget.for[1]: it bounds nothing
        line 8: budget.for[2]: it bounds nothing
        line 12: budget.for[3].calls_per_minute: no call is let in: each reserves 1, as its limits say
        line 14: admission.priority_max: it is cut to the ceiling's "normal"
    "#]]
    .assert_eq(&warnings);
}

#[test]
fn a_diff_tells_of_budgets() {
    let (before, after) = (
        Policy::parse("[budget]\ncalls_per_day = 10\nmodel_cost_per_day = \"2.50 USD\"\n").unwrap(),
        Policy::parse("[budget]\ncalls_per_day = 10\nmodel_cost_per_day = \"3 USD\"\nconcurrent_calls = 2\n[[budget.for]]\nprincipals = [\"ci\"]\ntools = [\"*\"]\nhttp_bytes_per_hour = \"1MiB\"\n").unwrap(),
    );
    expect![[r#"
        every call changes: budget from now on: all calls have model_cost_per_day 3.00 USD
        every call changes: budget from now on: all calls have concurrent_calls 2
        every call changes: budget from now on: each key of "ci" with each package of "*" has http_bytes_per_hour 1 MiB
        every call changes: budget no more: all calls have model_cost_per_day 2.50 USD"#]]
    .assert_eq(&diff_offline(&Ceiling::builtin(), &before, &after).to_string());
}

#[test]
fn what_a_call_cannot_use_is_not_reserved_for_it() {
    let needs = |grants: &str| {
        let policy = policy(&format!("[limits]\nfuel = 5\nhttp_sent_bytes = 10\nhttp_received_bytes = 20\n{grants}"));
        let all = Needs { required: Default::default(), optional: GrantKind::ALL.into_iter().collect() };
        let (name, limits) = (package("notes"), LimitsPatch::default());
        let subject = Subject { package: &name, needs: &all, limits: &limits };
        let Decision::Allowed(allowed) = decide(&Ceiling::builtin(), &policy, &subject) else { panic!("it is denied") };
        serde_json::to_string(&worst_case(&allowed.limits, &allowed.grants)).unwrap()
    };
    assert_eq!(needs(""), r#"{"calls":1,"fuel":5}"#);
    let http = "[[grant]]\ntools = [\"notes\"]\nhttp = [{ host = \"a.example\" }]\n";
    assert_eq!(needs(http), r#"{"calls":1,"fuel":5,"http_bytes":30}"#);
    let files = |access: &str| {
        format!("[[grant]]\ntools = [\"notes\"]\nfiles = [{{ volume = \"v\", access = \"{access}\" }}]\n")
    };
    assert_eq!(needs(&files("read-only")), r#"{"calls":1,"fuel":5}"#);
    let most = CallLimits::default().files_written_bytes;
    assert_eq!(needs(&files("read-write")), format!(r#"{{"calls":1,"files_bytes":{most},"fuel":5}}"#));
}

#[test]
fn the_first_plan_that_names_a_tenant_is_its_own_and_a_budget_lets_no_more_run_at_once() {
    let ceiling = Ceiling::parse(
        "[[plan]]\ntenants = [\"acme\", \"team-*\"]\nweight = 4\nqueue_calls = 9\n[[plan]]\ntenants = [\"*\"]\nconcurrent_calls = 7\n",
    )
    .unwrap();
    let default = Plan { weight: 1, concurrent_calls: 100, queue_calls: 50 };
    let of = |tenant: &str, policy: &str| {
        let Plan { weight, concurrent_calls, queue_calls } =
            plan(&ceiling, &Policy::parse(policy).unwrap(), &tenant.parse().unwrap(), default);
        (weight, concurrent_calls, queue_calls)
    };
    assert_eq!(of("acme", ""), (4, 100, 9));
    assert_eq!(of("team-a", "[budget]\nconcurrent_calls = 3"), (4, 3, 9));
    assert_eq!(of("acme-2", ""), (1, 7, 50));
    assert_eq!(of("acme-2", "[budget]\nconcurrent_calls = 30"), (1, 7, 50));
}

#[test]
fn not_everybody_is_important() {
    let policy = Policy::parse(
        "[admission]\npriority_max = \"normal\"\n[[admission.for]]\nprincipals = [\"pager\"]\npriority_max = \"high\"\n[[admission.for]]\nprincipals = [\"batch\"]\npriority_max = \"low\"\n",
    )
    .unwrap();
    let of = |ceiling: &Ceiling, name: &str, asked| priority(ceiling, &policy, name, asked).as_str();
    let high = Some(Priority::High);
    let builtin = Ceiling::builtin();
    assert_eq!(["pager", "batch", "other"].map(|name| of(&builtin, name, high)), ["high", "low", "normal"]);
    assert_eq!(["pager", "batch", "other"].map(|name| of(&builtin, name, None)), ["normal", "low", "normal"]);
    assert_eq!(of(&builtin, "pager", Some(Priority::Low)), "low");
    let ceiling = Ceiling::parse("[admission]\npriority_max = \"normal\"").unwrap();
    assert_eq!(of(&ceiling, "pager", high), "normal");
    assert_eq!(priority(&builtin, &Policy::default(), "any", high), Priority::Normal);
}
