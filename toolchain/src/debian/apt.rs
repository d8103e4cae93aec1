//! Fetching Debian's packages as any user: with lists and a cache of our own, so that the system's are neither needed nor
//! touched. apt verifies the signatures of the lists, and by them the packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Report;
use crate::command::{ask, run};

/// Compiler, standard library for the host, sources of the standard library, C library. The rest follows from these.
const PACKAGES: [&str; 5] = ["rustc-web", "libstd-rust-web-dev", "rust-web-llvm", "rust-web-src", "wasi-libc"];

/// A package as it was unpacked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Of the file that was unpacked, 64 hex digits.
    pub(crate) sha256: String,
}

/// apt, kept to one folder.
#[derive(Debug)]
pub(crate) struct Apt {
    folder: PathBuf,
}

impl Apt {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        for part in ["state/lists/partial", "cache/archives/partial", "packages"] {
            fs::create_dir_all(folder.join(part)).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        let settings = settings(folder)?;
        let apt = Self { folder: folder.to_owned() };
        fs::write(apt.settings(), settings)?;
        Ok(apt)
    }

    /// Fetches the lists of the system's sources. One that does not answer is no failure as long as others have the
    /// packages.
    pub(crate) fn update(&self, report: Report<'_>) -> Result<()> {
        run(self.command("apt-get").arg("update"), report).map(drop)
    }

    /// The names of all packages that are needed here.
    pub(crate) fn closure(&self, report: Report<'_>) -> Result<Vec<String>> {
        let library = self.dependency("libstd-rust-web-dev", "libstd-rust-web-")?;
        let llvm = self.dependency("rust-web-llvm", "llvm-")?.replace("llvm-", "");
        let linker = [format!("lld-{llvm}"), format!("llvm-{llvm}-linker-tools"), format!("libllvm{llvm}")];
        let mut names: Vec<String> = PACKAGES.map(str::to_owned).into();
        names.push(library);
        names.extend(linker.iter().cloned());
        // What LLVM needs of the system and this one does not have. Not so for the compiler: apt would have rustup's give
        // way to it, and its needs are met by any machine that builds Rust.
        let mut simulation = self.command("apt-get");
        simulation.args(["-s", "--no-install-recommends", "install"]).args(&linker);
        match ask(&mut simulation) {
            Ok(plan) => names.extend(missing(&plan)),
            Err(error) => report(&format!("going on without what apt would add: {error:#}")),
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Downloads packages and checks each file against the digest in the signed lists.
    pub(crate) fn download(&self, names: &[String], report: Report<'_>) -> Result<Vec<(Package, PathBuf)>> {
        let folder = self.folder.join("packages");
        run(self.command("apt-get").arg("download").args(names).current_dir(&folder), report)?;
        names.iter().map(|name| self.check(name, &folder)).collect()
    }

    fn check(&self, name: &str, folder: &Path) -> Result<(Package, PathBuf)> {
        let field = |key| self.field(name, key);
        let (version, sha256) = (field("Version")?, field("SHA256")?);
        let prefix = format!("{name}_");
        let mut files = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
        let file = files
            .find(|path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&prefix)))
            .with_context(|| format!("apt-get did not download {name}"))?;
        let found = hex(&Sha256::digest(fs::read(&file)?));
        ensure!(found == sha256, "{name} {version}: its sha256 is {found}, and {sha256} in the signed list");
        Ok((Package { name: name.to_owned(), version, sha256 }, file))
    }

    /// The one dependency of `package` that begins with `prefix`.
    fn dependency(&self, package: &str, prefix: &str) -> Result<String> {
        let depends = self.field(package, "Depends")?;
        let mut names = depends.split([',', '|']).filter_map(|depend| depend.split_whitespace().next());
        names
            .find(|name| name.starts_with(prefix))
            .map(str::to_owned)
            .with_context(|| format!("{package} depends on nothing named {prefix}…: {depends}"))
    }

    fn field(&self, package: &str, key: &str) -> Result<String> {
        let show = ask(self.command("apt-cache").args(["show", "--no-all-versions", package]));
        let show = show.with_context(|| format!("this machine's package sources have no {package}"))?;
        let mut values = show.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
        values.next().map(str::to_owned).with_context(|| format!("{package} has no field {key}"))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("-c").arg(self.settings()).env("LC_ALL", "C.UTF-8");
        command
    }

    fn settings(&self) -> PathBuf {
        self.folder.join("apt.conf")
    }
}

/// As a file, because only there can the system's hooks be taken away: Debian's containers have one that empties the
/// system's cache after an update. No user to change to: the folder is ours alone.
fn settings(folder: &Path) -> Result<String> {
    let folder = folder.to_str().filter(|folder| !folder.contains(['"', '\\', '\n']));
    let Some(folder) = folder else { bail!("the cache's path has characters that apt's settings cannot hold") };
    Ok(format!(
        "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n\
         Dir::State \"{folder}/state\";\nDir::State::Lists \"{folder}/state/lists\";\nDir::Cache \"{folder}/cache\";\n\
         APT::Sandbox::User \"\";\nAPT::Get::AllowUnauthenticated \"false\";\n\
         Acquire::AllowInsecureRepositories \"false\";\nAcquire::Languages \"none\";\nAcquire::Retries \"2\";\n\
         Acquire::http::Timeout \"20\";\nAcquire::https::Timeout \"20\";\n"
    ))
}

/// What a simulated installation would add that is not there in any version. What is there is never replaced: a second
/// C library in the search path would break every program.
fn missing(plan: &str) -> impl Iterator<Item = String> + '_ {
    let added = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_once(' '));
    added.filter(|(name, rest)| !name.contains(':') && rest.starts_with('(')).map(|(name, _)| name.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_adds_what_is_missing_and_replaces_nothing() {
        let plan = "NOTE: This is only a simulation!\nInst libc6 [2.36-9] (2.36-10 Debian:12 [amd64])\n\
                    Inst libz3-4 (4.8.12-3.1 Debian:12.9/oldstable [amd64])\nInst libz3-4:i386 (4.8 Debian:12 [i386])\n\
                    Conf libz3-4 (4.8.12-3.1 Debian:12.9/oldstable [amd64])\n";
        assert_eq!(missing(plan).collect::<Vec<_>>(), ["libz3-4"]);
    }

    #[test]
    fn a_path_cannot_end_its_place_in_the_settings() {
        assert!(settings(Path::new("/x\"; APT::Get::AllowUnauthenticated \"true")).is_err());
        assert!(settings(Path::new("/a b/c")).unwrap().contains("\"/a b/c/state\""));
    }
}
