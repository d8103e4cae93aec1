//! `cargo xtask tools`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::guests;

/// Build the catalogue
///
/// Prints each tool with its version, size and component.
#[derive(Debug, Args)]
pub(crate) struct Tools {
    /// Lay the tools out in this folder, too: DIR/NAME/component.wasm and DIR/NAME/cofferdam.toml
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Tools {
    pub(crate) fn run(&self) -> Result<()> {
        let built = guests::build(guests::TOOLS)?;
        if let Some(out) = &self.out {
            built.iter().try_for_each(|tool| guests::lay_out(tool, &out.join(&tool.name)))?;
        }
        guests::list(&built)
    }
}
