//! `catalogue/http-fetch`: fetches a URL, and gives what is there as text, Markdown, JSON or bytes.
//!
//! It needs the grant `http`, which says the hosts, methods and paths it may ask; every redirect is a request that the
//! grant has to allow, too. It sends no body and changes nothing: GET and HEAD only. Headers that an agent gives go to the
//! first host alone: a redirect to another gets none but the harmless ones ([`redirect`]).

mod body;
mod redirect;

use std::collections::BTreeMap;

use cofferdam_sdk::http::{Headers, Request, Response};
use cofferdam_sdk::{Attached, Blob, Content, Error, tool, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::body::Body;

/// A body, in bytes.
pub const BYTES_MAX: usize = 2 << 20;
/// Redirects that are followed.
pub const REDIRECTS_MAX: usize = 10;
/// Headers of a request.
pub const HEADERS_MAX: usize = 32;

/// What to fetch, and how to give it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The URL: `https://` or `http://`, with the host's name in ASCII.
    pub url: String,
    /// `GET` for the whole, `HEAD` for status and headers alone.
    #[serde(default)]
    pub method: Method,
    /// Headers to send, such as `{"accept-language": "de"}`; at most 32. After a redirect to another host only `accept`,
    /// `accept-language` and `user-agent` are sent.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How to give the body.
    #[serde(default, rename = "as")]
    pub form: Form,
    /// How much of the body to read at most, in bytes, 1 to 2,097,152 (2 MiB). What is behind it is left out, and
    /// `is_cut` says so; JSON is not cut, but fails.
    #[serde(default = "bytes_max")]
    #[schemars(range(min = 1, max = 2_097_152))]
    pub bytes_max: usize,
    /// How many redirects to follow, 0 to 10; behind the last the answer is the redirect itself.
    #[serde(default = "redirects_max")]
    #[schemars(range(max = 10))]
    pub redirects_max: usize,
    /// Whether to give the response's headers, too.
    #[serde(default)]
    pub with_headers: bool,
}

fn bytes_max() -> usize {
    256 << 10
}

fn redirects_max() -> usize {
    5
}

/// What is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// The whole.
    #[default]
    Get,
    /// Status and headers alone.
    Head,
}

/// How a body is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// HTML as Markdown, other text as it is, in `text`.
    #[default]
    Markdown,
    /// Text as it is, HTML too, in `text`.
    Text,
    /// JSON, in `json`.
    Json,
    /// Whatever it is, as a file beside the answer.
    Bytes,
}

/// What was there.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Fetched {
    /// The HTTP status. A page of an error (400 and above) is given like any other.
    pub status: u16,
    /// The URL that answered, after redirects.
    pub url: String,
    /// What the server says it is, such as `text/html; charset=utf-8`.
    pub content_type: Option<String>,
    /// Where a redirect leads that was not followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The response's headers, where they were asked for: names in lower case; several of one name are joined by `, `.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    /// The body as text or Markdown. Where it is cut, its last line says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The body as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// How many bytes of the body were read.
    pub bytes: usize,
    /// Whether the body has more, which was left out.
    pub is_cut: bool,
}

/// Fetch a web page or an API's answer by its URL: HTML as Markdown, other text, JSON or bytes. Only hosts that policy
/// grants can be asked.
#[tool(read_only, idempotent, title = "Fetch a URL")]
pub fn http_fetch(args: Args) -> Result<Attached<Fetched>, Error> {
    check(&args)?;
    let mut response = redirect::follow(&args)?;
    let mut fetched = Fetched {
        status: response.status(),
        url: response.url().to_owned(),
        content_type: response.header("content-type").map(str::to_owned),
        location: redirect::target(&response),
        headers: args.with_headers.then(|| joined(response.headers())),
        text: None,
        json: None,
        bytes: 0,
        is_cut: false,
    };
    let mut attached = Vec::new();
    if args.method == Method::Get {
        let part = response.body().read_up_to(args.bytes_max)?;
        fetched.bytes = part.bytes.len();
        fetched.is_cut = !part.is_whole;
        let body = Body { bytes: part.bytes, is_cut: fetched.is_cut, content_type: fetched.content_type.as_deref() };
        check_encoding(&response, args.form)?;
        match args.form {
            Form::Markdown => fetched.text = Some(body.markdown()?),
            Form::Text => fetched.text = Some(body.text()?),
            Form::Json => fetched.json = Some(body.json()?),
            Form::Bytes => attached.push(Content::File(Blob {
                media_type: body.media_type().unwrap_or_else(|| "application/octet-stream".to_owned()),
                name: redirect::file_name(&fetched.url),
                data: body.bytes,
            })),
        }
    }
    Ok(Attached(fetched, attached))
}

fn check(args: &Args) -> Result<(), Error> {
    if !(1..=BYTES_MAX).contains(&args.bytes_max) {
        return Err(Error::invalid_arguments(format!("`bytes_max` is {}; it is 1 to {BYTES_MAX}", args.bytes_max)));
    }
    if args.redirects_max > REDIRECTS_MAX {
        let rule = format!("`redirects_max` is {}; the limit is {REDIRECTS_MAX}", args.redirects_max);
        return Err(Error::invalid_arguments(rule));
    }
    if args.headers.len() > HEADERS_MAX {
        return Err(Error::invalid_arguments(format!(
            "`headers` are {}; the limit is {HEADERS_MAX}",
            args.headers.len()
        )));
    }
    Ok(())
}

/// Nothing here unpacks: a few bytes can become gigabytes. No server packs what it was not asked to.
fn check_encoding(response: &Response, form: Form) -> Result<(), Error> {
    match response.header("content-encoding") {
        Some(encoding) if !encoding.eq_ignore_ascii_case("identity") && form != Form::Bytes => Err(Error::failed(
            format!("the body is packed ({encoding}); do not ask for that by a header, or fetch it with `as`: `bytes`"),
        )),
        _ => Ok(()),
    }
}

fn joined(headers: &Headers) -> BTreeMap<String, String> {
    let mut all = BTreeMap::<String, String>::new();
    for (name, value) in headers.iter() {
        let value = String::from_utf8_lossy(value);
        match all.get_mut(name) {
            Some(before) => before.extend([", ", &value]),
            None => drop(all.insert(name.to_owned(), value.into_owned())),
        }
    }
    all
}

/// The request for `url`, with those of the agent's headers that go there.
fn request<'a>(method: Method, url: &str, headers: impl Iterator<Item = (&'a String, &'a String)>) -> Request {
    let request = match method {
        Method::Get => Request::get(url),
        Method::Head => Request::head(url),
    };
    headers.fold(request, |request, (name, value)| request.header(name, value))
}

tools!(http_fetch);

#[cfg(test)]
mod tests;
