//! Rules for requests. What a rule's parts can be is known to [`HttpRule`] alone; here they are found, with their lines.

use super::egress::{credential, headers};
use super::grants::{Room, take, word};
use super::keys::HTTP;
use super::node::Node;
use super::reader::Fields;
use super::{METHODS_MAX, PATHS_MAX, THINGS_MAX};
use crate::policy::http::{HttpRule, Scheme};
use crate::policy::problem::Problems;
use crate::policy::rows::{At, File};

const SCHEME: &[(&str, Scheme)] = &[("https", Scheme::Https), ("http", Scheme::Http)];

/// Rules for requests.
pub(super) fn http(
    problems: &mut Problems,
    node: &Node,
    place: &str,
    room: &mut Room,
    file: File,
) -> Vec<At<HttpRule>> {
    let Some(nodes) = problems.list(node, place, THINGS_MAX) else { return Vec::new() };
    if take(problems, &mut room.rules, nodes.len(), node, place).is_none() {
        return Vec::new();
    }
    let mut rules = Vec::new();
    for (nth, node) in nodes.iter().enumerate() {
        let rule = http_rule(problems, node, &format!("{place}[{}]", nth + 1), file);
        rules.extend(rule.map(|value| At { line: node.line, value }));
    }
    rules
}

fn http_rule(problems: &mut Problems, node: &Node, place: &str, file: File) -> Option<HttpRule> {
    let fields = problems.fields(node, place, &HTTP)?;
    let scheme = word(problems, &fields, "scheme", SCHEME).map_or(Scheme::Https, |at| at.value);
    let host = match fields.get("host") {
        Some(node) => problems.text(node, &fields.place("host")),
        None => {
            problems.add(
                fields.line,
                fields.place("host"),
                "it has to name the host: \"api.example.com\", or \"*\" for any",
            );
            None
        }
    };
    let port = fields.get("port").map(|node| problems.count(node, &fields.place("port"), 1, u16::MAX.into()));
    let methods = texts(problems, &fields, "methods", METHODS_MAX, &["GET", "HEAD"]);
    let paths = texts(problems, &fields, "paths", PATHS_MAX, &["/*"]);
    let port = match port {
        Some(port) => u16::try_from(port?).ok(),
        None => None,
    };
    let headers = headers(problems, &fields)?;
    let credential = match fields.get("credential") {
        Some(node) if file == File::Ceiling => {
            let message = "secrets are the tenants': [egress] of the ceiling says whether they may be sent";
            problems.add(node.line, fields.place("credential"), message);
            None
        }
        Some(node) => Some(credential(problems, node, &fields.place("credential"))?),
        None => None,
    };
    let rule = HttpRule::new(scheme, host?, port, &methods?, &paths?)
        .and_then(|rule| Ok(rule.with_headers(headers?)))
        .and_then(|rule| match credential {
            Some(credential) => rule.with_credential(credential.value),
            None => Ok(rule),
        });
    match rule {
        Ok(rule) => Some(rule),
        Err(invalid) => {
            let line = fields.get(invalid.key).map_or(node.line, |node| node.line);
            problems.add(line, fields.place(invalid.key), invalid.problem);
            None
        }
    }
}

/// A list of texts, or `default` where there is none.
fn texts(problems: &mut Problems, fields: &Fields<'_>, key: &str, max: usize, default: &[&str]) -> Option<Vec<String>> {
    let Some(node) = fields.get(key) else {
        return Some(default.iter().map(|text| (*text).to_owned()).collect());
    };
    let place = fields.place(key);
    let list = problems.list(node, &place, max)?.iter().enumerate();
    let text = |(nth, node)| problems.text(node, &format!("{place}[{}]", nth + 1)).map(str::to_owned);
    list.map(text).collect()
}

/// What `http = true` is.
pub(super) fn any_https() -> Option<HttpRule> {
    let any = |text: &str| vec![text.to_owned()];
    HttpRule::new(Scheme::Https, "*", None, &any("*"), &any("/*")).ok()
}
