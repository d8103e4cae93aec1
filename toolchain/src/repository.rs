//! The guests of Cofferdam's own repository, for whatever needs them built: each workspace at most once per process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use anyhow::Result;

use crate::{Built, Toolchain};

/// The catalogue, from the repository in `root`: the workspace `tools/`, built into `tools/target`.
///
/// # Errors
/// As [`Toolchain::find`] and [`Toolchain::build_workspace`].
pub fn catalogue(root: &Path) -> Result<Vec<Built>> {
    once(root.join("tools"))
}

/// The guest programs of the tests: the workspace `tests/programs/`, built into `tests/programs/target`.
///
/// # Errors
/// As [`Toolchain::find`] and [`Toolchain::build_workspace`].
pub fn programs(root: &Path) -> Result<Vec<Built>> {
    once(root.join("tests/programs"))
}

/// Components as others write them, of which none knows Cofferdam: the workspace `tests/foreign/rust/`.
///
/// # Errors
/// As [`Toolchain::find`] and [`Toolchain::build_workspace`].
pub fn foreign(root: &Path) -> Result<Vec<Built>> {
    once(root.join("tests/foreign/rust"))
}

/// Tests of one process ask at the same time: the first builds, the others wait for it.
fn once(workspace: PathBuf) -> Result<Vec<Built>> {
    static BUILT: LazyLock<Mutex<HashMap<PathBuf, Vec<Built>>>> = LazyLock::new(Mutex::default);
    let workspace = std::fs::canonicalize(&workspace).unwrap_or(workspace);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(built) = built.get(&workspace) {
        return Ok(built.clone());
    }
    let guests = Toolchain::find(&|_| {})?.build_workspace(&workspace, &|_| {})?;
    built.insert(workspace, guests.clone());
    Ok(guests)
}
