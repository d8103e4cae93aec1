//! Licences, sources and known defects of what is depended on, by cargo-deny.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::guests::{PROGRAMS, TOOLS};
use crate::programs::{self, Build};
use crate::shell::{cargo, root, run, tell};

const VERSION: &str = "0.20.2";

/// Checks all workspaces against `deny.toml`. The database of advisories is on GitHub: where that cannot be reached, the
/// rest is checked and it is said what was not.
pub(super) fn check() -> Result<()> {
    let deny = programs::folder("cargo-deny", VERSION, Build::Quick)?;
    let checked = |workspace: &str, what: &[&str]| {
        let manifest = root().join(workspace).join("Cargo.toml");
        let mut command = cargo();
        // Cargo's own way to a subcommand, at a place where it does not look by itself.
        command.env("PATH", path_with(&deny)?);
        command
            .args(["deny", "--locked", "--config"])
            .arg(root().join("deny.toml"))
            .arg("--manifest-path")
            .arg(manifest);
        run(command.arg("check").args(what))
    };
    for workspace in [".", TOOLS, PROGRAMS] {
        checked(workspace, &["bans", "licenses", "sources"])?;
    }
    let mut fetch = cargo();
    fetch.env("PATH", path_with(&deny)?).args(["deny", "--config"]).arg(root().join("deny.toml")).args(["fetch", "db"]);
    if let Err(error) = run(&mut fetch) {
        tell(&format!("ADVISORIES NOT CHECKED, their database cannot be fetched: {error:#}"));
        return Ok(());
    }
    [".", TOOLS, PROGRAMS].into_iter().try_for_each(|workspace| checked(workspace, &["--disable-fetch", "advisories"]))
}

fn path_with(folder: &Path) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).context("the cache's path has a character that PATH cannot hold")
}
