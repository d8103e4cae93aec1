//! Being asked to stop: SIGTERM, and ctrl-c.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Result;
use crate::error::Error;

/// Both of them, from when it is made.
#[derive(Debug)]
pub(super) struct Asked {
    terminate: Signal,
    interrupt: Signal,
}

impl Asked {
    /// Within a runtime. From here on they do not end the process any more.
    pub(super) fn new() -> Result<Self> {
        let terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
        let interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
        Ok(Self { terminate, interrupt })
    }

    /// Waits for the next one.
    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
