//! Checking what a component says of its tools, before anyone else reads it: agents choose by it, and arguments are
//! checked against it on every call.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::inspect::Rejection;
use super::schema::SchemaCheck;
use crate::engine::output::{Hints, RawDefinition};
use crate::id::DefinitionName;

/// Definitions in one component.
pub const DEFINITIONS_MAX: usize = 64;
/// A title, in bytes.
pub const TITLE_BYTES_MAX: usize = 200;
/// A description, in bytes: every agent that lists tools reads it, and pays for it.
pub const DESCRIPTION_BYTES_MAX: usize = 8 << 10;
/// A schema, in bytes of JSON text.
pub const SCHEMA_BYTES_MAX: usize = 64 << 10;
/// All definitions of a component together, in bytes of text. They are in memory wherever a version runs it, and what is read
/// of a schema takes some ten times its text.
pub const ALL_BYTES_MAX: usize = 256 << 10;
/// Levels of objects and lists in a schema.
pub const SCHEMA_DEPTH_MAX: usize = 32;

/// One tool of a component, as it was admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Unique within the component.
    pub name: DefinitionName,
    /// A short name for people.
    pub title: Option<String>,
    /// What it does and when to use it.
    pub description: String,
    /// JSON Schema (2020-12) of the arguments, which are an object.
    pub input_schema: Value,
    /// JSON Schema of its `json` answer, where it gives one.
    pub output_schema: Option<Value>,
    /// What it claims of its effects.
    pub hints: Hints,
}

/// Checks all of them.
///
/// # Errors
///
/// With every reason that is found, each naming the tool.
pub(super) fn check(raw: Vec<RawDefinition>) -> Result<Vec<Definition>, Rejection> {
    if raw.is_empty() {
        return Err(Rejection::because("it describes no tool"));
    }
    if raw.len() > DEFINITIONS_MAX {
        return Err(Rejection::because(format!(
            "it describes {} tools; the limit is {DEFINITIONS_MAX}: split it into several components",
            raw.len()
        )));
    }
    let all = raw.iter().map(bytes).sum::<usize>();
    if all > ALL_BYTES_MAX {
        return Err(Rejection::because(format!(
            "its tools' descriptions and schemas have {all} bytes together; the limit is {ALL_BYTES_MAX}: shorten them, or \
             split it into several components"
        )));
    }
    let mut reasons = Vec::new();
    let mut names = BTreeSet::new();
    let mut definitions = Vec::new();
    for raw in raw {
        let before = reasons.len();
        let name = raw.name.parse::<DefinitionName>().map_err(|invalid| reasons.push(invalid.to_string()));
        let shown: String = raw.name.chars().take(80).collect();
        let mut complain = |what: String| reasons.push(format!("tool {shown:?}: {what}"));

        if let Ok(name) = &name
            && !names.insert(name.clone())
        {
            complain("described twice".to_owned());
        }
        if let Some(title) = &raw.title {
            text("title", title, TITLE_BYTES_MAX, false, &mut complain);
        }
        if raw.description.trim().is_empty() {
            complain("it has no description; say what it does and when to use it".to_owned());
        }
        text("description", &raw.description, DESCRIPTION_BYTES_MAX, true, &mut complain);
        let input_schema = schema("input schema", &raw.input_schema).map_err(&mut complain);
        if let Ok(schema) = &input_schema
            && schema.get("type").and_then(Value::as_str) != Some("object")
        {
            complain("the input schema's root needs \"type\": \"object\": arguments are an object".to_owned());
        }
        let output_schema =
            raw.output_schema.map(|text| schema("output schema", &text)).transpose().map_err(&mut complain);
        if let (Ok(name), Ok(input_schema), Ok(output_schema)) = (name, input_schema, output_schema)
            && reasons.len() == before
        {
            let (title, description, hints) = (raw.title, raw.description, raw.hints);
            definitions.push(Definition { name, title, description, input_schema, output_schema, hints });
        }
    }
    if reasons.is_empty() { Ok(definitions) } else { Err(Rejection::new(reasons)) }
}

fn bytes(raw: &RawDefinition) -> usize {
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    raw.name.len()
        + raw.description.len()
        + raw.input_schema.len()
        + optional(&raw.title)
        + optional(&raw.output_schema)
}

fn text(what: &str, text: &str, bytes_max: usize, lines: bool, complain: &mut impl FnMut(String)) {
    if text.len() > bytes_max {
        complain(format!("its {what} has {} bytes; the limit is {bytes_max}", text.len()));
    }
    if let Some(hidden) = text.chars().find(|c| is_hidden(*c) && !(lines && matches!(c, '\n' | '\t'))) {
        complain(format!("its {what} holds the character U+{:04X}, which people do not see", u32::from(hidden)));
    }
}

/// Control characters move a terminal's cursor; the others reverse, join or carry text that a reviewer does not see and
/// a model does.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

fn schema(what: &str, text: &str) -> Result<Value, String> {
    if text.len() > SCHEMA_BYTES_MAX {
        return Err(format!("its {what} has {} bytes; the limit is {SCHEMA_BYTES_MAX}", text.len()));
    }
    let schema: Value = serde_json::from_str(text).map_err(|error| format!("its {what} is not JSON: {error}"))?;
    if !schema.is_object() {
        return Err(format!("its {what} is not a JSON object"));
    }
    if depth(&schema) > SCHEMA_DEPTH_MAX {
        return Err(format!("its {what} nests deeper than {SCHEMA_DEPTH_MAX} levels"));
    }
    match SchemaCheck::of(&schema) {
        Ok(_) => Ok(schema),
        Err(why) => Err(format!("its {what} {why}")),
    }
}

