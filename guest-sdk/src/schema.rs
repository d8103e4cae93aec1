//! JSON Schemas from types, as small as they can be: every agent that lists tools reads them, and pays for them.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// The schema of a tool's arguments. Its root is an object's.
pub(crate) fn of_arguments<T: JsonSchema>() -> String {
    let mut schema = root::<T>(SchemaSettings::draft2020_12().for_deserialize());
    // An enum whose variants are objects says so in each variant only; the contract wants it at the root.
    if schema.get("type").is_none() {
        schema.insert("type".to_owned(), "object".into());
    }
    schema.to_value().to_string()
}

/// The schema of a tool's answer; absent where its type says nothing of its form.
pub(crate) fn of_answer<T: JsonSchema>() -> Option<String> {
    let schema = root::<T>(SchemaSettings::draft2020_12().for_serialize());
    match schema.to_value() {
        Value::Object(object) if object.is_empty() => None,
        Value::Object(object) => Some(Value::Object(object).to_string()),
        _ => None,
    }
}

fn root<T: JsonSchema>(mut settings: SchemaSettings) -> Schema {
    // 2020-12 is what the contract says anyway.
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    // The Rust type's name means nothing to an agent.
    schema.remove("title");
    schema
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Range {
        /// Where it begins.
        from: u32,
        #[serde(default)]
        to: Option<u32>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "shape", rename_all = "kebab-case")]
    #[expect(dead_code, reason = "only its schema is read")]
    enum Shape {
        Circle { radius: f64 },
        Square { side: f64 },
    }

    fn arguments<T: JsonSchema>() -> Value {
        serde_json::from_str(&of_arguments::<T>()).unwrap()
    }

    #[test]
    fn a_schema_says_what_the_type_says_and_no_more() {
        let schema = arguments::<Range>();
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["required"], json!(["from"]));
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["from"]["description"], "Where it begins.");
        assert!(schema.get("title").is_none() && schema.get("$schema").is_none(), "{schema}");
    }

    #[test]
    fn the_root_of_arguments_is_an_object_even_for_an_enum() {
        assert_eq!(arguments::<Shape>()["type"], "object");
        assert!(arguments::<Shape>()["oneOf"].is_array());
    }

    #[test]
    fn an_answer_of_any_form_has_no_schema() {
        assert_eq!(of_answer::<Value>(), None);
        assert!(of_answer::<u64>().unwrap().contains("integer"));
        let answer: Value = serde_json::from_str(&of_answer::<Range>().unwrap()).unwrap();
        assert_eq!(answer["required"], json!(["from", "to"]), "an answer always holds both");
    }
}
