//! Looking for a word in everything that was heard, in all spellings that it could have come out in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cofferdam_tests::Answer;
use memchr::memmem;

/// The word as it is, backwards, in hexadecimal and in base64.
fn spellings(word: &str) -> Vec<String> {
    let hex: String = word.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![word.to_owned(), word.chars().rev().collect(), hex.to_uppercase(), hex];
    // Wherever in a longer text it begins: what a whole number of groups covers of it.
    for skip in 0..3 {
        let text = STANDARD_NO_PAD.encode(&word.as_bytes()[skip..]);
        all.push(text[..text.len() - 2].to_owned());
    }
    all
}

/// Where the bytes hold the word in one of its spellings.
fn find(bytes: &[u8], word: &str) -> Option<usize> {
    spellings(word).iter().find_map(|spelling| memmem::find(bytes, spelling.as_bytes()))
}

/// Whether the bytes hold the word in one of its spellings.
pub(crate) fn holds(bytes: &[u8], word: &str) -> bool {
    find(bytes, word).is_some()
}

/// That the bytes do not hold the word; otherwise what stands around it is told.
///
/// # Panics
///
/// When they do.
pub(crate) fn is_clean(what: &str, bytes: &[u8], word: &str) {
    if let Some(at) = find(bytes, word) {
        let around = &bytes[at.saturating_sub(300)..bytes.len().min(at + 300)];
        panic!("{what} holds {word}: {}", String::from_utf8_lossy(around));
    }
}

/// Everything that one tenant was answered.
#[derive(Default)]
pub(crate) struct Heard(Vec<(String, String)>);

impl Heard {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Keeps an answer, with its headers.
    pub(crate) fn take(&mut self, answer: Answer) -> Answer {
        self.0.push((answer.asked.clone(), format!("{} {:?} {}", answer.status, answer.headers, answer.text)));
        answer
    }

    pub(crate) fn take_text(&mut self, what: &str, text: String) {
        self.0.push((what.to_owned(), text));
    }

    /// Whether some of it holds the word as it is.
    pub(crate) fn holds(&self, word: &str) -> bool {
        self.0.iter().any(|(_, text)| text.contains(word))
    }

    /// That none of it holds the word.
    ///
    /// # Panics
    ///
    /// When some does.
    pub(crate) fn has_nothing_of(&self, word: &str) {
        self.0.iter().for_each(|(what, text)| is_clean(what, text.as_bytes(), word));
    }
}

#[test]
fn leak_the_search_finds_what_it_looks_for() {
    use base64::engine::general_purpose::STANDARD;
    let word = "wren-7f3a9c";
    let mut all = vec![word.to_owned(), "c9a3f7-nerw".to_owned(), "7772656e2d376633613963".to_owned()];
    for before in ["", "x", "xy", "xyz"] {
        all.push(STANDARD.encode(format!("{before}{word} and more")));
    }
    for hidden in all {
        let mut heard = Heard::default();
        (0..100).for_each(|_| heard.take_text("nothing", "wren-7f3a9 and ren-7f3a9c".to_owned()));
        heard.has_nothing_of(word);
        heard.take_text("something", format!("..{hidden}.."));
        assert!(std::panic::catch_unwind(|| heard.has_nothing_of(word)).is_err(), "{hidden}");
    }
}
