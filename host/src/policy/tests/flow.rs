//! What labelled sessions may do.

use super::*;
use crate::labels::{Label, Labels};
use crate::uses::{CapabilityUse, Scheme, Touch};

const FLOW: &str = r#"
[labels]
private_buckets = ["notes"]
private_volumes = ["mail"]
private_hosts = ["crm.example.com"]
private_tools = ["hr"]
trusted_hosts = ["*.example.com", "10.0.0.7"]
trusted_providers = ["inhouse"]
untrusted_tools = ["catalogue/*"]

[[flow]]
when = ["private", "untrusted"]
deny = ["http", "kv"]
except = ["reply"]

[[flow]]
when = ["untrusted"]
deny = ["files", "call", "model"]
"#;

const PRIVATE: Labels = Labels::NONE.with(Label::Private);
const UNTRUSTED: Labels = Labels::NONE.with(Label::Untrusted);

fn flow(package: &str) -> Flow {
    Policy::parse(FLOW).unwrap().flow(&package.parse().unwrap()).unwrap()
}

fn http(host: &str) -> CapabilityUse {
    let (method, path) = ("GET".to_owned(), "/*".to_owned());
    CapabilityUse::Http { host: host.to_owned(), method, path, port: 443, scheme: Scheme::Https }
}

fn model(provider: &str) -> CapabilityUse {
    CapabilityUse::Model { provider: provider.to_owned(), route: "summarise".to_owned() }
}

fn kv(bucket: &str, access: Touch) -> CapabilityUse {
    CapabilityUse::Kv { access, bucket: bucket.to_owned() }
}

fn files(volume: &str, access: Touch) -> CapabilityUse {
    CapabilityUse::Files { access, mount: "/work".to_owned(), volume: volume.to_owned() }
}

fn call(package: &str) -> CapabilityUse {
    CapabilityUse::Call { package: package.parse().unwrap() }
}

#[test]
fn what_a_use_brings_follows_from_the_policy() {
    let flow = flow("text");
    for (used, labels) in [
        (kv("notes", Touch::Read), PRIVATE),
        (kv("notes", Touch::Write), PRIVATE),
        (kv("other", Touch::Read), Labels::NONE),
        (files("mail", Touch::Read), PRIVATE),
        (files("work", Touch::Read), Labels::NONE),
        (http("crm.example.com"), PRIVATE),
        (http("www.example.com"), Labels::NONE),
        // Below the name, never the name itself.
        (http("example.com"), UNTRUSTED),
        (http("www.example.com.evil.test"), UNTRUSTED),
        (http("10.0.0.7"), Labels::NONE),
        (http("[::1]"), UNTRUSTED),
        (model("inhouse"), Labels::NONE),
        (model("inhouse2"), UNTRUSTED),
        (CapabilityUse::Prompt { name: "short".to_owned() }, Labels::NONE),
        (CapabilityUse::Random {}, Labels::NONE),
        // Whatever it brings, the call that it makes brings.
        (call("hr"), Labels::NONE),
    ] {
        assert_eq!(flow.of_use(&used), labels, "{used}");
    }
    assert_eq!(flow.of_package(None), Labels::NONE);
    assert_eq!(self::flow("hr").of_package(None), PRIVATE);
    assert_eq!(self::flow("catalogue/text").of_package(None), UNTRUSTED);
}

#[test]
fn a_package_that_somebody_else_published_is_untrusted() {
    let text = FLOW.replace("[labels]", "[labels]\ntrusted_publishers = [\"ci\", \"Ann's laptop\"]");
    let flow = |package: &str| Policy::parse(&text).unwrap().flow(&package.parse().unwrap()).unwrap();
    for (package, publisher, labels) in [
        ("text", Some("ci"), Labels::NONE),
        ("text", Some("Ann's laptop"), Labels::NONE),
        ("text", Some("bob"), UNTRUSTED),
        ("text", Some(""), UNTRUSTED),
        ("text", None, UNTRUSTED),
        ("hr", Some("bob"), PRIVATE.and(UNTRUSTED)),
    ] {
        assert_eq!(flow(package).of_package(publisher), labels, "{package} by {publisher:?}");
    }
    // The catalogue's are the platform's; and without the key nobody asks.
    let rest = FLOW.replace("untrusted_tools = [\"catalogue/*\"]", "trusted_publishers = []");
    let flow = Policy::parse(&rest).unwrap().flow(&"catalogue/text".parse().unwrap()).unwrap();
    assert_eq!(flow.of_package(None), Labels::NONE);
    let own = Policy::parse(&rest).unwrap().flow(&"text".parse().unwrap()).unwrap();
    assert_eq!(own.of_package(Some("ci")), UNTRUSTED);
}

