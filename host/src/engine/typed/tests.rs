mod fuzz;
mod table;

use proptest::prelude::*;
use serde_json::{Value, json};
use wasmtime::component::Val;

use super::*;
use crate::registry::SchemaCheck;

const ROOM: u64 = 1 << 20;

fn one(shape: Shape) -> Vec<Named<Shape>> {
    vec![Named::new("value", shape)]
}

/// Reads `json` as a parameter's value.
fn read_one(shape: &Shape, json: &Value) -> Result<Val, Misfit> {
    read(&one(shape.clone()), &json!({"value": json}), ROOM).map(|mut values| values.remove(0))
}

fn written(shape: &Shape, value: &Val) -> Value {
    serde_json::from_str(&write(shape, value, ROOM).unwrap().unwrap()).unwrap()
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("name-{number}")).collect()
}

fn leaf() -> impl Strategy<Value = Shape> {
    let ints = [Int::U8, Int::U16, Int::U32, Int::U64, Int::S8, Int::S16, Int::S32, Int::S64];
    let named = |count| names(count).into_iter().map(|name| Named::new(name, ())).collect();
    prop_oneof![
        Just(Shape::Bool),
        proptest::sample::select(ints.to_vec()).prop_map(Shape::Int),
        Just(Shape::F32),
        Just(Shape::F64),
        Just(Shape::Char),
        Just(Shape::String),
        Just(Shape::Bytes),
        (1_usize..5).prop_map(move |count| Shape::Enum(named(count))),
        (1_usize..5).prop_map(move |count| Shape::Flags(named(count))),
    ]
}

fn shapes() -> impl Strategy<Value = Shape> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let optional = proptest::option::of(boxed.clone());
        let keys = prop_oneof![Just(Shape::String), Just(Shape::Char), Just(Shape::Int(Int::U64)), Just(Shape::Bool)];
        let named = |shapes: Vec<Shape>| {
            names(shapes.len()).into_iter().zip(shapes).map(|(name, shape)| Named::new(name, shape)).collect()
        };
        let cases = |shapes: Vec<Option<Shape>>| {
            names(shapes.len()).into_iter().zip(shapes).map(|(name, shape)| Named::new(name, shape)).collect()
        };
        // What is a list of bytes is `Bytes`.
        let items = boxed.clone().prop_filter("bytes", |item| **item != Shape::Int(Int::U8));
        prop_oneof![
            items.clone().prop_map(Shape::List),
            (boxed.clone(), 1_u32..4).prop_map(|(item, length)| Shape::FixedList(item, length)),
            (keys.prop_map(Box::new), boxed.clone()).prop_map(|(key, value)| Shape::Map(key, value)),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Shape::Tuple),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(move |shapes| Shape::Record(named(shapes))),
            proptest::collection::vec(proptest::option::of(inner), 1..4)
                .prop_map(move |shapes| Shape::Variant(cases(shapes))),
            boxed.prop_map(Shape::Option),
            (optional.clone(), optional).prop_map(|(ok, err)| Shape::Result(ok, err)),
        ]
    })
}

