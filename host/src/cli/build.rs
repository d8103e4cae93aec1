//! `cofferdam build`: a component from a folder with a tool's source.

use std::path::{Path, PathBuf};

use clap::Args;
use cofferdam_toolchain::{BuildOptions, Manifest, Toolchain};
use semver::Version;
use serde::Serialize;

use super::progress::Progress;
use super::style::{GOOD, QUIET, STRONG, one_line, paint};
use super::{Exit, Failure, Output, Result, files, words};
use crate::error::Error;
use crate::id::{Digest, PackageName};
use crate::policy::{LimitsPatch, Needs};
use crate::registry::{Inspection, UploadSettings, inspect};

/// Build a tool into a component
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam build
  cofferdam build tools/notes
  cofferdam build --json | jq -r .component

A toolchain for WebAssembly is found, or set up in a cache of its own, on first use. COFFERDAM_TOOLCHAIN=rustup or
=debian restricts which.")]
pub(super) struct Build {
    /// The tool's folder, with Cargo.toml and cofferdam.toml
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// A component with what its manifest says of it: what can be run, or pushed.
#[derive(Debug, Serialize)]
pub(super) struct Packaged {
    /// What it is published as.
    pub(super) package: PackageName,
    /// Its version.
    pub(super) version: Version,
    /// The component's file.
    pub(super) component: PathBuf,
    /// Its digest.
    pub(super) digest: Digest,
    /// The kinds of grant that it asks for; absent: whatever its imports imply, where it is granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) needs: Option<Needs>,
    /// The most that a call of it needs.
    pub(super) limits: LimitsPatch,
    /// What it is, from its bytes alone.
    pub(super) inspection: Inspection,
    /// The bytes.
    #[serde(skip)]
    pub(super) bytes: Vec<u8>,
}

impl Build {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let packaged = build(&self.dir)?;
        output.show(&packaged, |packaged| {
            format!("{}\n{}\n{}", built(packaged), packaged.component.display(), imports(&packaged.inspection))
        })?;
        Ok(Exit::Ok)
    }
}

/// One line of what was built.
pub(super) fn built(packaged: &Packaged) -> String {
    format!(
        "{} {} {}  {}  {}",
        paint(GOOD, "built"),
        paint(STRONG, &packaged.package),
        packaged.version,
        words::bytes(packaged.inspection.bytes),
        paint(QUIET, packaged.digest),
    )
}

/// What a component's imports mean, a line each.
pub(super) fn imports(inspection: &Inspection) -> String {
    match inspection.words.as_slice() {
        [] => "it imports nothing: a pure function\n".to_owned(),
        lines => {
            let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
            format!("it imports:\n{lines}")
        }
    }
}

/// Builds the tool in `dir` and reads its manifest.
pub(super) fn build(dir: &Path) -> Result<Packaged> {
    let progress = Progress::spinner("looking for a toolchain");
    let report = |line: &str| progress.say(one_line(line, 90));
    let toolchain = Toolchain::find(&report).map_err(|error| failed("no toolchain", &error))?;
    progress.say(format!("building {}", dir.display()));
    let built = toolchain
        .build_package(dir, &BuildOptions::default(), &report)
        .map_err(|error| failed("the tool was not built", &error))?;
    drop(progress);
    match built.manifest {
        Some(manifest) => packaged(&manifest, built.component),
        // What cargo calls it will do.
        None => read(&built.name, built.version, None, LimitsPatch::default(), built.component),
    }
}

/// A component that is built already, with the manifest that stands beside it; without one, it is named after its file.
pub(super) fn component(path: &Path) -> Result<Packaged> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match Manifest::read(folder).map_err(|error| failed("the manifest is not valid", &error))? {
        Some(manifest) => packaged(&manifest, path.to_owned()),
        None => {
            let stem =
                path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase().replace(['_', '.', ' '], "-");
            read(&stem, Version::new(0, 0, 0), None, LimitsPatch::default(), path.to_owned())
        }
    }
}

