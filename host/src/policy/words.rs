//! Numbers and lists as people read them.

/// What is named in a row; rules stand in every entry of the record.
const NAMED_MAX: usize = 4;

/// Rules one after the other; of many the first few.
pub(super) fn rules(rules: impl IntoIterator<Item = String>) -> String {
    joined(rules, "; ")
}

/// Names one after the other; of many the first few.
pub(super) fn list(names: impl IntoIterator<Item = String>) -> String {
    joined(names, ", ")
}

fn joined(texts: impl IntoIterator<Item = String>, between: &str) -> String {
    let mut texts = texts.into_iter();
    let named: Vec<String> = texts.by_ref().take(NAMED_MAX).collect();
    match texts.count() {
        0 => named.join(between),
        more => format!("{}{between}and {more} more", named.join(between)),
    }
}

/// A number with its thousands set apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
