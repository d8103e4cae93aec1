//! Reads checked values out of the tree, and tells of everything that is not one.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;

use super::keys::Section;
use super::node::{Node, Value};
use crate::money::Money;
use crate::policy::problem::{Problems, nearest, shown};

/// A table whose keys are all known.
#[derive(Debug)]
pub(in crate::policy) struct Fields<'n> {
    /// Its own line.
    pub(in crate::policy) line: Option<usize>,
    rows: &'n [(String, Node)],
    place: String,
}

impl<'n> Fields<'n> {
    /// The value of `key`.
    pub(in crate::policy) fn get(&self, key: &str) -> Option<&'n Node> {
        self.rows.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The name of `key` in full, for problems.
    pub(in crate::policy) fn place(&self, key: impl fmt::Display) -> String {
        if self.place.is_empty() { key.to_string() } else { format!("{}.{key}", self.place) }
    }
}

impl Problems {
    /// A table of `section`'s keys. Unknown keys are told, with the nearest known; the others can still be read.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, place: &str, section: &Section) -> Option<Fields<'n>> {
        let Value::Table(rows) = &node.value else {
            return self.wrong(node, place, "a table");
        };
        let fields = Fields { line: node.line, rows, place: place.to_owned() };
        let mut seen = HashSet::new();
        for (key, value) in rows {
            if !section.knows(key) {
                // Looking for what was meant is for those that are told.
                let message = if self.have_room() { unknown(key, section) } else { String::new() };
                self.add(value.line, fields.place(cut(key)), message);
            } else if !seen.insert(key) {
                self.add(value.line, fields.place(key), "it stands here twice");
            }
        }
        Some(fields)
    }

    /// A list of at most `max` values.
    pub(super) fn list<'n>(&mut self, node: &'n Node, place: &str, max: usize) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(list) if list.len() > max => {
                self.add(node.line, place, format!("there are {} of them; at most {max} may be", list.len()));
                None
            }
            Value::List(list) => Some(list),
            _ => self.wrong(node, place, "a list"),
        }
    }

    pub(super) fn text<'n>(&mut self, node: &'n Node, place: &str) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) => Some(text),
            _ => self.wrong(node, place, "a text"),
        }
    }

    /// A text that `parse` understands; its error is the problem's message.
    pub(super) fn parsed<T, E: fmt::Display>(
        &mut self,
        node: &Node,
        place: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(node, place)?;
        parse(text).map_err(|error| self.add(node.line, place, error.to_string())).ok()
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, node: &Node, place: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(node, place)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            let message = format!("{} is none of {}", shown(text), words.join(", "));
            self.add(node.line, place, message);
        }
        found.map(|(_, choice)| *choice)
    }

    /// Yes or no.
    pub(super) fn truth(&mut self, node: &Node, place: &str) -> Option<bool> {
        match node.value {
            Value::Boolean(truth) => Some(truth),
            _ => self.wrong(node, place, "true or false"),
        }
    }

    /// A whole number within bounds.
    pub(super) fn count(&mut self, node: &Node, place: &str, least: u64, most: u64) -> Option<u64> {
        let Value::Integer(number) = node.value else { return self.wrong(node, place, "a whole number") };
        self.bounded(node, place, number, least, most, |bound| bound.to_string())
    }

    /// Bytes, as a number or as a text such as `64MiB`, within bounds.
    pub(super) fn size(&mut self, node: &Node, place: &str, least: u64, most: u64) -> Option<u64> {
        let number = match &node.value {
            Value::Integer(number) => *number,
            Value::Text(text) => match text.parse::<ByteSize>() {
                Ok(size) => size.as_u64().into(),
                Err(_) => {
                    self.add(node.line, place, format!("{} is no size: write one as \"64MiB\" or 65536", shown(text)));
                    return None;
                }
            },
            _ => return self.wrong(node, place, "a size such as \"64MiB\" or a number of bytes"),
        };
        self.bounded(node, place, number, least, most, super::size_words)
    }

    /// An amount of money such as `0.25 USD`.
    pub(super) fn money(&mut self, node: &Node, place: &str) -> Option<Money> {
        let write = "write one as \"25 USD\" or \"0.05 USD\"";
        let parse =
            |text: &str| text.parse::<Money>().map_err(|_| format!("{} is no sum of money: {write}", shown(text)));
        self.parsed(node, place, parse)
    }

    /// A time such as `5s`, within bounds; all in nanoseconds.
    pub(super) fn duration(&mut self, node: &Node, place: &str, least: u64, most: u64) -> Option<u64> {
        let Value::Text(text) = &node.value else {
            return self.wrong(node, place, "a time such as \"5s\" or \"250ms\"");
        };
        let Ok(duration) = humantime::parse_duration(text) else {
            self.add(node.line, place, format!("{} is no time: write one as \"5s\" or \"250ms\"", shown(text)));
            return None;
        };
        let nanos = i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
        self.bounded(node, place, nanos, least, most, duration_words)
    }

    fn bounded(
        &mut self,
        node: &Node,
        place: &str,
        number: i128,
        least: u64,
        most: u64,
        words: impl Fn(u64) -> String,
    ) -> Option<u64> {
        if number > most.into() {
            self.add(node.line, place, format!("it is more than {}, the most that it can be", words(most)));
            return None;
        }
        let number = u64::try_from(number).ok().filter(|number| *number >= least);
        if number.is_none() {
            self.add(node.line, place, format!("it is less than {}, the least that it can be", words(least)));
        }
        number
    }

    /// Not of the type that the key takes.
    pub(super) fn wrong<T>(&mut self, node: &Node, place: &str, wanted: &str) -> Option<T> {
        self.add(node.line, place, format!("{wanted} belongs here, not {}", node.value.words()));
        None
    }
}

/// Nanoseconds, in words.
pub(in crate::policy) fn duration_words(nanos: u64) -> String {
    humantime::format_duration(Duration::from_nanos(nanos)).to_string()
}

fn unknown(key: &str, section: &Section) -> String {
    if let Some(successor) = section.successor(key) {
        return format!("{key:?} is called {successor:?}");
    }
    if let Some(below) = section.below(key) {
        return format!("it belongs in {}", below.title);
    }
    match nearest(key, section.names()) {
        Some(near) => format!("there is no such key; did you mean {near:?}?"),
        None => {
            let known: Vec<&str> = section.names().collect();
            format!("there is no such key; {} knows {}", section.title, known.join(", "))
        }
    }
}

/// A key as it was written, cut.
fn cut(key: &str) -> String {
    key.chars().take(80).filter(|c| !c.is_control()).collect()
}
