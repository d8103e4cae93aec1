//! Components written by hand, for what no compiler would produce.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use wasm_encoder::{ComponentSection as _, CustomSection, Encode as _, InstanceSection, ModuleArg};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// A native component with one tool. By default it answers every call with nothing, successfully.
#[derive(Debug, Clone)]
pub struct Handmade {
    /// The tool's name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its input schema.
    pub schema: String,
    /// The body of `describe`; it has to leave where the list of definitions is, which is at [`DEFINITIONS`].
    pub describe: String,
    /// The body of `call`; it has to leave where the answer is, for which there is an empty one at [`ANSWER`].
    pub call: String,
    /// The body of the start function, where there is one.
    pub start: Option<String>,
    /// Further fields of the module.
    pub more: String,
    /// What it says of itself, as it lies in memory: read-only, destructive, idempotent, a byte each. By default nothing.
    pub hints: u32,
}

/// Where the list of definitions is in memory.
pub const DEFINITIONS: u32 = 1024;
/// Where an answer without content is in memory: all zeros.
pub const ANSWER: u32 = 256;

impl Default for Handmade {
    fn default() -> Self {
        Self {
            name: "handmade".to_owned(),
            description: "Does what it was written to do.".to_owned(),
            schema: r#"{"type":"object"}"#.to_owned(),
            describe: format!("(i32.const {DEFINITIONS})"),
            call: format!("(i32.const {ANSWER})"),
            start: None,
            more: String::new(),
            hints: 0,
        }
    }
}

impl Handmade {
    /// The same but for what `call` does before it answers.
    pub fn calling(work: &str) -> Self {
        Self { call: format!("{work} (i32.const {ANSWER})"), ..Self::default() }
    }

    /// One that answers every call with `text`, of 4,000 bytes at most, and says of itself that it only reads and can be
    /// asked again.
    ///
    /// # Panics
    ///
    /// When the text is too long.
    pub fn saying(text: &str) -> Self {
        const CONTENT: u32 = ANSWER + 32;
        const TEXT: u32 = 4096;
        assert!(text.len() <= 4_000, "{} bytes", text.len());
        let length = u32::try_from(text.len()).unwrap();
        let data = |at: u32, words: &[u32]| {
            format!("(data (i32.const {at}) \"{}\")", escaped(words.iter().flat_map(|word| word.to_le_bytes())))
        };
        // Of the result the success, with a list of one content and no error; and that content, a text.
        let (answer, content) = (data(ANSWER, &[0, CONTENT, 1, 0]), data(CONTENT, &[0, TEXT, length]));
        let text = format!("(data (i32.const {TEXT}) \"{}\")", escaped(text.bytes()));
        Self { more: answer + &content + &text, hints: 0x0001_0001, ..Self::default() }
    }

    /// One of many that are alike: only their descriptions differ.
    pub fn numbered(number: u64) -> Bytes {
        let description = format!("Does nothing; the {number} of its kind.");
        Self { description, ..Self::default() }.build()
    }

    /// The component.
    ///
    /// # Panics
    ///
    /// When what was written is no WebAssembly.
    pub fn build(&self) -> Bytes {
        let mut module = wat::parse_str(self.module()).unwrap();
        let (resolve, world) = &*WORLD;
        embed_component_metadata(&mut module, resolve, *world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().module(&module).unwrap().encode().unwrap().into()
    }

    fn module(&self) -> String {
        const RECORD: u32 = DEFINITIONS + 16;
        const TEXTS: u32 = 8192;
        let mut texts = String::new();
        let mut text = |text: &str| {
            let at = TEXTS + u32::try_from(texts.len()).unwrap();
            texts.push_str(text);
            [at, u32::try_from(text.len()).unwrap()]
        };
        let (name, description, schema) = (text(&self.name), text(&self.description), text(&self.schema));
        // A list of one record, and the record as the canonical ABI lays it out.
        let mut words = vec![RECORD, 1, 0, 0];
        words.extend(name);
        words.extend([0, 0, 0]);
        words.extend(description);
        words.extend(schema);
        words.extend([0, 0, 0, self.hints]);
        let record = escaped(words.iter().flat_map(|word| word.to_le_bytes()));
        let pages = 1 + (TEXTS as usize + texts.len()) / (64 << 10);
        let texts = escaped(texts.bytes());
        let start = self.start.as_ref().map_or(String::new(), |body| format!("(func $start {body}) (start $start)"));
        let Self { describe, call, more, .. } = self;
        format!(
            r#"(module
                (memory (export "memory") {pages})
                (data (i32.const {DEFINITIONS}) "{record}")
                (data (i32.const {TEXTS}) "{texts}")
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 32768))
                (func (export "cofferdam:tool/tools@1.0.0#describe") (result i32) {describe})
                (func (export "cofferdam:tool/tools@1.0.0#call") (param i32 i32 i32 i32) (result i32) {call})
                {start} {more})"#
        )
    }
}

