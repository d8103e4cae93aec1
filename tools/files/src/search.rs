//! `files.search`

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use cofferdam_sdk::{Error, tool};
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use crate::path::{MountPath, root};

/// A pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 1 << 10;
/// A pattern, compiled, in bytes: a short one can ask for gigabytes.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Matches in one answer.
pub const MATCHES_MAX: usize = 1_000;
/// Of a line that matches, what is shown, in characters.
pub const LINE_CHARS_MAX: usize = 300;
/// A file that is looked into, in bytes; larger ones are passed over.
pub const FILE_BYTES_MAX: u64 = 4 << 20;
/// All files together that one search looks into, in bytes.
pub const SEARCHED_BYTES_MAX: u64 = 64 << 20;
/// Files and folders that one search passes.
pub const PASSED_MAX: usize = 20_000;

/// What to look for, and where.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// A regular expression in the syntax of Rust's regex crate (like Perl's, without look-around and back-references),
    /// matched against each line. `(?i)` in front ignores case. At most 1,024 bytes.
    #[schemars(length(max = 1024))]
    pub pattern: String,
    /// The folder to search, with all folders in it, or one file; a path that does not begin with `/` is looked for in
    /// `/work`.
    #[serde(default = "root")]
    pub path: String,
    /// Only files whose name ends so, such as `.rs`.
    #[serde(default)]
    pub name_ends_with: Option<String>,
    /// How many matching lines to give at most, 1 to 1,000.
    #[serde(default = "matches_max")]
    #[schemars(range(min = 1, max = 1000))]
    pub matches_max: usize,
}

fn matches_max() -> usize {
    100
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Found {
    /// The lines that match, by path and line.
    pub matches: Vec<Line>,
    /// Files that were looked into.
    pub files: usize,
    /// Files that were passed over: not text in UTF-8, or larger than 4 MiB.
    pub passed_over: usize,
    /// Whether the search ended early: at the limit of matches, of 64 MiB of text, or of 20,000 files and folders.
    pub is_cut: bool,
}

/// A line that matches.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Line {
    /// The file's path.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The line's text; of a long one its first 300 characters.
    pub text: String,
}

/// Search the lines of all text files below a folder for a regular expression.
#[tool(read_only, idempotent, title = "Search files")]
pub fn search(args: Args) -> Result<Found, Error> {
    if !(1..=MATCHES_MAX).contains(&args.matches_max) {
        return Err(Error::invalid_arguments(format!(
            "`matches_max` is {}; it is 1 to {MATCHES_MAX}",
            args.matches_max
        )));
    }
    let pattern = compile(&args.pattern)?;
    let start = MountPath::parse(&args.path)?;
    let mut found = Found::default();
    let mut bytes_left = SEARCHED_BYTES_MAX;
    for (passed, entry) in WalkDir::new(start.real()).sort_by_file_name().into_iter().enumerate() {
        if passed == PASSED_MAX {
            found.is_cut = true;
            break;
        }
        let entry = entry.map_err(|error| start.fault(error.into()))?;
        let is_wanted =
            args.name_ends_with.as_ref().is_none_or(|end| entry.file_name().to_string_lossy().ends_with(end));
        if !entry.file_type().is_file() || !is_wanted {
            continue;
        }
        let Some(text) = text_of(entry.path()).map_err(|error| start.fault(error))? else {
            found.passed_over += 1;
            continue;
        };
        let Some(left) = bytes_left.checked_sub(text.len() as u64) else {
            found.is_cut = true;
            break;
        };
        bytes_left = left;
        found.files += 1;
        if !look_into(&text, &start.below(entry.path()), &pattern, args.matches_max, &mut found) {
            break;
        }
    }
    Ok(found)
}

fn compile(pattern: &str) -> Result<Regex, Error> {
    if pattern.len() > PATTERN_BYTES_MAX {
        let rule = format!("`pattern` has {} bytes; the limit is {PATTERN_BYTES_MAX}", pattern.len());
        return Err(Error::invalid_arguments(rule));
    }
    RegexBuilder::new(pattern)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|error| Error::invalid_arguments(format!("`pattern`: {error}")))
}

/// A file's text; absent where it is too large or no text.
fn text_of(path: &Path) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    // One byte more tells a file at the limit from one past it, whatever its size was said to be.
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX || bytes.contains(&0) {
        return Ok(None);
    }
    Ok(String::from_utf8(bytes).ok())
}

/// Adds the lines that match; says whether the search goes on.
fn look_into(text: &str, path: &str, pattern: &Regex, matches_max: usize, found: &mut Found) -> bool {
    for (index, line) in text.lines().enumerate().filter(|(_, line)| pattern.is_match(line)) {
        if found.matches.len() == matches_max {
            found.is_cut = true;
            return false;
        }
        let text = line.chars().take(LINE_CHARS_MAX).collect();
        found.matches.push(Line { path: path.to_owned(), line: index + 1, text });
    }
    true
}
