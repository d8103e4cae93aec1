//! A guest really built, by the toolchain that this machine has or can have.

#![allow(clippy::unwrap_used, reason = "what tests are made of may fail like tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cofferdam_toolchain::{BuildOptions, Built, Choice, Need, Toolchain, cache_folder};
use wasmparser::{Parser, Payload, Validator};

fn toolchain() -> &'static Toolchain {
    static FOUND: OnceLock<Toolchain> = OnceLock::new();
    FOUND.get_or_init(|| Toolchain::find(&|line| eprintln!("{line}")).unwrap())
}

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sample")
}

fn build(folder: &Path, target: &str) -> anyhow::Result<Built> {
    let target_dir = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join(target));
    toolchain().build_package(folder, &BuildOptions { target_dir }, &|line| eprintln!("{line}"))
}

/// Names of what a component imports and exports.
fn names(component: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0);
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(section.into_iter().map(|import| import.unwrap().name.name.to_owned()));
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                exports.extend(section.into_iter().map(|export| export.unwrap().name.name.to_owned()));
            }
            _ => {}
        }
    }
    (imports, exports)
}

#[test]
fn a_guest_becomes_a_component_of_the_native_world() {
    let built = build(&sample(), "sample").unwrap();
    is_the_sample(&built);

    let made = fs::metadata(&built.component).unwrap().modified().unwrap();
    let again = build(&sample(), "sample").unwrap();
    assert_eq!(fs::metadata(&again.component).unwrap().modified().unwrap(), made, "nothing changed");
}

/// Where rustup's target is there, nothing else would try the other way.
#[test]
fn needs_debian_whose_packages_make_the_same_component() {
    if !fs::read_to_string("/etc/os-release").is_ok_and(|release| release.lines().any(|line| line == "ID=debian")) {
        eprintln!("not tried: this machine is no Debian");
        return;
    }
    let report = |line: &str| eprintln!("{line}");
    let debian = Toolchain::choose(Choice::Debian, &cache_folder().unwrap(), &report).unwrap();
    assert_eq!(debian.target(), "wasm32-wasip1");
    let target_dir = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian"));
    is_the_sample(&debian.build_package(&sample(), &BuildOptions { target_dir }, &report).unwrap());
}

#[track_caller]
fn is_the_sample(built: &Built) {
    assert_eq!((built.name.as_str(), built.version.to_string().as_str()), ("sample-guest", "1.2.3"));
    let manifest = built.manifest.as_ref().unwrap();
    assert_eq!(manifest.package.name, "sample");
    assert_eq!(manifest.needs.as_ref().unwrap().optional, [Need::Clock, Need::Files].into());

    let component = fs::read(&built.component).unwrap();
    Validator::new().validate_all(&component).unwrap();
    let (imports, exports) = names(&component);
    assert_eq!(exports, ["cofferdam:tool/tools@1.0.0"]);
    for import in ["wasi:clocks/wall-clock@0.2.", "wasi:filesystem/preopens@0.2.", "wasi:cli/stdout@0.2."] {
        assert!(imports.iter().any(|name| name.starts_with(import)), "{import} is not in {imports:?}");
    }
    assert!(!imports.iter().any(|name| name.contains("snapshot_preview1")), "{imports:?}");
    // Small, and without the names of its functions.
    assert!(component.len() < 200_000, "{} bytes", component.len());
    assert!(!component.windows(13).any(|bytes| bytes == b"sample_guest:"), "symbols are left");
}

/// A package of one file.
fn package(target: &str, more: &str, source: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifest =
        format!("[package]\nname = \"{target}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n{more}");
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src").join(source), "fn main() { println!(\"hello\") }\n").unwrap();
    folder
}

#[test]
fn a_program_becomes_a_command_and_is_made_anew_when_it_changes() {
    let folder = package("program", "", "main.rs");
    let first = fs::read(build(folder.path(), "program").unwrap().component).unwrap();
    let (_, exports) = names(&first);
    assert!(matches!(&exports[..], [run] if run.starts_with("wasi:cli/run@0.2.")), "{exports:?}");

    fs::write(folder.path().join("src/main.rs"), "fn main() { println!(\"good bye\") }\n").unwrap();
    let second = fs::read(build(folder.path(), "program").unwrap().component).unwrap();
    assert_ne!(first, second);
}

#[test]
fn what_cannot_be_built_says_why() {
    let error = |folder: &Path| format!("{:#}", build(folder, "broken").unwrap_err());
    let missing = error(Path::new("/nowhere"));
    assert!(missing.contains("there is no folder /nowhere"), "{missing}");

    let library = package("library", "", "lib.rs");
    let makes_nothing = error(library.path());
    assert!(makes_nothing.contains("crate-type = [\"cdylib\"]"), "{makes_nothing}");

    fs::write(library.path().join("cofferdam.toml"), "[packages]\n").unwrap();
    let manifest = error(library.path());
    assert!(manifest.contains("unknown key \"packages\": did you mean \"package\"?"), "{manifest}");

    let wrong = package("wrong", "", "main.rs");
    fs::write(wrong.path().join("src/main.rs"), "fn main() { let x: u8 = \"x\"; }\n").unwrap();
    let compiler = error(wrong.path());
    assert!(compiler.contains("error[E0308]: mismatched types"), "{compiler}");
}

#[test]
fn a_workspace_is_built_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"b\", \"a\", \"shared\"]\n")
        .unwrap();
    for (name, crate_type) in [("a", "cdylib"), ("b", "cdylib"), ("shared", "rlib")] {
        fs::create_dir_all(path.join(name).join("src")).unwrap();
        let more = if name == "a" { "[dependencies]\nshared = { path = \"../shared\" }\n" } else { "" };
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"{crate_type}\"]\n{more}"
        );
        fs::write(path.join(name).join("Cargo.toml"), manifest).unwrap();
        fs::write(path.join(name).join("src/lib.rs"), "").unwrap();
    }
    let built = toolchain().build_workspace(path, &|_| {}).unwrap();
    let names: Vec<_> = built.iter().map(|built| built.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    for built in built {
        assert!(Parser::is_component(&fs::read(built.component).unwrap()));
    }
}
