//! A package of PyPI, unpacked into a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::Report;
use crate::cache::lock;
use crate::command::{run, undisturbed};

/// A package of PyPI at one version, without what it depends on.
pub(super) struct Wheel {
    pub(super) package: &'static str,
    pub(super) version: &'static str,
}

impl Wheel {
    /// The folder of its files, fetched unless that was done before.
    pub(super) fn fetch(&self, cache: &Path, report: Report<'_>) -> Result<PathBuf> {
        let Self { package, version } = self;
        let folder = cache.join(format!("{package}-{version}"));
        let _lock = lock(&cache.join(format!("{package}.lock")), report)?;
        if folder.is_dir() {
            return Ok(folder);
        }
        report(&format!("fetching {package} {version}"));
        let partial = cache.join(format!("{package}.partial"));
        if partial.exists() {
            fs::remove_dir_all(&partial).with_context(|| format!("{} cannot be removed", partial.display()))?;
        }
        let mut pip = undisturbed("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary",
            ":all:",
        ])
        .args(["--root-user-action", "ignore", "--target"])
        .arg(&partial)
        .arg(format!("{package}=={version}"));
        run(&mut pip, report).with_context(|| {
            format!(
                "{package} {version} cannot be fetched: it takes python3 with pip (Debian's python3 and python3-pip)"
            )
        })?;
        fs::rename(&partial, &folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(folder)
    }
}
