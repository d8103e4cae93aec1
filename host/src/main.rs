//! The `cofferdam` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: the compiling child gives up its rights while it is still one thread with nothing open.
    if let Some(code) = cofferdam::registry::child::main() {
        return code;
    }
    cofferdam::cli::main()
}
