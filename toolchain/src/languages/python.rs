//! Python: one module, with the CPython that `componentize-py` carries.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::wheel::Wheel;
use crate::Report;
use crate::command::{run, undisturbed};

pub(super) const TOOLS: &str = "componentize-py 0.25.1";
const TOOL: Wheel = Wheel { package: "componentize-py", version: "0.25.1" };

/// Builds `app.py` for the world of the same name in `app.wit`.
pub(super) fn build(folder: &Path, target: &Path, cache: &Path, report: Report<'_>) -> Result<Vec<u8>> {
    let tool = TOOL.fetch(cache, report)?;
    let component = target.join("made.wasm");
    let mut command = undisturbed("python3");
    command
        .current_dir(folder)
        .env("PYTHONPATH", &tool)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["-c", "import sys, componentize_py; sys.exit(componentize_py.script())"])
        .args(["--wit-path", "app.wit", "--world", "app", "componentize", "app", "--output"])
        .arg(&component);
    run(&mut command, report)?;
    fs::read(&component).with_context(|| format!("{} was not made", component.display()))
}
