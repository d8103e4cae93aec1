//! From what the compiler wrote to a component, once per content.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::Parser;
use wit_component::ComponentEncoder;

use crate::cache::write_whole;

/// Raised when the same module would be made into another component.
const RECIPE: &[u8] = b"1";

/// How a module is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// By its exports, any number of times.
    Library,
    /// By `main`, once.
    Program,
}

impl Shape {
    const fn adapter(self) -> &'static [u8] {
        match self {
            Self::Library => WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            Self::Program => WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
        }
    }
}

/// Makes `folder/name.wasm` of what the compiler wrote to `module`, and does nothing if that was done before.
pub(crate) fn make(module: &Path, shape: Shape, folder: &Path, name: &str) -> Result<PathBuf> {
    let bytes = fs::read(module).with_context(|| format!("{} cannot be read", module.display()))?;
    let adapter = shape.adapter();
    let mut hash = Sha256::new();
    for part in [RECIPE, adapter, &bytes] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let source = hash.finalize();
    let (component, stamp) = (folder.join(format!("{name}.wasm")), folder.join(format!("{name}.source")));
    if component.is_file() && fs::read(&stamp).is_ok_and(|stamp| *stamp == *source) {
        return Ok(component);
    }
    let encoded = if Parser::is_component(&bytes) { bytes } else { encode(&bytes, adapter)? };
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    write_whole(&component, &encoded)?;
    write_whole(&stamp, &source)?;
    Ok(component)
}

/// The component of a module of WASI 0.1.
pub(crate) fn component_of(module: &Path, shape: Shape) -> Result<Vec<u8>> {
    let bytes = fs::read(module).with_context(|| format!("{} cannot be read", module.display()))?;
    encode(&bytes, shape.adapter())
}

fn encode(module: &[u8], adapter: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter))
        .and_then(|encoder| encoder.validate(true).encode())
        .context("the module cannot be made into a component")
}
