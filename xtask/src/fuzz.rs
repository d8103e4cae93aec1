//! `cargo xtask fuzz`

use anyhow::Result;
use clap::Args;

use crate::guests;
use crate::shell::{cargo, run};

/// Try hostile and malformed input on the host's readers and on a running host, for longer than the tests do
///
/// Each target is tried for so many seconds. A failure prints the input; what reads files of its own corpus, `host/fuzz`, keeps
/// it in `target/fuzz`.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// Only targets whose name begins so, behind `fuzz_`; `--list` names them all
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
        // What the names of all targets begin with.
        let target = format!("fuzz_{}", self.target.as_deref().unwrap_or_default());
        command.args(["test", "--workspace", "--lib", "--test", "fuzz", "--", &target]);
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
