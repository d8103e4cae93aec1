//! A Rust that has the target itself: the usual case, and the only one in which no adapter is needed.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::Report;
use crate::command::{ask, run, undisturbed};

/// The target that gives components directly.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Where the Rust of the current folder keeps its parts.
#[derive(Debug, Clone)]
pub(crate) struct Sysroot(PathBuf);

impl Sysroot {
    /// Asks the `rustc` on the path; rustup's decides by the current folder which one that is.
    pub(crate) fn current() -> Result<Self> {
        let sysroot = ask(undisturbed("rustc").args(["--print", "sysroot"]))
            .context("Rust is missing: install it from https://rustup.rs")?;
        Ok(Self(sysroot.trim_end().into()))
    }

    /// Whether it can build for [`TARGET`].
    pub(crate) fn has_target(&self) -> bool {
        let libraries = self.0.join("lib/rustlib").join(TARGET).join("lib");
        let names = libraries.read_dir().into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.into_iter().any(|name| name.to_str().is_some_and(|name| name.starts_with("libstd-")))
    }

    /// Its compiler.
    pub(crate) fn rustc(&self) -> PathBuf {
        self.0.join("bin/rustc")
    }

    /// Its cargo; the one on the path where it has none of its own.
    pub(crate) fn cargo(&self) -> PathBuf {
        let own = self.0.join("bin/cargo");
        if own.is_file() { own } else { "cargo".into() }
    }
}

/// Has rustup add the target. Without a network it gives up at once, or after 20 seconds where packets are dropped.
pub(crate) fn add_target(sysroot: &Sysroot, report: Report<'_>) -> Result<()> {
    report(&format!("rustup target add {TARGET}"));
    let mut command = undisturbed("rustup");
    command.args(["target", "add", TARGET]).env("RUSTUP_MAX_RETRIES", "0").env("RUSTUP_DOWNLOAD_TIMEOUT", "20");
    run(&mut command, report)?;
    ensure!(sysroot.has_target(), "rustup added the target, but not to {}", sysroot.0.display());
    Ok(())
}
