//! `cargo xtask docs`

use anyhow::Result;
use clap::Args;

use crate::shell::{cargo, run};

/// Build the documentation; a warning is a failure
#[derive(Debug, Args)]
pub(crate) struct Docs {
    /// Open it in a browser
    #[arg(long)]
    open: bool,
}

impl Docs {
    pub(crate) fn run(&self) -> Result<()> {
        let mut command = cargo();
        command.args(["doc", "--workspace", "--no-deps", "--document-private-items"]).env("RUSTDOCFLAGS", "-Dwarnings");
        if self.open {
            command.arg("--open");
        }
        run(&mut command)
    }
}
