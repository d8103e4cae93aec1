//! `cofferdam new`: a folder with a tool to start from.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::style::{GOOD, STRONG, paint};
use super::{Exit, Failure, Output, Result, files};
use crate::id::PackageName;

/// Start a tool from a template
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam new my-tool
  cofferdam new my-tool --lang rust --in tools
  cofferdam new my-tool --sdk ~/src/cofferdam/guest-sdk")]
pub(super) struct New {
    /// The tool's name: lower-case letters, digits and single hyphens
    name: PackageName,
    /// The language
    #[arg(long, value_enum, default_value = "rust")]
    lang: Lang,
    /// The folder to make it in
    #[arg(long = "in", value_name = "DIR", default_value = ".")]
    parent: PathBuf,
    /// The folder of the guest SDK [default: that of the checkout that this program was built from]
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Lang {
    /// Rust
    Rust,
}

/// A file of a template: where, and what is in it.
type Piece = (&'static str, &'static str);

macro_rules! template {
    ($language:literal: $($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!("../../../guest-sdk/templates/", $language, "/", $file)))),*]
    };
}

const RUST: &[Piece] = template!("rust": "Cargo.toml", "cofferdam.toml", ".gitignore", "src/lib.rs");

/// The name that templates bear.
const PLACEHOLDER: &str = "my-tool";
/// Where a template finds the SDK in the checkout, as it is written there.
const SDK_PATH: &str = "path = \"../..\"";
/// The SDK's folder at build time.
const SDK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-sdk");

#[derive(Debug, Serialize)]
struct Made {
    folder: PathBuf,
    files: Vec<&'static str>,
}

impl New {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let sdk = sdk(self.sdk.as_deref())?;
        let pieces = match self.lang {
            Lang::Rust => RUST,
        };
        let folder = self.parent.join(self.name.as_str());
        for (file, contents) in pieces {
            files::write_new(&folder.join(file), fill(contents, self.name.as_str(), &sdk).as_bytes())?;
        }
        let made = Made { folder, files: pieces.iter().map(|(file, _)| *file).collect() };
        output.show(&made, |made| {
            let folder = made.folder.display();
            format!(
                "{} {}\n\n  cd {folder}\n  cargo test                      # natively, with fakes for what policy gives\n  \
                 cofferdam run . greet name=Ada  # as a component, under its limits\n  \
                 cofferdam push                  # to a host",
                paint(GOOD, "made"),
                paint(STRONG, &folder)
            )
        })?;
        Ok(Exit::Ok)
    }
}

/// The SDK's folder, which has to be there: the tool would not build.
fn sdk(given: Option<&Path>) -> Result<PathBuf> {
    let path = given.unwrap_or(Path::new(SDK));
    match std::fs::canonicalize(path) {
        Ok(folder) if folder.join("Cargo.toml").is_file() => Ok(folder),
        _ => Err(Failure::usage(
            format!("the guest SDK is not at {}", path.display()),
            "name the folder guest-sdk of a checkout of Cofferdam with --sdk",
        )),
    }
}

/// A piece of a template for a tool of this name.
fn fill(contents: &str, name: &str, sdk: &Path) -> String {
    let path = format!("path = {}", toml::Value::String(sdk.display().to_string()));
    contents.replace(SDK_PATH, &path).replace(PLACEHOLDER, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;

    #[test]
    fn templates_have_what_is_filled_in() {
        let all: String = RUST.iter().map(|(_, contents)| *contents).collect();
        assert_eq!((all.matches(SDK_PATH).count(), all.matches(PLACEHOLDER).count()), (1, 2));
        let filled: String = RUST.iter().map(|(_, contents)| fill(contents, "x-y", Path::new("/a \"b\""))).collect();
        assert!(filled.contains("path = '/a \"b\"'") && filled.contains("name = \"x-y\""), "{filled}");
    }

    #[test]
    fn nothing_that_is_there_is_written_over() {
        let parent = tempfile::tempdir().unwrap();
        let new = || New { name: "x".parse().unwrap(), lang: Lang::Rust, parent: parent.path().to_owned(), sdk: None };
        assert_eq!(new().run(Output::new(true)).unwrap(), Exit::Ok);
        let manifest = std::fs::read_to_string(parent.path().join("x/Cargo.toml")).unwrap();
        assert!(manifest.contains("name = \"x\"") && manifest.contains("guest-sdk"), "{manifest}");
        assert_eq!(new().run(Output::new(true)).unwrap_err().exit(), Exit::Failed);
        let nowhere = New { sdk: Some("/nowhere".into()), ..new() };
        assert_eq!(nowhere.run(Output::new(true)).unwrap_err().exit(), Exit::Usage);
    }
}
