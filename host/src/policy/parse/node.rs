//! A policy's text as a tree that remembers its lines, TOML and JSON alike, before anything in it is checked.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::policy::problem::Problems;

/// A value and where it stands.
#[derive(Debug)]
pub(in crate::policy) struct Node {
    pub(in crate::policy) line: Option<usize>,
    pub(in crate::policy) value: Value,
}

/// What a policy can be written with.
#[derive(Debug)]
pub(in crate::policy) enum Value {
    Text(String),
    /// Wide enough for what either format can write.
    Integer(i128),
    Boolean(bool),
    /// A number with a fraction, as it is written.
    Fraction(String),
    List(Vec<Node>),
    /// In the order written; JSON lets a key stand twice.
    Table(Vec<(String, Node)>),
    /// What no key takes, in words.
    Other(&'static str),
}

impl Value {
    /// What it is, in words.
    pub(in crate::policy) fn words(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a whole number",
            Self::Boolean(_) => "true or false",
            Self::Fraction(_) => "a number with a fraction",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(words) => words,
        }
    }
}

/// Reads TOML. Its parser bounds nesting and recovers, so that every slip is told; what it recovered is not used.
pub(super) fn from_toml(text: &str, problems: &mut Problems) -> Option<Node> {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = error.span().map(|span| lines.at(span.start));
        problems.add(line, "", format!("this is not TOML: {}", error.message().replace('\n', ", ")));
    }
    errors.is_empty().then(|| Node { line: Some(1), value: table_of(table.into_inner(), &lines) })
}

/// Reads JSON; its parser bounds nesting.
pub(super) fn from_json(text: &str, problems: &mut Problems) -> Option<Node> {
    match serde_json::from_str(text) {
        Ok(node) => Some(node),
        Err(error) => {
            problems.add(Some(error.line()), "", format!("this is not JSON: {error}"));
            None
        }
    }
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    /// The line of the byte at `offset`, counted from one.
    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset) + 1
    }
}

fn table_of(table: DeTable<'_>, lines: &Lines) -> Value {
    let row = |(key, value): (Spanned<_>, _)| {
        let line = lines.at(key.span().start);
        let mut node = node_of(value, lines);
        // A key's own line is what people look for; a table's span may begin elsewhere.
        node.line = Some(line);
        (std::borrow::Cow::into_owned(key.into_inner()), node)
    };
    Value::Table(table.into_iter().map(row).collect())
}

fn node_of(value: Spanned<DeValue<'_>>, lines: &Lines) -> Node {
    let line = Some(lines.at(value.span().start));
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Other("a number beyond all bounds"),
        },
        DeValue::Float(number) => Value::Fraction(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Value::Boolean(truth),
        DeValue::Datetime(_) => Value::Other("a date or time"),
        DeValue::Array(list) => Value::List(list.into_iter().map(|value| node_of(value, lines)).collect()),
        DeValue::Table(table) => table_of(table, lines),
    };
    Node { line, value }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
                Ok(Value::Boolean(truth))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Integer(number.into()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
                Ok(Value::Integer(number.into()))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
                // The shortest text that is this number: what was written, where it had as few digits as are taken.
                Ok(Value::Fraction(format!("{number:?}")))
            }
            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Other("null"))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Value, A::Error> {
                let mut list = Vec::new();
                while let Some(node) = rows.next_element()? {
                    list.push(node);
                }
                Ok(Value::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut rows: A) -> Result<Value, A::Error> {
                let mut table = Vec::new();
                while let Some(row) = rows.next_entry()? {
                    table.push(row);
                }
                Ok(Value::Table(table))
            }
        }
        Ok(Self { line: None, value: deserializer.deserialize_any(Any)? })
    }
}
