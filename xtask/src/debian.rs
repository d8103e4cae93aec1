//! Programs of Debian's that tests run, where they are not there.

use std::process::Command;

use anyhow::{Result, bail};

use crate::shell::{run, tell};

/// Makes sure that `program`, which Debian has as a package of the same name, can be run.
pub(crate) fn ensure(program: &str) -> Result<()> {
    let is_there = || Command::new(program).arg("--version").output().is_ok();
    if is_there() {
        return Ok(());
    }
    tell(&format!("installing {program}"));
    let install = "apt-get update -qq && apt-get install --yes --no-install-recommends --quiet";
    let installed = run(Command::new("sh").args(["-c", &format!("{install} {program}")]));
    if installed.is_err() || !is_there() {
        bail!("some tests need {program}: install it, such as by `apt-get install {program}` as root, or give --fast");
    }
    Ok(())
}
