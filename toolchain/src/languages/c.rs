//! C: one file, compiled to a module of WASI 0.1.

use std::path::Path;

use anyhow::Result;

use super::wheel::Wheel;
use crate::Report;
use crate::command::{run, undisturbed};
use crate::component::{Shape, component_of};

pub(super) const TOOLS: &str = "ziglang 0.17.0";
const ZIG: Wheel = Wheel { package: "ziglang", version: "0.17.0" };

/// Builds `main.c`.
pub(super) fn build(folder: &Path, target: &Path, cache: &Path, report: Report<'_>) -> Result<Vec<u8>> {
    let zig = ZIG.fetch(cache, report)?;
    let module = target.join("module.wasm");
    let mut clang = undisturbed(zig.join("ziglang/zig"));
    clang
        .args(["cc", "--target=wasm32-wasi", "-Os", "-Wall", "-Werror", "-o"])
        .args([&module, &folder.join("main.c")])
        .env("ZIG_GLOBAL_CACHE_DIR", cache.join("zig-cache"))
        .env("ZIG_LOCAL_CACHE_DIR", target.join("zig-cache"));
    run(&mut clang, report)?;
    component_of(&module, Shape::Program)
}
