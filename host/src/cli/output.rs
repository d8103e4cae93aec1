//! Where output goes: results to standard output, as JSON or for people; everything else to standard error.

use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;

use super::failure::{Failure, Result, explain};
use super::style::{QUIET, paint};

/// How this command talks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    /// For programs (`--json`) or for people.
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether programs read it.
    pub(super) const fn json(self) -> bool {
        self.json
    }

    /// Whether the text on standard output goes to a terminal, which obeys what is in it.
    pub(super) fn terminal(self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// The result: one JSON document, or what `people` makes of it.
    pub(super) fn show<T: Serialize>(self, value: &T, people: impl FnOnce(&T) -> String) -> Result<()> {
        if self.json {
            let mut text = serde_json::to_string_pretty(value).map_err(crate::Error::internal)?;
            text.push('\n');
            self.raw(text.as_bytes())
        } else {
            self.say(&people(value))
        }
    }

    /// One line of a stream of results.
    pub(super) fn line<T: Serialize>(self, value: &T, people: impl FnOnce(&T) -> String) -> Result<()> {
        if self.json {
            let mut text = serde_json::to_string(value).map_err(crate::Error::internal)?;
            text.push('\n');
            self.raw(text.as_bytes())
        } else {
            self.say(&people(value))
        }
    }

    /// Text for people on standard output; styles are left out where no terminal shows them.
    pub(super) fn say(self, text: &str) -> Result<()> {
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.is_empty() && !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        Ok(out.flush()?)
    }

    /// Bytes as they are.
    pub(super) fn raw(self, bytes: &[u8]) -> Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        Ok(out.flush()?)
    }

    /// A remark beside the result, on standard error; none where programs read.
    pub(super) fn note(self, text: impl std::fmt::Display) {
        if !self.json {
            let _ = writeln!(anstream::stderr(), "{}", paint(QUIET, text));
        }
    }

    /// Why the command did not do what was asked, on standard error.
    pub(super) fn failure(self, failure: &Failure) {
        let Some(said) = failure.said() else { return };
        // Standard error may be closed as well; the exit code remains.
        let _ = if self.json {
            let text = serde_json::to_string_pretty(said).unwrap_or_default();
            writeln!(std::io::stderr(), "{text}")
        } else {
            write!(anstream::stderr(), "{}", explain(said))
        };
    }
}
