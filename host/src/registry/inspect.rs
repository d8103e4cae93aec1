//! What a component is, found out from its bytes alone: its kind, what it asks for, what it offers. The bytes are
//! hostile until shown otherwise, so they are counted first, validated next, and read for meaning last.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wasmparser::{ComponentExternalKind, Validator, WasmFeatures};

mod bounds;
mod docs;
mod functions;
#[cfg(test)]
mod tests;

use super::GrantKind;
use super::words::{self, InterfaceId};
use crate::engine::output::RawDefinition;
use crate::engine::{Class, Kind, kinds};
use crate::error::{Code, Error};

/// What was found out about a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// How its exports become tools.
    pub kind: Kind,
    /// Which engine it runs in.
    pub class: Class,
    /// The component, in bytes.
    pub bytes: u64,
    /// Data that is copied into memory at each instantiation, in bytes.
    pub active_data_bytes: u64,
    /// Interfaces that it imports, with versions, sorted.
    pub imports: Vec<String>,
    /// What it exports, sorted.
    pub exports: Vec<String>,
    /// What the imports mean, a line each.
    pub words: Vec<String>,
    /// The kinds of grant that the imports imply: what it could make use of, not what it needs.
    pub grants: BTreeSet<GrantKind>,
}

#[cfg(test)]
impl Inspection {
    /// Of a component that imports and exports nothing, for tests of what uses it.
    pub(crate) fn for_test() -> Self {
        Self {
            kind: Kind::Native,
            class: Class::Small,
            bytes: 1,
            active_data_bytes: 0,
            imports: Vec::new(),
            exports: Vec::new(),
            words: Vec::new(),
            grants: BTreeSet::new(),
        }
    }
}

/// Why a component was not admitted: every reason that was found, each a clause that its author can act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// At least one.
    pub reasons: Vec<String>,
}

/// A reason, in bytes: longer ones are cut, since parts of them come from the component.
const REASON_BYTES_MAX: usize = 600;
/// Reasons in one rejection; a component can have a thousand unknown imports.
const REASONS_MAX: usize = 20;

impl Rejection {
    pub(super) fn because(reason: impl Into<String>) -> Self {
        Self::new(vec![reason.into()])
    }

    /// Bounded and free of control characters, whatever the reasons hold.
    pub(super) fn new(reasons: Vec<String>) -> Self {
        let more = reasons.len().saturating_sub(REASONS_MAX);
        let mut reasons: Vec<String> = reasons.into_iter().take(REASONS_MAX).map(|reason| clean(&reason)).collect();
        if more > 0 {
            reasons.push(format!("and {more} more reasons like these"));
        }
        Self { reasons }
    }
}

fn clean(reason: &str) -> String {
    let mut text: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.len() > REASON_BYTES_MAX {
        text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
        text.push('…');
    }
    text
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::new(Code::ComponentRejected, format!("the component was not admitted: {}", rejection.reasons.join("; ")))
            .next("change the component as the reasons say, and upload it again")
            .fact("reasons", rejection.reasons)
    }
}

/// WebAssembly 2 and what of 3 compilers emit by default, in the component model of WASI 0.2; that of 0.3
/// is tried where this does not fit. Neither threads nor
/// garbage collection nor exceptions: what is not needed is not open to attack.
const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL)
    .union(WasmFeatures::CM_MAP)
    .union(WasmFeatures::CM_FIXED_LENGTH_LISTS);

/// Finds out what the component in `bytes` is. Never panics, whatever they hold; takes time and memory in proportion
/// to them, within a generous factor: for uploads it runs in the confined child.
///
/// # Errors
///
/// When it is not a valid component, imports what this host does not offer, or exports nothing that could be called.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, Rejection> {
    if bytes.is_empty() {
        return Err(Rejection::because("it is empty"));
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(Rejection::because(
            "it is not WebAssembly: it does not begin with \\0asm; upload the .wasm file itself, not text or an archive",
        ));
    }
    let parts = bounds::count(bytes)?;
    let is_asynchronous = validate(bytes)?;

    let mut reasons = Vec::new();
    for (name, kind) in &parts.imports {
        match kind {
            ComponentExternalKind::Instance => reasons.extend(words::refuse(name)),
            // A type by itself asks for nothing.
            ComponentExternalKind::Type => {}
            other => reasons.push(format!(
                "it imports the {} {name:?} by itself; only interfaces can be imported, such as wasi:clocks/wall-clock@0.2.0",
                other.desc()
            )),
        }
    }
    let kind = match kind(&parts.exports) {
        Ok(kind) => Some(kind),
        Err(reason) => {
            reasons.push(reason);
            None
        }
    };
    match kind {
        Some(kind) if reasons.is_empty() => Ok(inspection(kind, bytes, &parts, is_asynchronous)),
        _ => Err(Rejection::new(reasons)),
    }
}

