//! What is counted, against what a validator does.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::registry::SchemaCheck;

fn visits(schema: &Value) -> Result<Visits, String> {
    Visits::of(schema, |_| PATTERN_BYTES)
}

/// The least number of visits that is enough for `value`.
fn count(schema: &Value, value: &Value) -> u64 {
    let visits = visits(schema).unwrap();
    let enough = (0..1 << 20).collect::<Vec<u64>>();
    enough.partition_point(|max| !visits.fit(value, *max)) as u64
}

/// `levels` schemas, each of which asks for the next `width` times, in place or of each member.
fn fan(levels: usize, width: usize, keyword: &str) -> Value {
    let next = |level: usize| json!({"$ref": format!("#/$defs/{}", level + 1)});
    let level = |level: usize| match keyword {
        "properties" => (0..width).map(|n| (format!("p{n}"), next(level))).collect::<Map<_, _>>().into(),
        _ => Value::from(vec![next(level); width]),
    };
    let mut defs: Map<_, _> = (0..levels).map(|n| (n.to_string(), json!({keyword: level(n)}))).collect();
    defs.insert(levels.to_string(), json!({"type": "object"}));
    json!({"type": "object", "$ref": "#/$defs/0", "$defs": defs})
}

#[test]
fn a_fan_of_references_is_refused_and_a_list_of_them_is_not() {
    for keyword in ["allOf", "anyOf", "oneOf", "prefixItems", "properties"] {
        let why = visits(&fan(5, 200, keyword)).unwrap_err();
        assert!(why.contains("more than 10000 steps"), "{keyword}: {why}");
        assert!(visits(&fan(1, 200, keyword)).is_ok(), "{keyword}");
    }
    let chain = visits(&fan(DEPTH_MAX, 1, "allOf")).unwrap_err();
    assert!(chain.contains("levels"), "{chain}");
    assert!(visits(&fan(100, 1, "allOf")).is_ok());
}

#[test]
fn what_does_not_stand_by_itself_is_refused_with_the_word_for_it() {
    for (schema, word) in [
        (json!({"$dynamicRef": "#meta"}), "$dynamicRef"),
        (json!({"allOf": [{"$recursiveRef": "#"}]}), "$recursiveRef"),
        (json!({"$defs": {"a": {"$id": "x", "$ref": "#/$defs/b"}}}), "$id"),
        (json!({"properties": {"a": {"$schema": "http://json-schema.org/draft-07/schema#"}}}), "$schema"),
        (json!({"$ref": "https://example.com/x"}), "https://example.com/x"),
        (json!({"$ref": "#name"}), "#name"),
        (json!({"$ref": "#/$defs/none"}), "#/$defs/none"),
        (
            json!({"patternProperties": (0..65).map(|n| (n.to_string(), json!(true))).collect::<Map<_, _>>()}),
            "64 patterns",
        ),
    ] {
        let why = visits(&schema).unwrap_err();
        assert!(why.contains(word), "{why}");
    }
    // A property may have any name, and a schema a name of its own for others.
    let named = json!({"$id": "https://example.com/x", "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": {"$id": {"type": "string"}, "$ref": {"type": "string"}, "a b": {"$ref": "#/properties/a%20b"}}});
    assert!(SchemaCheck::of(&named).is_ok());
}

