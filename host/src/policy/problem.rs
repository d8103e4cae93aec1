//! What is wrong with a policy: all of it at once, each with its line.

use std::fmt;

use serde::Serialize;

use crate::error::{Code, Error};

/// The problems that are told; further ones are counted. Bounds the answer to a hostile file.
const PROBLEMS_MAX: usize = 100;
/// The length of a message, in bytes.
const MESSAGE_BYTES_MAX: usize = 1_000;
/// What was written comes back in a message up to so many characters.
const SHOWN_CHARS_MAX: usize = 80;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The line, counted from one; absent where the text has no lines, as in JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The key, such as `grant[2].kv[1].access`, rows counted from one; empty for the file as a whole.
    pub key: String,
    /// What is wrong and what would be right, as one clause.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// What a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A tenant's policy.
    Policy,
    /// The platform's ceiling.
    Ceiling,
    /// A tenant's access rules, or the platform's.
    Access,
}

/// A text that says nothing which could be put in force. Nothing of it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// What it was for.
    pub about: About,
    /// What is wrong, in the order of the lines; at least one, at most a hundred and one that says how many are left out.
    pub problems: Vec<Problem>,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, problem) in self.problems.iter().enumerate() {
            if nth > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyError {}

impl From<PolicyError> for Error {
    fn from(error: PolicyError) -> Self {
        let what = match error.about {
            About::Policy => "the policy is",
            About::Ceiling => "the ceiling is",
            About::Access => "the access rules are",
        };
        let message = match error.problems.as_slice() {
            [one] => format!("{what} not valid: {one}"),
            [first, rest @ ..] => format!("{what} not valid: {first} (and {} more)", rest.len()),
            [] => format!("{what} not valid"),
        };
        let problems = serde_json::to_value(&error.problems).unwrap_or_default();
        Self::new(Code::InvalidPolicy, message)
            .next("nothing was changed; correct it and send it again")
            .fact("problems", problems)
    }
}

/// Problems as they are found.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Problem>,
    left_out: usize,
}

impl Problems {
    pub(super) fn add(&mut self, line: Option<usize>, key: impl fmt::Display, message: impl Into<String>) {
        if self.have_room() {
            let mut message = message.into();
            if message.len() > MESSAGE_BYTES_MAX {
                message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
                message.push('…');
            }
            self.found.push(Problem { line, key: key.to_string(), message });
        } else {
            self.left_out += 1;
        }
    }

    /// Whether a further one is told.
    pub(super) fn have_room(&self) -> bool {
        self.found.len() < PROBLEMS_MAX
    }

    /// `value` where nothing was found.
    pub(super) fn or<T>(self, value: T) -> Result<T, PolicyError> {
        let Self { found: mut problems, left_out } = self;
        if problems.is_empty() {
            return Ok(value);
        }
        problems.sort_by_key(|problem| problem.line);
        // A parser that recovers can come by the same slip twice.
        problems.dedup();
        if left_out > 0 {
            let message = format!("{left_out} further problems are left out");
            problems.push(Problem { line: None, key: String::new(), message });
        }
        Err(PolicyError { about: About::Policy, problems })
    }
}

/// What was written, quoted and cut.
pub(super) fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if cut.len() < text.len() { format!("{cut:?}…") } else { format!("{cut:?}") }
}

/// The one of `known` that is most like `given`, where one is much alike.
pub(super) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing takes time by the product of the lengths: nothing that long is a slip of the pen.
    if given.len() > SHOWN_CHARS_MAX {
        return None;
    }
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(given, known), known))
        .filter(|(alike, _)| *alike > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}