static WORLD: LazyLock<(Resolve, WorldId)> = LazyLock::new(|| {
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_dir(wit).unwrap();
    let world = resolve.select_world(&[package], Some("native")).unwrap();
    (resolve, world)
});

fn escaped(bytes: impl Iterator<Item = u8>) -> String {
    bytes.fold(String::new(), |mut text, byte| {
        write!(text, "\\{byte:02x}").unwrap();
        text
    })
}

/// The same component, which makes `count` more instances of a module that holds `fields`.
///
/// # Panics
///
/// When the fields are no module's.
pub fn with_instances(component: &[u8], fields: &str, count: usize) -> Bytes {
    let module = wat::parse_str(format!("(module {fields})")).unwrap();
    let parts = Parts::of(component);
    let mut instances = InstanceSection::new();
    for _ in 0..count {
        instances.instantiate::<[(&str, ModuleArg); 0], &str>(parts.modules, []);
    }
    let mut bytes = component.to_vec();
    section(&mut bytes, 1, &module);
    instances.append_to_component(&mut bytes);
    bytes.into()
}

/// The same component with `count` more modules, each empty, that are never instantiated.
pub fn with_modules(component: &[u8], count: usize) -> Bytes {
    let mut bytes = component.to_vec();
    for _ in 0..count {
        section(&mut bytes, 1, EMPTY_MODULE);
    }
    bytes.into()
}

/// The same component with `depth` components within it, each in the one before.
pub fn nested(component: &[u8], depth: usize) -> Bytes {
    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    let inner = (1..depth).fold(EMPTY_COMPONENT.to_vec(), |inner, _| {
        let mut outer = EMPTY_COMPONENT.to_vec();
        section(&mut outer, 4, &inner);
        outer
    });
    let mut bytes = component.to_vec();
    section(&mut bytes, 4, &inner);
    bytes.into()
}

/// A few hundred bytes that are ten times as much on each of eleven levels once they are compiled.
///
/// # Panics
///
/// Never.
pub fn growing() -> Bytes {
    let mut inner = "(component $c (core module $m (func)) (core instance (instantiate $m)))".to_owned();
    for _ in 0..11 {
        inner = format!("(component $c {inner} {})", "(instance (instantiate $c))".repeat(10));
    }
    let exported = "(instance $i) (export \"cofferdam:tool/tools@1.0.0\" (instance $i))";
    let whole = format!("(component {inner} {} {exported})", "(instance (instantiate $c))".repeat(10));
    wat::parse_str(whole).unwrap().into()
}

const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Adds a section: its id, its length, its content.
fn section(bytes: &mut Vec<u8>, id: u8, content: &[u8]) {
    bytes.push(id);
    content.encode(bytes);
}

/// The same component with `count` more sections that mean nothing.
pub fn with_sections(component: &[u8], count: usize) -> Bytes {
    let mut bytes = component.to_vec();
    for _ in 0..count {
        CustomSection { name: "x".into(), data: [][..].into() }.append_to_component(&mut bytes);
    }
    bytes.into()
}

/// The same component, made exactly `length` bytes long by a section that means nothing.
///
/// # Panics
///
/// When it is too long already, or too little shorter for another section.
pub fn with_length(component: &[u8], length: usize) -> Bytes {
    let fill = |data: usize| {
        let mut bytes = component.to_vec();
        CustomSection { name: "x".into(), data: vec![0; data].into() }.append_to_component(&mut bytes);
        bytes
    };
    // The section's own length is written in one to five bytes.
    let left = length - component.len();
    let found = (1..=8).map(|own| fill(left - own)).find(|bytes| bytes.len() == length);
    found.unwrap().into()
}

/// What a component consists of at its outermost level, and how many sections and instances it has in all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parts {
    /// Core modules at the outermost level.
    pub modules: u32,
    /// Core modules and components: itself, and all that are nested in it.
    pub modules_and_components: usize,
    /// Instances of core modules that it makes.
    pub instances: usize,
    /// Sections, headers and ends of all nested modules counted in.
    pub sections: usize,
}

impl Parts {
    /// Counts those of `component`.
    ///
    /// # Panics
    ///
    /// When it is none.
    pub fn of(component: &[u8]) -> Self {
        let mut parts = Self::default();
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload.unwrap();
            parts.sections += usize::from(!matches!(payload, Payload::CodeSectionEntry(_)));
            match payload {
                Payload::Version { .. } => parts.modules_and_components += 1,
                Payload::ModuleSection { .. } => parts.modules += 1,
                Payload::InstanceSection(section) => {
                    let made = |instance: &wasmparser::Result<wasmparser::Instance<'_>>| {
                        matches!(instance, Ok(wasmparser::Instance::Instantiate { .. }))
                    };
                    parts.instances += section.into_iter().filter(made).count();
                }
                _ => {}
            }
        }
        parts
    }
}
