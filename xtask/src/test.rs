//! `cargo xtask test`

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::shell::{cargo, line, print, root, tell};
use crate::{debian, guests};

/// What the names of tests begin with that need more than this repository and a toolchain.
const NEEDS: &str = "needs_";

/// Run every test, or those whose name holds one of the names
///
/// Guests are built first, once. The last line sums up all workspaces: "N passed, N failed".
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Parts of names; that none is found is a failure
    names: Vec<String>,
    /// Leave out what needs PostgreSQL, S3, a browser, Node, Go, or packages from elsewhere: tests whose name holds `needs_`
    #[arg(long)]
    fast: bool,
}

impl Test {
    pub(crate) fn run(&self) -> Result<()> {
        guests::build(guests::PROGRAMS)?;
        guests::build(guests::FOREIGN)?;
        guests::build(guests::TOOLS)?;
        if !self.fast {
            debian::ensure("strace")?;
        }
        let mut total = Total::default();
        let mut failed = Vec::new();
        for workspace in [".", guests::TOOLS, guests::TEMPLATE] {
            let mut command = cargo();
            if workspace == guests::TEMPLATE {
                command.env("CARGO_TARGET_DIR", guests::template_target());
            }
            command.current_dir(root().join(workspace)).args(["test", "--workspace", "--no-fail-fast", "--"]);
            command.args(&self.names);
            if self.fast {
                command.args(["--skip", NEEDS]);
            }
            if !run(&mut command, &mut total)? {
                failed.push(workspace);
            }
        }
        print(&format!("\n{} passed, {} failed", total.passed, total.failed.max(failed.len() as u64)))?;
        match (&failed[..], total.passed) {
            ([], 0) => bail!("no test's name holds {}", self.names.join(" or ")),
            ([], _) => Ok(()),
            (failed, _) => bail!("tests failed, in the workspace {}", failed.join(" and ")),
        }
    }
}

/// Tests that ran.
#[derive(Debug, Default, PartialEq, Eq)]
struct Total {
    passed: u64,
    failed: u64,
}

impl Total {
    /// Adds what a test runner's closing line says; other lines say nothing.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|result| result.split_once(". ")) else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ').map(|(number, what)| (number.parse::<u64>(), what)) {
                Some((Ok(number), "passed")) => self.passed += number,
                Some((Ok(number), "failed")) => self.failed += number,
                _ => {}
            }
        }
    }
}

/// Runs tests, their output passed on as it comes, and gives whether all is well.
fn run(command: &mut Command, total: &mut Total) -> Result<bool> {
    let shown = line(command);
    tell(&format!("$ {shown}"));
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("{shown}: cannot be started"))?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            total.add(&line);
            print(&line)?;
        }
    }
    Ok(child.wait().with_context(|| format!("{shown}: cannot be waited for"))?.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_summed() {
        let mut total = Total::default();
        for line in [
            "running 9 tests",
            "test result: ok. 9 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.20s",
            "test some::name ... ok",
        ] {
            total.add(line);
        }
        assert_eq!(total, Total { passed: 10, failed: 2 });
    }
}
