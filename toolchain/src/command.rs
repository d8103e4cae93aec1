//! Running other programs: without what a surrounding cargo set for itself, and with each line they say passed on.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, bail};

use crate::Report;

/// How much of what a program said goes into an error. A compiler's complaint about one mistake is far shorter.
const ERROR_LINES_MAX: usize = 400;

/// A command that runs as if started from a plain shell, whatever cargo this process runs under: without the variables
/// that cargo gives to what it runs, and without flags, wrappers and target folders that were meant for the host's own
/// build and would disturb a guest's. What says how to reach registries stays.
pub fn undisturbed(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(disturbs) {
            command.env_remove(name);
        }
    }
    command
}

fn disturbs(name: &str) -> bool {
    const KEPT: [&str; 7] = [
        "CARGO_BUILD_JOBS",
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTRIES_",
        "CARGO_REGISTRY_",
        "CARGO_TERM_",
    ];
    const GIVEN: [&str; 7] = ["DEBUG", "HOST", "NUM_JOBS", "OPT_LEVEL", "OUT_DIR", "PROFILE", "TARGET"];
    let cargo = name == "CARGO" || name.starts_with("CARGO_");
    (cargo && !KEPT.iter().any(|kept| name.starts_with(kept)))
        || name.starts_with("RUSTC")
        || name.starts_with("RUSTDOC")
        || name == "RUSTFLAGS"
        // A build script's own; only there do they all stand together.
        || (GIVEN.contains(&name) && std::env::var_os("OUT_DIR").is_some())
}

/// Runs a command to its end and gives its standard output. Each line of its standard error is reported as it comes.
pub(crate) fn run(command: &mut Command, report: Report<'_>) -> Result<Vec<u8>> {
    let program = name(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{program} cannot be started"))?;
    let (Some(mut stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        bail!("{program} was started without pipes");
    };
    let mut said = Vec::new();
    let output = thread::scope(|scope| {
        // In a thread of its own: a program that fills one pipe while the other is read would stand still.
        let output = scope.spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).map(|_| bytes)
        });
        for line in BufReader::new(stderr).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).trim_end().to_owned();
            report(&line);
            said.push(line);
        }
        output.join().map_err(|_| anyhow::anyhow!("reading what {program} wrote ended early"))?.map_err(Into::into)
    });
    let status = child.wait().with_context(|| format!("{program} cannot be waited for"))?;
    if !status.success() {
        let told = said.len().saturating_sub(ERROR_LINES_MAX);
        bail!("{program} failed ({status}):\n{}", said[told..].join("\n").trim_end());
    }
    output
}

/// As [`run`], for what nobody needs to watch: text out.
pub(crate) fn ask(command: &mut Command) -> Result<String> {
    String::from_utf8(run(command, &|_| {})?).with_context(|| format!("{} did not answer with text", name(command)))
}

fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn what_a_surrounding_cargo_set_is_left_behind() {
        for name in [
            "CARGO",
            "CARGO_MANIFEST_DIR",
            "CARGO_TARGET_DIR",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "CARGO_PROFILE_RELEASE_LTO",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTFLAGS",
            "RUSTDOCFLAGS",
        ] {
            assert!(disturbs(name), "{name}");
        }
        for name in
            ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_REGISTRIES_CRATES_IO_PROTOCOL", "PATH", "RUSTUP_TOOLCHAIN"]
        {
            assert!(!disturbs(name), "{name}");
        }
        // This very test runs under cargo, which says so to everything that it runs.
        let seen = ask(undisturbed("sh").args(["-c", "echo ${CARGO_MANIFEST_DIR:-nothing}"])).unwrap();
        assert_eq!(seen.trim(), "nothing");
    }

    #[test]
    fn what_a_program_says_is_passed_on_and_is_in_the_error() {
        let lines = RefCell::new(Vec::new());
        let report = |line: &str| lines.borrow_mut().push(line.to_owned());
        let error = run(Command::new("sh").args(["-c", "echo out; echo one >&2; echo two >&2; exit 3"]), &report);
        let error = error.unwrap_err().to_string();
        assert_eq!(*lines.borrow(), ["one", "two"]);
        assert!(error.starts_with("sh failed (exit status: 3)") && error.ends_with("one\ntwo"), "{error}");
        let error = run(&mut Command::new("no-such-program"), &report).unwrap_err().to_string();
        assert_eq!(error, "no-such-program cannot be started");
    }
}
