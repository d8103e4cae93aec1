mod fuzz;
mod spellings;

use std::net::{Ipv4Addr, Ipv6Addr};

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
