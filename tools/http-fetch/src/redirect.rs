//! From one URL to the next. Each is a request that the grant has to allow.

use cofferdam_sdk::http::Response;
use cofferdam_sdk::{Error, ErrorKind};
use fluent_uri::{Uri, UriRef};

use crate::{Args, request};

/// Headers that go to a host which the agent did not name: none of them can be a credential.
const HARMLESS: [&str; 3] = ["accept", "accept-language", "user-agent"];

/// The response behind as many redirects as the arguments allow.
///
/// # Errors
///
/// Those of a request, and [`Error::failed`] for a redirect from `https` to `http`.
pub(crate) fn follow(args: &Args) -> Result<Response, Error> {
    let mut response =
        request(args.method, &args.url, args.headers.iter()).send().map_err(|error| match error.kind() {
            ErrorKind::InvalidArguments => error.about("`url` or `headers`"),
            _ => error,
        })?;
    let mut is_at_home = true;
    for _ in 0..args.redirects_max {
        let Some(next) = target(&response) else { break };
        let (from, to) = (origin(response.url()), origin(&next));
        if from.0 == "https" && to.0 != "https" {
            return Err(Error::failed(format!("{} redirects to {next}, which is not encrypted", response.url())));
        }
        // Once away, a host that leads back could be sent what it should not have: the headers stay off.
        is_at_home = is_at_home && from == to;
        let headers = args
            .headers
            .iter()
            .filter(|(name, _)| is_at_home || HARMLESS.iter().any(|harmless| name.eq_ignore_ascii_case(harmless)));
        response = request(args.method, &next, headers)
            .send()
            .map_err(|error| error.about(format_args!("{} redirects to {next}", response.url())))?;
    }
    Ok(response)
}

/// Where a response redirects to, as a whole URL; absent where it does not, or to nothing that is one.
pub(crate) fn target(response: &Response) -> Option<String> {
    if !matches!(response.status(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let base = Uri::parse(response.url()).ok()?;
    let location = UriRef::parse(response.header("location")?).ok()?;
    Some(location.resolve_against(&base).ok()?.into_string())
}

/// A name to suggest for the file at `url`: the last part of its path, if that is a plain name.
pub(crate) fn file_name(url: &str) -> Option<String> {
    let url = Uri::parse(url).ok()?;
    let name = url.path().as_str().rsplit('/').next()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (!name.is_empty() && !name.starts_with('.') && name.bytes().all(is_plain)).then(|| name.to_owned())
}

/// What makes two URLs the same server's: scheme, and host with port, in lower case.
fn origin(url: &str) -> (String, String) {
    let Ok(url) = Uri::parse(url) else { return (String::new(), String::new()) };
    let authority = url.authority().map_or("", |authority| authority.as_str());
    (url.scheme().as_str().to_ascii_lowercase(), authority.to_ascii_lowercase())
}
