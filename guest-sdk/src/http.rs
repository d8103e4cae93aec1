//! Requests over HTTP (`wasi:http`), one at a time: a call waits for each.
//!
//! Policy says which hosts, methods and paths a tool may ask; every other request is [`Error::denied`], before anything
//! leaves the host. Where policy has the host send a secret along, the tool neither has it nor sees it: it asks as if
//! there were none, and what it sends as that header itself is left out. Redirects are answers like any other: to follow one is another request, which policy looks at again.
//!
//! ```
//! use cofferdam_sdk::{fakes, http};
//!
//! fakes::http::respond("GET", "https://example.org/", http_reply());
//! # fn http_reply() -> fakes::http::Reply { fakes::http::Reply::new(200).body("hello") }
//!
//! let response = http::get("https://example.org/")?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.text(1 << 20)?, "hello");
//! # Ok::<(), cofferdam_sdk::Error>(())
//! ```
//!
//! A tool works in little memory. Reading a body therefore always takes a limit, in bytes; [`Body`] reads one piece by
//! piece.

#[cfg(target_family = "wasm")]
mod bind;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod fake;
mod request;
mod response;

#[cfg(target_family = "wasm")]
use self::bind as host;
#[cfg(not(target_family = "wasm"))]
use self::fake as host;

pub use self::request::Request;
pub use self::response::{Body, Headers, Part, Response};

use http::Uri;

use crate::error::Error;

/// Sends a GET request.
///
/// # Errors
///
/// As for [`Request::send`].
pub fn get(url: impl Into<String>) -> Result<Response, Error> {
    Request::get(url).send()
}

/// Without the query, which may hold what is not for logs.
fn denied(method: &str, uri: &Uri) -> Error {
    let origin = uri.authority().map_or("", |authority| authority.as_str());
    let scheme = uri.scheme_str().unwrap_or("https");
    Error::denied(format!("the policy's http grants do not allow {method} {scheme}://{origin}{}", uri.path()))
}
