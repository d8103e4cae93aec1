//! What is written covers what was used, nothing else, and is a policy.

use expect_test::expect;

use super::*;
use crate::policy::{Ceiling, Decision, LimitsPatch, Needs, Policy, Subject, decide, lost};

fn http(method: &str, host: &str, port: u16, path: &str) -> CapabilityUse {
    let scheme = if port == 443 { Scheme::Https } else { Scheme::Http };
    CapabilityUse::Http { host: host.into(), method: method.into(), path: path.into(), port, scheme }
}

fn files(access: Touch, mount: &str, volume: &str) -> CapabilityUse {
    CapabilityUse::Files { access, mount: mount.into(), volume: volume.into() }
}

fn kv(access: Touch, bucket: &str) -> CapabilityUse {
    CapabilityUse::Kv { access, bucket: bucket.into() }
}

fn package() -> PackageRef {
    "catalogue/tool".parse().unwrap()
}

const OPEN: &str = "[[grant]]\ntools = [\"catalogue/*\"]\nkv = true\nfiles = true\nclock = true\nrandom = true\n\
    log = true\nconfig = true\ncall = true\nmodel = true\nprompt = true\nhttp = [{ host = \"*\", methods = [\"*\"] }, \
    { host = \"*\", scheme = \"http\", port = 8080, methods = [\"*\"] }]\n";

const NAMED: &str = "[[model]]\nname = \"answers\"\nchoices = [{ provider = \"acme\", model = \"small\" }]\n\
    [prompts]\nshort = \"In a word: {text}\"\n";

fn model(route: &str) -> CapabilityUse {
    CapabilityUse::Model { provider: "acme".into(), route: route.into() }
}

/// Why not, of every use that a policy with this text would not grant.
fn refused(text: &str, uses: &[CapabilityUse], required: &BTreeSet<GrantKind>) -> Vec<String> {
    let policy = Policy::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let policy = policy.beside(&Policy::parse(NAMED).unwrap());
    let ceiling = Ceiling::parse(OPEN).unwrap();
    let needs = Needs { required: required.clone(), optional: GrantKind::ALL.into_iter().collect() };
    let (package, limits) = (package(), LimitsPatch::default());
    let subject = Subject { package: &package, needs: &needs, limits: &limits };
    assert!(matches!(decide(&ceiling, &policy, &subject), Decision::Allowed(_)), "{text}");
    uses.iter().filter_map(|used| lost(&ceiling, &policy, &subject, used)).map(|lost| lost.rule).collect()
}

#[test]
fn policy_suggest_writes_what_was_used_and_no_more() {
    let uses = [
        http("GET", "a.example", 443, "/v1/*"),
        http("POST", "a.example", 443, "/v1/*"),
        http("GET", "a.example", 443, "/v2/x"),
        http("GET", "b.example", 8080, "/*"),
        kv(Touch::Read, "seen"),
        kv(Touch::Read, "notes"),
        kv(Touch::Write, "notes"),
        files(Touch::Read, "/work", "work"),
        CapabilityUse::Clock { shows: Clock::Coarse },
        CapabilityUse::Random {},
        CapabilityUse::Log { level: LogLevel::Warn },
        model("answers"),
        CapabilityUse::Prompt { name: "short".into() },
    ];
    let written = smallest(&package(), &uses, &BTreeSet::new(), None);
    expect![[r#"
        [[grant]]
        tools = ["catalogue/tool"]
        kv = [
          { bucket = "notes", access = "read-write" },
          { bucket = "seen", access = "read-only" },
        ]
        files = [{ volume = "work", mount = "/work", access = "read-only" }]
        http = [
          { host = "b.example", scheme = "http", port = 8080, methods = ["GET"], paths = ["/*"] },
          { host = "a.example", methods = ["GET"], paths = ["/v2/x"] },
          { host = "a.example", methods = ["GET", "POST"], paths = ["/v1/*"] },
        ]
        clock = "coarse"
        random = "secure"
        log = "warn"
        model = ["answers"]
        prompt = ["short"]
    "#]]
    .assert_eq(&written.text);
    assert_eq!(refused(&written.text, &uses, &BTreeSet::new()), [""; 0]);
    for more in [
        http("PUT", "a.example", 443, "/v1/*"),
        http("POST", "a.example", 443, "/v2/x"),
        http("GET", "a.example", 443, "/v3"),
        http("GET", "c.example", 443, "/v1/*"),
        http("GET", "b.example", 443, "/*"),
        kv(Touch::Write, "seen"),
        kv(Touch::Read, "other"),
        files(Touch::Write, "/work", "work"),
        files(Touch::Read, "/other", "other"),
        CapabilityUse::Clock { shows: Clock::Real },
        CapabilityUse::Log { level: LogLevel::Info },
        CapabilityUse::Config { key: "x".into() },
        model("others"),
        CapabilityUse::Prompt { name: "long".into() },
    ] {
        assert_eq!(refused(&written.text, std::slice::from_ref(&more), &BTreeSet::new()).len(), 1, "{more}");
    }
}

#[test]
fn policy_suggest_lets_calls_start_that_use_nothing_of_what_they_require() {
    let required = GrantKind::ALL.into_iter().collect();
    let written = smallest(&package(), &[], &required, None);
    assert_eq!(written.formal, GrantKind::ALL);
    assert_eq!(refused(&written.text, &[], &required), [""; 0]);
    assert_eq!(smallest(&package(), &[], &BTreeSet::new(), None), Smallest::default());
}

#[test]
fn policy_suggest_is_a_policy_whatever_was_used() {
    let mut uses: Vec<_> = (0..250).map(|n| kv(Touch::Read, &format!("b{n}"))).collect();
    uses.extend((0..249).map(|n| CapabilityUse::Config { key: format!("\"\\\n\u{7f}é{n}") }));
    uses.push(CapabilityUse::Config { key: "a-bare_1".to_owned() });
    uses.extend((0..120).map(|n| http("GET", "a.example", 443, &format!("/{n}"))));
    uses.extend((0..20).map(|n| http(&format!("M{n}"), "[::1]", 8080, "/*")));
    let written = smallest(&package(), &uses, &BTreeSet::new(), None);
    assert_eq!(refused(&written.text, &uses, &BTreeSet::new()), [""; 0]);
    assert_eq!((written.valueless.len(), written.impossible.len()), (250, 0));
    // Words that a rule would take for patterns, and places that cannot both be.
    let impossible = [
        http("*", "a.example", 443, "/*"),
        http("GET", "*.example", 443, "/*"),
        files(Touch::Read, "/other", "work"),
        files(Touch::Read, "/work", "other"),
    ];
    let uses: Vec<_> = [files(Touch::Read, "/work", "work")].into_iter().chain(impossible.clone()).collect();
    let written = smallest(&package(), &uses, &BTreeSet::new(), None);
    assert_eq!(written.impossible, impossible);
    assert_eq!(refused(&written.text, &impossible, &BTreeSet::new()).len(), 4);
}