/// Levels; the text's size and the parser's own limit bound the recursion.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(name: &str) -> RawDefinition {
        RawDefinition {
            name: name.to_owned(),
            title: None,
            description: "Counts the words in a text.\nUse it for texts.".to_owned(),
            input_schema: r#"{"type":"object","properties":{"text":{"type":"string","pattern":"^a+$"}}}"#.to_owned(),
            output_schema: Some(r##"{"$ref":"#/$defs/n","$defs":{"n":{"type":"integer"}}}"##.to_owned()),
            hints: Hints::default(),
        }
    }

    fn reasons(raw: Vec<RawDefinition>) -> String {
        check(raw).unwrap_err().reasons.join("\n")
    }

    #[test]
    fn good_definitions_are_taken_up_to_the_limit() {
        let many = |count: usize| (0..count).map(|n| raw(&format!("tool-{n}"))).collect();
        assert_eq!(check(many(DEFINITIONS_MAX)).unwrap().len(), DEFINITIONS_MAX);
        assert!(reasons(many(DEFINITIONS_MAX + 1)).contains("65 tools"));
        assert!(reasons(vec![]).contains("no tool"));
    }

    /// Rejected: each within its limit, and all of them together past theirs.
    #[test]
    fn hostile_definitions_that_are_large_together_are_refused() {
        let large = |count: usize| -> Vec<RawDefinition> {
            let zeros = format!(r#"{{"type":"object","x":[{}0]}}"#, "0,".repeat((SCHEMA_BYTES_MAX - 40) / 2));
            (0..count).map(|n| RawDefinition { input_schema: zeros.clone(), ..raw(&format!("tool-{n}")) }).collect()
        };
        assert_eq!(check(large(3)).unwrap().len(), 3);
        assert!(reasons(large(4)).contains("together; the limit is 262144"));
    }

    #[test]
    fn each_fault_is_named_with_its_tool() {
        let fault = |change: fn(&mut RawDefinition), words: &str| {
            let mut faulty = raw("count");
            change(&mut faulty);
            let reasons = reasons(vec![raw("fine"), faulty]);
            assert!(reasons.contains(words), "{reasons}");
            assert!(!reasons.contains("fine"), "{reasons}");
            assert!(reasons.len() < 2_000);
        };
        fault(|d| d.name = "Count".to_owned(), "\"Count\"");
        fault(|d| d.name = "x".repeat(1 << 17), "tool name");
        fault(|d| d.title = Some("x".repeat(TITLE_BYTES_MAX + 1)), "title has 201 bytes");
        fault(|d| d.title = Some("two\nlines".to_owned()), "U+000A");
        fault(|d| d.description = " ".to_owned(), "no description");
        fault(|d| d.description = "x".repeat(DESCRIPTION_BYTES_MAX + 1), "description has 8193 bytes");
        fault(|d| d.description.push('\u{202e}'), "U+202E");
        fault(|d| d.description.push('\u{1b}'), "U+001B");
        fault(|d| d.input_schema = "{".to_owned(), "not JSON");
        fault(|d| d.input_schema = "true".to_owned(), "not a JSON object");
        fault(|d| d.input_schema = "{}".to_owned(), "\"type\": \"object\"");
        fault(|d| d.input_schema = r#"{"type":"objct"}"#.to_owned(), "not a JSON Schema");
        fault(
            |d| d.input_schema = r#"{"type":"object","$ref":"https://example.com/x"}"#.to_owned(),
            "stands by itself",
        );
        fault(|d| d.input_schema = r##"{"type":"object","$ref":"#/$defs/x"}"##.to_owned(), "stands by itself");
        fault(
            |d| d.input_schema = r#"{"type":"object","properties":{"a":{"pattern":"(a"}}}"#.to_owned(),
            "JSON Schema",
        );
        fault(|d| d.output_schema = Some("[]".to_owned()), "output schema is not a JSON object");
        fault(
            |d| d.input_schema = format!(r#"{{"type":"object","title":"{}"}}"#, "x".repeat(SCHEMA_BYTES_MAX)),
            "limit is 65536",
        );
        fault(
            |d| d.input_schema = format!(r#"{{"type":"object","x":{}{}}}"#, "[".repeat(40), "]".repeat(40)),
            "deeper",
        );
        fault(|d| d.input_schema = "[".repeat(60_000), "not JSON");
    }

    #[test]
    fn a_name_is_described_once() {
        assert!(reasons(vec![raw("count"), raw("count")]).contains("described twice"));
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_described_never_panics(name: String, title: Option<String>, description: String, schema: String) {
            let hostile = RawDefinition { name, title, description, input_schema: schema.clone(), output_schema: Some(schema), ..raw("x") };
            if let Err(rejection) = check(vec![hostile]) {
                proptest::prop_assert!(!rejection.reasons.is_empty());
                proptest::prop_assert!(rejection.reasons.iter().all(|r| r.len() < 700 && !r.contains(char::is_control)));
            }
        }
    }

    #[test]
    fn a_pattern_that_would_grow_without_end_is_refused() {
        let mut bomb = raw("count");
        bomb.input_schema = r#"{"type":"object","properties":{"a":{"pattern":"((a{500}){500}){500}"}}}"#.to_owned();
        assert!(reasons(vec![bomb]).contains("JSON Schema"));
    }
}