#[test]
fn what_somebody_can_approve_is_closed_until_then_and_asked_for() {
    let text = FLOW.replacen("deny = [\"http\", \"kv\"]", "deny = [\"http\", \"kv\"]\nrequire = \"approval\"", 1);
    let flow = Policy::parse(&text).unwrap().flow(&"text".parse().unwrap()).unwrap();
    let both = PRIVATE.and(UNTRUSTED);
    let rule = "policy line 11: [[flow]] 1 (when = [\"private\", \"untrusted\"], deny = [\"http\", \"kv\"], require = \"approval\")";
    let out = |approved| flow.may_go_out(GrantKind::Http, both, approved).err().map(|refusal| refusal.rule);
    assert_eq!(out(Labels::NONE).as_deref(), Some(rule));
    // Whoever approved it saw one of the labels, and not the other.
    assert_eq!(out(PRIVATE).as_deref(), Some(rule));
    assert_eq!(out(both), None);
    // What nobody can approve stays closed.
    assert!(flow.may_go_out(GrantKind::Files, both, both).is_err());
    let has = |kind| move |asked| asked == kind;
    assert_eq!(flow.wants_approval(has(GrantKind::Kv), both), [rule]);
    assert_eq!(flow.wants_approval(has(GrantKind::Files), both), [""; 0]);
    assert_eq!(flow.wants_approval(has(GrantKind::Kv), PRIVATE), [""; 0]);
    let needs = Needs { required: [GrantKind::Http].into(), ..Needs::default() };
    assert!(flow.may_start(&needs, both).is_ok(), "it waits, instead of being refused");
}

#[test]
fn a_rule_is_against_what_it_names_where_all_its_labels_are_and_no_exception() {
    let both = PRIVATE.and(UNTRUSTED);
    let denied = |package: &str, kind, labels| {
        flow(package).may_go_out(kind, labels, Labels::NONE).err().map(|refusal| refusal.rule)
    };
    let first =
        Some("policy line 11: [[flow]] 1 (when = [\"private\", \"untrusted\"], deny = [\"http\", \"kv\"])".to_owned());
    assert_eq!(denied("text", GrantKind::Http, both), first);
    assert_eq!(denied("text", GrantKind::Kv, both), first);
    assert_eq!(denied("text", GrantKind::Http, PRIVATE), None);
    assert_eq!(denied("text", GrantKind::Http, UNTRUSTED), None);
    assert_eq!(denied("reply", GrantKind::Http, both), None);
    let second =
        Some("policy line 16: [[flow]] 2 (when = [\"untrusted\"], deny = [\"files\", \"call\", \"model\"])".to_owned());
    assert_eq!(denied("reply", GrantKind::Files, both), second);
    assert_eq!(denied("text", GrantKind::Call, UNTRUSTED), second);
    assert_eq!(denied("text", GrantKind::Call, PRIVATE), None);

    let needs = |kinds: &[GrantKind]| Needs { required: kinds.iter().copied().collect(), ..Needs::default() };
    let start = |kinds: &[GrantKind], labels| flow("text").may_start(&needs(kinds), labels).err().map(|(kind, _)| kind);
    assert_eq!(start(&[GrantKind::Http, GrantKind::Log], both), Some(GrantKind::Http));
    assert_eq!(start(&[GrantKind::Call], UNTRUSTED), Some(GrantKind::Call));
    assert_eq!(start(&[GrantKind::Log], both), None);
    assert_eq!(start(&[GrantKind::Http], Labels::NONE), None);
}

#[test]
fn every_way_out_has_its_kind() {
    assert_eq!(way_out(&http("a")), Some(GrantKind::Http));
    assert_eq!(way_out(&model("a")), Some(GrantKind::Model));
    assert_eq!(way_out(&kv("a", Touch::Write)), Some(GrantKind::Kv));
    assert_eq!(way_out(&files("a", Touch::Write)), Some(GrantKind::Files));
    assert_eq!(way_out(&call("a")), Some(GrantKind::Call));
    for used in [kv("a", Touch::Read), files("a", Touch::Read), CapabilityUse::Random {}] {
        assert_eq!(way_out(&used), None, "{used}");
    }
}

/// What leads out is what a call waits for: one that held a way out unseen would run, and be refused half-way.
#[test]
fn whatever_a_rule_can_close_a_call_can_hold() {
    let route = ModelRoute { name: "summarise".to_owned(), choices: Vec::new(), falls_back: false, tokens_max: None };
    let routes = [(route.name.clone(), route)].into_iter().collect();
    let model = Some(Grant::for_test(Arc::new(ModelGrant { routes, has_providers: true })));
    let call = Some(Grant::for_test(CallGrant::for_test(&["text"], Passing::Own)));
    let http = Some(Grant::for_test(HttpGrant::for_test(Vec::new(), Vec::new(), Vec::new())));
    let none = Grants::none();
    let held = Grants { model, call, http, ..Grants::none() };
    for kind in [GrantKind::Http, GrantKind::Call, GrantKind::Model] {
        assert!(held.lead_out(kind) && !none.lead_out(kind), "{kind}");
    }
}