/// Either: a folder is built, a file is taken as it is.
pub(super) fn folder_or_component(path: &Path) -> Result<Packaged> {
    if path.is_file() { component(path) } else { build(path) }
}

fn packaged(manifest: &Manifest, component: PathBuf) -> Result<Packaged> {
    let needs = manifest.needs.as_ref().map(needs).transpose()?;
    let limits = limits(&manifest.limits)?;
    read(&manifest.package.name, manifest.package.version.clone(), needs, limits, component)
}

/// The manifest's kinds of grant as the host has them; a test holds the two lists against each other.
pub(super) fn needs(needs: &cofferdam_toolchain::Needs) -> Result<Needs> {
    let kinds = |kinds: &std::collections::BTreeSet<cofferdam_toolchain::Need>| {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        serde_json::from_value(serde_json::json!(names)).map_err(Error::internal)
    };
    Ok(Needs { required: kinds(&needs.required)?, optional: kinds(&needs.optional)? })
}

/// The manifest's limits, checked.
pub(super) fn limits(table: &toml::Table) -> Result<LimitsPatch> {
    table.clone().try_into().map_err(|error: toml::de::Error| {
        let error = error.message().to_owned();
        Failure::invalid(
            format!("[limits] of the manifest is not valid: {error}"),
            "docs/policy.md lists the limits of a call",
        )
    })
}

fn read(
    name: &str,
    version: Version,
    needs: Option<Needs>,
    limits: LimitsPatch,
    component: PathBuf,
) -> Result<Packaged> {
    let package = name.parse::<PackageName>().map_err(Error::from)?;
    let bytes = files::bytes(&component, "component", UploadSettings::default().component_bytes_max)?;
    let inspection = inspect(&bytes).map_err(Error::from)?;
    Ok(Packaged { package, version, digest: Digest::of(&bytes), component, needs, limits, inspection, bytes })
}

fn failed(what: &str, error: &anyhow::Error) -> Failure {
    Failure::failed("build-failed", format!("{what}: {error:#}"))
}

#[cfg(test)]
mod tests {
    use cofferdam_toolchain::Need;

    use super::*;
    use crate::policy::GrantKind;

    #[test]
    fn manifests_and_policies_know_the_same_kinds_of_grant() {
        let all = cofferdam_toolchain::Needs { required: Need::ALL.into(), optional: [].into() };
        assert_eq!(needs(&all).unwrap().required, GrantKind::ALL.into_iter().collect());
    }

    #[test]
    fn limits_of_a_manifest_are_those_of_a_call() {
        assert!(limits(&"deadline = \"15s\"\nfuel = 1_000\nmemory_bytes = \"32MiB\"".parse().unwrap()).is_ok());
        let failure = limits(&"feul = 1".parse().unwrap()).unwrap_err();
        assert_eq!(failure.exit(), Exit::Invalid);
        assert!(failure.said().unwrap().detail.contains("fuel"), "{failure:?}");
    }

    #[test]
    fn a_component_alone_is_named_after_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("My_Tool.wasm");
        std::fs::write(
            &path,
            wat::parse_str(r#"(component (instance $i) (export "cofferdam:tool/tools@1.0.0" (instance $i)))"#).unwrap(),
        )
        .unwrap();
        let packaged = component(&path).unwrap();
        assert_eq!((packaged.package.as_str(), packaged.version.to_string().as_str()), ("my-tool", "0.0.0"));
        std::fs::write(folder.path().join("cofferdam.toml"), "[package]\nname = \"x\"\nversion = \"1.2.3\"").unwrap();
        assert_eq!(component(&path).unwrap().package.as_str(), "x");
        std::fs::write(&path, "no component").unwrap();
        assert_eq!(component(&path).unwrap_err().exit(), Exit::Invalid);
    }
}
