mod fuzz;

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use url::Host;

use super::*;

fn target(method: &str, url: &str) -> Result<HttpTarget, String> {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    HttpTarget::read(scheme, authority, method, path).map_err(|refusal| refusal.rule)
}

fn rules(texts: &[&str]) -> Vec<HttpRule> {
    texts.iter().map(|text| HttpRule::for_test(text)).collect()
}

/// Whether one rule alone covers the request.
fn covers(rule: &str, request: &str) -> bool {
    let (method, url) = request.split_once(' ').unwrap();
    let grant = HttpGrant::new(rules(&[rule]), rules(&["* https://*/*", "* http://*:1/*", rule]), Vec::new());
    target(method, url).is_ok_and(|target| grant.decide(&target).is_ok())
}

#[test]
fn every_part_of_a_rule_has_to_match() {
    let rule = "GET https://api.github.com/repos/*";
    for request in [
        "GET https://api.github.com/repos/a/b?c=d",
        "GET HTTPS://API.GitHub.COM:443/repos/",
        "get https://api.github.com./repos/%61",
    ] {
        assert!(covers(rule, request), "{request}");
    }
    for request in [
        "GET http://api.github.com/repos/a",
        "GET https://api.github.com:8443/repos/a",
        "POST https://api.github.com/repos/a",
        "GET https://api.github.com/repos",
        "GET https://api.github.com/Repos/a",
        "GET https://api.github.com/",
        "GET https://github.com/repos/a",
        "GET https://api.github.com.evil.example/repos/a",
        "GET https://evil-api.github.com/repos/a",
    ] {
        assert!(!covers(rule, request), "{request}");
    }
    assert!(covers("* http://a.example:8080/x", "PURGE http://a.example:8080/x?y"));
    assert!(!covers("* http://a.example:8080/x", "GET http://a.example/x"));
    assert!(!covers("* http://a.example:8080/x", "GET http://a.example:8080/xy"));
    assert!(covers("* https://a.example/", "GET https://a.example"));
}

#[test]
fn below_a_host_is_never_the_host_itself() {
    let rule = "* https://*.example.com/*";
    for host in
        ["a.example.com", "a.b.example.com", "A.EXAMPLE.com.", "xn--bcher-kva.example.com", "bücher.example.com"]
    {
        assert!(covers(rule, &format!("GET https://{host}/")), "{host}");
    }
    for host in ["example.com", "aexample.com", ".example.com", "a..example.com", "example.com.a", "a.example.co", "*"]
    {
        assert!(!covers(rule, &format!("GET https://{host}/")), "{host}");
    }
    assert!(covers("* https://bücher.example/*", "GET https://xn--bcher-kva.example/"));
    assert!(covers("* https://*/*", "GET https://anything/"));
}

#[test]
fn an_address_is_the_same_however_it_is_spelled() {
    type Address = Host<String>;
    let read = |text: &str| -> Address { target("GET", &format!("http://{text}/")).unwrap().host };
    for text in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0177.0.0.01",
        "0x7f.0x0.0x0.0x1",
        "0X7F.1",
        "127.0.0.1.",
        "１２７.0.0.1",
        "127。0。0。1",
    ] {
        assert_eq!(read(text), Address::Ipv4(Ipv4Addr::LOCALHOST), "{text}");
        assert!(covers("* http://127.0.0.1:1/*", &format!("GET http://{text}:1/")), "{text}");
    }
    assert_eq!(read("169.254.43518"), Address::Ipv4(Ipv4Addr::new(169, 254, 169, 254)));
    assert_eq!(read("[0:0::1]"), Address::Ipv6(Ipv6Addr::LOCALHOST));
    assert_eq!(read("[::FFFF:127.0.0.1]"), Address::Ipv6("::ffff:7f00:1".parse().unwrap()));
    assert_eq!(target("GET", "http://[::1]:8080/").unwrap().authority(), "[::1]:8080");
    assert_eq!(target("GET", "http://[::1]:80/").unwrap().authority(), "[::1]");
    // Nothing is below an address, whatever it looks like.
    assert!(!covers("* http://*.1.example:1/*", "GET http://0.0.0.1:1/"));
}

