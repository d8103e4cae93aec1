//! A tool's arguments, as people write them on a command line: one JSON document, a file that holds one, or
//! `name=value` pairs.

use std::path::Path;

use clap::Args;
use serde_json::{Map, Value};

use super::failure::{Failure, Result};
use super::files;
use crate::limits::CallLimits;

/// The arguments of one call.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// Arguments: name=value (text where the tool wants text, else JSON), name:=JSON, or @FILE with a JSON object
    #[arg(value_name = "ARGUMENT")]
    pairs: Vec<String>,
    /// All arguments as one JSON object; @FILE reads it from a file, @- from standard input
    #[arg(long = "args", value_name = "JSON", conflicts_with = "pairs")]
    whole: Option<String>,
}

impl Arguments {
    /// Whether a schema is needed to say what they mean: some value reads as JSON that is not text, and could be either.
    pub(super) fn need_schema(&self) -> bool {
        self.pairs.iter().any(|pair| match Pair::of(pair) {
            Some(Pair { json: false, value, .. }) => serde_json::from_str::<Value>(value).is_ok(),
            _ => false,
        })
    }

    /// The object that they are, for a tool with this input schema (nothing is known where it is null).
    pub(super) fn resolve(&self, schema: &Value) -> Result<Map<String, Value>> {
        if let Some(whole) = &self.whole {
            return object(whole);
        }
        if let [one] = self.pairs.as_slice()
            && (one.starts_with('@') || one.trim_start().starts_with('{'))
        {
            return object(one);
        }
        let mut arguments = Map::new();
        for text in &self.pairs {
            let Some(pair) = Pair::of(text) else {
                return Err(unclear(format!("the argument {text:.80?} is no name=value")));
            };
            if arguments.insert(pair.name.to_owned(), pair.value(schema)?).is_some() {
                return Err(unclear(format!("the argument {:.80?} is given twice", pair.name)));
            }
        }
        Ok(arguments)
    }
}

/// `name=value`, or `name:=JSON`.
struct Pair<'a> {
    name: &'a str,
    value: &'a str,
    json: bool,
}

impl<'a> Pair<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (name, value) = text.split_once('=')?;
        let (name, json) = name.strip_suffix(':').map_or((name, false), |name| (name, true));
        (!name.is_empty()).then_some(Self { name, value, json })
    }

    fn value(&self, schema: &Value) -> Result<Value> {
        let parsed = serde_json::from_str::<Value>(self.value);
        if self.json {
            return parsed.map_err(|error| unclear(format!("the value of {:.80} is not JSON: {error}", self.name)));
        }
        let text = || Value::String(self.value.to_owned());
        let wants_text = wants_text(&schema["properties"][self.name]);
        Ok(if wants_text { text() } else { parsed.unwrap_or_else(|_| text()) })
    }
}

/// Whether a property takes text: of its types, text is one.
fn wants_text(property: &Value) -> bool {
    match &property["type"] {
        Value::String(kind) => kind == "string",
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "string"),
        _ => property["enum"].as_array().is_some_and(|values| values.iter().any(Value::is_string)),
    }
}

/// A JSON object, or `@` and the file that holds it.
pub(super) fn object(text: &str) -> Result<Map<String, Value>> {
    let read;
    let text = match text.strip_prefix('@') {
        Some(path) => {
            read = files::text(Path::new(path), "arguments file", CallLimits::ceiling().arguments_bytes)?;
            &read
        }
        None => text,
    };
    serde_json::from_str(text).map_err(|error| unclear(format!("the arguments are no JSON object: {error}")))
}

fn unclear(message: String) -> Failure {
    Failure::usage(message, "give name=value pairs, --args '{\"name\": \"value\"}', or @FILE with a JSON object")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::exit::Exit;

    fn pairs(pairs: &[&str]) -> Arguments {
        Arguments { pairs: pairs.iter().map(ToString::to_string).collect(), whole: None }
    }

    #[test]
    fn values_are_text_where_the_tool_wants_text() {
        let schema = json!({"properties": {
            "text": {"type": "string"}, "n": {"type": "integer"}, "maybe": {"type": ["string", "null"]},
        }});
        let arguments = pairs(&["text=1", "n=2", "maybe=3", "other=true", "more=plain words", "raw:=[1]", "e=a=b"]);
        assert!(arguments.need_schema());
        let expected =
            json!({"text": "1", "n": 2, "maybe": "3", "other": true, "more": "plain words", "raw": [1], "e": "a=b"});
        assert_eq!(Value::Object(arguments.resolve(&schema).unwrap()), expected);
        assert!(!pairs(&["text=plain words", "raw:=1"]).need_schema());
    }

    #[test]
    fn one_document_or_a_file_holds_them_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("args.json");
        std::fs::write(&path, r#"{"a": 1}"#).unwrap();
        let file = format!("@{}", path.display());
        let whole = |text: &str| Arguments { pairs: Vec::new(), whole: Some(text.to_owned()) };
        for arguments in [pairs(&[&file]), pairs(&[r#"{"a": 1}"#]), whole(&file), whole(r#"{"a": 1}"#)] {
            assert_eq!(arguments.resolve(&Value::Null).unwrap(), json!({"a": 1}).as_object().unwrap().clone());
        }
        assert!(pairs(&[]).resolve(&Value::Null).unwrap().is_empty());
        for wrong in [pairs(&["x"]), pairs(&["=x"]), pairs(&["a=1", "a=2"]), pairs(&["a:=x"]), whole("[1]")] {
            assert_eq!(wrong.resolve(&Value::Null).unwrap_err().exit(), Exit::Usage);
        }
        assert_eq!(pairs(&["@/nowhere"]).resolve(&Value::Null).unwrap_err().exit(), Exit::NotFound);
    }
}
