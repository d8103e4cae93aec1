//! Components written by hand, for what a compiler would not produce.

#![allow(clippy::unwrap_used, reason = "what tests are made of may fail like tests")]

use std::fmt::Write as _;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const SCHEMA: &str = r#"{"type":"object"}"#;

/// Describes one tool, `greet`.
pub(crate) fn native() -> Vec<u8> {
    with_schema(SCHEMA)
}

/// As `native`, with another input schema.
pub(crate) fn with_schema(schema: &str) -> Vec<u8> {
    build("(i32.const 1024)", schema, "(unreachable)", "")
}

/// As `native`, with another body of `call`.
pub(crate) fn calling(body: &str) -> Vec<u8> {
    build("(i32.const 1024)", SCHEMA, body, "")
}

/// As `native`, with another body of `describe`.
pub(crate) fn describing(body: &str) -> Vec<u8> {
    build(body, SCHEMA, "(unreachable)", "")
}

/// As `native`, with a start function.
pub(crate) fn starting(body: &str) -> Vec<u8> {
    build("(i32.const 1024)", SCHEMA, "(unreachable)", &format!("(func $start {body}) (start $start)"))
}

/// Exports `wasi:cli/run`.
pub(crate) fn command() -> Vec<u8> {
    wat::parse_str(r#"(component (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#).unwrap()
}

/// A few hundred bytes that are ten times as much on each of eleven levels when they are instantiated.
pub(crate) fn growing() -> Vec<u8> {
    let mut inner = "(component $c (core module $m (func)) (core instance (instantiate $m)))".to_owned();
    for _ in 0..11 {
        inner = format!("(component $c {inner} {})", "(instance (instantiate $c))".repeat(10));
    }
    let tail = r#"(instance (instantiate $c)) (instance $i) (export "cofferdam:tool/tools@1.0.0" (instance $i))"#;
    wat::parse_str(format!("(component {inner} {tail})")).unwrap()
}

/// One definition in memory, by the canonical ABI: at 1024 the list, at 1040 its one record, then its texts.
fn build(describe: &str, schema: &str, call: &str, more: &str) -> Vec<u8> {
    const LIST: u32 = 1024;
    const RECORD: u32 = 1040;
    const TEXTS: u32 = 2048;
    let mut texts = String::new();
    let mut text = |text: &str| {
        let at = TEXTS + u32::try_from(texts.len()).unwrap();
        texts.push_str(text);
        [at, u32::try_from(text.len()).unwrap()]
    };
    let name = text("greet");
    let description = text("Says hello to whoever asks.");
    let schema = text(schema);
    let mut words = vec![RECORD, 1, 0, 0];
    words.extend(name);
    words.extend([0, 0, 0]);
    words.extend(description);
    words.extend(schema);
    words.extend([0, 0, 0, 0]);
    let escape = |bytes: &mut dyn Iterator<Item = u8>| {
        bytes.fold(String::new(), |mut text, byte| {
            write!(text, "\\{byte:02x}").unwrap();
            text
        })
    };
    let record = escape(&mut words.iter().flat_map(|word| word.to_le_bytes()));
    let texts = escape(&mut texts.bytes());
    let module = format!(
        r#"(module
            (memory (export "memory") 1)
            (data (i32.const {LIST}) "{record}")
            (data (i32.const {TEXTS}) "{texts}")
            (global $free (mut i32) (i32.const 32768))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.get $free) (global.set $free (i32.add (global.get $free) (local.get 3))))
            (func (export "cofferdam:tool/tools@1.0.0#describe") (result i32) {describe})
            (func (export "cofferdam:tool/tools@1.0.0#call") (param i32 i32 i32 i32) (result i32) {call})
            {more})"#
    );
    let mut module = wat::parse_str(module).unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit")).unwrap();
    let world = resolve.select_world(&[package], Some("native")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}
