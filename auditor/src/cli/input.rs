//! What several commands are given: keys, files, and what opens a log.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use crate::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint};
use crate::error::{Error, Result};
use crate::source::{self, Source};

/// The environment variable that holds a bearer token.
pub const TOKEN_VARIABLE: &str = "COFFERDAM_KEY";
/// A key's or a token's file: one line.
const LINE_BYTES_MAX: usize = 4 << 10;

/// What a log at a URL asks for.
#[derive(Debug, Clone, Default, Args)]
pub struct Access {
    /// Read the bearer token for a URL from this file; without it, from the environment's COFFERDAM_KEY
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

impl Access {
    /// Opens the log in a folder or at a URL.
    pub(super) fn open(&self, source: &str) -> Result<Box<dyn Source>> {
        let token = match &self.token_file {
            Some(file) => Some(line(file)?),
            None => std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()),
        };
        source::open(source, token.as_deref())
    }
}

/// A key as it is given: its text, or a file that holds it.
#[derive(Debug, Clone)]
pub struct KeyArgument<K>(pub K);

impl<K: FromStr<Err = Error>> FromStr for KeyArgument<K> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // A vkey has two pluses. A path may have them too, but then it is not one that holds a key by chance.
        if text.matches('+').count() >= 2 {
            return text.parse().map(Self);
        }
        line(Path::new(text))?.parse().map(Self)
    }
}

/// A checkpoint in a file.
pub(super) fn checkpoint(path: &Path) -> Result<Checkpoint> {
    Checkpoint::parse(&read(path, CHECKPOINT_BYTES_MAX)?)
}

/// A file, of at most `bytes_max` bytes.
pub(super) fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>> {
    let failed = |error| Error::read(path.display().to_string(), error);
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > bytes_max {
        return Err(failed(std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            format!("it is longer than {bytes_max} bytes"),
        )));
    }
    Ok(bytes)
}

fn line(path: &Path) -> Result<String> {
    let text = String::from_utf8(read(path, LINE_BYTES_MAX)?);
    let text = text.map_err(|error| Error::read(path.display().to_string(), std::io::Error::other(error)))?;
    Ok(text.trim().to_owned())
}
