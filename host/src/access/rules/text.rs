//! The text of rules, as far as Cedar does not say it: how deep it nests, where comments are, on which line a place is.

/// Brackets within brackets.
pub(in crate::access) const DEPTH_MAX: usize = 24;
/// Operators of one rule, dots and commas among them.
pub(in crate::access) const OPERATORS_MAX: usize = 200;

/// Where a text nests deeper than it may, or one rule of it has more operators. What reads and asks rules goes down as deep as
/// they nest, on a stack that ends somewhere.
pub(super) fn too_deep(text: &str) -> Option<(usize, String)> {
    let (mut depth, mut operators, mut line, mut word) = (0_usize, 0_usize, 1, String::new());
    for (character, part) in parts(text) {
        line += usize::from(character == '\n');
        match character {
            _ if part != Part::Code => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ';' => operators = 0,
            '!' | '-' | '+' | '*' | '.' | '&' | '|' | '<' | '>' | '=' | ',' => operators += 1,
            _ => {}
        }
        if part == Part::Code && (character.is_ascii_alphanumeric() || character == '_') {
            word.push(character);
        } else {
            operators += usize::from(matches!(word.as_str(), "if" | "has" | "like" | "in" | "is"));
            word.clear();
        }
        if depth > DEPTH_MAX {
            return Some((line, format!("it nests deeper than {DEPTH_MAX} brackets: write several rules")));
        }
        if operators > OPERATORS_MAX {
            return Some((line, format!("one rule has more than {OPERATORS_MAX} operators: write several rules")));
        }
    }
    None
}

/// What a character belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Text,
    Comment,
}

/// Each character of a text with what it belongs to, as Cedar reads it: a comment goes up to a line feed or a carriage return,
/// whichever comes first.
fn parts(text: &str) -> impl Iterator<Item = (char, Part)> {
    let (mut part, mut escaped) = (Part::Code, false);
    let mut characters = text.chars().peekable();
    std::iter::from_fn(move || {
        let character = characters.next()?;
        let this = match (part, character) {
            (Part::Comment, '\n' | '\r') => Part::Code,
            (Part::Code, '"') => Part::Text,
            (Part::Code, '/') if characters.peek() == Some(&'/') => Part::Comment,
            (part, _) => part,
        };
        // The mark that ends a text belongs to it.
        let ends = part == Part::Text && character == '"' && !escaped;
        escaped = part == Part::Text && character == '\\' && !escaped;
        part = if ends { Part::Code } else { this };
        Some((character, this))
    })
}

/// The same text with spaces in the place of comments.
pub(super) fn without_comments(text: &str) -> String {
    parts(text).fold(String::with_capacity(text.len()), |mut bare, (character, part)| {
        match part {
            Part::Comment => bare.extend(std::iter::repeat_n(' ', character.len_utf8())),
            Part::Code | Part::Text => bare.push(character),
        }
        bare
    })
}

/// The line of a place in a text, counted from one.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}
