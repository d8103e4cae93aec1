//! One spelling for each path, and none for a path that a server could take for another one; and what patterns of paths
//! stand for.
//!
//! A rule covers `/public/*` as text; a server resolves `..`, decodes escapes, folds slashes. Where both could come to
//! different ends, the path is refused. That is stricter than the standard: `%2F` and `//` have their lawful uses.

use std::fmt::Write as _;

/// Reads a path into its one spelling: unreserved characters bare, everything else that needs it escaped in upper case.
pub(super) fn canonical(path: &str) -> Result<String, &'static str> {
    if !path.starts_with('/') {
        return Err("a path begins with a slash");
    }
    let mut spelled = String::with_capacity(path.len());
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let escaped = byte == b'%';
        let byte = if escaped {
            let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
            let (Some(high), Some(low)) = (digit(), digit()) else { return Err("a '%' stands before two hex digits") };
            u8::try_from(high << 4 | low).unwrap_or(u8::MAX)
        } else {
            byte
        };
        match byte {
            b'/' if escaped => return Err("a path may not hold an escaped slash"),
            b'\\' => return Err("a path may not hold a backslash"),
            byte if byte.is_ascii_control() => return Err("a path may not hold control characters"),
            byte if !escaped && !is_lawful(byte) => return Err("a path holds a character that has to be escaped"),
            byte if is_unreserved(byte) || !escaped => spelled.push(char::from(byte)),
            byte => _ = write!(spelled, "%{byte:02X}"),
        }
        decoded.push(byte);
    }
    check(&String::from_utf8(decoded).map_err(|_| "the escapes of a path have to be UTF-8")?)?;
    Ok(spelled)
}

/// Reads a pattern of paths: one path, or with `*` at its end all that begins so.
pub(super) fn read_pattern(text: &str) -> Result<String, &'static str> {
    let (beginning, anything) = match text.strip_suffix('*') {
        Some("") => ("/", "*"),
        Some(beginning) => (beginning, "*"),
        None => (text, ""),
    };
    if beginning.contains('*') {
        return Err("'*' stands at the end only, for anything");
    }
    if beginning.contains(['?', '#']) {
        return Err("no rule speaks of what is behind a '?'");
    }
    Ok(canonical(beginning)? + anything)
}

/// Whether a path is one of those that a pattern stands for. A `*` of the path's own is a character like any other.
pub(super) fn covers(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => path.starts_with(beginning),
        None => pattern == path,
    }
}

/// Whether all that a pattern stands for is in `other`.
pub(super) fn is_within(pattern: &str, other: &str) -> bool {
    match (pattern.strip_suffix('*'), other.strip_suffix('*')) {
        (Some(beginning), Some(other)) => beginning.starts_with(other),
        (None, Some(other)) => pattern.starts_with(other),
        (Some(_), None) => false,
        (None, None) => pattern == other,
    }
}

/// Whether two patterns have a path in common.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    match (one.strip_suffix('*'), other.strip_suffix('*')) {
        (Some(one), Some(other)) => one.starts_with(other) || other.starts_with(one),
        (Some(beginning), None) => other.starts_with(beginning),
        (None, Some(beginning)) => one.starts_with(beginning),
        (None, None) => one == other,
    }
}

/// Looks at what a server sees that decodes once.
fn check(decoded: &str) -> Result<(), &'static str> {
    let escape = |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    if decoded.split('%').skip(1).any(escape) {
        return Err("a path may not be escaped twice");
    }
    // Servers that map a path to another character set take these for the dots and slashes that they look like.
    if decoded.contains(['\u{2024}', '\u{2025}', '\u{fe52}', '\u{fe68}', '\u{ff0e}', '\u{ff0f}', '\u{ff3c}']) {
        return Err("a path may not hold characters that stand for dots or slashes");
    }
    let mut segments = decoded.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        // What is behind a semicolon are parameters to some servers, which take them off before they resolve dots.
        let name = segment.split_once(';').map_or(segment, |(name, _)| name);
        if matches!(name, "." | "..") {
            return Err("a path may not hold '.' or '..'");
        }
        if name.is_empty() && (segments.peek().is_some() || !segment.is_empty()) {
            return Err("a path may not hold '//'");
        }
    }
    Ok(())
}

/// What RFC 3986 calls unreserved: escaped or not, it is the same.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What may stand in a path as it is: RFC 3986, section 3.3.
fn is_lawful(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'/' | b':' | b'@') || b"!$&'()*+,;=".contains(&byte)
}
