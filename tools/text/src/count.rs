//! `text.count`

use cofferdam_sdk::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to count.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The text.
    pub text: String,
}

/// How much a text holds.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// Bytes in UTF-8.
    pub bytes: usize,
    /// Unicode characters (scalar values): an accent or an emoji's modifier that is written apart counts by itself.
    pub characters: usize,
    /// Runs of characters between white space.
    pub words: usize,
    /// Lines; an end of line at the text's end begins no further one.
    pub lines: usize,
}

/// Count the bytes, characters, words and lines of a text. Exact, unlike a guess from reading it.
#[tool(read_only, idempotent, title = "Count text")]
pub fn count(args: Args) -> Counts {
    let text = args.text;
    Counts {
        bytes: text.len(),
        characters: text.chars().count(),
        words: text.split_whitespace().count(),
        lines: text.lines().count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> [usize; 4] {
        let Counts { bytes, characters, words, lines } = count(Args { text: text.to_owned() });
        [bytes, characters, words, lines]
    }

    #[test]
    fn each_is_counted_as_it_says() {
        assert_eq!(counts(""), [0, 0, 0, 0]);
        assert_eq!(counts("one two\nthree\n"), [14, 14, 3, 2]);
        assert_eq!(counts("  größe \u{3000}x\r\n\n"), [17, 13, 2, 2]);
    }
}
