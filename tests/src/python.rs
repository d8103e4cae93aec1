//! Servers that others wrote, from packages of PyPI: fetched into the cache once, run by the machine's own Python.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cofferdam_toolchain::{cache_folder, undisturbed};

use crate::guardian::Guardian;

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    guardian: Option<Guardian>,
}

impl Peer {
    /// Starts a command.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let guardian = Some(Guardian::of(&child, None));
        Self { child, guardian }
    }

    /// The first line that it says.
    ///
    /// # Panics
    ///
    /// When it says nothing.
    pub fn first_line(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "it ended without a word");
        line.trim().to_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.guardian.take());
        let _ = self.child.wait();
    }
}

/// The folder of `packages`, each with its version, and what they depend on; `alone` are taken without. Fetched unless
/// that was done before.
///
/// # Panics
///
/// When there is no Python with pip, or a package cannot be fetched.
pub fn packages(name: &str, packages: &[&str], alone: &[&str]) -> PathBuf {
    let cache = cache_folder().unwrap().join("python");
    let folder = cache.join(name);
    if folder.is_dir() {
        return folder;
    }
    std::fs::create_dir_all(&cache).unwrap();
    // Two processes may fetch at once: the first to be done gives the folder its name.
    let partial = tempfile::Builder::new().prefix(name).tempdir_in(&cache).unwrap();
    for (packages, more) in [(packages, &[][..]), (alone, &["--no-deps"][..])] {
        if packages.is_empty() {
            continue;
        }
        let mut pip = undisturbed("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action", "ignore"]);
        pip.args(more).args(["--only-binary", ":all:", "--target"]).arg(partial.path()).args(packages);
        assert!(pip.status().unwrap().success(), "{packages:?} cannot be fetched: it takes python3 with pip");
    }
    let _ = std::fs::rename(partial.keep(), &folder);
    assert!(folder.is_dir());
    folder
}

/// The machine's Python with the packages of `folder`, and nothing else of its own.
pub fn python(folder: &Path) -> Command {
    let mut python = undisturbed("python3");
    python.env("PYTHONPATH", folder).env("PYTHONDONTWRITEBYTECODE", "1").env("HOME", folder);
    python
}