#[test]
fn what_can_be_read_in_two_ways_is_refused_before_any_rule() {
    for authority in [
        "user@a.example",
        "user:password@a.example",
        "a.example@",
        "@a.example",
        "a.example:80@b.example",
        "a.example:",
        "a.example:0",
        "a.example:+80",
        "a.example:65536",
        "a.example:80:80",
        "a.example:80 ",
        " a.example",
        "a.example\r\nHost: b.example",
        "a.example\t",
        "a.example\0",
        "a.example#",
        "a.example?",
        "a.example\\b.example",
        "a.example%2eb.example",
        "%61.example",
        "[::1",
        "::1",
        "[::1%25eth0]",
        "[::1]a",
        "[fe80::1%eth0]",
        "a..example",
        "a.example..",
        ".",
        "",
        "1.2.3.256",
        "0x100000000",
        "1.2.3.4.5",
        "999.1",
        &"a.".repeat(128),
    ] {
        assert!(HttpTarget::read("https", authority, "GET", "/").is_err(), "{authority:?}");
    }
    for scheme in ["", "ftp", "file", "httpss", "https ", "wss"] {
        assert!(HttpTarget::read(scheme, "a.example", "GET", "/").is_err(), "{scheme:?}");
    }
    for method in ["", "GET ", "GET /", "G\r\nT", "CONNECT", "connect", "TRACE", "GÉT", "GET\0"] {
        assert!(HttpTarget::read("https", "a.example", method, "/").is_err(), "{method:?}");
    }
    for path in [
        "a",
        "*",
        "http://b.example/",
        "/..",
        "/../",
        "/a/../b",
        "/a/..",
        "/.",
        "/./a",
        "/a/.",
        "//",
        "//b.example/",
        "/a//b",
        "/%2e%2e/a",
        "/a/.%2E/b",
        "/%2E/a",
        "/a%2fb",
        "/a%2Fb",
        "/a\\b",
        "/a%5cb",
        "/a%5C..%5cb",
        "/a%00",
        "/a%0d%0aX: y",
        "/a\r\nX: y",
        "/a b",
        "/a\tb",
        "/a%7f",
        "/a%",
        "/a%4",
        "/a%zz",
        "/a%+1",
        "/%252e%252e/a",
        "/a%252fb",
        "/a%255cb",
        "/a%25%32%65",
        "/..;/a",
        "/a/..;x=y/b",
        "/a/.;/b",
        "/a/;x/b",
        "/;",
        "/%2e%2e;/a",
        "/..%3b/a",
        "/a%c0%ae%c0%ae/b",
        "/a%ff",
        "/%ef%bc%8e%ef%bc%8e/a",
        "/a%ef%bc%8fb",
        "/a#b",
        "/a?b#c",
        "/a?b\r\nX: y",
        "/a?b c",
        "/a?\u{e4}",
        "/ä",
        "/a<b",
    ] {
        assert!(HttpTarget::read("https", "a.example", "GET", path).is_err(), "{path:?}");
    }
}

#[test]
fn a_request_has_one_spelling() {
    let spelled = |path: &str| target("get", &format!("https://A.example{path}")).unwrap().path_with_query();
    assert_eq!(spelled(""), "/");
    assert_eq!(spelled("?a=b"), "/?a=b");
    assert_eq!(spelled("/%7euser/%41%2d%5f"), "/~user/A-_");
    assert_eq!(spelled("/a%20b/%c3%a4%3f%23%3b"), "/a%20b/%C3%A4%3F%23%3B");
    assert_eq!(spelled("/a;b=c/...d/e.f/?x=%2f..//"), "/a;b=c/...d/e.f/?x=%2f..//");
    assert_eq!(spelled("/100%25"), "/100%25");
    let target = target("patch", "https://A.example:443/b").unwrap();
    assert_eq!((target.to_string().as_str(), target.authority().as_str()), ("PATCH https://a.example", "a.example"));
}

