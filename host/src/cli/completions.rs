//! `cofferdam completions`: what a shell needs to complete the command line.

use clap::Args;
use clap_complete::Shell;

use super::{Exit, Output, Result};

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam completions bash > ~/.local/share/bash-completion/completions/cofferdam
  cofferdam completions zsh > ~/.zfunc/_cofferdam
  cofferdam completions fish > ~/.config/fish/completions/cofferdam.fish")]
pub(super) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "cofferdam", &mut script);
        output.raw(&script)?;
        Ok(Exit::Ok)
    }
}
