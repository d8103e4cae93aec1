//! Which host, and with which key: the options of every command that talks to one.

use std::path::PathBuf;

use clap::Args;
use url::Url;

use super::failure::{Failure, Result};
use crate::error::{Code, Error};
use crate::http::wire::Secret;

/// Where a host listens when nothing else is said.
pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:7100";
/// A key file, in bytes; a longer one is not a key file.
const KEY_FILE_BYTES_MAX: u64 = 4 << 10;

/// Which host, and with which key.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct Connection {
    /// The host's address [default: http://127.0.0.1:7100]
    #[arg(long, env = "COFFERDAM_URL", value_name = "URL", global = true, hide_env_values = true)]
    url: Option<Url>,
    /// The key; other users of this machine can see command lines: better in the environment or in a file
    #[arg(long, env = "COFFERDAM_KEY", value_name = "KEY", global = true, hide_env_values = true, value_parser = read_key)]
    key: Option<Secret>,
    /// A file that holds the key; it stands over --key
    #[arg(long, value_name = "FILE", global = true)]
    key_file: Option<PathBuf>,
}

/// Whatever a header can carry. What is wrong is said without the text: an error message ends up in logs.
fn read_key(text: &str) -> Result<Secret, &'static str> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a key is one word, such as cof_acme_…");
    }
    Ok(Secret::new(text))
}

impl Connection {
    /// A connection to this host with this key, as the demo makes one.
    pub(super) fn to(url: Url, key: Secret) -> Self {
        Self { url: Some(url), key: Some(key), key_file: None }
    }

    /// Whether anything was said of a host, by options or in the environment.
    pub(super) fn is_given(&self) -> bool {
        self.url.is_some() || self.key.is_some() || self.key_file.is_some()
    }

    /// The host's address.
    pub(super) fn url(&self) -> Result<Url> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => Url::parse(DEFAULT_URL).map_err(Error::internal)?,
        };
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() || url.cannot_be_a_base() {
            return Err(Failure::usage(
                "the host's address is not one of HTTP",
                format!("give --url such as {DEFAULT_URL}"),
            ));
        }
        Ok(url)
    }

    /// The key; commands that talk to a host all need one.
    pub(super) fn key(&self) -> Result<Secret> {
        if let Some(path) = &self.key_file {
            let text = super::files::text(path, "key file", KEY_FILE_BYTES_MAX)?;
            return read_key(&text)
                .map_err(|reason| Failure::usage(format!("{} holds no key", path.display()), reason));
        }
        let absent = || {
            Error::new(Code::Unauthenticated, "there is no key to call the host with")
                .next("set COFFERDAM_KEY, or give --key-file FILE")
        };
        Ok(self.key.clone().ok_or_else(absent)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_printed() {
        let secret = read_key(" cof_acme_x\n").unwrap();
        assert_eq!(secret.expose(), "cof_acme_x");
        assert!(!format!("{:?}", Connection::to(DEFAULT_URL.parse().unwrap(), secret)).contains("cof_"));
        for text in ["", "cof two", "cof\r\nx: y", "cof_é"] {
            assert!(!read_key(text).unwrap_err().contains("two"));
        }
    }

    #[test]
    fn addresses_that_are_not_of_http_are_refused() {
        for (url, good) in [("https://tools.example.com/base", true), ("ftp://x/", false), ("mailto:a@b", false)] {
            assert_eq!(Connection::to(url.parse().unwrap(), Secret::new("x")).url().is_ok(), good, "{url}");
        }
    }
}
