//! The table of `docs/components.md`: each type with its schema and an example, all three held against the code.

use std::fmt::Write as _;

use super::*;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/components.md");
const BEGIN: &str = "<!-- Made by the test engine::typed::tests::table with UPDATE=1. -->\n";
const END: &str = "<!-- Until here. -->\n";

fn named(names: &[&str]) -> Vec<Named<()>> {
    names.iter().map(|name| Named::new(*name, ())).collect()
}

/// Types as WIT spells them, their shapes, and values in JSON.
fn rows() -> Vec<(&'static str, Shape, Vec<Value>)> {
    let boxed = |shape| Box::new(shape);
    let point = vec![Named::new("x", Shape::Int(Int::S32)), Named::new("label", Shape::Option(boxed(Shape::String)))];
    let cases = vec![Named::new("nothing", None), Named::new("circle", Some(Shape::F64))];
    vec![
        ("bool", Shape::Bool, vec![json!(true)]),
        ("u8", Shape::Int(Int::U8), vec![json!(255)]),
        ("s32", Shape::Int(Int::S32), vec![json!(-7)]),
        ("u64", Shape::Int(Int::U64), vec![json!(7), json!("18446744073709551615")]),
        ("s64", Shape::Int(Int::S64), vec![json!(-7), json!("-9223372036854775808")]),
        ("f32", Shape::F32, vec![json!(0.5), json!("NaN")]),
        ("f64", Shape::F64, vec![json!(0.1), json!("-Infinity")]),
        ("char", Shape::Char, vec![json!("é")]),
        ("string", Shape::String, vec![json!("text")]),
        ("list<u8>", Shape::Bytes, vec![json!("AAEC")]),
        ("list<string>", Shape::List(boxed(Shape::String)), vec![json!(["a", "b"])]),
        ("list<u8, 2>", Shape::FixedList(boxed(Shape::Int(Int::U8)), 2), vec![json!([1, 2])]),
        ("map<string, u8>", Shape::Map(boxed(Shape::String), boxed(Shape::Int(Int::U8))), vec![json!({"a": 1})]),
        ("map<u32, bool>", Shape::Map(boxed(Shape::Int(Int::U32)), boxed(Shape::Bool)), vec![json!([[7, true]])]),
        ("tuple<string, u8>", Shape::Tuple(vec![Shape::String, Shape::Int(Int::U8)]), vec![json!(["a", 1])]),
        ("record { x: s32, label: option<string> }", Shape::Record(point), vec![json!({"label": null, "x": 1})]),
        ("variant { nothing, circle(f64) }", Shape::Variant(cases), vec![json!("nothing"), json!({"circle": 1.5})]),
        ("enum { red, green }", Shape::Enum(named(&["red", "green"])), vec![json!("red")]),
        ("flags { read, write }", Shape::Flags(named(&["read", "write"])), vec![json!(["read"])]),
        ("option<bool>", Shape::Option(boxed(Shape::Bool)), vec![json!(null), json!(true)]),
        (
            "option<option<bool>>",
            Shape::Option(boxed(Shape::Option(boxed(Shape::Bool)))),
            vec![json!(null), json!({"some": null}), json!({"some": true})],
        ),
        (
            "result<u8, string>",
            Shape::Result(Some(boxed(Shape::Int(Int::U8))), Some(boxed(Shape::String))),
            vec![json!({"ok": 1}), json!({"err": "no"})],
        ),
        ("result", Shape::Result(None, None), vec![json!({"ok": null})]),
    ]
}

#[test]
fn the_table_is_the_one_checked_in() {
    let mut table = "| WIT | JSON Schema | examples |\n|---|---|---|\n".to_owned();
    for (wit, shape, examples) in rows() {
        for example in &examples {
            let value = read_one(&shape, example).unwrap_or_else(|misfit| panic!("{wit}: {misfit}"));
            assert_eq!(written(&shape, &value), *example, "{wit}");
        }
        let examples: Vec<String> = examples.iter().map(|example| format!("`{example}`")).collect();
        writeln!(table, "| `{wit}` | `{}` | {} |", schema::of(&shape), examples.join(" ")).unwrap();
    }
    let page = std::fs::read_to_string(PATH).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (checked_in, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        std::fs::write(PATH, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(checked_in, table, "run this test with UPDATE=1 to bless docs/components.md");
    }
}
