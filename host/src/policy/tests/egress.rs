//! What policies say of header fields, credentials and quotas of requests.

use super::*;
use crate::policy::http::HeaderFields;

fn grant(ceiling: &Ceiling, rules: &str) -> Grants {
    let text = format!("[[grant]]\ntools = [\"fetch\"]\nhttp = [{rules}]\n");
    Grants::clone(&allowed(decided(ceiling, &policy(&text), "fetch", "", "http")).grants)
}

fn target(method: &str, url: &str, headers: &[(&str, &str)]) -> HttpTarget {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap());
    let fields: HeaderFields =
        headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    HttpTarget { headers: Some(fields), ..HttpTarget::read(scheme, host, method, path).unwrap() }
}

/// The rule that lets a request through, as it is shown; or why none does.
fn by(grants: &Grants, target: &HttpTarget) -> Result<String, String> {
    let matched = grants.http.as_ref().unwrap().decide(target);
    matched.map(|matched| matched.tenant.to_string()).map_err(|refusal| refusal.nearest.unwrap_or(refusal.rule))
}

fn problem(rules: &str) -> String {
    let text = format!("[[grant]]\ntools = [\"fetch\"]\nhttp = [{rules}]\n");
    Policy::parse(&text).unwrap_err().to_string()
}

#[test]
fn header_fields_are_required_forbidden_and_bounded() {
    let of = |rule: &str| grant(&Ceiling::builtin(), &format!("{{ host = \"a.example\", {rule} }}"));
    let may =
        |rule: &str, headers: &[(&str, &str)]| by(&of(rule), &target("GET", "https://a.example/", headers)).is_ok();
    let team = "headers = { X-Team = \"core\" }";
    assert!(may(team, &[("x-team", "core"), ("accept", "*/*")]));
    for wrong in [&[][..], &[("x-team", "other")], &[("x-team", "core"), ("x-team", "core")], &[("x-team", "core ")]] {
        assert!(!may(team, wrong), "{wrong:?}");
    }
    assert!(may("headers = { x-team = true }", &[("x-team", "any"), ("x-team", "other")]));
    assert!(!may("headers = { x-team = true }", &[]));
    assert!(may("headers = { x-debug = false }", &[("x-team", "core")]));
    assert!(!may("headers = { x-debug = false }", &[("x-debug", "")]));
    let only = "headers = { x-team = \"core\" }, only_headers = [\"Accept\"]";
    assert!(may(only, &[("x-team", "core"), ("accept", "*/*"), ("content-length", "3")]));
    assert!(!may(only, &[("x-team", "core"), ("via", "data")]));
    assert!(may("only_headers = []", &[]) && !may("only_headers = []", &[("accept", "*/*")]));
    // The credential's own field is the host's, whatever a tool says there.
    assert!(may("only_headers = [], credential = \"github\"", &[("authorization", "Bearer x")]));
    let refused = by(&of(team), &target("GET", "https://a.example/", &[])).unwrap_err();
    assert!(refused.ends_with("with x-team: core: not this header"), "{refused}");
    // Both files' rules are asked.
    let low = ceiling("[[grant]]\ntools = [\"*\"]\nhttp = [{ host = \"*\", headers = { x-debug = false } }]\n");
    let grants = grant(&low, "{ host = \"a.example\" }");
    assert!(by(&grants, &target("GET", "https://a.example/", &[])).is_ok());
    assert!(by(&grants, &target("GET", "https://a.example/", &[("x-debug", "1")])).is_err());
}

#[test]
fn the_first_rule_that_matches_says_what_a_request_leaves_with() {
    let rules = "{ host = \"a.example\", paths = [\"/public/*\"] }, { host = \"a.example\", credential = \"github\" }";
    let grants = grant(&Ceiling::builtin(), rules);
    let rule = |path: &str| by(&grants, &target("GET", &format!("https://a.example{path}"), &[])).unwrap();
    assert_eq!(rule("/public/x"), "GET,HEAD https://a.example /public/*");
    assert_eq!(rule("/x"), "GET,HEAD https://a.example /* by secret \"github\"");
}

