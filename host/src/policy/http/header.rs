//! Header fields of requests, as far as rules speak of them: which have to be there, with which value, and which others
//! may be.

use std::fmt;

use serde::Serialize;

/// A request's header fields as they will be sent, but for those that are the host's own: names in lower case.
pub type HeaderFields = Vec<(String, Vec<u8>)>;

/// Names that no rule speaks of: they are about the connection and the body's length, and the host's own. What a guest
/// says under one of them does not leave.
pub const HOSTS_FIELDS: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a response to a request with a credential looks like depends on these: no credential is sent as one of them.
const FORM: [&str; 3] = ["accept-encoding", "content-encoding", "range"];

/// What a rule wants of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::policy) enum Wanted {
    /// It is there, with some value.
    There,
    /// It is not there.
    NotThere,
    /// It is there once, with this value.
    Is(String),
}

/// What a rule says of header fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(in crate::policy) struct HeaderRules {
    /// By name, in lower case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    wanted: Vec<(String, Wanted)>,
    /// The fields that may be there beside these; absent: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    only: Option<Vec<String>>,
}

impl HeaderRules {
    /// Reads what a policy writes.
    pub(in crate::policy) fn new(
        wanted: impl IntoIterator<Item = (String, Wanted)>,
        only: Option<Vec<String>>,
    ) -> Result<Self, super::InvalidRule> {
        let mut rules = Self::default();
        for (name, want) in wanted {
            let name = read_name(&name).map_err(|problem| invalid("headers", &name, &problem))?;
            if rules.wanted.iter().any(|(known, _)| *known == name) {
                return Err(invalid("headers", &name, "it stands here twice"));
            }
            if let Wanted::Is(value) = &want {
                read_value(value).map_err(|problem| invalid("headers", value, problem))?;
            }
            rules.wanted.push((name, want));
        }
        let read = |name: &String| read_name(name).map_err(|problem| invalid("only_headers", name, &problem));
        rules.only = only.map(|names| names.iter().map(read).collect()).transpose()?;
        Ok(rules)
    }

    /// Whether it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.only.is_none()
    }

    /// Whether a request with these fields is one that it is about; the field `beside` is the host's own there.
    pub(super) fn covers(&self, fields: &HeaderFields, beside: Option<&str>) -> bool {
        let holds = |(name, want): &(String, Wanted)| match want {
            Wanted::There => values(fields, name).next().is_some(),
            Wanted::NotThere => values(fields, name).next().is_none(),
            Wanted::Is(value) => values(fields, name).eq([value.as_bytes()]),
        };
        let known = |name: &str| {
            // Of these, the host has taken away all but the body's length.
            HOSTS_FIELDS.contains(&name) || beside == Some(name) || self.wanted.iter().any(|(known, _)| known == name)
        };
        let lawful = |only: &Vec<String>| fields.iter().all(|(name, _)| known(name) || only.contains(name));
        self.wanted.iter().all(holds) && self.only.as_ref().is_none_or(lawful)
    }
}

impl fmt::Display for HeaderRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, want) in &self.wanted {
            match want {
                Wanted::There => write!(f, " with {name}")?,
                Wanted::NotThere => write!(f, " without {name}")?,
                Wanted::Is(value) => write!(f, " with {name}: {value}")?,
            }
        }
        match &self.only {
            Some(only) if only.is_empty() => f.write_str(" without other headers"),
            Some(only) => write!(f, " without headers but {}", only.join(",")),
            None => Ok(()),
        }
    }
}

/// The values of a field.
fn values<'a>(fields: &'a HeaderFields, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_slice())
}

fn invalid(key: &'static str, text: &str, problem: &str) -> super::InvalidRule {
    super::InvalidRule { key, problem: format!("{text:?}: {problem}") }
}

/// Reads the name of a field that a rule may speak of.
pub(super) fn read_name(text: &str) -> Result<String, String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || text.len() > 128 || !text.bytes().all(is_token) {
        return Err("a header's name is a word of at most 128 characters".to_owned());
    }
    let name = text.to_ascii_lowercase();
    if HOSTS_FIELDS.contains(&name.as_str()) {
        return Err(format!("{name} is the host's own, and no rule speaks of it"));
    }
    Ok(name)
}

/// Reads the name of a field that a credential can be.
pub(super) fn read_credential_name(text: &str) -> Result<String, String> {
    let name = read_name(text)?;
    if FORM.contains(&name.as_str()) {
        return Err(format!("{name} says what form a response has, and holds no credential"));
    }
    Ok(name)
}

/// A value that a field can have as it is.
pub(super) fn read_value(text: &str) -> Result<(), &'static str> {
    let good = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if text.len() <= 4096 && text.trim() == text && text.bytes().all(good) {
        return Ok(());
    }
    Err("a header's value is visible ASCII without spaces around it, of at most 4096 characters")
}
