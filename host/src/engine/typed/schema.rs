//! JSON Schema (2020-12) of WIT types.

use serde_json::{Map, Value, json};

use super::{Named, Shape, Signature};

/// What the arguments of a function have to be: an object with a member for each parameter.
pub fn input(signature: &Signature) -> Value {
    record(&signature.parameters)
}

/// What its answer is, where that is JSON; a `string` is text, and nothing is nothing.
pub fn output(signature: &Signature) -> Option<Value> {
    signature.success().filter(|shape| **shape != Shape::String).map(of)
}

/// What a value of the type is in JSON.
pub fn of(shape: &Shape) -> Value {
    match shape {
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Int(int) => {
            let (least, greatest) = int.range();
            // Both fit: the greatest is that of u64.
            let bound = |bound: i128| u64::try_from(bound).map_or_else(|_| json!(bound as i64), |bound| json!(bound));
            let mut schema = json!({"type": "integer", "minimum": bound(least), "maximum": bound(greatest)});
            if int.is_wide() {
                schema["type"] = json!(["integer", "string"]);
                schema["pattern"] = json!(if least < 0 { "^(0|-?[1-9][0-9]*)$" } else { "^(0|[1-9][0-9]*)$" });
            }
            schema
        }
        Shape::F32 => float(&json!({"type": "number", "minimum": f32::MIN, "maximum": f32::MAX})),
        Shape::F64 => float(&json!({"type": "number"})),
        Shape::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
        Shape::String => json!({"type": "string"}),
        Shape::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
        Shape::List(item) => json!({"type": "array", "items": of(item)}),
        Shape::FixedList(item, length) => {
            json!({"type": "array", "items": of(item), "minItems": length, "maxItems": length})
        }
        Shape::Map(key, value) if **key == Shape::String => {
            json!({"type": "object", "additionalProperties": of(value)})
        }
        Shape::Map(key, value) => json!({"type": "array", "items": tuple(&[of(key), of(value)])}),
        Shape::Tuple(items) => tuple(&items.iter().map(of).collect::<Vec<_>>()),
        Shape::Record(fields) => record(fields),
        Shape::Variant(cases) => json!({"oneOf": cases.iter().map(case).collect::<Vec<_>>()}),
        Shape::Enum(cases) => documented(json!({"type": "string", "enum": names(cases)}), &listed(cases)),
        Shape::Flags(flags) => documented(
            json!({"type": "array", "items": {"type": "string", "enum": names(flags)}, "uniqueItems": true}),
            &listed(flags),
        ),
        Shape::Option(some) => {
            let some = match **some {
                // Nothing at all, and something that is nothing, are two things.
                Shape::Option(_) => member("some", &of(some), ""),
                _ => of(some),
            };
            json!({"anyOf": [some, {"type": "null"}]})
        }
        Shape::Result(ok, err) => {
            let payload = |shape: &Option<Box<Shape>>| shape.as_deref().map_or_else(|| json!({"type": "null"}), of);
            json!({"oneOf": [member("ok", &payload(ok), ""), member("err", &payload(err), "")]})
        }
    }
}

/// JSON has no word for what is not a number, and none for what is greater than every one.
fn float(number: &Value) -> Value {
    json!({"anyOf": [number, {"enum": ["NaN", "Infinity", "-Infinity"]}]})
}

fn tuple(items: &[Value]) -> Value {
    json!({"type": "array", "prefixItems": items, "items": false, "minItems": items.len(), "maxItems": items.len()})
}

fn record(fields: &[Named<Shape>]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name.clone(), documented(of(&field.of), &field.docs))).collect();
    let required: Vec<&str> =
        fields.iter().filter(|field| !matches!(field.of, Shape::Option(_))).map(|field| field.name.as_str()).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn case(case: &Named<Option<Shape>>) -> Value {
    match &case.of {
        None => documented(json!({"const": case.name}), &case.docs),
        Some(shape) => member(&case.name, &of(shape), &case.docs),
    }
}

/// An object with one member.
fn member(name: &str, schema: &Value, docs: &str) -> Value {
    let object =
        json!({"type": "object", "properties": {name: schema}, "required": [name], "additionalProperties": false});
    documented(object, docs)
}

fn documented(mut schema: Value, docs: &str) -> Value {
    if !docs.is_empty() {
        schema["description"] = json!(docs);
    }
    schema
}

fn names(named: &[Named<()>]) -> Vec<&str> {
    named.iter().map(|named| named.name.as_str()).collect()
}

/// What is said of each of them, in one text.
fn listed(named: &[Named<()>]) -> String {
    let lines = named.iter().filter(|named| !named.docs.is_empty());
    lines.map(|named| format!("{}: {}", named.name, named.docs)).collect::<Vec<_>>().join("\n")
}
