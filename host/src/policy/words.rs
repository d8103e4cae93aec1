//! Numbers and lists as people read them.

pub(super) use crate::amounts::count;

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
