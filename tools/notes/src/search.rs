//! `notes.search`

use cofferdam_sdk::{Error, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::store::{Head, Note, Store, check_limit};

/// Notes in one answer.
pub const FOUND_MAX: usize = 50;
/// Words of one query.
pub const WORDS_MAX: usize = 20;

/// How much of a note's text an answer shows around what was found, in characters to each side.
const AROUND_CHARS: usize = 80;

/// What to look for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Words, 1 to 20 of them: a note is found that holds every one in its title, text or tags, as a word or a part of
    /// one, without case.
    #[schemars(length(min = 1))]
    pub query: String,
    /// How many notes to give at most, 1 to 50.
    #[serde(default = "limit")]
    #[schemars(range(min = 1, max = 50))]
    pub limit: usize,
}

fn limit() -> usize {
    10
}

/// What was found.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Found {
    /// The notes, newest first.
    pub notes: Vec<Hit>,
    /// Whether there are more.
    pub is_cut: bool,
}

/// A note that was found.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Hit {
    /// The note, without its text.
    #[serde(flatten)]
    pub head: Head,
    /// The text around the first word, or its beginning where the word is not in it.
    pub excerpt: String,
}

/// Find notes by words in their title, text or tags.
#[tool(read_only, idempotent, title = "Search notes")]
pub fn search(args: Args) -> Result<Found, Error> {
    check_limit(args.limit, FOUND_MAX)?;
    let words: Vec<String> = args.query.split_whitespace().map(str::to_lowercase).collect();
    if !(1..=WORDS_MAX).contains(&words.len()) {
        return Err(Error::invalid_arguments(format!("`query` has {} words; it needs 1 to {WORDS_MAX}", words.len())));
    }
    let mut found = Found { notes: Vec::new(), is_cut: false };
    Store::open()?.look_through(None, |note| {
        if !holds(&note, &words) {
            return true;
        }
        found.is_cut = found.notes.len() == args.limit;
        if !found.is_cut {
            found.notes.push(Hit { head: Head::from(&note), excerpt: excerpt(&note.text, &words[0]) });
        }
        !found.is_cut
    })?;
    Ok(found)
}

fn holds(note: &Note, words: &[String]) -> bool {
    let (title, text) = (note.title.to_lowercase(), note.text.to_lowercase());
    words
        .iter()
        .all(|word| title.contains(word) || text.contains(word) || note.tags.iter().any(|tag| tag.contains(word)))
}

/// On one line, with an ellipsis where there is more.
fn excerpt(text: &str, word: &str) -> String {
    let characters: Vec<char> = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().collect();
    // Lower case can have more characters than upper: the place is near enough.
    let lower = characters.iter().collect::<String>().to_lowercase();
    let place = lower.find(word).map_or(0, |byte| lower[..byte].chars().count()).min(characters.len());
    let from = place.saturating_sub(AROUND_CHARS);
    let to = (place + word.chars().count() + AROUND_CHARS).min(characters.len());
    let shown: String = characters[from..to].iter().collect();
    let before = if from > 0 { "…" } else { "" };
    let behind = if to < characters.len() { "…" } else { "" };
    format!("{before}{shown}{behind}")
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn an_excerpt_shows_what_is_around_the_word() {
        assert_eq!(excerpt("", "x"), "");
        assert_eq!(excerpt("Rope and\n tar", "tar"), "Rope and tar");
        let long = format!("{} İstanbul rope {}", "a ".repeat(100), "b ".repeat(100));
        let shown = excerpt(&long, "rope");
        assert!(shown.starts_with('…') && shown.ends_with('…') && shown.contains("rope"), "{shown}");
        assert!(shown.chars().count() <= 2 * 80 + 4 + 2);
    }
}
