//! `[egress]` of either file, and what rules for requests say of header fields and credentials.

use super::grants::word;
use super::keys::{CREDENTIAL, EGRESS, EGRESS_CAP, Section};
use super::node::{Node, Value};
use super::reader::Fields;
use super::stores::SIZE_MAX;
use super::{ENTRIES_MAX, HEADERS_MAX};
use crate::policy::http::{Credential, CredentialCap, EgressQuotas, HeaderRules, InvalidRule, Wanted};
use crate::policy::problem::Problems;
use crate::policy::rows::{At, EgressRules};

const CREDENTIALS: &[(&str, CredentialCap)] =
    &[("none", CredentialCap::None), ("https", CredentialCap::Https), ("any", CredentialCap::Any)];

/// `[egress]` of a tenant's file.
pub(super) fn read_egress(problems: &mut Problems, file: &Fields<'_>) -> EgressRules {
    let Some(fields) = section(problems, file, &EGRESS) else { return EgressRules::default() };
    let lines = EgressQuotas::default().by_key().map(|(key, _)| fields.get(key).and_then(|node| node.line));
    EgressRules { quotas: quotas(problems, &fields), lines }
}

/// `[egress]` of the platform's file, but for its networks.
pub(super) fn read_egress_cap(problems: &mut Problems, fields: &Fields<'_>) -> (EgressQuotas, CredentialCap) {
    let credentials = word(problems, fields, "credentials", CREDENTIALS).map(|at| at.value);
    (quotas(problems, fields), credentials.unwrap_or_default())
}

/// The platform's table, for whoever reads more of it.
pub(super) fn cap_section<'a>(problems: &mut Problems, file: &Fields<'a>) -> Option<Fields<'a>> {
    section(problems, file, &EGRESS_CAP)
}

fn section<'a>(problems: &mut Problems, file: &Fields<'a>, section: &'static Section) -> Option<Fields<'a>> {
    file.get("egress").and_then(|node| problems.fields(node, "egress", section))
}

fn quotas(problems: &mut Problems, fields: &Fields<'_>) -> EgressQuotas {
    let mut size = |key| fields.get(key).and_then(|node| problems.size(node, &fields.place(key), 0, SIZE_MAX));
    let (sent_bytes_per_hour, received_bytes_per_hour) = (size("sent_bytes_per_hour"), size("received_bytes_per_hour"));
    let mut count = |key| fields.get(key).and_then(|node| problems.count(node, &fields.place(key), 0, SIZE_MAX));
    let (requests_per_minute, connections) = (count("requests_per_minute"), count("connections"));
    EgressQuotas { requests_per_minute, sent_bytes_per_hour, received_bytes_per_hour, connections }
}

/// What a rule says of header fields; nothing where that was told to be wrong.
pub(super) fn headers(problems: &mut Problems, fields: &Fields<'_>) -> Option<Result<HeaderRules, InvalidRule>> {
    let mut wanted = Vec::new();
    if let Some(node) = fields.get("headers") {
        let place = fields.place("headers");
        let Value::Table(rows) = &node.value else {
            return problems.wrong(node, &place, "a table of headers, each with its value, true or false");
        };
        if rows.len() > HEADERS_MAX {
            problems.add(node.line, place, format!("there are {} of them; at most {HEADERS_MAX} may be", rows.len()));
            return None;
        }
        for (name, node) in rows {
            let want = match &node.value {
                Value::Boolean(true) => Wanted::There,
                Value::Boolean(false) => Wanted::NotThere,
                Value::Text(value) => Wanted::Is(value.clone()),
                _ => return problems.wrong(node, &format!("{place}.{}", name.escape_debug()), "a text, true or false"),
            };
            wanted.push((name.clone(), want));
        }
    }
    let only = match fields.get("only_headers") {
        None => None,
        Some(node) => {
            let place = fields.place("only_headers");
            let list = problems.list(node, &place, ENTRIES_MAX)?.iter().enumerate();
            let text = |(nth, node)| problems.text(node, &format!("{place}[{}]", nth + 1)).map(str::to_owned);
            Some(list.map(text).collect::<Option<Vec<_>>>()?)
        }
    };
    Some(HeaderRules::new(wanted, only))
}

/// A rule's credential; nothing where that was told to be wrong.
pub(super) fn credential(problems: &mut Problems, node: &Node, place: &str) -> Option<At<Credential>> {
    let value = match &node.value {
        Value::Text(_) => problems.parsed(node, place, str::parse).map(Credential::bearer)?,
        Value::Table(_) => {
            let fields = problems.fields(node, place, &CREDENTIAL)?;
            let Some(secret) = fields.get("secret") else {
                problems.add(fields.line, fields.place("secret"), "it has to name the secret");
                return None;
            };
            let secret = problems.parsed(secret, &fields.place("secret"), str::parse);
            let keys = ["header", "query", "basic", "value"];
            let texts = keys.map(|key| fields.get(key).map(|node| problems.text(node, &fields.place(key))));
            let plain_http = fields.get("plain_http").map(|node| problems.truth(node, &fields.place("plain_http")));
            // What is no text was told.
            if texts.contains(&Some(None)) || plain_http == Some(None) {
                return None;
            }
            match Credential::new(secret?, texts.map(Option::flatten), plain_http.flatten().unwrap_or(false)) {
                Ok(credential) => credential,
                Err(problem) => {
                    problems.add(node.line, place, problem);
                    return None;
                }
            }
        }
        _ => return problems.wrong(node, place, "the name of a secret, or a table"),
    };
    Some(At { line: node.line, value })
}
