//! Running cargo and other programs, with a line on the terminal for each.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// Says what is going on; standard output is for results.
pub(crate) fn tell(text: &str) {
    // A terminal that is gone is no reason to stop the work.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A result.
pub(crate) fn print(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("standard output is closed")
}

/// The cargo of the host's workspace, as started from a shell. What `cargo run` set for this very program is left behind:
/// build scripts watch some of it, and would run again each time that it differs. Flags and folders that the developer
/// set stay.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    for (name, _) in env::vars_os() {
        const SET: [&str; 4] = ["CARGO_BIN_", "CARGO_CRATE_NAME", "CARGO_MANIFEST_", "CARGO_PKG_"];
        if name.to_str().is_some_and(|name| SET.iter().any(|set| name.starts_with(set))) {
            cargo.env_remove(name);
        }
    }
    cargo.current_dir(root());
    cargo
}

/// Runs a command to its end, its output on the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    tell(&format!("$ {line}"));
    let status = command.status().with_context(|| format!("{line}: cannot be started"))?;
    ensure!(status.success(), "{line}: {status}");
    Ok(())
}

/// A command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The folder that cargo builds the host into.
pub(crate) fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(target) => root().join(target),
        None => root().join("target"),
    }
}
