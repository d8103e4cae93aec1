//! The developer's commands: `cargo xtask COMMAND`. Each sets up what it needs by itself.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod debian;
mod demo;
mod docs;
mod fixtures;
mod fuzz;
mod guests;
mod interop;
mod lint;
mod programs;
mod shell;
mod test;
mod toolchain;
mod tools;

/// What developers of Cofferdam run
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Test(test::Test),
    Lint(lint::Lint),
    Docs(docs::Docs),
    Bench(bench::Bench),
    Fuzz(fuzz::Fuzz),
    Interop(interop::Interop),
    Toolchain(toolchain::Toolchain),
    Tools(tools::Tools),
    Fixtures(fixtures::Fixtures),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo(demo) => demo.run(),
        Command::Test(test) => test.run(),
        Command::Lint(lint) => lint.run(),
        Command::Docs(docs) => docs.run(),
        Command::Bench(bench) => bench.run(),
        Command::Fuzz(fuzz) => fuzz.run(),
        Command::Interop(interop) => interop.run(),
        Command::Toolchain(toolchain) => toolchain.run(),
        Command::Tools(tools) => tools.run(),
        Command::Fixtures(fixtures) => fixtures.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            shell::tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_commands_are_well_formed_and_each_says_what_it_does() {
        let mut cli = super::Cli::command();
        cli.build();
        cli.clone().debug_assert();
        for command in cli.get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }
}