#[test]
fn without_a_rule_nothing_is_asked() {
    assert!(Policy::parse("[labels]\nprivate_buckets = [\"notes\"]").unwrap().flow(&"a".parse().unwrap()).is_none());
    assert!(!Policy::parse("").unwrap().sessions_required());
    assert!(Policy::parse("[labels]\nsessions = \"required\"").unwrap().sessions_required());
}

#[test]
fn mistakes_are_told_where_they_are() {
    let problems = |text: &str| Policy::parse(text).unwrap_err().to_string();
    for (text, told) in [
        ("[[flow]]\ndeny = [\"http\"]", "flow[1].when: name some of \"private\", \"untrusted\""),
        ("[[flow]]\nwhen = []\ndeny = [\"http\"]", "line 2: flow[1].when: name some of"),
        (
            "[[flow]]\nwhen = [\"private\"]",
            "flow[1].deny: name some of \"http\", \"kv\", \"files\", \"call\", \"model\"",
        ),
        ("[[flow]]\nwhen = [\"secret\"]\ndeny = [\"http\"]", "\"secret\" is none of \"private\", \"untrusted\""),
        (
            "[[flow]]\nwhen = [\"private\"]\ndeny = [\"log\"]",
            "\"log\" is none of \"http\", \"kv\", \"files\", \"call\", \"model\"",
        ),
        ("[flow]\nwhen = [\"private\"]", "write [[flow]] with two brackets"),
        ("[[flow]]\nif = [\"private\"]\ndeny = [\"http\"]", "\"if\" is called \"when\""),
        ("[labels]\nprivate = [\"notes\"]", "\"private\" is called \"private_buckets\""),
        ("[labels]\nprivate_buckets = [\"No\"]", "labels.private_buckets[1]: \"No\" is no name"),
        ("[labels]\ntrusted_hosts = [\"a*b\"]", "labels.trusted_hosts[1]: \"a*b\""),
        ("[labels]\nsessions = \"always\"", "\"always\" is none of \"optional\", \"required\""),
        ("trusted_hosts = []", "it belongs in [labels]"),
        ("[labels]\ntrusted_publishers = [1]", "labels.trusted_publishers[1]: a text belongs here"),
        ("[[flow]]\nwhen = [\"private\"]\ndeny = [\"http\"]\nrequire = \"two\"", "\"two\" is none of \"approval\""),
    ] {
        let problems = problems(text);
        assert!(problems.contains(told), "{text}\n{problems}");
    }
}

#[test]
fn what_does_nothing_is_warned_of_and_what_changes_is_told() {
    let warnings = |text: &str| {
        let found = check(&Ceiling::builtin(), &Policy::parse(text).unwrap());
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        warnings("[labels]\ntrusted_hosts = [\"a.example\"]"),
        ["line 1: labels: no [[flow]] asks for a label, so none is kept"]
    );
    assert_eq!(
        warnings("[[flow]]\nwhen = [\"untrusted\"]\ndeny = [\"model\"]\n[labels]\ntrusted_providers = [\"inhouse\"]"),
        ["line 4: labels.trusted_providers: the platform has no model provider \"inhouse\""]
    );
    assert_eq!(warnings("[labels]\nsessions = \"required\""), [""; 0]);
    assert_eq!(
        warnings("[[flow]]\nwhen = [\"private\"]\ndeny = [\"http\"]"),
        ["line 1: flow[1].when: [labels] calls nothing private, so no session ever meets this"]
    );
    let asks = "[[grant]]\ntools = [\"a\"]\nmodel = [\"x\"]\n[[model]]\nname = \"x\"\n\
                choices = [{ provider = \"p\", model = \"m\" }]\n[labels]\nprivate_buckets = [\"b\"]\n";
    let left_open = |deny: &str| {
        let all = warnings(&format!("{asks}[[flow]]\nwhen = [\"private\"]\ndeny = {deny}\n"));
        all.into_iter().filter(|warning| warning.contains("flow[1]")).collect::<Vec<_>>()
    };
    assert_eq!(
        left_open("[\"http\"]"),
        ["line 9: flow[1].deny: what a tool asks a model leaves the host as a request does: \"model\" is not denied"]
    );
    assert_eq!(left_open("[\"http\", \"model\"]"), [""; 0]);
    assert_eq!(warnings(FLOW), ["line 2: labels.trusted_providers: the platform has no model provider \"inhouse\""]);

    let (without, with) = (Policy::default(), Policy::parse(FLOW).unwrap());
    let effects = |before, after| diff(&Ceiling::builtin(), before, after, []).to_string();
    let more = effects(&without, &with);
    assert!(
        more.contains("every call loses http and kv in sessions that are private and untrusted, but by reply"),
        "{more}"
    );
    let less = effects(&with, &without);
    assert!(less.contains("every call gains files and call and model in sessions that are untrusted"), "{less}");
    let other = Policy::parse(&FLOW.replace("\"notes\"", "\"letters\"")).unwrap();
    assert_eq!(effects(&with, &other), "every call changes: what brings labels to a session is another");
    assert_eq!(effects(&with, &with), "nothing changes");
}