/// Values of the type of `shape`.
fn values(shape: &Shape) -> BoxedStrategy<Val> {
    let some = |shape: &Option<Box<Shape>>| match shape {
        Some(shape) => values(shape).prop_map(|value| Some(Box::new(value))).boxed(),
        None => Just(None).boxed(),
    };
    let all = |shapes: &mut dyn Iterator<Item = &Shape>| shapes.map(values).collect::<Vec<_>>();
    match shape {
        Shape::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        Shape::Int(Int::U8) => any::<u8>().prop_map(Val::U8).boxed(),
        Shape::Int(Int::U16) => any::<u16>().prop_map(Val::U16).boxed(),
        Shape::Int(Int::U32) => any::<u32>().prop_map(Val::U32).boxed(),
        Shape::Int(Int::U64) => any::<u64>().prop_map(Val::U64).boxed(),
        Shape::Int(Int::S8) => any::<i8>().prop_map(Val::S8).boxed(),
        Shape::Int(Int::S16) => any::<i16>().prop_map(Val::S16).boxed(),
        Shape::Int(Int::S32) => any::<i32>().prop_map(Val::S32).boxed(),
        Shape::Int(Int::S64) => any::<i64>().prop_map(Val::S64).boxed(),
        Shape::F32 => proptest::num::f32::ANY.prop_map(Val::Float32).boxed(),
        Shape::F64 => proptest::num::f64::ANY.prop_map(Val::Float64).boxed(),
        Shape::Char => any::<char>().prop_map(Val::Char).boxed(),
        Shape::String => any::<String>().prop_map(Val::String).boxed(),
        Shape::Bytes => proptest::collection::vec(any::<u8>().prop_map(Val::U8), 0..9).prop_map(Val::List).boxed(),
        Shape::List(item) => proptest::collection::vec(values(item), 0..4).prop_map(Val::List).boxed(),
        Shape::FixedList(item, length) => {
            proptest::collection::vec(values(item), *length as usize).prop_map(Val::FixedLengthList).boxed()
        }
        Shape::Map(key, value) => {
            let pairs = proptest::collection::vec((values(key), values(value)), 0..4);
            // In the order of a JSON object's members, and each key once.
            let sorted = |mut pairs: Vec<(Val, Val)>| {
                pairs.sort_by_key(|(key, _)| match key {
                    Val::String(text) => text.clone(),
                    other => format!("{other:?}"),
                });
                pairs.dedup_by(|(one, _), (other, _)| one == other);
                Val::Map(pairs)
            };
            pairs.prop_map(sorted).boxed()
        }
        Shape::Tuple(shapes) => all(&mut shapes.iter()).prop_map(Val::Tuple).boxed(),
        Shape::Record(fields) => {
            let names: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
            let values = all(&mut fields.iter().map(|field| &field.of));
            values.prop_map(move |values| Val::Record(names.iter().cloned().zip(values).collect())).boxed()
        }
        Shape::Variant(cases) => {
            let case = |case: &Named<Option<Shape>>| {
                let (name, payload) = (case.name.clone(), some(&case.of.clone().map(Box::new)));
                payload.prop_map(move |payload| Val::Variant(name.clone(), payload)).boxed()
            };
            proptest::strategy::Union::new(cases.iter().map(case)).boxed()
        }
        Shape::Enum(cases) => {
            let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
            proptest::sample::select(names).prop_map(Val::Enum).boxed()
        }
        Shape::Flags(flags) => {
            let names: Vec<String> = flags.iter().map(|flag| flag.name.clone()).collect();
            proptest::sample::subsequence(names.clone(), 0..=names.len()).prop_map(Val::Flags).boxed()
        }
        Shape::Option(shape) => {
            let some = values(shape).prop_map(|value| Val::Option(Some(Box::new(value))));
            prop_oneof![Just(Val::Option(None)), some].boxed()
        }
        Shape::Result(ok, err) => {
            prop_oneof![some(ok).prop_map(|ok| Val::Result(Ok(ok))), some(err).prop_map(|err| Val::Result(Err(err)))]
                .boxed()
        }
    }
}