#[test]
fn a_refusal_names_what_came_nearest_and_what_differs() {
    let tenant = rules(&["GET https://b.example/x/*", "GET https://a.example/x/*", "POST https://a.example/y"]);
    let ceiling = rules(&["* https://*/*"]);
    let grant = HttpGrant::new(tenant, ceiling, Vec::new());
    let refused = |request: &str| {
        let (method, url) = request.split_once(' ').unwrap();
        grant.decide(&target(method, url).unwrap()).unwrap_err()
    };
    let refusal = refused("GET https://a.example/z");
    assert_eq!(refusal.rule, "no http rule of the policy allows it");
    assert_eq!(refusal.nearest.as_deref(), Some("GET https://a.example /x/*: not this path"));
    let nearest = |request| refused(request).nearest.unwrap();
    assert_eq!(nearest("PUT https://a.example/x/z"), "GET https://a.example /x/*: not this method");
    assert_eq!(nearest("GET http://a.example/x/z"), "GET https://a.example /x/*: not this scheme");
    assert_eq!(nearest("GET https://c.example/x/z"), "GET https://b.example /x/*: not this host");

    let grant = HttpGrant::new(rules(&["* http://*:8080/*"]), rules(&["* https://*/*"]), Vec::new());
    let refusal = grant.decide(&target("GET", "http://a.example:8080/").unwrap()).unwrap_err();
    assert_eq!(refusal.rule, "no http rule of the platform's ceiling allows it");
    assert_eq!(refusal.nearest.as_deref(), Some("* https://* /*: not this scheme"));

    let nothing = HttpGrant::new(Vec::new(), rules(&["* https://*/*"]), Vec::new());
    assert_eq!(nothing.decide(&target("GET", "https://a.example/").unwrap()).unwrap_err().nearest, None);
}

#[test]
fn a_decision_names_both_rules() {
    let grant =
        HttpGrant::new(rules(&["GET https://a.example/*"]), rules(&["* http://*/*", "* https://*/*"]), Vec::new());
    let target = target("GET", "https://a.example/").unwrap();
    let matched = grant.decide(&target).unwrap();
    assert_eq!(matched.tenant.to_string(), "GET https://a.example /*");
    assert_eq!(matched.ceiling.to_string(), "* https://* /*");
}

#[test]
fn a_rule_that_could_mean_two_things_is_no_rule() {
    let list = |text: &str| vec![text.to_owned()];
    let new = |host: &str, port, method: &str, path: &str| {
        HttpRule::new(Scheme::Https, host, port, &list(method), &list(path)).map_err(|invalid| invalid.key)
    };
    for host in [
        "",
        "a*",
        "*a.example",
        "*.*.example",
        "a.*",
        "*.127.0.0.1",
        "*.[::1]",
        "u@a.example",
        "a.example:80",
        "a/b",
        "*.",
    ] {
        assert_eq!(new(host, None, "GET", "/"), Err("host"), "{host:?}");
    }
    for path in ["", "a", "/a*b", "/*/b", "**", "/a?b", "/a#b", "/a/../b", "/a//b", "/a%2fb", "/a%3*", "/a b"] {
        assert_eq!(new("a.example", None, "GET", path), Err("paths"), "{path:?}");
    }
    for method in ["", "G T", "CONNECT", "trace", "GET*"] {
        assert_eq!(new("a.example", None, method, "/"), Err("methods"), "{method:?}");
    }
    assert_eq!(new("a.example", Some(0), "GET", "/"), Err("port"));
    let none = HttpRule::new(Scheme::Https, "a.example", None, &[], &list("/")).unwrap_err();
    assert_eq!(none.to_string(), "methods: \"[]\": an empty list allows nothing; \"*\" allows any");
    assert_eq!(new("A.Example.", Some(8443), "get", "*").unwrap().to_string(), "GET https://a.example:8443 /*");
    assert_eq!(new("0x7f.1", None, "GET", "/%7ea").unwrap().to_string(), "GET https://127.0.0.1 /~a");
}

