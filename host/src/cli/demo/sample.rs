//! Arguments that fit a schema, for a tool that the demo does not know.

use serde_json::{Map, Value, json};

/// Levels of a schema that are looked into; deeper values are left empty.
const DEPTH_MAX: usize = 8;

/// The least object that `schema` describes: its required members, each with a plausible value.
pub(super) fn arguments(schema: &Value) -> Map<String, Value> {
    match value("", schema, 0) {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn value(name: &str, schema: &Value, depth: usize) -> Value {
    let first = |key: &str| schema[key].as_array().and_then(|values| values.first()).cloned();
    if let Some(value) = first("examples").or_else(|| schema.get("default").cloned()).or_else(|| first("enum")) {
        return value;
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind {
        Some("string") if name == "name" => "Ada".into(),
        Some("string") => "hello".into(),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => false.into(),
        Some("array") => {
            let least = schema["minItems"].as_u64().unwrap_or(0).min(4);
            (0..least).map(|_| value(name, &schema["items"], depth + 1)).collect()
        }
        Some("object") if depth < DEPTH_MAX => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let member = |name: &str| (name.to_owned(), value(name, &schema["properties"][name], depth + 1));
            required.map(member).collect::<Map<_, _>>().into()
        }
        Some("object") => json!({}),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_required_gets_a_value_of_its_type() {
        let schema = json!({"type": "object", "required": ["name", "n", "tags", "kind"], "properties": {
            "name": {"type": "string"}, "n": {"type": "integer", "minimum": 3}, "more": {"type": "string"},
            "tags": {"type": "array", "minItems": 1, "items": {"type": ["string", "null"]}},
            "kind": {"enum": ["a", "b"]},
        }});
        let expected = json!({"name": "Ada", "n": 3, "tags": ["hello"], "kind": "a"});
        assert_eq!(Value::Object(arguments(&schema)), expected);
        assert!(arguments(&json!({})).is_empty());
    }
}
