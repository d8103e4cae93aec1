//! What rules say, what is wrong with them, and that no text of them gives anything.

mod fuzz;

use std::str::FromStr as _;

use cedar_policy::{PolicySet, ValidationMode, Validator};
use expect_test::expect;
use proptest::prelude::*;
use semver::Version;

use super::schema::{schema, scopes_text};
use super::*;
use crate::id::{PackageRef, PrincipalId, TenantId, ToolName};
use crate::identity::{Scope, Scopes};
use crate::policy::{Claims, Grants, Risk};

const NOON: Moment = Moment { hour: 12, weekday: 3 };

/// A key, a tool and a package to ask about.
struct Stage {
    id: PrincipalId,
    name: &'static str,
    tenant: TenantId,
    scopes: Scopes,
    tool: ToolName,
    package: PackageRef,
    version: Version,
    moment: Moment,
}

impl Stage {
    fn new() -> Self {
        Self {
            id: "0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77".parse().unwrap(),
            name: "agent",
            tenant: "acme".parse().unwrap(),
            scopes: Scope::ALL.into_iter().collect(),
            tool: "catalogue/text.count".parse().unwrap(),
            package: "notes".parse().unwrap(),
            version: Version::new(1, 2, 0),
            moment: NOON,
        }
    }

    fn with(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self { scopes: scopes.into_iter().collect(), ..Self::new() }
    }

    fn ask(&self, platform: &Rules, tenant: &Rules, action: Action) -> Verdict {
        let risk = Risk::of(&Default::default(), &Grants::none(), Claims::default());
        let resource = match action.on() {
            On::Tool => Resource::Tool { name: &self.tool, version: &self.version, risk },
            On::Package => Resource::Package(&self.package),
            On::Tenant => Resource::Tenant,
        };
        let who = Who { id: self.id, name: self.name, tenant: &self.tenant, scopes: self.scopes };
        decide(platform, tenant, &Question { who, action, resource, moment: self.moment })
    }

    fn denied(&self, platform: &str, tenant: &str, action: Action) -> Denied {
        match self.ask(&platforms(platform), &tenants(tenant), action) {
            Verdict::Denied(denied) => denied,
            Verdict::Allowed(by) => panic!("{action:?} is allowed by {by:?} under {tenant}"),
        }
    }

    fn allowed(&self, platform: &str, tenant: &str, action: Action) -> Vec<String> {
        match self.ask(&platforms(platform), &tenants(tenant), action) {
            Verdict::Allowed(by) => by,
            Verdict::Denied(denied) => panic!("{action:?} is denied: {denied:?}"),
        }
    }
}

