//! Where rustup has no wasm target to give: the compiler, linker and C library of Debian's packages, unpacked into a
//! folder of the cache and never installed, with a standard library built once from their sources.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::Report;
use crate::cache::write_whole;
use crate::command::{ask, run};

mod apt;
mod std_library;

use self::apt::{Apt, Package};

/// Raised when what is done here changes, so that an older folder is made anew.
const RECIPE: u32 = 1;
const STAMP: &str = "stamp.json";

/// Debian's toolchain, ready for use.
#[derive(Debug, Clone)]
pub(crate) struct Debian {
    root: PathBuf,
    stamp: Stamp,
}

/// What a folder holds. It is written last: a folder without it is half done.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stamp {
    recipe: u32,
    /// The compiler's own word for its version.
    rustc: String,
    /// The folder of shared libraries, below the root.
    libraries: PathBuf,
    /// What was unpacked.
    packages: Vec<Package>,
}

impl Debian {
    /// Preview 1, of which Debian's C library is: the components get an adapter.
    pub(crate) const TARGET: &str = "wasm32-wasip1";

    /// The toolchain in `root`, if it is whole.
    pub(crate) fn ready(root: &Path) -> Option<Self> {
        let stamp: Stamp = serde_json::from_slice(&fs::read(root.join(STAMP)).ok()?).ok()?;
        let debian = Self { root: root.to_owned(), stamp };
        (debian.stamp.recipe == RECIPE && debian.rustc().is_file()).then_some(debian)
    }

    /// Fetches, checks and unpacks the packages, and builds the standard library. Only `root` and a folder beside it are
    /// written.
    pub(crate) fn set_up(root: &Path, cargo: &Path, report: Report<'_>) -> Result<Self> {
        let partial = root.with_extension("partial");
        for folder in [root, &partial] {
            if folder.exists() {
                fs::remove_dir_all(folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
            }
        }
        let tree = partial.join("tree");
        let packages = fetch(&partial, &tree, report)?;
        let stamp = Stamp { recipe: RECIPE, rustc: String::new(), libraries: libraries(&tree)?, packages };
        let mut debian = Self { root: tree, stamp };
        debian.complete(report)?;
        std_library::build(&debian, cargo, &partial.join("std"), report)?;
        debian.leave_what_is_used()?;
        write_whole(&debian.root.join(STAMP), &serde_json::to_vec_pretty(&debian.stamp)?)?;
        fs::rename(&debian.root, root).with_context(|| format!("{} cannot be made", root.display()))?;
        fs::remove_dir_all(&partial).with_context(|| format!("{} cannot be removed", partial.display()))?;
        debian.root = root.to_owned();
        report(&format!("ready: {}", debian.describe()));
        Ok(debian)
    }

    /// What it is, for people.
    pub(crate) fn describe(&self) -> String {
        let (target, rustc) = (Self::TARGET, &self.stamp.rustc);
        format!("{target} of Debian's {rustc}, {} packages in {}", self.stamp.packages.len(), self.root.display())
    }

    /// Has `cargo` build with this compiler.
    pub(crate) fn equip(&self, cargo: &mut Command) {
        cargo.env("RUSTC", self.rustc()).env("LD_LIBRARY_PATH", self.library_path());
    }

    fn rustc(&self) -> PathBuf {
        self.root.join("usr/bin/rustc")
    }

    /// Where the standard library and what is linked with it lie.
    fn target_libraries(&self) -> PathBuf {
        self.root.join("usr/lib/rustlib").join(Self::TARGET).join("lib")
    }

    /// The packages' libraries first, then whatever is searched anyway.
    fn library_path(&self) -> OsString {
        let mut path = self.root.join(&self.stamp.libraries).into_os_string();
        if let Some(inherited) = env::var_os("LD_LIBRARY_PATH").filter(|inherited| !inherited.is_empty()) {
            path.push(":");
            path.push(inherited);
        }
        path
    }

    /// Puts the linker and the C library where this compiler looks for its own parts, so that a build needs no flags, and
    /// sees to it that both programs run here.
    fn complete(&mut self, report: Report<'_>) -> Result<()> {
        let run_here = |program: &Path| {
            let mut command = Command::new(program);
            command.env("LD_LIBRARY_PATH", self.library_path());
            command
        };
        let version = ask(run_here(&self.rustc()).arg("-vV")).context("Debian's rustc does not run on this machine")?;
        let line = |key: &str| version.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
        let host = line("host: ").context("Debian's rustc does not say what it runs on")?;
        let linker = self.root.join("usr/bin/rust-lld");
        ask(run_here(&linker).args(["-flavor", "wasm", "--version"])).context("Debian's lld does not run here")?;

        let tools = self.root.join("usr/lib/rustlib").join(host).join("bin");
        let link = tools.join("rust-lld");
        fs::create_dir_all(&tools)?;
        if !link.exists() {
            symlink("../../../../bin/rust-lld", &link).with_context(|| format!("{} cannot be made", link.display()))?;
        }
        let own = self.target_libraries().join("self-contained");
        fs::create_dir_all(&own)?;
        for part in ["crt1-command.o", "crt1-reactor.o", "libc.a"] {
            let from = self.root.join("usr/lib/wasm32-wasi").join(part);
            fs::copy(&from, own.join(part)).with_context(|| format!("{} cannot be copied", from.display()))?;
        }
        self.stamp.rustc = version.lines().next().unwrap_or("rustc").to_owned();
        report(&format!("{} and its linker run on this machine", self.stamp.rustc));
        Ok(())
    }

    /// Removes the sources, half of all there is; the standard library has been built from them.
    fn leave_what_is_used(&self) -> Result<()> {
        for part in ["usr/src", "usr/lib/rustlib/src", "usr/share/man"] {
            let path = self.root.join(part);
            match path.symlink_metadata() {
                Ok(found) if found.is_dir() => fs::remove_dir_all(&path)?,
                Ok(_) => fs::remove_file(&path)?,
                Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Downloads the packages into `folder` and unpacks them into `tree`.
fn fetch(folder: &Path, tree: &Path, report: Report<'_>) -> Result<Vec<Package>> {
    let apt = Apt::open(&folder.join("apt"))?;
    report("apt-get update, with lists of its own");
    apt.update(report)?;
    let names = apt.closure(report)?;
    report(&format!("apt-get download {}", names.join(" ")));
    let packages = apt.download(&names, report)?;
    fs::create_dir_all(tree)?;
    for (package, file) in &packages {
        report(&format!("unpacking {} {}", package.name, package.version));
        run(Command::new("dpkg").arg("-x").arg(file).arg(tree), report)?;
        // The room is needed again.
        fs::remove_file(file)?;
    }
    Ok(packages.into_iter().map(|(package, _)| package).collect())
}

/// The folder with the compiler's shared libraries, whose name is the machine's architecture, relative to the tree.
fn libraries(tree: &Path) -> Result<PathBuf> {
    for folder in fs::read_dir(tree.join("usr/lib"))? {
        let folder = folder?;
        let names = folder.path().read_dir().into_iter().flatten().flatten().map(|entry| entry.file_name());
        if names.into_iter().any(|name| name.to_string_lossy().starts_with("librustc_driver-")) {
            return Ok(Path::new("usr/lib").join(folder.file_name()));
        }
    }
    bail!("the packages hold no compiler")
}
