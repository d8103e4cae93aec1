//! One rule, checked as it is made.

use std::fmt;

use serde::{Serialize, Serializer};
use url::Host;

use super::target::{HttpTarget, Scheme, read_host, read_method};
use super::{Credential, HeaderRules, path};

/// One rule: what it names has to match, all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpRule {
    /// `https`, or `http` where the rule says so.
    scheme: Scheme,
    /// A host, what is below one, or any.
    host: HostPattern,
    /// Absent: the scheme's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    /// In upper case; `*` is any.
    methods: Vec<String>,
    /// In their one spelling; `*` at the end stands for anything, slashes too.
    paths: Vec<String>,
    /// What it says of header fields.
    #[serde(flatten)]
    headers: HeaderRules,
    /// What its requests leave with.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<Credential>,
}

/// Why there can be no such rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct InvalidRule {
    /// The key of the rule that is at fault.
    pub key: &'static str,
    /// What is wrong with it, and how it is written.
    pub problem: String,
}

/// Which hosts a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::policy) enum HostPattern {
    /// `*`
    Any,
    /// `*.example.com`: one or more labels below the name, never the name itself.
    Below(String),
    /// This one.
    Exactly(Host<String>),
}

/// What of a request a rule does not cover; in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Differs {
    Host,
    Scheme,
    Port,
    Method,
    Path,
    Header,
}

/// How much of what a pattern of paths stands for is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::policy) enum Coverage {
    None,
    /// Some paths, or perhaps all of them by several patterns.
    Some,
    All,
}

impl HttpRule {
    /// Whether every method that it lets through is a safe one (RFC 9110, section 9.2.1): a request that asks and does
    /// not change.
    pub(super) fn only_asks(&self) -> bool {
        self.methods.iter().all(|method| matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS"))
    }

    /// Reads a rule as a policy writes it.
    pub(in crate::policy) fn new(
        scheme: Scheme,
        host: &str,
        port: Option<u16>,
        methods: &[String],
        paths: &[String],
    ) -> Result<Self, InvalidRule> {
        let invalid = |key, text: &str, problem: &str| InvalidRule { key, problem: format!("{text:?}: {problem}") };
        if port == Some(0) {
            return Err(invalid("port", "0", "a port is a number from 1 to 65535"));
        }
        for (key, given) in [("methods", methods), ("paths", paths)] {
            if given.is_empty() {
                return Err(invalid(key, "[]", "an empty list allows nothing; \"*\" allows any"));
            }
        }
        let method = |text: &String| match text.as_str() {
            "*" => Ok(text.clone()),
            // It would be a method of its own, and nothing that begins so.
            text if text.contains('*') => Err(invalid("methods", text, "'*' stands alone, for any method")),
            _ => read_method(text).map_err(|problem| invalid("methods", text, problem)),
        };
        let path = |text: &String| path::read_pattern(text).map_err(|problem| invalid("paths", text, problem));
        Ok(Self {
            scheme,
            host: HostPattern::read(host).map_err(|problem| invalid("host", host, problem))?,
            port,
            methods: methods.iter().map(method).collect::<Result<_, _>>()?,
            paths: paths.iter().map(path).collect::<Result<_, _>>()?,
            headers: HeaderRules::default(),
            credential: None,
        })
    }

    /// The same for requests with such header fields alone.
    pub(in crate::policy) fn with_headers(self, headers: HeaderRules) -> Self {
        Self { headers, ..self }
    }

    /// The same, whose requests leave with this.
    pub(in crate::policy) fn with_credential(self, credential: Credential) -> Result<Self, InvalidRule> {
        if self.host == HostPattern::Any {
            let problem = "a secret goes to hosts that are named: with host = \"*\" it would go to whoever is asked";
            return Err(InvalidRule { key: "credential", problem: problem.to_owned() });
        }
        credential.check(self.scheme)?;
        Ok(Self { credential: Some(credential), ..self })
    }

    /// The same, for tests of what uses it.
    #[cfg(test)]
    pub(crate) fn with_credential_for_test(self, credential: Credential) -> Self {
        self.with_credential(credential).unwrap()
    }

    /// What its requests leave with.
    pub fn credential(&self) -> Option<&Credential> {
        self.credential.as_ref()
    }

    pub(in crate::policy) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(super) fn is_about(&self, host: &Host<String>) -> bool {
        self.host.covers(host)
    }

    /// A rule without a policy, for tests of what uses it; `text` is `METHOD scheme://host[:port]path`.
    #[cfg(test)]
    pub(crate) fn for_test(text: &str) -> Self {
        let (method, url) = text.split_once(' ').unwrap();
        let (scheme, rest) = url.split_once("://").unwrap();
        let (authority, path) = rest.split_at(rest.find('/').unwrap());
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().unwrap())),
            _ => (authority, None),
        };
        Self::new(Scheme::parse(scheme).unwrap(), host, port, &[method.to_owned()], &[path.to_owned()]).unwrap()
    }

    /// The pattern of paths by which it covers `target`; of several the first.
    pub fn path_pattern(&self, target: &HttpTarget) -> Option<&str> {
        self.paths.iter().find(|pattern| path::covers(pattern, &target.path)).map(String::as_str)
    }

    /// What of `target` it does not cover; `None` where it covers all of it.
    pub(super) fn differs(&self, target: &HttpTarget) -> Option<Differs> {
        if !self.host.covers(&target.host) {
            Some(Differs::Host)
        } else if self.scheme != target.scheme {
            Some(Differs::Scheme)
        } else if self.port.unwrap_or(self.scheme.port()) != target.port {
            Some(Differs::Port)
        } else if !self.methods.iter().any(|method| method == "*" || *method == target.method) {
            Some(Differs::Method)
        } else if self.path_pattern(target).is_none() {
            Some(Differs::Path)
        } else if target.headers.as_ref().is_some_and(|fields| !self.headers.covers(fields, self.own_header())) {
            Some(Differs::Header)
        } else {
            None
        }
    }

    /// The field that its credential takes for itself, whatever a guest says there.
    fn own_header(&self) -> Option<&str> {
        self.credential.as_ref().and_then(Credential::header)
    }

    /// How much it covers of the requests by `method` to paths of the pattern `path`.
    pub(super) fn covers(&self, scheme: Scheme, host: &Host<String>, port: u16, method: &str, path: &str) -> Coverage {
        let about = self.scheme == scheme
            && self.port.unwrap_or(self.scheme.port()) == port
            && self.host.covers(host)
            && self.methods.iter().any(|own| own == "*" || own == method);
        match about {
            // Header fields are in no record.
            true if self.headers.is_empty() && self.paths.iter().any(|own| path::is_within(path, own)) => Coverage::All,
            true if self.paths.iter().any(|own| path::overlap(own, path)) => Coverage::Some,
            _ => Coverage::None,
        }
    }

    /// It, in its parts: scheme, host, port, methods and paths.
    pub(super) fn parts(&self) -> (Scheme, &HostPattern, u16, &[String], &[String]) {
        (self.scheme, &self.host, self.port.unwrap_or(self.scheme.port()), &self.methods, &self.paths)
    }

    /// Whether there can be a request that both cover.
    pub(in crate::policy) fn overlaps(&self, other: &Self) -> bool {
        let methods = |method: &String| method == "*" || other.methods.iter().any(|own| own == "*" || own == method);
        let paths = |path: &String| other.paths.iter().any(|own| path::overlap(own, path));
        self.scheme == other.scheme
            && self.port.unwrap_or(self.scheme.port()) == other.port.unwrap_or(other.scheme.port())
            && self.host.overlaps(&other.host)
            && self.methods.iter().any(methods)
            && self.paths.iter().any(paths)
    }
}

