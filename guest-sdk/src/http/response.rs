//! What is answered.

use std::fmt;
use std::io::{self, Read};

use http::{HeaderMap, Uri};
use serde::de::DeserializeOwned;

use super::host;
use crate::error::Error;

/// Bytes that are asked for at once.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// A response: its status and headers are here, its body comes as it is read.
#[derive(Debug)]
pub struct Response {
    url: String,
    status: u16,
    headers: Headers,
    body: Body,
}

/// A response's headers.
#[derive(Debug, Clone, Default)]
pub struct Headers(HeaderMap);

/// A body as it comes in: an [`io::Read`] whose errors turn into this crate's [`Error`] by `?`.
pub struct Body {
    source: host::Source,
    /// Of the piece that came last, what was not read yet.
    rest: Vec<u8>,
    /// How much of `rest` was.
    read: usize,
}

/// The beginning of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether the body ends here.
    pub is_whole: bool,
}

impl Response {
    pub(super) fn new(uri: &Uri, status: u16, headers: HeaderMap, source: host::Source) -> Self {
        Self {
            url: uri.to_string(),
            status,
            headers: Headers(headers),
            body: Body { source, rest: Vec::new(), read: 0 },
        }
    }

    /// The URL that was asked, as it was sent: percent-encoded, without a fragment.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Such as 200 or 404.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Its headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The first header of this name, in any case, where its value is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// Its body.
    pub fn body(&mut self) -> &mut Body {
        &mut self.body
    }

    /// The whole body.
    ///
    /// # Errors
    ///
    /// [`Error::failed`] where it has more than `bytes_max`, [`Error::unavailable`] where it broke off.
    pub fn bytes(mut self, bytes_max: usize) -> Result<Vec<u8>, Error> {
        let part = self.body.read_up_to(bytes_max)?;
        if part.is_whole {
            Ok(part.bytes)
        } else {
            Err(Error::failed(format!("the response has more than {bytes_max} bytes")))
        }
    }

    /// The whole body as UTF-8 text; what is not UTF-8 becomes U+FFFD.
    ///
    /// # Errors
    ///
    /// As for [`Response::bytes`].
    pub fn text(self, bytes_max: usize) -> Result<String, Error> {
        let bytes = self.bytes(bytes_max)?;
        Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// The whole body, read as JSON.
    ///
    /// # Errors
    ///
    /// As for [`Response::bytes`]; also [`Error::failed`] where the body is not JSON of this type.
    pub fn json<T: DeserializeOwned>(self, bytes_max: usize) -> Result<T, Error> {
        let bytes = self.bytes(bytes_max)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::failed(format!("the response is not the JSON that was expected: {error}")))
    }
}

impl Headers {
    /// The first header of this name, in any case, where its value is text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.to_str().ok())
    }

    /// Every header: its name, in lower case, and its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }
}

impl Body {
    /// The next `bytes_max` bytes, or what is left.
    ///
    /// # Errors
    ///
    /// [`Error::unavailable`] where the body broke off, [`Error::failed`] past a limit of the call.
    pub fn read_up_to(&mut self, bytes_max: usize) -> Result<Part, Error> {
        let mut bytes = Vec::new();
        loop {
            let piece = self.piece()?;
            if piece.is_empty() {
                return Ok(Part { bytes, is_whole: true });
            }
            // Only a piece that does not fit tells a body that ends here from one that goes on.
            let room = bytes_max - bytes.len();
            if room == 0 {
                return Ok(Part { bytes, is_whole: false });
            }
            let taken = room.min(piece.len());
            bytes.extend_from_slice(&piece[..taken]);
            self.read += taken;
        }
    }

    /// What is there to be read, at least one byte until the end.
    fn piece(&mut self) -> Result<&[u8], Error> {
        if self.read == self.rest.len() {
            self.rest = self.source.next(PIECE_BYTES_MAX)?;
            self.read = 0;
        }
        Ok(&self.rest[self.read..])
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let piece = self.piece()?;
        let taken = piece.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&piece[..taken]);
        self.read += taken;
        Ok(taken)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use crate::fakes::http::{Reply, respond};
    use crate::http::{Response, get};
    use crate::{Error, ErrorKind};

    const URL: &str = "https://example.org/";

    fn response(body: &str) -> Response {
        respond("GET", URL, Reply::new(200).header("Content-Type", "text/plain").body(body));
        get(URL).unwrap()
    }

    #[test]
    fn at_the_limit_a_body_is_whole_and_past_it_refused() {
        assert_eq!(response("12345").bytes(5).unwrap(), b"12345");
        let error = response("12345").bytes(4).unwrap_err();
        assert_eq!(error, Error::failed("the response has more than 4 bytes"));
        assert_eq!(response("").bytes(0).unwrap(), b"");
    }

    #[test]
    fn parts_follow_each_other() {
        let mut response = response("12345");
        let mut parts = Vec::new();
        loop {
            let part = response.body().read_up_to(2).unwrap();
            parts.push(String::from_utf8(part.bytes).unwrap());
            if part.is_whole {
                break;
            }
        }
        assert_eq!(parts, ["12", "34", "5"]);
    }

    #[test]
    fn a_long_body_comes_in_pieces_and_is_read_as_one() {
        let long = "ab".repeat(100_000);
        let mut text = String::new();
        response(&long).body().read_to_string(&mut text).unwrap();
        assert!(text == long);
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let response = response("x");
        assert_eq!(response.header("content-TYPE"), Some("text/plain"));
        assert_eq!(response.headers().iter().collect::<Vec<_>>(), [("content-type", &b"text/plain"[..])]);
    }

    #[test]
    fn json_that_is_not_what_was_expected_is_a_failure() {
        assert_eq!(response("[1, 2]").json::<Vec<u8>>(100).unwrap(), [1, 2]);
        assert_eq!(response("[1, 2]").json::<String>(100).unwrap_err().kind(), ErrorKind::Failed);
    }

    #[test]
    fn a_body_that_breaks_off_says_so_through_io_too() {
        let broken = Error::unavailable("the connection broke");
        respond("GET", URL, Reply::new(200).body("12").then(broken.clone()));
        let mut text = String::new();
        let error = get(URL).unwrap().body().read_to_string(&mut text).unwrap_err();
        assert_eq!(Error::from(error), broken);
    }
}
