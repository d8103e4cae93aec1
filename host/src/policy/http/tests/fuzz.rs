//! Requests and rules, each part of them damaged: what is read has one spelling, and a rule lets through what it says.

use super::spellings::obliging;
use super::*;
use crate::tests::fuzz::{Target, gist};

const WORDS: &[&str] = &[
    "http",
    "https",
    "HTTPS",
    "ftp",
    "a.example",
    "*.example.com",
    "*",
    "api.example.com",
    "example.com.",
    ":443",
    ":80",
    ":0",
    ":65536",
    "@",
    "user:pass@",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "127.1",
    "0x7f.1",
    "0177.0.0.1",
    "2130706433",
    "169.254.169.254",
    "%2e",
    "%2E%2e",
    "%2f",
    "%5c",
    "%25",
    "%252e",
    "%00",
    "%c0%ae",
    "%ef%bc%8f",
    "..",
    "/../",
    "/./",
    "//",
    "\\",
    ";a=b",
    "/public/",
    "?",
    "#",
    "&",
    "\r\n",
    "\t",
    " ",
    "xn--",
    "ß",
    "。",
    "１",
    "GET",
    "POST",
    "CONNECT",
    "TRACE",
    "PATCH",
    "~",
    "%7E",
    "\u{202e}",
    "\u{ff0e}",
    "\u{2024}",
];

/// The lines of an input: scheme, authority, method and path of a request; scheme, host, port, method and path of a rule.
fn lines(text: &str) -> [&str; 9] {
    let mut lines = text.split('\n');
    std::array::from_fn(|_| lines.next().unwrap_or_default())
}

#[test]
fn fuzz_urls_and_hosts() {
    let target = Target::new("targets", 1_000, WORDS);
    target.run(|input| {
        let text = String::from_utf8_lossy(input);
        let [scheme, authority, method, path, rule_scheme, host, port, rule_method, rule_path] = lines(&text);
        let read = HttpTarget::read(scheme, authority, method, path);
        let made = Scheme::parse(rule_scheme).map(|scheme| {
            HttpRule::new(scheme, host, port.parse().ok(), &[rule_method.to_owned()], &[rule_path.to_owned()])
        });
        let mut said = match &read {
            Ok(target) => {
                has_one_spelling(target);
                format!("{} {}", target.scheme, matches!(target.host, Host::Domain(_)))
            }
            Err(refusal) => gist(&refusal.rule),
        };
        match (&read, made) {
            (Ok(target), Some(Ok(rule))) => said += &lets_through_what_it_says(&rule, target),
            (_, Some(Err(invalid))) => said += &gist(&invalid.problem),
            (_, Some(Ok(rule))) => said += &format!("rule for {}", rule.scheme()),
            (_, None) => said += "no rule",
        }
        said
    });
}

/// It is read again as itself, others read the same out of it, and no server comes out elsewhere.
fn has_one_spelling(target: &HttpTarget) {
    let (authority, path) = (target.authority(), target.path_with_query());
    assert!(!authority.contains(['@', '/', '\\', ' ', '\r', '\n', '#', '?', '%']), "{authority}");
    let whole = format!("{}://{authority}{path}", target.scheme);
    assert!(whole.bytes().all(|byte| byte.is_ascii_graphic()), "{whole}");
    assert_eq!(HttpTarget::read(target.scheme.as_str(), &authority, &target.method, &path).as_ref(), Ok(target));
    let url = url::Url::parse(&whole).unwrap();
    assert_eq!(url.host().map(|host| host.to_owned()).as_ref(), Some(&target.host), "{whole}");
    assert_eq!(url.port_or_known_default(), Some(target.port), "{whole}");
    assert_eq!(url.path(), target.path, "{whole}");
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{whole}");
    // What leaves is made by another crate's types.
    let uri: http::Uri = whole.parse().unwrap();
    assert_eq!((uri.path(), uri.port_u16().unwrap_or(target.scheme.port())), (target.path.as_str(), target.port));
    // However obliging the server is, it stays in the folder that the text names.
    let folder = target.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let depth = folder.split('/').filter(|name| !name.is_empty()).count();
    assert!(obliging(&target.path).split('/').filter(|name| !name.is_empty()).count() >= depth, "{whole}");
}

/// What it lets through is of its scheme, host, port, method and path, each compared in the plainest way.
fn lets_through_what_it_says(rule: &HttpRule, target: &HttpTarget) -> String {
    // A rule is read again as itself.
    let Some(differs) = rule.differs(target) else {
        let (scheme, host, port, methods, paths) = rule.parts();
        assert_eq!((scheme, port), (target.scheme, target.port));
        assert!(methods == ["*"] || *methods == [target.method.clone()]);
        let host = host.to_string();
        let is = match host.strip_prefix("*.") {
            _ if host == "*" => true,
            Some(name) => target
                .host
                .to_string()
                .strip_suffix(name)
                .is_some_and(|labels| labels.len() > 1 && labels.ends_with('.')),
            None => host == target.host.to_string(),
        };
        assert!(is, "{host} lets {} through", target.host);
        let path = &paths[0];
        let is = path.strip_suffix('*').map_or(*path == target.path, |begins| target.path.starts_with(begins));
        assert!(is, "{path} lets {} through", target.path);
        // What an obliging server would serve is below the rule's folder as well.
        if let Some(folder) = path.strip_suffix("/*") {
            assert!(obliging(&target.path).starts_with(&obliging(folder)), "{path} {}", target.path);
        }
        return "let through".to_owned();
    };
    format!("another {differs}")
}
