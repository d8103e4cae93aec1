//! A log at a URL: static files over HTTP, with a bearer token where the host asks for one.

use std::fmt;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use super::{Source, read_bounded};
use crate::error::{Error, Result};
use crate::proof::Tiles;
use crate::tile::TilePath;

/// From the first packet to a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// One request with its answer: the longest bundle, 16 MiB, over a slow line.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(120);
/// How often a request is sent where the server is busy or the line breaks, with pauses of 0.5 s, 1 s.
const ATTEMPTS_MAX: u32 = 3;

/// The files below a URL. Requests block: not for a thread that runs asynchronous code.
pub struct Url {
    client: Client,
    base: reqwest::Url,
}

impl Url {
    /// That URL, with or without a slash at its end; nothing is sent yet. Fails where it is not one of http or https, or
    /// where a token would cross a network in clear.
    pub fn new(base: &str, token: Option<&str>) -> Result<Self> {
        let bad = |why: String| Error::malformed("URL of a log", why);
        let base = format!("{}/", base.trim_end_matches('/'));
        let base = reqwest::Url::parse(&base).map_err(|error| bad(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(bad("it is neither http nor https".to_owned()));
        }
        let is_loopback = match base.host_str() {
            Some("localhost") => true,
            Some(host) => host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
            None => return Err(bad("it names no host".to_owned())),
        };
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            if base.scheme() == "http" && !is_loopback {
                return Err(bad("a key is not sent over http, in clear".to_owned()));
            }
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim()))
                .map_err(|_| bad("the token holds a byte that a header cannot".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // A second client finds it set already: there is one provider for the process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .user_agent(concat!("cofferdam-auditor/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT_TIME_MAX)
            .timeout(REQUEST_TIME_MAX)
            // A redirect would carry the token to wherever it points.
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| bad(format!("no client for it: {error}")))?;
        Ok(Self { client, base })
    }

    fn get(&self, url: &reqwest::Url, bytes_max: usize) -> io::Result<Answer> {
        let response = self.client.get(url.clone()).send().map_err(io::Error::other)?;
        let status = response.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(refused(&response));
        }
        Ok(match status {
            StatusCode::OK => Answer::Found(read_bounded(response, bytes_max)?),
            StatusCode::NOT_FOUND | StatusCode::GONE => Answer::Absent,
            _ => Answer::Refused(refused(&response)),
        })
    }
}

/// What came, where asking again would bring the same.
enum Answer {
    Found(Vec<u8>),
    Absent,
    Refused(io::Error),
}

fn refused(response: &Response) -> io::Error {
    let hint = match response.status() {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "; it asks for another key",
        status if status.is_redirection() => "; redirects are not followed",
        _ => "",
    };
    io::Error::other(format!("{} answers {}{hint}", response.url(), response.status()))
}

impl Tiles for Url {
    fn tile(&self, path: &TilePath) -> io::Result<Option<Vec<u8>>> {
        self.file(&path.to_string(), path.bytes_max())
    }
}

impl Source for Url {
    fn file(&self, path: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        let url = self.base.join(path).map_err(io::Error::other)?;
        let mut attempt = 1;
        loop {
            match self.get(&url, bytes_max) {
                Ok(Answer::Found(bytes)) => return Ok(Some(bytes)),
                Ok(Answer::Absent) => return Ok(None),
                Ok(Answer::Refused(error)) => return Err(error),
                Err(error) if attempt == ATTEMPTS_MAX || error.kind() == io::ErrorKind::FileTooLarge => {
                    return Err(error);
                }
                Err(_) => std::thread::sleep(Duration::from_millis(500) * attempt),
            }
            attempt += 1;
        }
    }

    fn name(&self) -> String {
        self.base.to_string()
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({})", self.base)
    }
}
