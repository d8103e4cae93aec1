//! `cargo xtask bench`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::guests;
use crate::shell::{cargo, run};

/// Measure, side by side in one run, against the targets
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Only these; all without
    names: Vec<String>,
    /// Shorter: to see that it works, not to compare
    #[arg(long)]
    quick: bool,
    /// Write the rows to this file as well: name, value, unit, target, holds, beside
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Bench {
    pub(crate) fn run(&self) -> Result<()> {
        guests::build(guests::PROGRAMS)?;
        let mut command = cargo();
        command.args(["run", "--release", "--package", "cofferdam-tests", "--bin", "bench", "--"]).args(&self.names);
        if self.quick {
            command.arg("--quick");
        }
        if let Some(file) = &self.json {
            // Relative to where the developer is, not to where cargo is started.
            command.arg("--json").arg(std::path::absolute(file)?);
        }
        run(&mut command)
    }
}