/// Whether a domain name has one or more labels before `other`.
fn is_below(name: &str, other: &str) -> bool {
    name.strip_suffix(other).is_some_and(|labels| labels.ends_with('.'))
}

fn is_at_or_below(name: &str, other: &str) -> bool {
    name == other || is_below(name, other)
}

impl HostPattern {
    pub(in crate::policy) fn read(text: &str) -> Result<Self, &'static str> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        if name.contains('*') {
            return Err("'*' stands alone, or at the beginning as in \"*.example.com\"");
        }
        match (read_host(name)?, below) {
            (Host::Domain(name), true) => Ok(Self::Below(name)),
            (_, true) => Err("there is nothing below an address"),
            (host, false) => Ok(Self::Exactly(host)),
        }
    }

    /// The same for a host as the record spells it.
    pub(in crate::policy) fn covers_text(&self, host: &str) -> bool {
        read_host(host).is_ok_and(|host| self.covers(&host))
    }

    pub(super) fn covers(&self, host: &Host<String>) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Exactly(own), host) => own == host,
            (Self::Below(own), Host::Domain(name)) => is_below(name, own),
            (Self::Below(_), _) => false,
        }
    }

    /// Whether each host of it is one of `other`.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Any) => true,
            (Self::Any, _) => false,
            (Self::Exactly(host), other) => other.covers(host),
            (Self::Below(_), Self::Exactly(_)) => false,
            (Self::Below(name), Self::Below(other)) => is_at_or_below(name, other),
        }
    }

    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Below(one), Self::Below(other)) => is_at_or_below(one, other) || is_at_or_below(other, one),
            (pattern, Self::Exactly(host)) | (Self::Exactly(host), pattern) => pattern.covers(host),
        }
    }
}

impl fmt::Display for HttpRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}://{}", self.methods.join(","), self.scheme, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, " {}{}", self.paths.join(","), self.headers)?;
        match &self.credential {
            Some(credential) => write!(f, " by secret {:?}", credential.secret.as_str()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::Exactly(host) => host.fmt(f),
        }
    }
}

impl Serialize for HostPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::Scheme => "scheme",
            Self::Port => "port",
            Self::Method => "method",
            Self::Path => "path",
            Self::Header => "header",
        })
    }
}
