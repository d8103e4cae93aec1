//! Building guests: one cargo call for a package or for a whole workspace, then a component of each module.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::cache::lock;
use crate::command::run;
use crate::component::{self, Shape};
use crate::{Manifest, Report, Toolchain};

/// How to build. Guests are always built with the profile `release`, and without symbols: an interpreter's names alone
/// would be a megabyte in every upload.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// Where cargo builds and components are put; absent: where cargo would by itself.
    pub target_dir: Option<PathBuf>,
}

/// A guest that was built.
#[derive(Debug, Clone)]
pub struct Built {
    /// The cargo package's name.
    pub name: String,
    /// The cargo package's version.
    pub version: semver::Version,
    /// The package's folder.
    pub folder: PathBuf,
    /// The component's file.
    pub component: PathBuf,
    /// What the folder's `cofferdam.toml` says, where there is one.
    pub manifest: Option<Manifest>,
}

impl Toolchain {
    /// Builds the one package in `folder`: a library with the crate type `cdylib`, or a program. The component is made
    /// anew only when the module changed.
    ///
    /// # Errors
    /// When the package does not compile (with what the compiler said), makes nothing, or its manifest is not valid.
    pub fn build_package(&self, folder: &Path, options: &BuildOptions, report: Report<'_>) -> Result<Built> {
        let folder = existing(folder)?;
        // First, because a mistake in it is found in a millisecond.
        Manifest::read(&folder)?;
        let built = self.build(&folder, &[], options, report)?.into_iter().find(|built| built.folder == folder);
        built.with_context(|| {
            format!(
                "{} makes no component: let its Cargo.toml say [lib] crate-type = [\"cdylib\"]",
                folder.join("Cargo.toml").display()
            )
        })
    }

    /// Builds all members of the workspace in `folder` that make a component, sorted by name, with one call of cargo.
    ///
    /// # Errors
    /// As [`Toolchain::build_package`]; a workspace without a guest is no error.
    pub fn build_workspace(&self, folder: &Path, report: Report<'_>) -> Result<Vec<Built>> {
        self.build(&existing(folder)?, &["--workspace"], &BuildOptions::default(), report)
    }

    fn build(&self, folder: &Path, which: &[&str], options: &BuildOptions, report: Report<'_>) -> Result<Vec<Built>> {
        let mut cargo = self.cargo();
        cargo
            .current_dir(folder)
            .args(["build", "--release", "--message-format", "json-render-diagnostics", "--target", self.target()])
            .args(which)
            .env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
        if let Some(target) = &options.target_dir {
            cargo.env("CARGO_TARGET_DIR", target);
        }
        let messages = run(&mut cargo, report).with_context(|| format!("{} cannot be built", folder.display()))?;
        // By folder: a package with a library and a program is its library.
        let mut modules = BTreeMap::new();
        for line in messages.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let message: Message = serde_json::from_slice(line).context("cargo said what is not understood")?;
            if let Some(module) = message.module(folder)
                && (module.shape == Shape::Library || !modules.contains_key(&module.folder))
            {
                modules.insert(module.folder.clone(), module);
            }
        }
        let mut built = modules.into_values().map(|module| module.finish(report)).collect::<Result<Vec<_>>>()?;
        built.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(built)
    }
}

fn existing(folder: &Path) -> Result<PathBuf> {
    let folder = fs::canonicalize(folder).with_context(|| format!("there is no folder {}", folder.display()))?;
    ensure!(folder.join("Cargo.toml").is_file(), "{} has no Cargo.toml", folder.display());
    Ok(folder)
}

/// What cargo says on standard output, a line each; see "external tools" in cargo's reference.
#[derive(Debug, Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    target: Target,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
struct Target {
    #[serde(default)]
    kind: Vec<String>,
}

/// What the compiler made of a package.
#[derive(Debug)]
struct Module {
    shape: Shape,
    package: String,
    folder: PathBuf,
    file: PathBuf,
}

impl Message {
    /// The module that it tells of, if it is one of a package at or below `folder`: what guests depend on may be a
    /// `cdylib` too.
    fn module(self, folder: &Path) -> Option<Module> {
        let is = |kind: &str| self.target.kind.iter().any(|found| found == kind);
        let shape = match () {
            () if is("cdylib") => Shape::Library,
            () if is("bin") => Shape::Program,
            () => return None,
        };
        let own = self.manifest_path.parent().filter(|own| own.starts_with(folder))?.to_owned();
        let file = self.filenames.into_iter().find(|file| file.extension().is_some_and(|ext| ext == "wasm"))?;
        (self.reason == "compiler-artifact").then_some(Module { shape, package: self.package_id, folder: own, file })
    }
}

impl Module {
    fn finish(self, report: Report<'_>) -> Result<Built> {
        let (name, version) = identity(&self.package, &self.folder)?;
        // Cargo writes to TARGET_DIR/wasm32-…/release/.
        let target = self.file.ancestors().nth(3).context("cargo wrote to a place that is not understood")?;
        let components = target.join("components");
        let _lock = lock(&components.join(".lock"), report)?;
        let component = component::make(&self.file, self.shape, &components, &name)?;
        Ok(Built { name, version, component, manifest: Manifest::read(&self.folder)?, folder: self.folder })
    }
}

/// Name and version from a package id: `path+file:///folder#version`, or `…#name@version` where the folder is named
/// otherwise.
fn identity(id: &str, folder: &Path) -> Result<(String, semver::Version)> {
    let unknown = || format!("cargo named a package {id:?}, which is not understood");
    let (_, fragment) = id.rsplit_once('#').with_context(unknown)?;
    let (name, version) = match fragment.split_once('@') {
        Some((name, version)) => (name.to_owned(), version),
        None => (folder.file_name().with_context(unknown)?.to_string_lossy().into_owned(), fragment),
    };
    Ok((name, version.parse().with_context(unknown)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_id_gives_name_and_version() {
        let folder = Path::new("/tools/text");
        let of = |id| identity(id, folder).map(|(name, version)| format!("{name} {version}"));
        assert_eq!(of("path+file:///tools/text#1.2.0").unwrap(), "text 1.2.0");
        assert_eq!(of("path+file:///tools/text#text-tool@0.1.0-rc.1").unwrap(), "text-tool 0.1.0-rc.1");
        assert!(of("text 1.2.0 (path+file:///tools/text)").is_err());
    }
}