#[test]
fn credentials_are_read_in_each_form_and_written_as_they_were() {
    for (written, again) in [
        ("\"github\"", "\"github\""),
        ("{ secret = \"github\" }", "\"github\""),
        (
            "{ secret = \"github\", header = \"X-Api-Key\" }",
            "{ secret = \"github\", header = \"x-api-key\", value = \"{}\" }",
        ),
        (
            "{ secret = \"github\", value = \"token {}\" }",
            "{ secret = \"github\", header = \"authorization\", value = \"token {}\" }",
        ),
        ("{ secret = \"github\", query = \"key\" }", "{ secret = \"github\", query = \"key\" }"),
        ("{ secret = \"github\", basic = \"me\" }", "{ secret = \"github\", basic = \"me\" }"),
    ] {
        let grants = grant(&Ceiling::builtin(), &format!("{{ host = \"a.example\", credential = {written} }}"));
        let target = target("GET", "https://a.example/", &[]);
        let matched = grants.http.as_ref().unwrap().decide(&target).unwrap();
        assert_eq!(matched.tenant.credential().unwrap().to_string(), again);
    }
    for (credential, told) in [
        ("\"Git Hub\"", "secret name"),
        ("{ header = \"x\" }", "has to name the secret"),
        ("{ secret = \"a\", heder = \"x\" }", "did you mean \"header\""),
        ("{ secret = \"a\", template = \"{}\" }", "is called \"value\""),
        ("{ secret = \"a\", header = \"x\", query = \"y\" }", "one place"),
        ("{ secret = \"a\", query = \"y\", value = \"{}\" }", "one place"),
        ("{ secret = \"a\", value = \"Bearer\" }", "{} in it once"),
        ("{ secret = \"a\", value = \"{} {}\" }", "{} in it once"),
        ("{ secret = \"a\", value = \"{}\\r\\nx: y\" }", "visible ASCII"),
        ("{ secret = \"a\", header = \"host\" }", "the host's own"),
        ("{ secret = \"a\", header = \"Accept-Encoding\" }", "holds no credential"),
        ("{ secret = \"a\", header = \"x y\" }", "is a word"),
        ("{ secret = \"a\", query = \"a&b\" }", "parameter"),
        ("{ secret = \"a\", basic = \"a:b\" }", "colon"),
        ("{ secret = \"a\", plain_http = true }", "is for rules with scheme"),
        ("{ secret = \"a\", plain_http = 1 }", "true or false"),
        ("7", "name of a secret"),
    ] {
        let problem = problem(&format!("{{ host = \"a.example\", credential = {credential} }}"));
        assert!(problem.contains(told), "{credential}: {problem}");
    }
    assert!(problem("{ host = \"*\", credential = \"a\" }").contains("hosts that are named"));
    assert!(problem("{ host = \"a.example\", scheme = \"http\", credential = \"a\" }").contains("plain_http = true"));
    assert!(problem("{ host = \"a.example\", headers = { host = \"x\" } }").contains("the host's own"));
    assert!(problem("{ host = \"a.example\", headers = { a = \"x\", A = \"y\" } }").contains("twice"));
    assert!(problem("{ host = \"a.example\", headers = { a = 1 } }").contains("true or false"));
    let ceiling = "[[grant]]\ntools = [\"*\"]\nhttp = [{ host = \"a.example\", credential = \"a\" }]\n";
    assert!(Ceiling::parse(ceiling).unwrap_err().to_string().contains("the tenants'"));
}

#[test]
fn the_ceiling_says_how_secrets_may_be_sent() {
    const RULES: &str = "{ host = \"a.example\", credential = \"s\" }, \
        { host = \"a.example\", scheme = \"http\", credential = { secret = \"s\", plain_http = true } }";
    let open = "[[grant]]\ntools = [\"*\"]\nhttp = [{ host = \"*\" }, { host = \"*\", scheme = \"http\" }]\n";
    for (credentials, https, http) in [
        ("", true, false),
        ("[egress]\ncredentials = \"https\"\n", true, false),
        ("[egress]\ncredentials = \"any\"\n", true, true),
        ("[egress]\ncredentials = \"none\"\n", false, false),
    ] {
        let ceiling = ceiling(&format!("{open}{credentials}"));
        let text = format!("[[grant]]\ntools = [\"fetch\"]\nhttp = [{RULES}]\n");
        let decision = decided(&ceiling, &policy(&text), "fetch", "", "http");
        let grants = allowed(decision).grants.http.clone();
        let sends = |url: &str| {
            let target = target("GET", url, &[]);
            grants.as_ref().is_some_and(|grant| grant.decide(&target).is_ok())
        };
        assert_eq!((sends("https://a.example/"), sends("http://a.example/")), (https, http), "{credentials:?}");
        let warnings = check(&ceiling, &policy(&text));
        let told = warnings.iter().filter(|warning| warning.key.ends_with(".credential")).count();
        assert_eq!(told, 2 - usize::from(https) - usize::from(http), "{warnings:?}");
    }
    let bad = Ceiling::parse("[egress]\ncredentials = \"yes\"\n").unwrap_err().to_string();
    assert!(bad.contains("none of \"none\", \"https\", \"any\""), "{bad}");
}

