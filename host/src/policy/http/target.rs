//! A request as it is decided on and as it leaves.

use std::fmt;

use url::Host;

pub use crate::uses::Scheme;

use super::{HeaderFields, Refusal, path};

/// The longest host name that DNS knows, in bytes.
const NAME_BYTES_MAX: usize = 253;

/// A request in its one spelling. Shown without its path: that is the guest's own text, and nothing for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTarget {
    /// How it travels.
    pub scheme: Scheme,
    /// Where to: a name in lower case and ASCII without a final dot, or an address, however it was spelled.
    pub host: Host<String>,
    /// The port, named or not.
    pub port: u16,
    /// In upper case.
    pub method: String,
    /// Begins with a slash; nothing in it can be taken for another path.
    pub path: String,
    /// What is behind the question mark. No rule speaks of it.
    pub query: Option<String>,
    /// Its header fields; absent where nobody knows them: then rules are not asked about them.
    pub headers: Option<HeaderFields>,
}

impl HttpTarget {
    /// Reads the parts of a request: `authority` is `host` or `host:port`, `path_with_query` what follows it.
    ///
    /// # Errors
    ///
    /// What is wrong with it, where it could be read in two ways or is no request at all.
    pub fn read(scheme: &str, authority: &str, method: &str, path_with_query: &str) -> Result<Self, Refusal> {
        let scheme = Scheme::parse(scheme).ok_or_else(|| Refusal::plain("a request goes by http or https"))?;
        let (host, port) = read_authority(authority).map_err(Refusal::plain)?;
        let method = read_method(method).map_err(Refusal::plain)?;
        let (path, query) = match path_with_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_with_query, None),
        };
        // Neither do the quote and the angles stand in a request's first line, as senders make it.
        let stands = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'<' | b'>');
        if query.is_some_and(|query| !query.bytes().all(stands)) {
            return Err(Refusal::plain(
                "a query holds visible ASCII characters, and escaped what is '#', '<', '>' or a quote",
            ));
        }
        // An empty path is a slash: RFC 9110, section 4.2.3.
        let path = path::canonical(if path.is_empty() { "/" } else { path }).map_err(Refusal::plain)?;
        let port = port.unwrap_or(scheme.port());
        Ok(Self { scheme, host, port, method, path, query: query.map(str::to_owned), headers: None })
    }

    /// `host` or `host:port`, as it stands in the `Host` header.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.port() { self.host.to_string() } else { format!("{}:{}", self.host, self.port) }
    }

    /// What stands in the request's first line.
    pub fn path_with_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

impl fmt::Display for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}://{}", self.method, self.scheme, self.authority())
    }
}

fn read_authority(text: &str) -> Result<(Host<String>, Option<u16>), &'static str> {
    if text.contains('@') {
        return Err("an authority may not hold a user or a password");
    }
    let name_end = if text.starts_with('[') { text.find(']').map_or(text.len(), |end| end + 1) } else { 0 };
    let (host, port) = match text[name_end..].split_once(':') {
        Some((rest, port)) => (&text[..name_end + rest.len()], Some(port)),
        None => (text, None),
    };
    // Digits alone: a number may also be written with a sign.
    let number = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok())?;
    let port = match port.map(number) {
        None => None,
        Some(Some(port)) if port > 0 => Some(port),
        Some(_) => return Err("a port is a number from 1 to 65535"),
    };
    Ok((read_host(host)?, port))
}

/// Reads a host: a name or an address, which `url` knows in all its spellings (decimal, octal, hexadecimal, short).
pub(super) fn read_host(text: &str) -> Result<Host<String>, &'static str> {
    // An escape or a zone would be taken off by some readers and not by others.
    if text.contains('%') {
        return Err("a host may not hold '%'");
    }
    let host = Host::parse(text.strip_suffix('.').unwrap_or(text)).map_err(|_| "there can be no such host")?;
    match &host {
        Host::Domain(name) if name.len() > NAME_BYTES_MAX => Err("no host has so long a name"),
        Host::Domain(name) if name.split('.').any(str::is_empty) => Err("a host may not have empty labels"),
        // What `url` lets pass beside these is no name that DNS has, and none that the request could be made with.
        Host::Domain(name) if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) => {
            Err("a host's name holds letters, digits, '-', '_' and dots")
        }
        _ => Ok(host),
    }
}

/// Reads a method. A tunnel would take whatever the guest then sends past every rule, and `TRACE` answers with what the
/// host may have added to the request.
pub(super) fn read_method(text: &str) -> Result<String, &'static str> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_token) {
        return Err("a method is a word");
    }
    match text.to_ascii_uppercase() {
        method if matches!(&*method, "CONNECT" | "TRACE") => Err("no tool may use the methods CONNECT and TRACE"),
        method => Ok(method),
    }
}