/// What tools a component has that does not describe itself, by its types alone: nothing of it runs. As hostile as its
/// bytes, so for the confined child, too.
///
/// # Errors
///
/// When a function of it cannot be a tool, or all of them together say too much.
pub(super) fn described(bytes: &[u8], kind: Kind) -> Result<Vec<RawDefinition>, Rejection> {
    let definitions = match kind {
        Kind::Native => return Ok(Vec::new()),
        Kind::Command => vec![kinds::command_definition()],
        Kind::Http => vec![kinds::handler_definition()],
        Kind::Functions => functions::definitions(bytes)?,
    };
    let texts = |raw: &RawDefinition| {
        raw.description.len() + raw.input_schema.len() + raw.output_schema.as_ref().map_or(0, String::len)
    };
    let bytes: usize = definitions.iter().map(texts).sum();
    if bytes > DEFINITIONS_BYTES_MAX {
        return Err(Rejection::because(format!(
            "descriptions and schemas of its functions have {bytes} bytes together; the limit is {DEFINITIONS_BYTES_MAX}: \
             split it into several components"
        )));
    }
    Ok(definitions)
}

/// Descriptions and schemas of one component together, in bytes: the child's report has room for them.
const DEFINITIONS_BYTES_MAX: usize = 1 << 20;

fn inspection(kind: Kind, bytes: &[u8], parts: &bounds::Parts, is_asynchronous: bool) -> Inspection {
    let names = |externs: &[(String, ComponentExternalKind)], only: fn(ComponentExternalKind) -> bool| {
        let names: BTreeSet<String> =
            externs.iter().filter(|(_, kind)| only(*kind)).map(|(name, _)| name.clone()).collect();
        names.into_iter().collect::<Vec<_>>()
    };
    let imports = names(&parts.imports, |kind| kind == ComponentExternalKind::Instance);
    let exports = names(&parts.exports, |kind| kind != ComponentExternalKind::Type);
    let names_3 = imports.iter().chain(&exports).any(|name| name.starts_with("wasi:") && name.contains("@0.3."));
    let (words, grants) = words::explain(imports.iter().map(String::as_str));
    Inspection {
        kind,
        class: if is_asynchronous || names_3 { Class::Async } else { Class::of(parts.active_data_bytes) },
        bytes: bytes.len() as u64,
        active_data_bytes: parts.active_data_bytes,
        imports,
        exports,
        words,
        grants,
    }
}

/// Whether the component is one of the asynchronous component model, of WASI 0.3.
fn validate(bytes: &[u8]) -> Result<bool, Rejection> {
    let Err(error) = Validator::new_with_features(FEATURES).validate_all(bytes) else { return Ok(false) };
    if Validator::new_with_features(FEATURES.union(WasmFeatures::CM_ASYNC)).validate_all(bytes).is_ok() {
        return Ok(true);
    }
    // Told apart, because the remedy differs: a newer component is not a broken one.
    if Validator::new_with_features(WasmFeatures::all()).validate_all(bytes).is_ok() {
        return Err(Rejection::because(format!(
            "it uses a WebAssembly feature that this host does not take ({}): \
             build without threads, exceptions, garbage collection and 64-bit memories",
            error.message()
        )));
    }
    Err(unreadable(&error))
}

/// The kind that the outermost exports make it.
fn kind(exports: &[(String, ComponentExternalKind)]) -> Result<Kind, String> {
    let exports_interface = |package: &str, interface: &str| {
        exports.iter().filter(|(_, kind)| *kind == ComponentExternalKind::Instance).find_map(|(name, _)| {
            let id = InterfaceId::parse(name)?;
            (id.package == package && id.interface == interface).then_some(id)
        })
    };
    if let Some(id) = exports_interface("cofferdam:tool", "tools") {
        return match &id.version {
            Some(version) if version.major == 1 && version.pre.is_empty() => Ok(Kind::Native),
            Some(version) => Err(format!(
                "it exports cofferdam:tool/tools@{version}; this host speaks version 1: build it with an SDK for version 1"
            )),
            None => Err("it exports cofferdam:tool/tools without a version; this host speaks version 1".to_owned()),
        };
    }
    let interfaces = exports.iter().filter(|(_, kind)| *kind == ComponentExternalKind::Instance);
    let kind = Kind::of(interfaces.map(|(name, _)| name.as_str()));
    if kind != Kind::Functions {
        return Ok(kind);
    }
    if exports.iter().any(|(_, kind)| matches!(kind, ComponentExternalKind::Func | ComponentExternalKind::Instance)) {
        return Ok(Kind::Functions);
    }
    if exports.iter().any(|(_, kind)| matches!(kind, ComponentExternalKind::Type | ComponentExternalKind::Component)) {
        return Err("it holds types alone: a WIT package, not a component that can run".to_owned());
    }
    Err("it exports nothing that could be called: a tool exports cofferdam:tool/tools@1, functions of its own, \
         wasi:cli/run or a wasi:http handler"
        .to_owned())
}

fn unreadable(error: &wasmparser::Error) -> Rejection {
    Rejection::because(format!("it is not a valid component, from byte {:#x} on: {}", error.offset(), error.message()))
}

fn core_module() -> Rejection {
    Rejection::because(
        "it is a core module, not a component: build for the target wasm32-wasip2, or with `cofferdam build`, \
         or turn it into one with `wasm-tools component new`",
    )
}
