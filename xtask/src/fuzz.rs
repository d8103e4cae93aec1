//! `cargo xtask fuzz`

use anyhow::Result;
use clap::Args;

use crate::guests;
use crate::shell::{cargo, run};

/// Try hostile and malformed input against a host, for longer than the tests do
///
/// Each target is tried for so many seconds. A failure prints the input.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// Only targets whose name holds this; `--list` names them all
    target: Option<String>,
    /// How long each target is tried
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// List the targets
    #[arg(long)]
    list: bool,
}

impl Fuzz {
    pub(crate) fn run(&self) -> Result<()> {
        let mut command = cargo();
        command.args(["test", "--package", "cofferdam-tests", "--test", "fuzz", "--"]).args(&self.target);
        if self.list {
            return run(command.arg("--list"));
        }
        guests::build(guests::PROGRAMS)?;
        // One after another, so that each gets the whole machine and the order of what is printed means something.
        run(command
            .args(["--test-threads", "1", "--nocapture"])
            .env("COFFERDAM_FUZZ_SECONDS", self.seconds.to_string()))
    }
}
