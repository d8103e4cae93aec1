//! `cargo xtask interop`

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;
use cofferdam_toolchain::cache_folder;

use crate::guests;
use crate::shell::{cargo, run, target, tell};

/// Programs of others that are built from Go's module proxy, each at the version that it was tried with.
const MODULES: [(&str, &str); 2] = [
    ("fsck", "github.com/transparency-dev/tessera/cmd/fsck@v1.0.4"),
    ("omniwitness", "github.com/transparency-dev/witness/cmd/omniwitness@v0.0.0-20260720115447-2e1c6971d19e"),
];
/// Packages from PyPI: the schema of OCSF, and what checks documents against it.
const PACKAGES: [&str; 2] = ["ocsf-json-schema==1.2.0", "jsonschema"];

/// Check against real peers: programs that others wrote for the formats that Cofferdam speaks
///
/// What they need is fetched into Cofferdam's cache once; then they run without a network. The last line sums up:
/// "N passed, N failed". Needs Python 3 with its module venv.
#[derive(Debug, Args)]
pub(crate) struct Interop {
    /// Only these; all without: audit
    names: Vec<String>,
    /// Write the rows to this file as well: name, holds
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Interop {
    pub(crate) fn run(&self) -> Result<()> {
        let peers = cache_folder()?.join("interop");
        std::fs::create_dir_all(&peers)?;
        for (program, module) in MODULES {
            install(&peers, program, module)?;
        }
        let python = python(&peers)?;
        guests::build(guests::PROGRAMS)?;
        run(cargo().args(["build", "--workspace", "--bin", "interop", "--bin", "cofferdam-under-test"]))?;
        let mut command = Command::new(target().join("debug/interop"));
        command.arg("--peers").arg(&peers).arg("--python").arg(python).args(&self.names);
        if let Some(file) = &self.json {
            command.arg("--json").arg(std::path::absolute(file)?);
        }
        run(&mut command)
    }
}

/// Builds a Go program into the cache, unless that version of it is there.
fn install(peers: &Path, program: &str, module: &str) -> Result<()> {
    let stamp = peers.join(format!("{program}.module"));
    if peers.join(program).is_file() && std::fs::read_to_string(&stamp).is_ok_and(|there| there == module) {
        return Ok(());
    }
    tell(&format!("building {module}"));
    let go = cofferdam_toolchain::go(&|line| tell(line))?;
    let mut install = Command::new(go);
    install.args(["install", module]).env("GOBIN", peers).env("GOTOOLCHAIN", "local").env_remove("GOROOT");
    run(install.current_dir(env::temp_dir()))?;
    std::fs::write(stamp, module)?;
    Ok(())
}

/// An interpreter that has the packages.
fn python(peers: &Path) -> Result<PathBuf> {
    let (folder, stamp) = (peers.join("python"), peers.join("python.packages"));
    let (python, wanted) = (folder.join("bin/python3"), PACKAGES.join(" "));
    if python.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
        .context("install Python 3 with its module venv, such as Debian's python3-venv")?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES))?;
    std::fs::write(stamp, wanted)?;
    Ok(python)
}
