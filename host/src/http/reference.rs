//! The OpenAPI document as it is checked in, and what has to hold of it.

use super::openapi::{api, endpoints, text};

#[test]
fn the_openapi_document_is_as_checked_in() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let made = text(&api());
    if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        std::fs::write(path, &made).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert!(checked_in == made, "run this test with UPDATE=1 to bless docs/openapi.json");
}

#[test]
fn every_operation_is_documented_and_has_a_problem() {
    let document = serde_json::to_value(api()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(names.insert(operation["operationId"].as_str().unwrap()), "{place}");
            assert!(operation["summary"].is_string() && operation["description"].is_string(), "{place}");
            assert!(operation["description"].as_str().unwrap().contains("Scopes:"), "{place}");
            assert!(operation["responses"]["default"].is_object(), "{place}");
            let named = path.matches('{').count();
            let parameters = operation["parameters"].as_array();
            let given = parameters.map_or(0, |all| all.iter().filter(|one| one["in"] == "path").count());
            assert_eq!(given, named, "{place}");
        }
    }
    assert_eq!(endpoints().len(), 65);
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    let document = serde_json::to_value(api()).unwrap();
    let mut wanted = Vec::new();
    references(&document, &mut wanted);
    assert!(!wanted.is_empty());
    for reference in wanted {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
}

fn references(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        serde_json::Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(|reference| reference.as_str()).map(str::to_owned));
            fields.values().for_each(|field| references(field, found));
        }
        _ => {}
    }
}
