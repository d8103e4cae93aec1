//! `cargo xtask toolchain`

use anyhow::Result;
use clap::Args;

use crate::shell::{print, tell};

/// Find the toolchain for WebAssembly, or set one up
///
/// A Rust that has the target wasm32-wasip2 comes first, then the packages of Debian in the cache (COFFERDAM_CACHE, else
/// ~/.cache/cofferdam), then `rustup target add`, then those packages, fetched now. COFFERDAM_TOOLCHAIN=rustup or =debian
/// restricts the choice.
#[derive(Debug, Args)]
pub(crate) struct Toolchain {}

impl Toolchain {
    pub(crate) fn run(&self) -> Result<()> {
        print(&cofferdam_toolchain::Toolchain::find(&tell)?.describe())
    }
}
