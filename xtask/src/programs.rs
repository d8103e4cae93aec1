//! Programs that others publish as crates, built into Cofferdam's cache once, each at the version that it was tried with.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use cofferdam_toolchain::{cache_folder, undisturbed};

use crate::shell::{run, tell};

/// How a program is built.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Build {
    /// In as little time as can be: for what runs for seconds.
    Quick,
    /// Optimised: for what must not be slow itself.
    Optimised,
}

/// The folder that has the program `name`, which its crate is called after; builds it where it is not there.
pub(crate) fn folder(name: &str, version: &str, build: Build) -> Result<PathBuf> {
    let folder = cache_folder()?.join(format!("{name}-{version}"));
    let programs = folder.join("bin");
    if !programs.join(name).is_file() {
        tell(&format!("installing {name} {version} into {}, once", folder.display()));
        let mut install = undisturbed("cargo");
        install.args(["install", "--locked", "--root"]).arg(&folder);
        if matches!(build, Build::Quick) {
            install.arg("--debug");
        }
        // Away from the repository, whose settings are not meant for it.
        install.current_dir(std::env::temp_dir());
        run(install.arg(format!("{name}@{version}"))).with_context(|| format!("{name} cannot be installed"))?;
    }
    Ok(programs)
}
