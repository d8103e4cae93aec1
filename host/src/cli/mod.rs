//! The command line: one file for each command, and no rule of its own. What it decides locally, it decides with the
//! code that the host runs; everything else it asks a host over the API.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

mod arguments;
mod client;
mod connection;
mod exit;
mod failure;
mod files;
mod output;
mod progress;
mod signals;
mod style;
mod table;
mod words;

#[cfg(test)]
mod errors;
#[cfg(test)]
mod reference;

mod approvals;
mod audit;
mod build;
mod call;
mod completions;
mod demo;
mod doctor;
mod host_keys;
mod keys;
mod new;
mod packages;
mod policy;
mod push;
mod routes;
mod run;
mod secret;
mod serve;
mod sessions;
mod sign;
mod submissions;
mod tenants;
mod tools;
mod usage;
mod whoami;

use self::exit::Exit;
use self::failure::{Failure, Result};
use self::output::Output;

/// A multi-tenant tool host for AI agents
///
/// Every tool is a WebAssembly component; every call runs in a fresh store, under fuel, memory and time limits, holding
/// only what the tenant's policy grants, and is recorded before it can have an effect.
#[derive(Debug, Parser)]
#[command(
    name = "cofferdam",
    version,
    styles = style::HELP,
    max_term_width = 100,
    after_help = "`cofferdam COMMAND --help` says more, with examples and exit codes.",
    after_long_help = exit::HELP,
)]
struct Cli {
    /// Print JSON for programs: the result on standard output, a failure on standard error
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    New(new::New),
    Build(build::Build),
    Run(run::Run),
    Push(push::Push),
    Tools(tools::Tools),
    Call(call::Call),
    Policy(policy::Policy),
    Routes(routes::Routes),
    Audit(audit::Audit),
    Packages(packages::Packages),
    Sign(sign::Sign),
    Submissions(submissions::Submissions),
    Usage(usage::Usage),
    Whoami(whoami::Whoami),
    Keys(keys::Keys),
    Secret(secret::Secret),
    Sessions(sessions::Sessions),
    Approvals(approvals::Approvals),
    Tenants(tenants::Tenants),
    RotateHostKeys(host_keys::RotateHostKeys),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
}

/// Runs the command that this process was started with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error).into(),
    };
    let output = Output::new(cli.json);
    let ended = match cli.command {
        Command::Serve(command) => command.run(output),
        Command::Demo(command) => command.run(output),
        Command::New(command) => command.run(output),
        Command::Build(command) => command.run(output),
        Command::Run(command) => command.run(output),
        Command::Push(command) => command.run(output),
        Command::Tools(command) => command.run(output),
        Command::Call(command) => command.run(output),
        Command::Policy(command) => command.run(output),
        Command::Routes(command) => command.run(output),
        Command::Audit(command) => command.run(output),
        Command::Packages(command) => command.run(output),
        Command::Sign(command) => command.run(output),
        Command::Submissions(command) => command.run(output),
        Command::Usage(command) => command.run(output),
        Command::Whoami(command) => command.run(output),
        Command::Keys(command) => command.run(output),
        Command::Secret(command) => command.run(output),
        Command::Sessions(command) => command.run(output),
        Command::Approvals(command) => command.run(output),
        Command::Tenants(command) => command.run(output),
        Command::RotateHostKeys(command) => command.run(output),
        Command::Doctor(command) => command.run(output),
        Command::Completions(command) => command.run(output),
    };
    let exit = ended.unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.exit()
    });
    exit.into()
}

/// A command line that was not understood, or asked only for help.
fn refuse(error: &clap::Error) -> Exit {
    // Clap did not get as far as to know of the option.
    let json = std::env::args_os().any(|argument| argument == "--json");
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if json && !asked {
        let text = error.render().to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let failure = Failure::usage(first, "see `cofferdam --help`");
        Output::new(true).failure(&failure);
        return failure.exit();
    }
    // To standard output when it was asked for, else to standard error; if that is closed, nobody reads it.
    let _ = error.print();
    if asked { Exit::Ok } else { Exit::Usage }
}

/// The command line as clap knows it, for completions and the reference page.
fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests;
