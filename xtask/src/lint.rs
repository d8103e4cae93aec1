//! `cargo xtask lint`

use anyhow::{Result, bail};
use clap::Args;
use cofferdam_toolchain::Toolchain;

use crate::guests::{FOREIGN, PROGRAMS, TEMPLATE, TOOLS, template_target};
use crate::shell::{cargo, root, run, target, tell};

mod deny;

/// Check what CI checks beside the tests: format, clippy, dependencies, edges between modules
///
/// All of it runs, whatever fails first.
#[derive(Debug, Args)]
pub(crate) struct Lint {}

/// A step: what it is called, and how it is run.
type Step = (&'static str, fn() -> Result<()>);

impl Lint {
    pub(crate) fn run(&self) -> Result<()> {
        const STEPS: [Step; 5] = [
            ("format", format),
            ("clippy", clippy),
            ("clippy of guest programs", programs),
            ("dependencies", deny::check),
            ("edges between modules", edges),
        ];
        let mut failed = Vec::new();
        for (name, step) in STEPS {
            if let Err(error) = step() {
                tell(&format!("{name}: {error:#}"));
                failed.push(name);
            }
        }
        if failed.is_empty() { Ok(()) } else { bail!("not clean: {}", failed.join(", ")) }
    }
}

fn format() -> Result<()> {
    for workspace in [".", TOOLS, PROGRAMS, FOREIGN, TEMPLATE, "toolchain/tests/sample"] {
        run(cargo().current_dir(root().join(workspace)).args(["fmt", "--all", "--check"]))?;
    }
    Ok(())
}

/// With the profile of the tests, so that what they compiled is used.
fn clippy() -> Result<()> {
    for workspace in [".", TOOLS, TEMPLATE] {
        let mut command = cargo();
        if workspace == TEMPLATE {
            command.env("CARGO_TARGET_DIR", template_target());
        }
        command.current_dir(root().join(workspace));
        run(command.args(["clippy", "--workspace", "--all-targets", "--", "-Dwarnings"]))?;
    }
    Ok(())
}

/// The guest programs exist for wasm alone, and clippy can follow there only where it comes with the compiler that has
/// the target. Elsewhere the compiler's own warnings have to do.
fn programs() -> Result<()> {
    let toolchain = Toolchain::find(&tell)?;
    let check = if toolchain.has_clippy() { "clippy" } else { "check" };
    if !toolchain.has_clippy() {
        tell("the toolchain for wasm has no clippy: only the compiler's warnings are checked");
    }
    for workspace in [PROGRAMS, FOREIGN] {
        let mut command = toolchain.cargo();
        command.current_dir(root().join(workspace)).args([check, "--workspace", "--target", toolchain.target()]);
        // A folder of its own, since other flags would have everything in the usual one compiled anew each time.
        run(command.env("CARGO_TARGET_DIR", target().join("lint")).env("RUSTFLAGS", "-Dwarnings"))?;
    }
    Ok(())
}

fn edges() -> Result<()> {
    run(cargo().args(["test", "--package", "cofferdam", "--test", "edges"]))
}
