//! Ends a host with the process that started it, however that ends.
//!
//! The host that all tests of a process share is never dropped, and a test that is killed drops nothing. A host left
//! behind would hold its ports, its folder and the output that a pipeline waits for.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Waits until its standard input closes, then ends the process and removes the folder, if there is one.
const SCRIPT: &str = r#"read -r _; kill -9 "$1" 2>/dev/null; [ -z "$2" ] || rm -rf "$2""#;

/// Watches over one process. Dropping it ends that process.
#[derive(Debug)]
pub(crate) struct Guardian(Child);

impl Guardian {
    /// Of `process`, whose `folder` goes with it.
    pub(crate) fn of(process: &Child, folder: Option<&Path>) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "guardian", &process.id().to_string()]).args(folder);
        // Its own end of the pipe closes when this process ends: nothing else has it.
        Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