#[test]
fn a_grant_is_shown_as_a_policy_writes_it() {
    let private = vec!["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let grant = HttpGrant::new(rules(&["GET http://*.a.example:8080/x/*"]), rules(&["* http://*/*"]), private);
    expect_test::expect![[r#"{"tenant":[{"scheme":"http","host":"*.a.example","port":8080,"methods":["GET"],"paths":["/x/*"]}],"ceiling":[{"scheme":"http","host":"*","methods":["*"],"paths":["/*"]}],"private":["127.0.0.0/8","fd00::/8"],"credentials":"https","quotas":{"requests_per_minute":null,"sent_bytes_per_hour":null,"received_bytes_per_hour":null,"connections":null}}"#]]
    .assert_eq(&serde_json::to_string(&grant).unwrap());
}

/// Where the most obliging of servers ends up: it decodes twice, takes parameters off segments, takes backslashes for
/// slashes, merges slashes, and resolves dots.
fn obliging(path: &str) -> String {
    let mut path = path.to_owned();
    for _ in 0..2 {
        let bytes = path.as_bytes();
        let mut decoded = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let escape = (bytes[at] == b'%').then(|| path.get(at + 1..at + 3)).flatten();
            match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                Some(byte) => (decoded.push(byte), at += 3).1,
                None => (decoded.push(bytes[at]), at += 1).1,
            }
        }
        path = String::from_utf8_lossy(&decoded).into_owned();
    }
    let mut resolved = Vec::new();
    for segment in path.replace('\\', "/").split('/') {
        match segment.split(';').next().unwrap() {
            "" | "." => {}
            ".." => _ = resolved.pop(),
            name => resolved.push(name.to_owned()),
        }
    }
    resolved.iter().fold("/".to_owned(), |folder, name| folder + name + "/")
}

/// Pieces of which attacks on paths are made.
fn hostile_path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(".."),
        Just("."),
        Just("/"),
        Just("//"),
        Just("\\"),
        Just("%2e"),
        Just("%2E"),
        Just("%2f"),
        Just("%5c"),
        Just("%25"),
        Just("2e"),
        Just("2f"),
        Just(";"),
        Just("%3b"),
        Just("%00"),
        Just("%"),
        Just("a"),
        Just("public"),
        Just("%70ublic"),
        Just("?"),
        Just("%c0%ae"),
        Just("~"),
        Just("%7E"),
        Just("%20"),
        Just("*"),
        Just("\r\n"),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| format!("/public/{}", pieces.concat()))
}

fn host() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a.example"), Just("b.a.example"), Just("c.b.a.example"), Just("ba.example"), Just("10.1")]
}

fn request() -> impl Strategy<Value = HttpTarget> {
    let scheme = prop_oneof![Just("http"), Just("https")];
    let port = prop_oneof![Just(""), Just(":80"), Just(":443"), Just(":8080")];
    let method = prop_oneof![Just("GET"), Just("post"), Just("X-Y")];
    let path = prop_oneof![Just("/"), Just("/a"), Just("/a/b"), Just("/b?c")];
    (scheme, host(), port, method, path).prop_map(|(scheme, host, port, method, path)| {
        HttpTarget::read(scheme, &format!("{host}{port}"), method, path).unwrap()
    })
}

fn rule() -> impl Strategy<Value = HttpRule> {
    let scheme = prop_oneof![Just(Scheme::Http), Just(Scheme::Https)];
    let host = prop_oneof![host().prop_map(str::to_owned), Just("*".to_owned()), Just("*.a.example".to_owned())];
    let port = prop_oneof![Just(None), Just(Some(80)), Just(Some(443)), Just(Some(8080))];
    let method = prop_oneof![Just("*"), Just("GET"), Just("POST")];
    let path = prop_oneof![Just("*"), Just("/a*"), Just("/a/*"), Just("/a"), Just("/")];
    (scheme, host, port, method, path).prop_map(|(scheme, host, port, method, path)| {
        HttpRule::new(scheme, &host, port, &[method.to_owned()], &[path.to_owned()]).unwrap()
    })
}

