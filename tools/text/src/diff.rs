//! `text.diff`

use cofferdam_sdk::{Error, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::{Algorithm, ChangeTag, TextDiff};

/// Lines of one text. The work grows with the lines times the changes, and there is no clock to stop it by.
pub const LINES_MAX: usize = 20_000;
/// Unchanged lines around a change.
pub const CONTEXT_MAX: usize = 100;

/// What to compare.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The text as it was, at most 20,000 lines.
    pub before: String,
    /// The text as it is now, at most 20,000 lines.
    pub after: String,
    /// How many unchanged lines to show around each change, 0 to 100.
    #[serde(default = "context")]
    #[schemars(range(max = 100))]
    pub context: usize,
}

fn context() -> usize {
    3
}

/// How two texts differ.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// Whether the texts are the same, byte by byte.
    pub is_equal: bool,
    /// Lines that are in `after` only.
    pub added: usize,
    /// Lines that are in `before` only.
    pub removed: usize,
    /// The unified diff from `before` to `after`, as `patch` reads it; empty where the texts are the same.
    pub diff: String,
}

/// Compare two texts line by line and give their unified diff. Use it to see, or to show a person, what exactly changed.
#[tool(read_only, idempotent, title = "Compare texts")]
pub fn diff(args: Args) -> Result<Difference, Error> {
    let Args { before, after, context } = args;
    if context > CONTEXT_MAX {
        return Err(Error::invalid_arguments(format!("`context` is {context}; the limit is {CONTEXT_MAX}")));
    }
    for (name, text) in [("before", &before), ("after", &after)] {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            let rule = format!("`{name}` has {lines} lines; the limit is {LINES_MAX}: compare it in parts");
            return Err(Error::invalid_arguments(rule));
        }
    }
    let diff = TextDiff::configure().algorithm(Algorithm::Histogram).diff_lines(&before, &after);
    let count = |tag: ChangeTag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    Ok(Difference {
        is_equal: before == after,
        added: count(ChangeTag::Insert),
        removed: count(ChangeTag::Delete),
        diff: diff.unified_diff().context_radius(context).header("before", "after").to_string(),
    })
}

#[cfg(test)]
mod tests {
    use cofferdam_sdk::ErrorKind;

    use super::*;

    fn compare(before: &str, after: &str, context: usize) -> Difference {
        diff(Args { before: before.to_owned(), after: after.to_owned(), context }).unwrap()
    }

    #[test]
    fn a_change_is_shown_with_its_surroundings() {
        let difference = compare("a\nb\nc\nd\n", "a\nb\nx\nd\ne\n", 1);
        assert_eq!((difference.added, difference.removed, difference.is_equal), (2, 1, false));
        assert_eq!(difference.diff, "--- before\n+++ after\n@@ -2,3 +2,4 @@\n b\n-c\n+x\n d\n+e\n");
    }

    #[test]
    fn the_same_text_has_no_diff() {
        let difference = compare("a\n", "a\n", 3);
        assert!(difference.is_equal && difference.diff.is_empty());
    }

    #[test]
    fn an_end_of_line_that_is_missing_is_a_change() {
        let difference = compare("a\n", "a", 3);
        assert!(!difference.is_equal && difference.diff.contains("No newline at end of file"), "{difference:?}");
    }

    #[test]
    fn at_the_limits_it_compares_and_past_them_it_says_so() {
        let lines = |count: usize, word: &str| (0..count).map(|n| format!("{word}{n}\n")).collect::<String>();
        let args = |lines: String, context| Args { before: lines, after: String::new(), context };
        assert_eq!(compare(&lines(LINES_MAX, "a"), &lines(LINES_MAX, "b"), CONTEXT_MAX).added, LINES_MAX);
        let refused = |args: Args| {
            let error = diff(args).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArguments);
            error.to_string()
        };
        assert!(refused(args(lines(LINES_MAX + 1, "a"), 3)).starts_with("`before` has 20001 lines"));
        assert!(refused(args(String::new(), CONTEXT_MAX + 1)).starts_with("`context`"));
    }
}
