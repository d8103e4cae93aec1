//! One small component, written by hand: what the front door has to show is the host's, not a compiler's.

#![allow(clippy::unwrap_used, reason = "what tests are made of may fail like tests")]

use std::fmt::Write as _;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Describes one tool, `greet`. Called with `{}` it answers `hello` and a JSON document; called with anything else it
/// reports progress, and then computes for ever.
pub(crate) fn greet() -> Vec<u8> {
    let mut data = Data { bytes: Vec::new() };
    let texts = ["greet", "Says hello to whoever asks.", r#"{"type":"object"}"#].map(|text| data.text(text));
    let [name, description, schema] = texts;
    let definition =
        data.words(&[name[0], name[1], 0, 0, 0, description[0], description[1], schema[0], schema[1], 0, 0, 0, 0]);
    let definitions = data.words(&[definition, 1]);
    let (hello, json, working) = (data.text("hello"), data.text("{\"n\":\n1}"), data.text("working"));
    // Each content is a variant in eight words: its case, then its fields.
    let contents = data.words(&[0, hello[0], hello[1], 0, 0, 0, 0, 0, 1, json[0], json[1], 0, 0, 0, 0, 0]);
    let output = data.words(&[0, contents, 2, 0]);
    let mut module = wat::parse_str(format!(
        r#"(module
            (import "cofferdam:tool/progress@1.0.0" "report" (func $report (param f64 i32 f64 i32 i32)))
            (memory (export "memory") 1)
            (data (i32.const {BASE}) "{data}")
            (global $next (mut i32) (i32.const 32768))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                global.get $next
                (global.set $next (i32.add (global.get $next) (local.get 3))))
            (func (export "cofferdam:tool/tools@1.0.0#describe") (result i32) (i32.const {definitions}))
            (func (export "cofferdam:tool/tools@1.0.0#call") (param i32 i32 i32 i32) (result i32)
                (if (i32.eq (local.get 3) (i32.const 2)) (then (return (i32.const {output}))))
                (call $report (f64.const 1) (i32.const 1) (f64.const 2) (i32.const {working}) (i32.const {length}))
                (loop $ever (br $ever))
                (unreachable)))"#,
        data = data.escaped(),
        working = working[0],
        length = working[1],
    ))
    .unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit")).unwrap();
    let world = resolve.select_world(&[package], Some("native")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// Where the guest's data is in its memory.
const BASE: u32 = 1_024;

struct Data {
    bytes: Vec<u8>,
}

impl Data {
    fn put(&mut self, bytes: impl IntoIterator<Item = u8>) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        let at = BASE + u32::try_from(self.bytes.len()).unwrap();
        self.bytes.extend(bytes);
        at
    }

    fn text(&mut self, text: &str) -> [u32; 2] {
        [self.put(text.bytes()), u32::try_from(text.len()).unwrap()]
    }

    fn words(&mut self, words: &[u32]) -> u32 {
        self.put(words.iter().flat_map(|word| word.to_le_bytes()))
    }

    fn escaped(&self) -> String {
        self.bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "\\{byte:02x}").unwrap();
            text
        })
    }
}
