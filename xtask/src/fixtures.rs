//! `cargo xtask fixtures`

use anyhow::Result;
use clap::Args;

use crate::guests;

/// Build the guest programs of the tests
///
/// Tests build them by themselves on first use; this is for looking at them.
#[derive(Debug, Args)]
pub(crate) struct Fixtures {}

impl Fixtures {
    pub(crate) fn run(&self) -> Result<()> {
        guests::list(&guests::build(guests::PROGRAMS)?)?;
        guests::list(&guests::build(guests::FOREIGN)?)
    }
}
