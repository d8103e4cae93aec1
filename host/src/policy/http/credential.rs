//! Credentials: which secret a request leaves with, and where in it. The secret's value is nowhere here.

use std::fmt;

use serde::{Serialize, Serializer};

use super::header::{read_credential_name, read_value};
use super::{InvalidRule, Scheme};
use crate::id::SecretName;

/// A secret that the host attaches to a rule's requests on their way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Whose value it is.
    pub secret: SecretName,
    /// Where that goes.
    pub place: CredentialPlace,
    /// The rule says that it may go in clear.
    pub(super) plain_http: bool,
}

/// Where in a request a credential goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialPlace {
    /// In a header field, with text before and behind it.
    Header {
        /// In lower case.
        name: String,
        /// Before the value.
        before: String,
        /// Behind it.
        behind: String,
    },
    /// As a parameter of the query.
    Query {
        /// Unreserved characters alone, so that it has one spelling.
        name: String,
    },
    /// As the password of basic authentication, for this user.
    Basic {
        /// Without a colon.
        user: String,
    },
}

/// What the platform lets credentials be sent by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::policy) enum CredentialCap {
    /// By nothing.
    None,
    /// By TLS.
    #[default]
    Https,
    /// In clear, too, where a rule says so.
    Any,
}

impl CredentialCap {
    pub(in crate::policy) fn lets(self, scheme: Scheme) -> bool {
        match self {
            Self::None => false,
            Self::Https => scheme == Scheme::Https,
            Self::Any => true,
        }
    }

    /// Why a request by `scheme` goes without, as a rule.
    pub(in crate::policy) fn rule(scheme: Scheme) -> String {
        format!("egress.credentials of the ceiling lets none be sent by {scheme}")
    }
}

impl Credential {
    /// What `credential = "…"` is: the usual header of a token.
    pub(in crate::policy) fn bearer(secret: SecretName) -> Self {
        let (name, before) = ("authorization".to_owned(), "Bearer ".to_owned());
        let place = CredentialPlace::Header { name, before, behind: String::new() };
        Self { secret, place, plain_http: false }
    }

    /// Reads where a policy says that it goes: of `header`, `query` and `basic` one at most; `value` is for a header.
    pub(in crate::policy) fn new(
        secret: SecretName,
        [header, query, basic, value]: [Option<&str>; 4],
        plain_http: bool,
    ) -> Result<Self, String> {
        let place = match (header, query, basic) {
            (None, None, None) if value.is_none() => Self::bearer(secret.clone()).place,
            (header, None, None) => {
                let name = read_credential_name(header.unwrap_or("authorization"))?;
                let usual = if name == "authorization" { "Bearer {}" } else { "{}" };
                let value = value.unwrap_or(usual);
                let Some((before, behind)) = value.split_once("{}").filter(|(_, behind)| !behind.contains("{}")) else {
                    return Err(format!("{value:?}: the value of a header has {{}} in it once, where the secret goes"));
                };
                read_value(&format!("{before}x{behind}")).map_err(|problem| format!("{value:?}: {problem}"))?;
                CredentialPlace::Header { name, before: before.to_owned(), behind: behind.to_owned() }
            }
            (None, Some(name), None) if value.is_none() => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
                if name.is_empty() || name.len() > 128 || !name.bytes().all(plain) {
                    return Err(format!(
                        "{name:?}: a parameter's name has 1 to 128 letters, digits, '-', '.', '_', '~'"
                    ));
                }
                CredentialPlace::Query { name: name.to_owned() }
            }
            (None, None, Some(user)) if value.is_none() => {
                if user.contains(':') || user.len() > 256 || user.chars().any(char::is_control) {
                    return Err(format!("{user:?}: a user has at most 256 characters, and no colon"));
                }
                CredentialPlace::Basic { user: user.to_owned() }
            }
            _ => return Err("it goes to one place: header (with value), query or basic".to_owned()),
        };
        Ok(Self { secret, place, plain_http })
    }

    /// One without a policy, for tests of what uses it.
    #[cfg(test)]
    pub(crate) fn for_test(secret: SecretName, place: [Option<&str>; 4]) -> Self {
        Self::new(secret, place, false).unwrap()
    }

    /// The header field that it takes for itself.
    pub fn header(&self) -> Option<&str> {
        match &self.place {
            CredentialPlace::Header { name, .. } => Some(name),
            CredentialPlace::Query { .. } => None,
            CredentialPlace::Basic { .. } => Some("authorization"),
        }
    }

    /// Whether a rule by `scheme` can have it.
    pub(super) fn check(&self, scheme: Scheme) -> Result<(), InvalidRule> {
        let problem = match (scheme, self.plain_http) {
            (Scheme::Http, false) => {
                "the rule is for http, where everybody on the way can read it: plain_http = true says that this is meant"
            }
            (Scheme::Https, true) => "plain_http is for rules with scheme = \"http\"",
            _ => return Ok(()),
        };
        Err(InvalidRule { key: "credential", problem: problem.to_owned() })
    }
}

/// As a policy writes it.
impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::bearer(self.secret.clone()) {
            return write!(f, "\"{}\"", self.secret);
        }
        write!(f, "{{ secret = \"{}\"", self.secret)?;
        match &self.place {
            CredentialPlace::Header { name, before, behind } => {
                let value = format!("{before}{{}}{behind}");
                write!(f, ", header = {}, value = {}", quoted(name), quoted(&value))?;
            }
            CredentialPlace::Query { name } => write!(f, ", query = {}", quoted(name))?,
            CredentialPlace::Basic { user } => write!(f, ", basic = {}", quoted(user))?,
        }
        if self.plain_http {
            f.write_str(", plain_http = true")?;
        }
        f.write_str(" }")
    }
}

/// A text as TOML has it; control characters are in none of these.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

impl Serialize for Credential {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
