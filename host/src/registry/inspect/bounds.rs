//! Counting a component's parts before anything is built from them: a few bytes can claim millions of parts, and what
//! reads them next takes memory and time by the part.

use wasmparser::{ComponentExternalKind, DataKind, Encoding, Parser, Payload};

use super::Rejection;

/// A component in components in …: real ones go three deep.
const NESTING_DEPTH_MAX: usize = 16;
/// Sections, of all nested modules and components together.
const SECTIONS_MAX: u64 = 20_000;
/// Core modules and components together.
const MODULES_MAX: u64 = 500;
/// Functions with bodies; an interpreter with its libraries has some 60,000.
const FUNCTIONS_MAX: u64 = 300_000;
/// Types: of functions, of components, of values.
const TYPES_MAX: u64 = 100_000;
/// Core imports and exports, aliases, canonical functions, instances, globals, elements and data segments together.
const ITEMS_MAX: u64 = 500_000;
/// What a component imports or exports at one level.
const EXTERNS_MAX: u64 = 1_000;
/// The name of an import or export of a component.
const NAME_BYTES_MAX: usize = 256;

/// What was counted, and what stands at the outermost level.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) active_data_bytes: u64,
    pub(super) imports: Vec<(String, ComponentExternalKind)>,
    pub(super) exports: Vec<(String, ComponentExternalKind)>,
    sections: u64,
    modules: u64,
    functions: u64,
    types: u64,
    items: u64,
    externs: u64,
}

/// Counts the parts of `bytes`.
///
/// # Errors
///
/// At the first part too many; when the bytes cannot be read; when they are not a component.
pub(super) fn count(bytes: &[u8]) -> Result<Parts, Rejection> {
    let mut parts = Parts::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| super::unreadable(&error))?;
        // A function's body is a part of its section; how many there are is counted with the functions.
        if !matches!(payload, Payload::CodeSectionEntry(_)) {
            parts.sections += 1;
            bounded("sections", parts.sections, SECTIONS_MAX)?;
        }
        match payload {
            Payload::Version { encoding, .. } => {
                depth += 1;
                if depth == 1 && encoding == Encoding::Module {
                    return Err(super::core_module());
                }
                bounded("levels of nesting", depth as u64, NESTING_DEPTH_MAX as u64)?;
                parts.modules += 1;
                bounded("modules and components", parts.modules, MODULES_MAX)?;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            payload => parts.add(depth, &payload)?,
        }
    }
    Ok(parts)
}

impl Parts {
    fn add(&mut self, depth: usize, payload: &Payload<'_>) -> Result<(), Rejection> {
        match payload {
            Payload::TypeSection(section) => self.types += u64::from(section.count()),
            Payload::CoreTypeSection(section) => self.types += u64::from(section.count()),
            Payload::ComponentTypeSection(section) => self.types += u64::from(section.count()),
            Payload::FunctionSection(section) => self.functions += u64::from(section.count()),
            Payload::ImportSection(section) => self.items += u64::from(section.count()),
            Payload::ExportSection(section) => self.items += u64::from(section.count()),
            Payload::GlobalSection(section) => self.items += u64::from(section.count()),
            Payload::TableSection(section) => self.items += u64::from(section.count()),
            Payload::MemorySection(section) => self.items += u64::from(section.count()),
            Payload::TagSection(section) => self.items += u64::from(section.count()),
            Payload::ElementSection(section) => self.items += u64::from(section.count()),
            Payload::InstanceSection(section) => self.items += u64::from(section.count()),
            Payload::ComponentInstanceSection(section) => self.items += u64::from(section.count()),
            Payload::ComponentAliasSection(section) => self.items += u64::from(section.count()),
            Payload::ComponentCanonicalSection(section) => self.items += u64::from(section.count()),
            Payload::DataSection(section) => {
                self.items += u64::from(section.count());
                for data in section.clone() {
                    let data = data.map_err(|error| super::unreadable(&error))?;
                    if matches!(data.kind, DataKind::Active { .. }) {
                        self.active_data_bytes += data.data.len() as u64;
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                self.externs += u64::from(section.count());
                bounded("imports and exports of components", self.externs, EXTERNS_MAX)?;
                for import in section.clone() {
                    let import = import.map_err(|error| super::unreadable(&error))?;
                    name("import", import.name.name)?;
                    if depth == 1 {
                        self.imports.push((import.name.name.to_owned(), import.ty.kind()));
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                self.externs += u64::from(section.count());
                bounded("imports and exports of components", self.externs, EXTERNS_MAX)?;
                for export in section.clone() {
                    let export = export.map_err(|error| super::unreadable(&error))?;
                    name("export", export.name.name)?;
                    if depth == 1 {
                        self.exports.push((export.name.name.to_owned(), export.kind));
                    }
                }
            }
            _ => {}
        }
        bounded("types", self.types, TYPES_MAX)?;
        bounded("functions", self.functions, FUNCTIONS_MAX)?;
        bounded("imports, exports, instances, globals, elements and data segments", self.items, ITEMS_MAX)
    }
}

fn bounded(what: &str, count: u64, max: u64) -> Result<(), Rejection> {
    if count <= max {
        return Ok(());
    }
    Err(Rejection::because(format!(
        "it has {count} or more {what}; the limit is {max}: split it into smaller components"
    )))
}

fn name(what: &str, name: &str) -> Result<(), Rejection> {
    if name.len() <= NAME_BYTES_MAX {
        return Ok(());
    }
    let start: String = name.chars().take(40).collect();
    Err(Rejection::because(format!(
        "the name of the {what} {start:?}… has {} bytes; the limit is {NAME_BYTES_MAX}",
        name.len()
    )))
}