/// Any JSON, also such as nobody means well with.
fn hostile() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9-]{0,8}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("name-0")),
    ];
    leaf.prop_recursive(5, 32, 4, |inner| {
        let name = prop_oneof!["name-[0-3]", Just("ok".to_owned()), Just("err".to_owned()), Just("some".to_owned())];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// What is written reads back as the same value, and is what the schema says.
    #[test]
    fn values_go_there_and_back(
        (shape, value) in shapes().prop_flat_map(|shape| { let values = values(&shape); (Just(shape), values) }),
    ) {
        let json = written(&shape, &value);
        prop_assert_eq!(read_one(&shape, &json), Ok(value), "{} as {}", shape, json);
        let schema = schema::of(&shape);
        prop_assert!(SchemaCheck::of(&schema).unwrap().is_valid(&json), "{json} of {schema}");
    }

    /// What is no value says where it is none, and what the schema refuses is not read; neither panics.
    #[test]
    fn hostile_json_is_read_or_refused_with_its_place(shape in shapes(), json in hostile()) {
        let schema = SchemaCheck::of(&schema::of(&shape)).unwrap();
        match read_one(&shape, &json) {
            Ok(value) => {
                prop_assert!(schema.is_valid(&json), "{json} was read as {value:?} of {shape}");
                let again = written(&shape, &value);
                prop_assert_eq!(read_one(&shape, &again), Ok(value));
            }
            Err(misfit) => {
                let whole = json!({"value": json});
                let place = misfit.pointer.clone();
                // It points at what is there, but for a member that has no business there, which is named itself.
                prop_assert!(whole.pointer(&place).is_some(), "{place} in {whole}");
                prop_assert!(!misfit.is_too_large);
            }
        }
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let point = Shape::Record(vec![Named::new("x", Shape::Int(Int::S32)), Named::new("a/b", Shape::Bool)]);
    let list = Shape::List(Box::new(Shape::Option(Box::new(point))));
    let misfit = |json: Value| read_one(&list, &json).unwrap_err().to_string();
    assert_eq!(misfit(json!({})), "\"/value\": expected a list, found an object");
    assert_eq!(
        misfit(json!([null, {"x": 1.5, "a/b": true}])),
        "\"/value/1/x\": expected an integer from -2147483648 to 2147483647"
    );
    assert_eq!(misfit(json!([{"x": 1, "a/b": 0}])), "\"/value/0/a~1b\": expected a boolean, found a number");
    assert_eq!(misfit(json!([{"x": 1}])), "\"/value/0\": the member \"a/b\" is missing");
    assert_eq!(
        misfit(json!([{"x": 1, "y": 1, "a/b": true}])),
        "\"/value/0/y\": there is no such member; there is x, a/b"
    );
}

#[test]
fn integers_keep_every_digit_and_their_range() {
    let wide = Shape::Int(Int::U64);
    for (json, value) in [
        (json!(0), 0),
        (json!(9_007_199_254_740_991_u64), 9_007_199_254_740_991),
        (json!("9007199254740993"), 9_007_199_254_740_993),
        (json!("18446744073709551615"), u64::MAX),
        (json!(18_446_744_073_709_551_615_u64), u64::MAX),
        (json!(1e3), 1000),
    ] {
        assert_eq!(read_one(&wide, &json), Ok(Val::U64(value)));
    }
    assert_eq!(written(&wide, &Val::U64(u64::MAX)), json!("18446744073709551615"));
    assert_eq!(written(&Shape::Int(Int::S64), &Val::S64(-(1 << 53))), json!("-9007199254740992"));
    assert_eq!(written(&Shape::Int(Int::S64), &Val::S64(1 - (1 << 53))), json!(-9_007_199_254_740_991_i64));
    for json in
        [json!("18446744073709551616"), json!("-1"), json!("01"), json!("+1"), json!(""), json!(-1), json!(1e300)]
    {
        assert!(read_one(&wide, &json).is_err(), "{json}");
    }
    for json in [json!(256), json!(-1), json!("1"), json!(0.5)] {
        assert!(read_one(&Shape::Int(Int::U8), &json).is_err(), "{json}");
    }
}

#[test]
fn numbers_that_json_has_no_word_for_are_named() {
    assert_eq!(written(&Shape::F64, &Val::Float64(f64::NAN)), json!("NaN"));
    assert_eq!(written(&Shape::F32, &Val::Float32(f32::NEG_INFINITY)), json!("-Infinity"));
    assert_eq!(read_one(&Shape::F32, &json!("Infinity")), Ok(Val::Float32(f32::INFINITY)));
    // As few digits as it takes.
    assert_eq!(written(&Shape::F32, &Val::Float32(0.1)), json!(0.1));
    assert!(read_one(&Shape::F32, &json!(1e39)).unwrap_err().what.contains("too great"));
    assert!(read_one(&Shape::F64, &json!("nan")).is_err());
}

#[test]
fn nothing_and_something_that_is_nothing_are_two_things() {
    let twice = Shape::Option(Box::new(Shape::Option(Box::new(Shape::Bool))));
    let some = |value| Val::Option(Some(Box::new(value)));
    for (json, value) in [
        (json!(null), Val::Option(None)),
        (json!({"some": null}), some(Val::Option(None))),
        (json!({"some": true}), some(some(Val::Bool(true)))),
    ] {
        assert_eq!(read_one(&twice, &json), Ok(value.clone()));
        assert_eq!(written(&twice, &value), json);
    }
    assert!(read_one(&twice, &json!(true)).is_err());
}

#[test]
fn of_a_key_that_is_there_twice_the_last_one_counts() {
    let map = Shape::Map(Box::new(Shape::String), Box::new(Shape::Int(Int::U8)));
    let pair = |value| (Val::String("a".into()), Val::U8(value));
    assert_eq!(written(&map, &Val::Map(vec![pair(1), pair(2)])), json!({"a": 2}));
}

#[test]
fn values_are_counted_before_they_are_made() {
    let list = Shape::List(Box::new(Shape::Bool));
    let (list, json) = (one(list), json!({"value": vec![true; 100]}));
    let needed = 101 * size_of::<Val>() as u64 + 5;
    assert!(read(&list, &json, needed).is_ok());
    assert!(read(&list, &json, needed - 1).unwrap_err().is_too_large);
    let (bytes, json) = (one(Shape::Bytes), json!({"value": "AAAA".repeat(1_000)}));
    assert!(read(&bytes, &json, 3_000).unwrap_err().is_too_large, "each byte is a value");
}

#[test]
fn no_more_is_written_than_there_is_room_for() {
    let text = Val::String("\u{1}".repeat(100));
    // Six characters for each.
    assert_eq!(write(&Shape::String, &text, 602).unwrap().unwrap().len(), 602);
    assert_eq!(write(&Shape::String, &text, 601), Ok(None));
    assert!(write(&Shape::Bool, &text, 601).is_err());
}

#[test]
fn types_are_counted_wherever_they_are_named() {
    fn nested(budget: &mut Budget, depth: usize) -> Result<(), Shapeless> {
        budget.within(|budget| if depth == 0 { Ok(()) } else { nested(budget, depth - 1) })
    }
    assert_eq!(nested(&mut Budget::default(), DEPTH_MAX - 1), Ok(()));
    assert_eq!(nested(&mut Budget::default(), DEPTH_MAX), Err(Shapeless::TooDeep));
    let mut budget = Budget::default();
    for _ in 0..TYPES_MAX {
        budget.within(|_| Ok(())).unwrap();
    }
    assert_eq!(budget.within(|_| Ok(())), Err(Shapeless::TooMany));
}