#[test]
fn each_value_costs_what_it_makes_a_validator_do() {
    let tree = json!({"$ref": "#/$defs/t", "$defs": {"t": {"type": "object", "properties": {
        "left": {"$ref": "#/$defs/t"}, "right": {"$ref": "#/$defs/t"}}}}});
    let nested = |depth: usize| (0..depth).fold(json!({}), |inner, _| json!({"left": inner}));
    assert!(count(&tree, &nested(50)) < 400);

    // The same, where one member is held to it twice: twice as much with each level.
    let doubling = json!({"$ref": "#/$defs/t", "$defs": {"t": {"allOf": [
        {"properties": {"left": {"$ref": "#/$defs/t"}}}, {"properties": {"left": {"$ref": "#/$defs/t"}}}]}}});
    assert!(count(&doubling, &nested(4)) < 500);
    assert!(!visits(&doubling).unwrap().fit(&nested(100), 1_000_000));

    let long = "x".repeat(160_000);
    assert!(count(&json!({"pattern": "^x*$"}), &json!(long)) > 10_000);
    assert!(count(&json!({"propertyNames": {"pattern": "^x*$"}}), &json!({long.as_str(): 1})) > 10_000);
    assert!(count(&json!({"enum": (0..1_000).collect::<Vec<_>>()}), &json!(1)) > 1_000);
    let items: Vec<_> = (0..1_000).collect();
    assert!(count(&json!({"items": {"allOf": vec![json!({"type": "string"}); 100]}}), &json!(items)) > 100_000);
}

#[test]
fn a_way_as_long_as_may_be_is_walked_on_a_small_stack() {
    let tree = json!({"$ref": "#/$defs/a", "$defs": {
        "a": {"anyOf": [{"$ref": "#/$defs/b"}, {"type": "null"}]},
        "b": {"type": "object", "properties": {"x": {"$ref": "#/$defs/a"}}}}});
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!({"x": inner}));
    let check = SchemaCheck::of(&tree).unwrap();
    let deepest = (1..).take_while(|depth| check.can_check(&nested(*depth), 1 << 20)).last().unwrap();
    assert!(deepest > 100, "as deep as JSON may be, nearly: {deepest}");
    let walk = move || {
        let value = nested(deepest);
        assert!(!check.is_valid(&value) && check.validate(&value).is_err() && check.faults(&value).count() > 0);
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(walk).unwrap().join().unwrap();
}

fn schemas() -> impl Strategy<Value = Value> {
    let to = || prop::sample::select(vec!["#", "#/$defs/a", "#/$defs/b"]).prop_map(|to| json!({"$ref": to}));
    let leaf =
        prop_oneof![to(), Just(json!({"type": "object"})), Just(json!(false)), Just(json!({"uniqueItems": true}))];
    let inner = leaf.prop_recursive(3, 12, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            (prop::sample::select(vec!["allOf", "anyOf", "oneOf", "prefixItems"]), list)
                .prop_map(|(keyword, list)| json!({keyword: list})),
            (
                prop::sample::select(vec![
                    "not",
                    "items",
                    "contains",
                    "additionalProperties",
                    "unevaluatedProperties",
                    "unevaluatedItems",
                    "propertyNames"
                ]),
                inner.clone()
            )
                .prop_map(|(keyword, schema)| json!({keyword: schema})),
            (inner.clone(), inner.clone())
                .prop_map(|(a, x)| json!({"properties": {"a": a}, "allOf": [x], "unevaluatedProperties": false})),
        ]
    });
    (inner.clone(), inner.clone(), inner).prop_map(|(root, a, b)| json!({"allOf": [root], "$defs": {"a": a, "b": b}}))
}

fn values_of_any_shape() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(json!(1)), Just(json!("x")), Just(Value::Null)];
    leaf.prop_recursive(12, 60, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    /// What is let through is checked in time, in every way in which it is.
    #[test]
    fn hostile_schemas_take_no_longer_than_was_counted(schema in schemas(), value in values_of_any_shape()) {
        let Ok(check) = SchemaCheck::of(&schema) else { return Ok(()) };
        if !check.can_check(&value, 20_000) {
            return Ok(());
        }
        let began = Instant::now();
        let valid = check.is_valid(&value);
        prop_assert_eq!(check.validate(&value).is_ok(), valid);
        prop_assert_eq!(check.faults(&value).next().is_none(), valid);
        let took = began.elapsed();
        prop_assert!(took < Duration::from_millis(500), "{took:?}: {schema} of {value}");
    }
}
