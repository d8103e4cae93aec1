//! `cargo xtask bench`

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::guests;
use crate::programs::{self, Build};
use crate::shell::{cargo, run, target};

/// The generator that `noisy` measures with; how its figures are read is in `tests/src/bin/bench/oha.rs`.
const OHA: &str = "1.16.0";

/// Measure, side by side in one run, against the targets
///
/// Fails where a target does not hold, once all was measured; with --quick, targets are not judged. For `noisy`, the load
/// generator oha is built into Cofferdam's cache once.
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
        // The host too, which it starts; and as a part of the whole workspace, so that nothing is compiled a second time
        // for another choice of features.
        run(cargo().args(["build", "--release", "--workspace", "--bin", "bench", "--bin", "cofferdam-under-test"]))?;
        let mut command = Command::new(target().join("release/bench"));
        command.args(&self.names);
        if self.names.is_empty() || self.names.iter().any(|name| name == "noisy") {
            command.arg("--oha").arg(programs::folder("oha", OHA, Build::Optimised)?.join("oha"));
        }
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