#[test]
fn the_lesser_quota_of_both_files_is_in_force() {
    let low = ceiling(
        "[[grant]]\ntools = [\"*\"]\nhttp = true\n\
         [egress]\nrequests_per_minute = 60\nsent_bytes_per_hour = \"1MiB\"\n",
    );
    let text = "[[grant]]\ntools = [\"fetch\"]\nhttp = [{ host = \"a.example\" }]\n\
        [egress]\nrequests_per_minute = 100\nsent_bytes_per_hour = 10\nconnections = 4\n";
    let grants = allowed(decided(&low, &policy(text), "fetch", "", "http")).grants.clone();
    let quotas = grants.http.as_ref().unwrap().quotas();
    assert_eq!((quotas.requests_per_minute, quotas.sent_bytes_per_hour), (Some(60), Some(10)));
    assert_eq!((quotas.received_bytes_per_hour, quotas.connections), (None, Some(4)));
    let warnings: Vec<_> = check(&low, &policy(text)).iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["line 5: egress.requests_per_minute: 100 is cut to the ceiling's 60"]);
    let unknown = Policy::parse("[egress]\nrequests_per_minut = 1\n").unwrap_err().to_string();
    assert!(unknown.contains("did you mean \"requests_per_minute\""), "{unknown}");
    let renamed = Policy::parse("[egress]\nrequests = 1\n").unwrap_err().to_string();
    assert!(renamed.contains("is called \"requests_per_minute\""), "{renamed}");
}

#[test]
fn rules_whose_secret_is_not_set_are_told() {
    let text = "[[grant]]\ntools = [\"fetch\"]\nhttp = [{ host = \"a.example\", credential = \"github\" }]\n";
    let told = |set: bool| unset(&policy(text), |_| set).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        told(false),
        ["line 3: grant[1].http[1].credential: there is no secret \"github\": until it is set, nothing is sent"]
    );
    assert!(told(true).is_empty());
}

/// What a secret was used for is kept where it can be, and lost where it would not be sent any more.
#[test]
fn a_use_of_a_secret_is_tried_and_suggested() {
    use crate::uses::CapabilityUse;
    let ceiling = Ceiling::builtin();
    let subject_of = |text: &'static str| {
        let needs = needs("", "http");
        (policy(text), needs)
    };
    let used = CapabilityUse::Secret { host: "a.example".into(), name: "github".parse().unwrap(), version: 2 };
    let asked = CapabilityUse::Http {
        host: "a.example".into(),
        method: "GET".into(),
        path: "/*".into(),
        port: 443,
        scheme: Scheme::Https,
    };
    let (package, limits) = (package("fetch"), LimitsPatch::default());
    for (text, kept) in [
        ("[[grant]]\ntools = [\"fetch\"]\nhttp = [{ host = \"a.example\", credential = \"github\" }]\n", true),
        ("[[grant]]\ntools = [\"fetch\"]\nhttp = [{ host = \"a.example\", credential = \"other\" }]\n", false),
        ("[[grant]]\ntools = [\"fetch\"]\nhttp = [{ host = \"a.example\" }]\n", false),
        ("[[grant]]\ntools = [\"fetch\"]\nhttp = [{ host = \"b.example\", credential = \"github\" }]\n", false),
    ] {
        let (policy, needs) = subject_of(text);
        let subject = Subject { package: &package, needs: &needs, limits: &limits };
        let lost = lost(&ceiling, &policy, &subject, &used);
        assert_eq!(lost.is_none(), kept, "{text}: {lost:?}");
    }
    let grants = grant(&ceiling, "{ host = \"a.example\", credential = { secret = \"github\", query = \"key\" } }");
    let smallest = smallest(&package, [&asked, &used], &kinds(""), Some(&grants));
    assert!(smallest.text.contains("credential = { secret = \"github\", query = \"key\" }"), "{}", smallest.text);
    policy(&smallest.text);
    let unknown = super::smallest(&package, [&asked, &used], &kinds(""), None);
    assert_eq!(unknown.impossible, [used]);
}
