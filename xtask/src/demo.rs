//! `cargo xtask demo`

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::guests::{self, TOOLS};
use crate::shell::{cargo, line, run, target, tell};

/// Build everything, start a host, and show what it does: two tenants, the catalogue, an upload, calls and refusals
///
/// Stays up and prints commands to try; with --once it ends with 0 when every step held.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// End after the tour
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub(crate) fn run(&self) -> Result<()> {
        let folder = target().join("demo");
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
        }
        let (catalogue, upload) = (folder.join("catalogue"), folder.join("upload"));
        for tool in guests::build(TOOLS)? {
            guests::lay_out(&tool, &catalogue.join(&tool.name))?;
        }
        guests::lay_out(&guests::build_template()?, &upload)?;

        // The profile for development, and as a part of the whole workspace: the tests then share what is compiled. A
        // release build of the host takes several times as long on a fresh clone and shows nothing else.
        run(cargo().args(["build", "--workspace", "--bin", "cofferdam"]))?;
        let mut command = Command::new(target().join("debug/cofferdam"));
        command.args(["demo", "--catalogue"]).arg(&catalogue).arg("--upload").arg(&upload);
        if self.once {
            command.arg("--once");
        }
        tell(&format!("$ {}", line(&command)));
        // In this process's place: an interrupt then has one receiver, which drains before it ends.
        Err(command.exec()).context("the host cannot be started")
    }
}