proptest! {
    #[test]
    fn no_spelling_of_a_path_leaves_the_folder_that_a_rule_gives(path in hostile_path()) {
        if let Ok(target) = HttpTarget::read("https", "a.example", "GET", &path) {
            prop_assert!(target.path.starts_with("/public/"), "{}", target.path);
            prop_assert!(obliging(&target.path).starts_with("/public/"), "{}", target.path);
            // The one spelling is its own.
            let again = HttpTarget::read("https", "a.example", "GET", &target.path_with_query()).unwrap();
            prop_assert_eq!(again, target);
        }
    }

    #[test]
    fn any_text_is_read_or_refused_and_what_is_read_is_its_own_spelling(
        scheme in "(http|https|.{0,5})", authority in "[a-z0-9.:@%\\[\\]ä\\\\/#]{0,20}|.{0,20}", method in ".{0,8}|GET", path in "/?.{0,30}",
    ) {
        if let Ok(target) = HttpTarget::read(&scheme, &authority, &method, &path) {
            prop_assert!(!target.authority().contains(['@', '/', '\\', ' ', '\r', '\n', '#', '?', '%']));
            let whole = format!("{}://{}{}", target.scheme, target.authority(), target.path_with_query());
            prop_assert!(whole.bytes().all(|byte| byte.is_ascii_graphic()), "{}", whole);
            let again = HttpTarget::read(
                target.scheme.as_str(), &target.authority(), &target.method, &target.path_with_query());
            prop_assert_eq!(again.as_ref(), Ok(&target));
            // Others read the same out of it: there is nothing in it that `url` would change but the empty query's sign.
            let url = url::Url::parse(&whole).unwrap();
            prop_assert_eq!(url.host().map(|host| host.to_owned()), Some(target.host.clone()));
            prop_assert_eq!(url.port_or_known_default(), Some(target.port));
            prop_assert_eq!(url.path(), target.path);
            prop_assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
        }
    }

    #[test]
    fn below_means_one_or_more_labels(labels in "[a-z0-9.-]{0,12}", suffix in "(\\.?example\\.com|\\.?example\\.org)") {
        let host = format!("{labels}{suffix}");
        let grant = HttpGrant::new(rules(&["* https://*.example.com/*"]), rules(&["* https://*/*"]), Vec::new());
        if let Ok(target) = HttpTarget::read("https", &host, "GET", "/") {
            let below = host.strip_suffix(".example.com").is_some_and(|labels| !labels.is_empty());
            prop_assert_eq!(grant.decide(&target).is_ok(), below, "{}", host);
        }
    }

    #[test]
    fn both_layers_have_to_allow_it_and_each_rule_stands_for_itself(
        tenant in proptest::collection::vec(rule(), 0..4),
        ceiling in proptest::collection::vec(rule(), 0..4),
        request in request(),
    ) {
        let any = |rules: &[HttpRule]| rules.iter().any(|rule| rule.differs(&request).is_none());
        let expected = any(&tenant) && any(&ceiling);
        let grant = HttpGrant::new(tenant.clone(), ceiling.clone(), Vec::new());
        prop_assert_eq!(grant.decide(&request).is_ok(), expected);
        // Taking a rule away never allows more.
        for less in 0..tenant.len() {
            let mut fewer = tenant.clone();
            fewer.remove(less);
            let fewer = HttpGrant::new(fewer, ceiling.clone(), Vec::new());
            prop_assert!(expected || fewer.decide(&request).is_err());
        }
    }

    #[test]
    fn another_scheme_port_or_host_is_another_request(rule in rule(), request in request(), port in 1..u16::MAX) {
        if rule.differs(&request).is_none() && port != request.port {
            let elsewhere = HttpTarget { port, ..request.clone() };
            prop_assert_eq!(rule.differs(&elsewhere), Some(rule::Differs::Port));
            let scheme = if request.scheme == Scheme::Http { Scheme::Https } else { Scheme::Http };
            let elsewhere = HttpTarget { scheme, ..request };
            prop_assert!(rule.differs(&elsewhere).is_some());
        }
    }
}
