//! What is asked.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;

use super::{Response, host};
use crate::error::Error;

/// What cannot stand in a URL as it is, and people write all the same.
const LENIENT: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');

/// Who asks, unless the tool says otherwise: some servers refuse requests that do not say.
const AGENT: &str = concat!("cofferdam-sdk/", env!("CARGO_PKG_VERSION"));

/// A request in the making. What is wrong with it is said by [`Request::send`].
///
/// ```
/// # use cofferdam_sdk::{fakes, http::Request};
/// # fakes::http::respond("POST", "https://example.org/items", fakes::http::Reply::new(201));
/// let response = Request::post("https://example.org/items")
///     .header("accept", "application/json")
///     .json(&serde_json::json!({"name": "rope"}))
///     .send()?;
/// assert_eq!(response.status(), 201);
/// # Ok::<(), cofferdam_sdk::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a request is made by `send`"]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    timeout: Option<Duration>,
    /// What went wrong while it was made.
    fault: Option<Error>,
}

/// A request that can be sent.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) method: Method,
    /// With scheme and authority, without userinfo and fragment.
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// For connecting, for the first byte, and between two pieces of the body.
    #[cfg_attr(not(target_family = "wasm"), expect(dead_code, reason = "a fake answers at once"))]
    pub(super) timeout: Option<Duration>,
}

impl Request {
    /// A request of any method, in capitals, such as `PATCH`, to an `http` or `https` URL. A fragment (`#…`) stays here;
    /// what is not ASCII in path and query is percent-encoded.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: None,
            fault: None,
        }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A HEAD request.
    pub fn head(url: impl Into<String>) -> Self {
        Self::new("HEAD", url)
    }

    /// A POST request.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A PUT request.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// A DELETE request.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a header; one of the same name stays beside it. `user-agent` and `content-length` are set where they are not
    /// given.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to the JSON of `value`, and `content-type` to `application/json`.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.body(body).header(CONTENT_TYPE.as_str(), "application/json"),
            Err(error) => {
                self.fault = Some(Error::internal(format!("the body has no JSON form: {error}")));
                self
            }
        }
    }

    /// How long to wait for a connection, for the response's headers, and between two pieces of its body, each. The call's
    /// own limits (`http_timeout`, `deadline`) stand.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends it, and waits for the response's headers. A response of any status is one: 404 is no error here.
    ///
    /// # Errors
    ///
    /// [`Error::denied`] where no grant allows the request; [`Error::unavailable`] where the server did not answer;
    /// [`Error::failed`] past a limit; [`Error::invalid_arguments`] where URL, method or a header is none, since most come
    /// from arguments.
    pub fn send(self) -> Result<Response, Error> {
        host::send(self.check()?)
    }

    fn check(self) -> Result<Checked, Error> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| Error::invalid_arguments(format!("{:?} is not an HTTP method", self.method)))?;
        let uri = parse_url(&self.url)?;
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| Error::invalid_arguments(format!("{name:?} is not a header's name")))?;
            let value = HeaderValue::from_str(&value).map_err(|_| {
                Error::invalid_arguments(format!("the value of the header {name} holds a character that none may"))
            })?;
            headers.append(name, value);
        }
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        if !self.body.is_empty() {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        Ok(Checked { method, uri, headers, body: self.body, timeout: self.timeout })
    }
}

fn parse_url(url: &str) -> Result<Uri, Error> {
    let refuse = |reason: &str| Error::invalid_arguments(format!("{url:?} cannot be asked: {reason}"));
    let without_fragment = url.split('#').next().unwrap_or_default();
    let encoded = utf8_percent_encode(without_fragment.trim(), LENIENT).to_string();
    let uri: Uri = encoded.parse().map_err(|_| refuse("it is not a URL; its host must be in ASCII (punycode)"))?;
    if uri.scheme() != Some(&Scheme::HTTPS) && uri.scheme() != Some(&Scheme::HTTP) {
        return Err(refuse("it does not begin with https:// or http://"));
    }
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => {
            Err(refuse("a name and password in a URL are not sent; use the header authorization"))
        }
        Some(authority) if !authority.host().is_empty() && !authority.host().contains('%') => Ok(uri),
        _ => Err(refuse("it names no host in ASCII (punycode)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(request: Request) -> String {
        request.check().unwrap_err().to_string()
    }

    #[test]
    fn a_url_is_sent_as_the_server_wants_it() {
        let uri = |url: &str| Request::get(url).check().unwrap().uri.to_string();
        assert_eq!(uri("https://example.org/a b?q=ü#part"), "https://example.org/a%20b?q=%C3%BC");
        assert_eq!(uri("http://example.org:8080"), "http://example.org:8080/");
        assert_eq!(uri("https://example.org/100%25"), "https://example.org/100%25");
        assert_eq!(uri("https://[::1]/"), "https://[::1]/");
    }

    #[test]
    fn what_is_no_request_is_refused_with_the_reason() {
        assert!(refused(Request::get("example.org")).contains("https://"));
        assert!(refused(Request::get("ftp://example.org/")).contains("https://"));
        assert!(refused(Request::get("file:///etc/passwd")).contains("cannot be asked"));
        assert!(refused(Request::get("https://münchen.de/")).contains("punycode"));
        assert!(refused(Request::get("https://a:b@example.org/")).contains("authorization"));
        assert!(refused(Request::get("https:///")).contains("cannot be asked"));
        assert!(refused(Request::new("GET IT", "https://example.org/")).contains("method"));
        assert!(refused(Request::get("https://example.org/").header("a b", "c")).contains("name"));
        assert!(refused(Request::get("https://example.org/").header("a", "b\r\nc: d")).contains("header a"));
    }

    #[test]
    fn headers_say_who_asks_and_how_much_is_sent() {
        let checked = Request::post("https://example.org/").json(&[1, 2]).check().unwrap();
        assert_eq!(checked.headers["content-length"], "5");
        assert_eq!(checked.headers["content-type"], "application/json");
        assert!(checked.headers["user-agent"].to_str().unwrap().starts_with("cofferdam-sdk/"));
        let checked = Request::get("https://example.org/").header("User-Agent", "mine").check().unwrap();
        assert_eq!(checked.headers["user-agent"], "mine");
        assert!(!checked.headers.contains_key("content-length"));
    }
}
