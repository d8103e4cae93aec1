//! `cofferdam-auditor`: checks a tenant's log from its public files, on a machine that need not have the host.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use cofferdam_auditor::cli::{Command, EXIT_UNCHECKED};

/// From one line of progress to the next.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Check a tenant's log from its public files, without trusting the host that wrote it
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Exit codes: 0 all is as it should be, 1 something was found, 2 the arguments are not right, 3 it could not be checked."
)]
struct Arguments {
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let shows_progress = io::stderr().is_terminal();
    let mut last = Instant::now();
    let outcome = arguments.command.run(&mut |line| {
        if shows_progress && last.elapsed() >= PROGRESS_EVERY {
            last = Instant::now();
            let _ = write!(io::stderr(), "\r\x1b[K{line}");
        }
    });
    if shows_progress {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    let (text, code) = match outcome {
        Ok(outcome) if arguments.json => (format!("{:#}\n", outcome.json), outcome.exit_code()),
        Ok(outcome) => (outcome.text.clone(), outcome.exit_code()),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            return ExitCode::from(EXIT_UNCHECKED);
        }
    };
    // Where nobody reads what is printed, what was checked is not thereby wrong, but it is not told either.
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::from(EXIT_UNCHECKED),
    }
}
