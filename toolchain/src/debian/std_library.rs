//! The standard library for the guests' target, built once from Debian's sources, so that no guest ever builds it again.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::Debian;
use crate::Report;
use crate::command::{run, undisturbed};

/// A package of nothing: cargo builds the standard library as what it depends on.
const PACKAGE: &str = r#"
[package]
name = "nothing"
version = "0.0.0"
edition = "2024"

[lib]
path = "nothing.rs"

[profile.release]
opt-level = 3
debug = false
panic = "abort"

[workspace]
"#;

/// Builds in `folder`, and puts the libraries where the compiler looks for them.
pub(super) fn build(debian: &Debian, cargo: &Path, folder: &Path, report: Report<'_>) -> Result<()> {
    report("building the standard library, once");
    fs::create_dir_all(folder)?;
    fs::write(folder.join("Cargo.toml"), PACKAGE)?;
    fs::write(folder.join("nothing.rs"), "#![no_std]\n")?;
    let mut command = undisturbed(cargo);
    debian.equip(&mut command);
    // The sources are of this very compiler; only cargo calls building them unstable.
    command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", folder.join("target")).current_dir(folder);
    run(command.args(["build", "--release", "-Zbuild-std=std,panic_abort", "--target", Debian::TARGET]), report)
        .context("the standard library cannot be built")?;

    let built = folder.join("target").join(Debian::TARGET).join("release/deps");
    let mut copied = 0;
    for entry in fs::read_dir(&built)? {
        let entry = entry?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text.ends_with(".rlib") && !text.starts_with("libnothing-") {
            fs::copy(entry.path(), debian.target_libraries().join(&name))?;
            copied += 1;
        }
    }
    ensure!(copied > 0, "no standard library in {}", built.display());
    Ok(())
}
