//! The heads of requests: what of a guest's header fields leaves, and what the host says instead.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Uri};

use super::Fault;
use crate::policy::{HOSTS_FIELDS, HeaderFields, HttpTarget, Refusal};

/// Header fields of one request or one response. Each takes some memory beside its bytes.
pub const FIELDS_MAX: usize = 100;

/// What the first line has beside the method and the target: two spaces, the version, the end of line.
const FIRST_LINE_BYTES: usize = " ".len() + " HTTP/1.1\r\n".len();

/// Those of a guest's `fields` that are the request's own, and not about the connection.
pub(super) fn own(fields: HeaderMap) -> Result<HeaderMap, Refusal> {
    if fields.get_all(header::CONTENT_LENGTH).iter().count() > 1 {
        return Err(Refusal { rule: "a request says its length once".to_owned(), nearest: None });
    }
    Ok(without_own(fields))
}

/// They, as rules look at them.
pub(super) fn listed(fields: &HeaderMap) -> HeaderFields {
    fields.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

/// The request that leaves for `target`, with the guest's `fields` that may leave.
///
/// The target is in origin form and `Host` is its authority: neither comes from anywhere but the decision. What a field
/// holds cannot end the field: `HeaderValue` has no line ends.
pub(super) fn request(target: &HttpTarget, mut fields: HeaderMap) -> Result<Request<()>, Refusal> {
    let refusal = |rule: &str| Refusal { rule: rule.to_owned(), nearest: None };
    let authority = HeaderValue::try_from(target.authority()).map_err(|_| refusal("there can be no such host"))?;
    fields.insert(header::HOST, authority);
    fields.insert(header::CONNECTION, HeaderValue::from_static("close"));

    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(target.method.as_bytes()).map_err(|_| refusal("a method is a word"))?;
    *request.uri_mut() = Uri::try_from(target.path_with_query()).map_err(|_| refusal("there can be no such path"))?;
    *request.headers_mut() = fields;
    Ok(request)
}

fn without_own(mut fields: HeaderMap) -> HeaderMap {
    // What `Connection` names is between the guest and whoever it thinks the next one is.
    let named: Vec<HeaderName> = fields
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // Its length is the body's, whoever may say otherwise.
        .filter(|name| *name != header::CONTENT_LENGTH)
        .collect();
    // Of the body's length the connection sees that it is true.
    for name in HOSTS_FIELDS.iter().filter(|name| **name != header::CONTENT_LENGTH) {
        fields.remove(*name);
    }
    for name in named {
        fields.remove(name);
    }
    fields
}

/// Whether the head of `request`, as it goes over the wire, is within `bytes_max` and [`FIELDS_MAX`]. What the host
/// adds to say how long the body is does not count.
pub(super) fn check<B>(request: &Request<B>, bytes_max: u64) -> Result<(), Fault> {
    let target_bytes = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target_bytes as u64 > bytes_max {
        return Err(Fault::Target(bytes_max));
    }
    let field = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + ": \r\n".len();
    let fields: usize = request.headers().iter().map(field).sum();
    let bytes = FIRST_LINE_BYTES + request.method().as_str().len() + target_bytes + fields + "\r\n".len();
    if bytes as u64 > bytes_max || request.headers().len() > FIELDS_MAX {
        return Err(Fault::SentHead(bytes_max));
    }
    Ok(())
}

/// How long the guest says that its body is. What is no number is no promise either: the bytes are counted as they go.
pub(super) fn declared_bytes<B>(request: &Request<B>) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
