//! `text.extract`

use std::collections::BTreeMap;

use cofferdam_sdk::{Error, tool};
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 4 << 10;
/// A pattern, compiled, in bytes: a short one can ask for gigabytes.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Matches in one answer.
pub const MATCHES_MAX: usize = 1_000;
/// All matched texts of one answer together, groups too, in bytes.
pub const MATCHED_BYTES_MAX: usize = 512 << 10;

/// What to look for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The text to search.
    pub text: String,
    /// A regular expression in the syntax of Rust's regex crate: like Perl's, without look-around and back-references.
    /// Flags go in front: `(?i)` ignores case, `(?m)` lets `^` and `$` match at lines, `(?s)` lets `.` match an end of
    /// line. At most 4,096 bytes.
    #[schemars(length(max = 4096))]
    pub pattern: String,
    /// How many matches to give at most, 1 to 1,000.
    #[serde(default = "matches_max")]
    #[schemars(range(min = 1, max = 1000))]
    pub matches_max: usize,
}

fn matches_max() -> usize {
    100
}

/// What was found.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Matches {
    /// The matches, in the order of the text. They do not overlap.
    pub matches: Vec<Match>,
    /// Whether there are more: the limit of matches, or of 512 KiB of matched text, was reached.
    pub is_cut: bool,
}

/// One match.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Match {
    /// The line in which it begins, from 1.
    pub line: usize,
    /// The character of that line at which it begins, from 1.
    pub column: usize,
    /// The whole match.
    pub text: String,
    /// What each group of the pattern matched, by its name, or its number where it has none; null where it took no part.
    /// Absent where the pattern has no groups.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Option<String>>,
}

/// Find everything in a text that a regular expression matches, with its groups and its place (line and column).
#[tool(read_only, idempotent, title = "Extract by regular expression")]
pub fn extract(args: Args) -> Result<Matches, Error> {
    if !(1..=MATCHES_MAX).contains(&args.matches_max) {
        return Err(Error::invalid_arguments(format!(
            "`matches_max` is {}; it is 1 to {MATCHES_MAX}",
            args.matches_max
        )));
    }
    let pattern = compile(&args.pattern)?;
    let mut found = Matches { matches: Vec::new(), is_cut: false };
    let mut place = Place::new(&args.text);
    let mut bytes_left = MATCHED_BYTES_MAX;
    for captures in pattern.captures_iter(&args.text) {
        let bytes: usize = captures.iter().flatten().map(|group| group.len()).sum();
        let Some(left) = bytes_left.checked_sub(bytes).filter(|_| found.matches.len() < args.matches_max) else {
            found.is_cut = true;
            break;
        };
        bytes_left = left;
        let whole = captures.get_match();
        let (line, column) = place.of(whole.start());
        let names = pattern.capture_names().enumerate().skip(1);
        let groups = names.map(|(number, name)| {
            let group = captures.get(number).map(|group| group.as_str().to_owned());
            (name.map_or_else(|| number.to_string(), str::to_owned), group)
        });
        found.matches.push(Match { line, column, text: whole.as_str().to_owned(), groups: groups.collect() });
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

/// Lines and columns of places that only move forward: each byte is looked at once.
struct Place<'a> {
    text: &'a str,
    /// How far it was looked at.
    at: usize,
    line: usize,
    column: usize,
}

impl<'a> Place<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1, column: 1 }
    }

    fn of(&mut self, place: usize) -> (usize, usize) {
        for character in self.text[self.at..place].chars() {
            if character == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.at = place;
        (self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_sdk::{ErrorKind, Tool};

    use super::*;

    fn find(text: &str, pattern: &str, matches_max: usize) -> Result<Matches, Error> {
        extract(Args { text: text.to_owned(), pattern: pattern.to_owned(), matches_max })
    }

    fn refused(pattern: &str, matches_max: usize) -> String {
        let error = find("a", pattern, matches_max).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArguments);
        error.to_string()
    }

    #[test]
    fn matches_have_groups_and_places() {
        let found = find("ä = 1\nb = 22\nc", r"(?<name>\w) = (\d)(\d)?", 100).unwrap();
        assert!(!found.is_cut);
        let groups = |name: &str, first: &str, second: Option<&str>| {
            BTreeMap::from([
                ("name".to_owned(), Some(name.to_owned())),
                ("2".to_owned(), Some(first.to_owned())),
                ("3".to_owned(), second.map(str::to_owned)),
            ])
        };
        let one = Match { line: 1, column: 1, text: "ä = 1".to_owned(), groups: groups("ä", "1", None) };
        let two = Match { line: 2, column: 1, text: "b = 22".to_owned(), groups: groups("b", "2", Some("2")) };
        assert_eq!(found.matches, [one, two]);
    }

    #[test]
    fn places_are_counted_in_characters() {
        let found = find("äöü x\r\n  x", "x", 100).unwrap();
        let places: Vec<_> = found.matches.iter().map(|found| (found.line, found.column)).collect();
        assert_eq!(places, [(1, 5), (2, 3)]);
    }

    #[test]
    fn at_the_limit_nothing_is_cut_and_past_it_the_rest() {
        let found = find("aaa", "a", 3).unwrap();
        assert_eq!((found.matches.len(), found.is_cut), (3, false));
        let found = find("aaa", "a", 2).unwrap();
        assert_eq!((found.matches.len(), found.is_cut), (2, true));
        let half = "a".repeat(MATCHED_BYTES_MAX / 2);
        let found = find(&format!("{half} {half}"), "a+", 10).unwrap();
        assert_eq!((found.matches.len(), found.is_cut), (2, false));
        let found = find(&format!("{half} {half}a"), "a+", 10).unwrap();
        assert_eq!((found.matches.len(), found.is_cut), (1, true));
    }

    #[test]
    fn a_pattern_that_is_none_or_too_much_is_refused() {
        assert!(refused("(", 1).starts_with("`pattern`: regex parse error"));
        assert!(refused("((a{500}){500}){500}", 1).contains("size limit"));
        assert!(refused(&"a".repeat(PATTERN_BYTES_MAX + 1), 1).contains("4097 bytes"));
        assert!(find("a", &"a".repeat(PATTERN_BYTES_MAX), 1).is_ok());
        assert!(refused("a", 0).starts_with("`matches_max`"));
        assert!(refused("a", MATCHES_MAX + 1).starts_with("`matches_max`"));
    }

    #[test]
    fn an_agent_need_not_say_how_many() {
        let output = extract::call(r#"{"text": "a1", "pattern": "\\d"}"#).unwrap();
        let answer = output.as_json().unwrap();
        assert_eq!(answer["matches"][0]["text"], "1");
        assert!(answer["matches"][0].get("groups").is_none());
    }
}
