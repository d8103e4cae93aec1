//! Which toolchain it is: the first that works, in a fixed order.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use anyhow::{Error, Result, bail};

use crate::Report;
use crate::cache::{cache_folder, lock};
use crate::command::undisturbed;
use crate::debian::Debian;
use crate::rustup::{self, Sysroot};

/// Restricts the choice: `rustup` for a Rust that has the target, `debian` for Debian's packages. Absent: either.
const CHOICE: &str = "COFFERDAM_TOOLCHAIN";

/// Which kinds of toolchain will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// Either.
    #[default]
    Any,
    /// A Rust that has the target.
    Rustup,
    /// Debian's packages.
    Debian,
}

impl Choice {
    /// What `COFFERDAM_TOOLCHAIN` says; absent or empty: either will do.
    ///
    /// # Errors
    /// When it says something else than `rustup` or `debian`.
    pub fn set() -> Result<Self> {
        env::var(CHOICE).unwrap_or_default().parse()
    }
}

impl FromStr for Choice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "" => Self::Any,
            "rustup" => Self::Rustup,
            "debian" => Self::Debian,
            other => bail!("{CHOICE} is {other:?}: it can be \"rustup\" or \"debian\", or absent for either"),
        })
    }
}

/// What guest components are built with. Finding it again costs one start of `rustc` and a small read.
#[derive(Debug, Clone)]
pub struct Toolchain {
    cargo: PathBuf,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    /// The target `wasm32-wasip2` of this compiler.
    Rustc(PathBuf),
    /// The target `wasm32-wasip1` of Debian's compiler, with a standard library built here.
    Debian(Debian),
}

impl Toolchain {
    /// Finds a toolchain, or sets one up: a Rust that has `wasm32-wasip2`, Debian's packages in the cache, `rustup target
    /// add`, Debian's packages fetched now. `COFFERDAM_TOOLCHAIN` restricts the choice to `rustup` or `debian`. What is
    /// done goes to `report`. Another process that is at the same work is waited for.
    ///
    /// # Errors
    /// When there is none and none can be set up; the error says what was tried and what to install.
    pub fn find(report: Report<'_>) -> Result<Self> {
        Self::choose(Choice::set()?, &cache_folder()?, report)
    }

    /// As [`Toolchain::find`], of one kind only, with another cache.
    ///
    /// # Errors
    /// As [`Toolchain::find`].
    pub fn choose(choice: Choice, cache: &Path, report: Report<'_>) -> Result<Self> {
        let (may_own, may_packages) = (choice != Choice::Debian, choice != Choice::Rustup);
        let sysroot = Sysroot::current()?;
        let debian = cache.join("toolchain");
        let ready = || {
            let own = || sysroot.has_target().then(|| Source::Rustc(sysroot.rustc()));
            let packages = || Debian::ready(&debian).map(Source::Debian);
            let source = may_own.then(own).flatten().or_else(|| may_packages.then(packages).flatten())?;
            Some(Self { cargo: sysroot.cargo(), source })
        };
        if let Some(toolchain) = ready() {
            return Ok(toolchain);
        }
        let _lock = lock(&cache.join("toolchain.lock"), report)?;
        // Whoever held the lock may have done the work.
        if let Some(toolchain) = ready() {
            return Ok(toolchain);
        }
        let mut tried = Vec::new();
        if may_own {
            match rustup::add_target(&sysroot, report) {
                Ok(()) => return Ok(Self { cargo: sysroot.cargo(), source: Source::Rustc(sysroot.rustc()) }),
                Err(error) => tried.push(format!("rustup target add {}: {error:#}", rustup::TARGET)),
            }
        }
        if may_packages {
            match Debian::set_up(&debian, &sysroot.cargo(), report) {
                Ok(debian) => return Ok(Self { cargo: sysroot.cargo(), source: Source::Debian(debian) }),
                Err(error) => tried.push(format!("the packages of Debian: {error:#}")),
            }
        }
        bail!(
            "there is no toolchain for WebAssembly, and none could be set up:\n- {}\nInstall Rust from https://rustup.rs, \
             run \"rustup target add {}\" where there is a network, and try again.",
            tried.join("\n- ").replace('\n', "\n  ").replace("\n  - ", "\n- "),
            rustup::TARGET
        )
    }

    /// What it is, for people: `wasm32-wasip2 of /…/bin/rustc`.
    pub fn describe(&self) -> String {
        match &self.source {
            Source::Rustc(rustc) => format!("{} of {}", rustup::TARGET, rustc.display()),
            Source::Debian(debian) => debian.describe(),
        }
    }

    /// The target's name, as cargo knows it.
    pub const fn target(&self) -> &'static str {
        match self.source {
            Source::Rustc(_) => rustup::TARGET,
            Source::Debian(_) => Debian::TARGET,
        }
    }

    /// Whether [`Toolchain::cargo`] can run clippy for the target; Debian's compiler comes without.
    pub const fn has_clippy(&self) -> bool {
        matches!(self.source, Source::Rustc(_))
    }

    /// A cargo that builds with it, undisturbed by a cargo that this process runs under: it is told by `--target` what for.
    pub fn cargo(&self) -> Command {
        let mut cargo = undisturbed(&self.cargo);
        match &self.source {
            Source::Rustc(rustc) => drop(cargo.env("RUSTC", rustc)),
            Source::Debian(debian) => debian.equip(&mut cargo),
        }
        cargo
    }
}