fn tenants(text: &str) -> Rules {
    Rules::parse(Side::Tenant, text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn platforms(text: &str) -> Rules {
    Rules::parse(Side::Platform, text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn problems(side: Side, text: &str) -> String {
    let error = Rules::parse(side, text).expect_err("it is valid");
    error.problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn the_schema_reads_and_the_built_in_rules_are_valid_under_it() {
    let schema = schema().unwrap();
    assert_eq!(schema.actions().count(), Action::ALL.len());
    for action in Action::ALL {
        let set = PolicySet::from_str(&scopes_text(*action)).unwrap();
        let result = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
        assert!(result.validation_passed_without_warnings(), "{result}");
    }
}

#[test]
fn without_rules_scopes_decide_and_nothing_else() {
    let none = (Rules::none(Side::Platform), Rules::none(Side::Tenant));
    for bits in 0..16_u8 {
        let scopes = Scope::ALL.into_iter().enumerate().filter(|(nth, _)| bits & (1 << nth) != 0);
        let stage = Stage::with(scopes.map(|(_, scope)| scope));
        for action in Action::ALL {
            let may = action.scopes().iter().any(|scope| stage.scopes.has(*scope));
            match stage.ask(&none.0, &none.1, *action) {
                Verdict::Allowed(by) => assert!(may && !by.is_empty(), "{action:?} {by:?}"),
                Verdict::Denied(denied) => assert!(!may && denied.scopes.is_some(), "{action:?} {denied:?}"),
            }
        }
    }
}

#[test]
fn a_permit_narrows_its_own_action_and_no_other() {
    let stage = Stage::new();
    let text = "permit (principal, action == Action::\"call\", resource) when { resource.origin == \"own\" };";
    let denied = stage.denied("", text, Action::Call);
    expect![[r#"
        Denied {
            reason: "the tenant's access rules do not let this key call catalogue/text.count",
            rules: [
                "default: no permit for call covers it",
            ],
            nearest: Some(
                "access line 1: permit, but its condition does not hold",
            ),
            remedy: "ask an operator of the tenant for an access rule: permit (principal == Principal::\"0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77\", action == Action::\"call\", resource == Tool::\"catalogue/text.count\")",
            scopes: None,
        }
    "#]]
    .assert_debug_eq(&denied);
    stage.allowed("", text, Action::Publish);
    let own = Stage { tool: "notes.add".parse().unwrap(), ..Stage::new() };
    assert_eq!(
        own.allowed("", text, Action::Call),
        ["scopes: permit @id(\"agent-may-call\")", "access line 1: permit"]
    );
    // The very line that a refusal proposes lets the call in.
    let proposed = denied.remedy.split_once("rule: ").unwrap().1;
    stage.allowed("", &format!("{text}\n{proposed};"), Action::Call);
}

#[test]
fn what_came_nearest_is_the_permit_of_which_most_holds() {
    let text = "@id(\"other-key\")\npermit (principal == Principal::\"x\", action == Action::\"call\", resource);\n\
        @id(\"other-both\")\npermit (principal == Principal::\"x\", action == Action::\"call\", resource == Tool::\"a\");\n\
        @id(\"other-tool\")\npermit (principal in Scope::\"agent\", action == Action::\"call\", resource in Package::\"notes\");\n\
        @id(\"condition\")\npermit (principal, action, resource in Package::\"catalogue/text\") when { context.hour == 3 };\n\
        @id(\"other-action\")\npermit (principal, action == Action::\"upload\", resource);";
    let nearest = |stage: Stage| stage.denied("", text, Action::Call).nearest.unwrap();
    assert_eq!(nearest(Stage::new()), "access line 7: permit @id(\"condition\"), but its condition does not hold");
    let other = Stage { tool: "other".parse().unwrap(), ..Stage::new() };
    assert_eq!(nearest(other), "access line 1: permit @id(\"other-key\"), but it is for another principal");
}

/// Denied by the platform, which is asked first.
#[test]
fn hostile_a_tenants_permit_does_not_lift_what_the_platform_forbids() {
    let forbid = "@id(\"frozen\") forbid (principal, action == Action::\"publish\", resource) when { principal.tenant == \"acme\" };";
    let denied = Stage::new().denied(forbid, "permit (principal, action, resource);", Action::Publish);
    assert_eq!(denied.rules, ["platform access line 1: forbid @id(\"frozen\")"]);
    let other = Stage { tenant: "globex".parse().unwrap(), ..Stage::new() };
    other.allowed(forbid, "permit (principal, action, resource);", Action::Publish);
    // The platform's rules are told before what scopes say: they end it.
    assert!(Stage::with([]).denied(forbid, "", Action::Publish).scopes.is_none());
}

/// Denied: scopes are the upper bound.
#[test]
fn hostile_a_tenants_permit_does_not_widen_scopes() {
    for action in Action::ALL {
        let denied = Stage::with([]).denied("", "permit (principal, action, resource);", *action);
        assert!(denied.scopes.is_some(), "{action:?}");
    }
}

/// A rule that fails while it is asked.
const OVERFLOWS: &str = "context.hour + 9223372036854775807 > 0";

/// An error of evaluation is a denial.
#[test]
fn hostile_a_rule_that_fails_denies_whatever_others_permit() {
    let stage = Stage::new();
    for effect in ["permit", "forbid"] {
        let rule = format!("@id(\"broken\") {effect} (principal, action, resource) when {{ {OVERFLOWS} }};");
        let text = format!("permit (principal, action, resource);\n{rule}");
        let denied = stage.denied("", &text, Action::Call);
        assert!(
            denied.rules[0].starts_with(&format!("access line 2: {effect} @id(\"broken\"): it fails: ")),
            "{denied:?}"
        );
        assert!(denied.reason.contains("cannot be evaluated"), "{denied:?}");
    }
    let text = format!("forbid (principal, action, resource) when {{ {OVERFLOWS} }};");
    assert!(stage.denied(&text, "", Action::Call).reason.starts_with("the platform's access rules"));
    // What it does not concern, it does not stop.
    let text = format!("forbid (principal, action == Action::\"call\", resource) when {{ {OVERFLOWS} }};");
    stage.allowed("", &text, Action::Publish);
}

/// An error of evaluation is a denial.
#[test]
fn hostile_an_attribute_that_is_missing_at_run_time_denies() {
    // Nothing like this comes past the schema; it is what a text of another version could hold.
    let text =
        "permit (principal, action, resource);\nforbid (principal, action, resource) when { resource.secrecy > 3 };";
    assert!(Rules::parse(Side::Tenant, text).is_err());
    let kept = Rules::kept(Side::Tenant, text);
    let Verdict::Denied(denied) = Stage::new().ask(&Rules::none(Side::Platform), &kept, Action::Call) else {
        panic!("allowed")
    };
    assert!(denied.rules[0].contains("secrecy"), "{denied:?}");
}

/// Denied, all but putting other rules in force.
#[test]
fn hostile_a_text_that_cannot_be_read_denies_all_but_what_mends_it() {
    let kept = Rules::kept(Side::Tenant, "permit (principal, action, resource) when {");
    for action in Action::ALL {
        let mends = matches!(action, Action::ChangeAccess | Action::ReadPolicy);
        let verdict = Stage::new().ask(&Rules::none(Side::Platform), &kept, *action);
        assert_eq!(matches!(verdict, Verdict::Allowed(_)), mends, "{action:?}");
    }
    let kept = Rules::kept(Side::Platform, "forbid (");
    for action in Action::ALL {
        assert!(matches!(Stage::new().ask(&kept, &Rules::none(Side::Tenant), *action), Verdict::Denied(_)));
    }
}

#[test]
fn rules_see_who_asks_what_for_and_when() {
    let forbids = |condition: &str, stage: &Stage| {
        let text = format!("forbid (principal, action == Action::\"call\", resource) when {{ {condition} }};");
        matches!(stage.ask(&Rules::none(Side::Platform), &tenants(&text), Action::Call), Verdict::Denied(_))
    };
    let stage = Stage::new();
    for condition in [
        "principal.name == \"agent\"",
        "principal == Principal::\"0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77\"",
        "principal in Scope::\"auditor\"",
        "principal.tenant == \"acme\"",
        "resource == Tool::\"catalogue/text.count\"",
        "resource in Package::\"catalogue/text\"",
        "resource.package == \"catalogue/text\" && resource.origin == \"catalogue\"",
        "resource.version like \"1.*\"",
        "resource.risk == \"low\" && resource.read_only && resource.deterministic && resource.idempotent",
        "context.hour == 12 && context.weekday == \"thu\"",
    ] {
        assert!(forbids(condition, &stage), "{condition}");
    }
    for condition in ["resource.open_world", "resource.destructive", "context.hour < 6", "principal.name == \"ci\""] {
        assert!(!forbids(condition, &stage), "{condition}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    expect![[r#"
        line 2: unrecognized action `Action::"cal"`: did you mean `Action::"call"`?
    "#]]
    .assert_eq(&problems(Side::Tenant, "\nforbid (principal, action == Action::\"cal\", resource);"));
    let attribute = problems(
        Side::Tenant,
        "@id(\"x\")\nforbid (principal, action == Action::\"call\", resource) when { resource.rsik == \"low\" };",
    );
    assert!(attribute.starts_with("line 1: x: ") && attribute.contains("rsik"), "{attribute}");
    let scope = problems(Side::Tenant, "permit (principal in Scope::\"agnet\", action, resource);");
    assert!(scope.contains("line 1") && scope.contains("agnet"), "{scope}");
    let error = crate::error::Error::from(Rules::parse(Side::Tenant, "permit").unwrap_err());
    assert!(error.message().starts_with("the access rules are not valid: line 1: "), "{error}");
    let unfinished = problems(Side::Tenant, "permit (principal, action, resource);\npermit (principal, action;");
    assert!(unfinished.starts_with("line 2: "), "{unfinished}");
    let permit = problems(Side::Platform, "\n\npermit (principal, action, resource);");
    assert!(permit.starts_with("line 3: ") && permit.contains("forbids"), "{permit}");
    let template = problems(Side::Tenant, "permit (principal == ?principal, action, resource);");
    assert!(template.contains("template"), "{template}");
    let long = problems(Side::Tenant, &" ".repeat(Rules::TEXT_BYTES_MAX + 1));
    assert!(long.contains("at most 32768"), "{long}");
    let many = problems(Side::Tenant, &"permit(principal,action,resource);".repeat(201));
    assert!(many.contains("at most 200"), "{many}");
}

/// Refused before a parser recurses.
#[test]
fn hostile_a_text_that_nests_deeply_is_refused_before_it_is_read() {
    let rule = |condition: &str| format!("permit (principal, action, resource) when {{ {condition} }};");
    for (open, close) in [("(", ")"), ("[", "]"), ("{a: ", "}"), ("!", ""), ("- ", ""), ("if true then true else ", "")]
    {
        let text = rule(&format!("{}true{}", open.repeat(1_000), close.repeat(1_000)));
        let refused = problems(Side::Tenant, &text);
        assert!(refused.contains("write several rules"), "{refused}");
    }
    for chain in ["true && ", "true || ", "1 + ", "principal.name == \"a\" && ", "[1, "] {
        assert!(
            problems(Side::Tenant, &rule(&format!("{}true", chain.repeat(300)))).contains("several rules"),
            "{chain}"
        );
    }
    assert!(problems(Side::Tenant, &rule(&format!("true{}", ".a".repeat(300)))).contains("several rules"));
    // What ends a comment for Cedar ends it here: what follows is read, and goes down as deep as it nests.
    for end in ["\r", "\r\n", "\n\r", "\n"] {
        let hidden = format!("// x{end}{}", rule(&format!("{}true{}", "(".repeat(15_000), ")".repeat(15_000))));
        assert!(problems(Side::Tenant, &hidden).contains("several rules"), "{end:?}");
        Stage::new().allowed("", &format!("// (((({end}{}", rule("true")), Action::Call);
    }
    // At the bounds it is read and asked.
    let nested = format!("{}true{}", "(".repeat(23), ")".repeat(23));
    for condition in [nested, "true && ".repeat(99) + "true", "if true then true else ".repeat(190) + "true"] {
        Stage::new().allowed("", &rule(&condition), Action::Call);
    }
    // What stands in texts and comments is neither.
    let text = format!("// {}\n{}", "(".repeat(100), rule(&format!("principal.name != \"{}\"", "\\\"((".repeat(100))));
    Stage::new().allowed("", &text, Action::Call);
}

/// Refused: what shows a text does not show them.
#[test]
fn hostile_control_characters_in_rules_are_refused() {
    for character in ['\0', '\u{b}', '\u{c}', '\u{1b}', '\u{7f}', '\u{85}'] {
        let refused = problems(Side::Tenant, &format!("\npermit (principal,{character}action, resource);"));
        assert!(refused.starts_with("line 2: ") && refused.contains("control character"), "{refused}");
    }
    tenants("permit (principal,\r\n\taction, resource);");
}

#[test]
fn a_rule_is_named_by_its_own_line_and_not_by_that_of_a_copy() {
    let forbid = "forbid (principal, action == Action::\"call\", resource);";
    for (line, before) in [
        (2, format!("// {forbid}\n")),
        (3, format!("/{forbid}\n\n").replacen('/', "//", 1)),
        (2, format!("@id(\"{}\") permit (principal, action, resource);\n", forbid.replace('"', "\\\""))),
        (2, format!("permit (principal, action, resource); // \" {forbid}\n")),
    ] {
        let denied = Stage::new().denied("", &format!("{before}{forbid}"), Action::Call);
        assert_eq!(denied.rules, [format!("access line {line}: forbid")], "{before}");
    }
    // A comment within a rule is a part of it.
    let within = "\n\nforbid (principal, // all of them: \"\n action == Action::\"call\", resource);";
    assert_eq!(Stage::new().denied("", within, Action::Call).rules, ["access line 3: forbid"]);
}

#[test]
fn a_permit_for_everything_is_warned_of() {
    let warnings = check(&tenants("// all\npermit (principal, action, resource);"));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].line, Some(2));
    assert_eq!(check(&tenants("forbid (principal, action, resource) when { context.hour < 6 };")), []);
}

#[test]
fn moments_are_what_the_calendar_says() {
    let at = |seconds| Moment::of(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds));
    assert_eq!((at(0).day(), at(0).hour), ("thu", 0));
    // The second of March 2026, 13:59:59, a Monday.
    assert_eq!((at(1_772_459_999).day(), at(1_772_459_999).hour), ("mon", 13));
    for moment in (0..400).map(|hours| at(hours * 3_600)) {
        assert_eq!(Moment::parse(moment.day(), moment.hour), Some(moment));
    }
    assert_eq!(Moment::parse("mon", 24), None);
}

#[test]
fn the_page_is_the_one_checked_in() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/access.md");
    let made = reference();
    if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        std::fs::write(path, &made).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(checked_in, made, "run this test with UPDATE=1 to bless docs/access.md");
    let example = made.split("```cedar\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(check(&tenants(example)), []);
}

/// Rules of some kind.
fn rules(effects: &'static [&'static str]) -> impl Strategy<Value = String> {
    let effect = prop::sample::select(effects);
    let principal = prop::sample::select(&[
        "principal",
        "principal in Scope::\"agent\"",
        "principal in Scope::\"operator\"",
        "principal == Principal::\"0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77\"",
        "principal is Principal",
    ]);
    let actions = ["call", "publish", "change-access", "read-audit", "upload"];
    let action = (0..8_usize, 0..8_usize).prop_map(move |(one, other)| match (actions.get(one), actions.get(other)) {
        (Some(one), None) => format!("action == Action::\"{one}\""),
        (Some(one), Some(other)) => format!("action in [Action::\"{one}\", Action::\"{other}\"]"),
        (None, _) => "action".to_owned(),
    });
    let condition = prop::sample::select(&[
        "",
        " when { principal.name == \"agent\" }",
        " when { principal.name == \"ci\" }",
        " unless { context.hour < 13 }",
        " when { context.hour + 9223372036854775807 > 0 }",
        " when { context.weekday == \"thu\" }",
    ]);
    let rule = (effect, principal, action, condition).prop_map(|(effect, principal, action, condition)| {
        format!("{effect} ({principal}, {action}, resource){condition};\n")
    });
    prop::collection::vec(rule, 0..6).prop_map(|rules| rules.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn each_set_of_rules_only_takes_away(
        platform in rules(&["forbid"]),
        tenant in rules(&["permit", "forbid"]),
        bits in 0..16_u8,
        name in prop::sample::select(&["agent", "ci"]),
        hour in 0..24_u8,
    ) {
        let scopes = Scope::ALL.into_iter().enumerate().filter(|(nth, _)| bits & (1 << nth) != 0);
        let stage = Stage { name, moment: Moment { hour, weekday: 3 }, ..Stage::with(scopes.map(|(_, scope)| scope)) };
        let (platform, tenant) = (platforms(&platform), tenants(&tenant));
        let (no_platform, no_tenant) = (Rules::none(Side::Platform), Rules::none(Side::Tenant));
        let may = |platform: &Rules, tenant: &Rules, action| matches!(stage.ask(platform, tenant, action), Verdict::Allowed(_));
        for action in Action::ALL {
            let scopes = action.scopes().iter().any(|scope| stage.scopes.has(*scope));
            let all = may(&platform, &tenant, *action);
            // All of them together are what each of them lets through: none gives, none is passed over.
            let each = may(&platform, &no_tenant, *action) && may(&no_platform, &tenant, *action);
            prop_assert_eq!(all, each, "{:?}", action);
            prop_assert!(!all || scopes, "{:?}", action);
        }
    }
}
