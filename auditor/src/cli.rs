//! The commands as the binary has them, and as another command line can embed them: arguments, and an outcome to print.

mod check;
mod consistency;
mod input;
mod mirror;
mod prove;
mod verify;

pub use check::Check;
pub use consistency::Consistency;
pub use input::{Access, KeyArgument, TOKEN_VARIABLE};
pub use mirror::Mirror;
pub use prove::Prove;
pub use verify::Verify;

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use crate::error::{Error, Result};

/// Everything is as it should be.
pub const EXIT_FINE: u8 = 0;
/// Something was found.
pub const EXIT_FINDINGS: u8 = 1;
/// The arguments are not right.
pub const EXIT_USAGE: u8 = 2;
/// It could not be checked.
pub const EXIT_UNCHECKED: u8 = 3;

/// What an auditor does.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Go through a whole log.
    Verify(Verify),
    /// Check a call's receipt, offline.
    Check(Check),
    /// Check that two checkpoints are of one log that only grew.
    Consistency(Consistency),
    /// Copy a log into a folder, verified.
    Mirror(Mirror),
    /// Prove that an entry is in a log.
    Prove(Prove),
}

impl Command {
    /// Does it. `progress` is told, for people, how far it is. An error is that it could not be checked.
    pub fn run(&self, progress: &mut dyn FnMut(String)) -> Result<Outcome> {
        match self {
            Self::Verify(command) => command.run(progress),
            Self::Check(command) => command.run(),
            Self::Consistency(command) => command.run(),
            Self::Mirror(command) => command.run(progress),
            Self::Prove(command) => command.run(),
        }
    }
}

/// What came of it: the same for programs and for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// For programs: the command's own document, or `{"code": …, "message": …}` where something does not hold.
    pub json: serde_json::Value,
    /// For people: lines, each with its newline.
    pub text: String,
    /// Whether all is as it should be.
    pub ok: bool,
}

impl Outcome {
    /// The exit code that says so.
    pub const fn exit_code(&self) -> u8 {
        if self.ok { EXIT_FINE } else { EXIT_FINDINGS }
    }

    fn of(document: &impl Serialize, text: String, ok: bool) -> Self {
        // None of the documents has a map whose keys are not texts, which is all that JSON cannot hold.
        let json = serde_json::to_value(document).unwrap_or_default();
        Self { json, text, ok }
    }

    /// Of a fault in what was checked; what merely could not be checked stays an error.
    fn of_fault(error: Error) -> Result<Self> {
        match error {
            Error::Read { .. } | Error::Write { .. } | Error::Missing { .. } | Error::NoSuchEntry { .. } => Err(error),
            error => {
                let text = format!("{}:\n  {error}\n", error.code());
                Ok(Self { json: json!({"code": error.code(), "message": error.to_string()}), text, ok: false })
            }
        }
    }
}
