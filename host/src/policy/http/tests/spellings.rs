//! Generated requests and rules: no spelling leaves what a rule gives, and both files have to allow it.

use proptest::prelude::*;

use super::*;

/// Where the most obliging of servers ends up: it decodes twice, takes parameters off segments, takes backslashes for
/// slashes, merges slashes, and resolves dots.
pub(super) fn obliging(path: &str) -> String {
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
