//! JSON that is damaged, as values of every kind of type.

use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;
use crate::tests::fuzz::{Target, gist};

const WORDS: &[&str] = &[
    "null",
    "true",
    "false",
    "\"name-0\"",
    "\"name-1\"",
    "\"some\":",
    "\"ok\":",
    "\"err\":",
    "{\"some\":null}",
    "[]",
    "{}",
    "\"\"",
    "\"AAAA\"",
    "\"AA==\"",
    "\"A\"",
    "\"NaN\"",
    "\"Infinity\"",
    "\"-Infinity\"",
    "\"18446744073709551615\"",
    "\"-9223372036854775808\"",
    "\"01\"",
    "1e39",
    "-0.0",
    "1e-400",
    "1.0",
    "\"\\ud83d\\ude00\"",
    "\"\\u0000\"",
    "\"e\\u0301\"",
    ",",
    ":",
    "[",
    "]",
    "{",
    "}",
];

/// Types that are tried with each input: one of each kind, and others that were made up once and are the same ever since.
fn fixed() -> Vec<Shape> {
    let mut runner = TestRunner::deterministic();
    let leaves = [
        Shape::Bool,
        Shape::Int(Int::U8),
        Shape::Int(Int::S64),
        Shape::Int(Int::U64),
        Shape::F32,
        Shape::F64,
        Shape::Char,
        Shape::String,
        Shape::Bytes,
        Shape::Option(Box::new(Shape::Option(Box::new(Shape::Bool)))),
        Shape::List(Box::new(Shape::String)),
        Shape::Map(Box::new(Shape::String), Box::new(Shape::Int(Int::U8))),
        Shape::Result(None, Some(Box::new(Shape::String))),
    ];
    let made = std::iter::repeat_with(|| shapes().new_tree(&mut runner).unwrap().current()).filter(|shape| {
        matches!(
            shape,
            Shape::Record(_)
                | Shape::Variant(_)
                | Shape::Map(..)
                | Shape::Result(..)
                | Shape::Tuple(_)
                | Shape::Flags(_)
        )
    });
    leaves.into_iter().chain(made.take(20)).collect()
}

/// What the schema admits is read, what it does not is refused, and what was read goes back and forth as it is.
#[test]
fn fuzz_values() {
    let target = Target::new("values", 4_000, WORDS);
    let shapes: Vec<_> =
        fixed().into_iter().map(|shape| (SchemaCheck::of(&schema::of(&shape)).unwrap(), shape)).collect();
    target.run(|input| {
        let json: Value = match serde_json::from_slice(input) {
            Ok(json) => json,
            Err(error) => return gist(&error.to_string()),
        };
        let (mut read_as, mut said) = (String::new(), Vec::new());
        for (schema, shape) in &shapes {
            match read_one(shape, &json) {
                Ok(value) => {
                    assert!(schema.is_valid(&json), "{json} was read as {value:?} of {shape}");
                    let again = written(shape, &value);
                    assert!(schema.is_valid(&again), "{again} was written of {shape}");
                    // The members of a map have no order, and are written in one: so the second time all is the same.
                    let value = read_one(shape, &again).unwrap_or_else(|misfit| panic!("{again} of {shape}: {misfit}"));
                    assert_eq!(written(shape, &value), again, "{json} of {shape}");
                    read_as.push('1');
                }
                Err(misfit) => {
                    let whole = json!({"value": json});
                    assert!(whole.pointer(&misfit.pointer).is_some(), "{} in {whole}", misfit.pointer);
                    assert!(misfit.what.len() < 3_000, "{}", misfit.what);
                    read_as.push('0');
                    said.push(gist(&misfit.what));
                }
            }
        }
        said.sort_unstable();
        said.dedup();
        format!("{read_as} {}", said.len())
    });
}
