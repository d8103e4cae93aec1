//! Files as `wasi:io` 0.2 streams. What a stream has begun it holds itself, so that waiting for it can be given up and
//! taken up again.

use bytes::Bytes;
use futures::future::BoxFuture;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::capability::files::{Fault, OpenFile, READ_BYTES_MAX, WRITE_BYTES_MAX};
use crate::capability::tape::{Line, ask, question};

/// What a guest gets that waits for a stream without having said how much it wants.
const READ_AHEAD_BYTES: usize = 4 << 10;

/// The trap that a fault is where it cannot be an error. A stop stays what it is, for the engine's verdict.
pub(in crate::capability::files) fn trap(fault: Fault) -> wasmtime::Error {
    match fault {
        Fault::Stop(stop) => stop.into(),
        fault => fault.into(),
    }
}

fn failed(fault: Fault) -> StreamError {
    match fault {
        Fault::Stop(stop) => StreamError::Trap(stop.into()),
        fault => StreamError::LastOperationFailed(fault.into()),
    }
}

/// Reads a file from some offset on.
pub(super) struct FileReader {
    /// Absent in a replay.
    file: Option<OpenFile>,
    offset: u64,
    state: Reading,
    line: Option<Line>,
}

enum Reading {
    Idle,
    Waiting(BoxFuture<'static, Result<Vec<u8>, Fault>>),
    Ready(Bytes),
    Failed(Fault),
    Closed,
}

impl FileReader {
    pub(super) fn new(file: Option<OpenFile>, offset: u64, line: Option<Line>) -> Self {
        Self { file, offset, state: Reading::Idle, line }
    }

    fn begin(&mut self, count: usize) {
        if matches!(self.state, Reading::Idle) {
            let (file, offset, count) = (self.file.clone(), self.offset, count.min(READ_BYTES_MAX) as u64);
            let question = question(self.line.as_ref(), "files.read", &(count, offset));
            let read = async move { file.ok_or(Fault::BadDescriptor)?.read(count, offset).await };
            self.state = Reading::Waiting(Box::pin(ask(question, read)));
        }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for FileReader {
    async fn ready(&mut self) {
        self.begin(READ_AHEAD_BYTES);
        if let Reading::Waiting(reading) = &mut self.state {
            self.state = match reading.await {
                Ok(bytes) if bytes.is_empty() => Reading::Closed,
                Ok(bytes) => Reading::Ready(bytes.into()),
                Err(fault) => Reading::Failed(fault),
            };
        }
    }
}

#[wasmtime_wasi::async_trait]
impl InputStream for FileReader {
    fn read(&mut self, count: usize) -> StreamResult<Bytes> {
        if count > 0 {
            self.begin(count);
        }
        match &mut self.state {
            Reading::Idle | Reading::Waiting(_) => Ok(Bytes::new()),
            Reading::Ready(bytes) => {
                let given = bytes.split_to(count.min(bytes.len()));
                self.offset += given.len() as u64;
                if bytes.is_empty() {
                    self.state = Reading::Idle;
                }
                Ok(given)
            }
            Reading::Closed => Err(StreamError::Closed),
            Reading::Failed(_) => match std::mem::replace(&mut self.state, Reading::Closed) {
                Reading::Failed(fault) => Err(failed(fault)),
                _ => Err(StreamError::Closed),
            },
        }
    }

    async fn blocking_read(&mut self, count: usize) -> StreamResult<Bytes> {
        if count > 0 {
            self.begin(count);
            self.ready().await;
        }
        self.read(count)
    }
}

/// Writes a file from some offset on, or at its end.
pub(super) struct FileWriter {
    /// Absent in a replay.
    file: Option<OpenFile>,
    /// Absent: the end, wherever that is.
    offset: Option<u64>,
    state: Writing,
    line: Option<Line>,
}

enum Writing {
    Idle,
    Waiting(BoxFuture<'static, Result<u64, Fault>>),
    Failed(Fault),
    Closed,
}

impl FileWriter {
    pub(super) fn new(file: Option<OpenFile>, offset: Option<u64>, line: Option<Line>) -> Self {
        Self { file, offset, state: Writing::Idle, line }
    }

    fn check(&mut self) -> StreamResult<()> {
        match std::mem::replace(&mut self.state, Writing::Closed) {
            Writing::Failed(fault) => Err(failed(fault)),
            Writing::Closed => Err(StreamError::Closed),
            state => {
                self.state = state;
                Ok(())
            }
        }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for FileWriter {
    async fn ready(&mut self) {
        if let Writing::Waiting(writing) = &mut self.state {
            self.state = match writing.await {
                Ok(written) => {
                    self.offset = self.offset.map(|offset| offset + written);
                    Writing::Idle
                }
                Err(fault) => Writing::Failed(fault),
            };
        }
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for FileWriter {
    fn check_write(&mut self) -> StreamResult<usize> {
        self.check()?;
        Ok(if matches!(self.state, Writing::Idle) { WRITE_BYTES_MAX } else { 0 })
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > self.check_write()? {
            return Err(StreamError::trap("a write that check-write did not permit"));
        }
        let (file, offset) = (self.file.clone(), self.offset);
        let question = question(self.line.as_ref(), "files.write", &(&bytes[..], offset));
        let write = async move { file.ok_or(Fault::BadDescriptor)?.write(bytes, offset).await };
        self.state = Writing::Waiting(Box::pin(ask(question, write)));
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check()
    }

    /// The guest drops the stream: what it wrote before is written all the same.
    async fn cancel(&mut self) {
        self.ready().await;
    }
}
