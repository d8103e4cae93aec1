//! How people's output looks: a few styles, and nothing that a terminal would obey in what others wrote.

use std::borrow::Cow;

use clap::builder::styling::{AnsiColor, Effects, Style, Styles};

/// Names and headings.
pub(super) const STRONG: Style = Style::new().effects(Effects::BOLD);
/// What only helps to read the rest.
pub(super) const QUIET: Style = Style::new().effects(Effects::DIMMED);
/// What is as it should be.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// What deserves a look.
pub(super) const CARE: Style = AnsiColor::Yellow.on_default();
/// What is wrong.
pub(super) const BAD: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

/// The same for clap's help.
pub(super) const HELP: Styles = Styles::styled()
    .header(STRONG)
    .usage(STRONG)
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(QUIET)
    .error(BAD)
    .valid(GOOD)
    .invalid(CARE);

/// `text` in `style`.
pub(super) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// The tick or the cross before a line.
pub(super) fn mark(good: bool) -> String {
    if good { paint(GOOD, "✓") } else { paint(BAD, "✗") }
}

/// `text` as a terminal may have it: what moves the cursor, colours or hides is shown instead of obeyed. Tools,
/// components and other tenants' operators write these texts; a reader's terminal is not theirs.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| (c.is_control() && c != '\n' && c != '\t') || is_bidi(c);
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if obeyed(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// Characters that reorder what stands beside them.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The same on one line, at most `length_max` characters long.
pub(super) fn one_line(text: &str, length_max: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = plain(&text);
    match text.char_indices().nth(length_max) {
        None => text.into_owned(),
        Some(_) => text.chars().take(length_max.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// `text` without its styles, a bar before each line, so that a test sees where a line begins.
#[cfg(test)]
pub(super) fn framed(text: &str) -> String {
    let text: String = anstream::adapter::strip_str(text).collect();
    text.lines().map(|line| format!("|{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_a_tool_wrote() {
        assert_eq!(plain("line\n\ttab é ✓"), "line\n\ttab é ✓");
        assert_eq!(plain("\x1b[2J\x1b]0;root\x07\r"), "\\u{1b}[2J\\u{1b}]0;root\\u{7}\\u{d}");
        assert_eq!(plain("a\u{202e}b\u{9b}"), "a\\u{202e}b\\u{9b}");
        assert_eq!(one_line("two\n  lines \x1b[31m", 80), "two lines \\u{1b}[31m");
        assert_eq!(one_line("abcdef", 4), "abc…");
    }
}
