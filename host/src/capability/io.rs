//! `wasi:io` 0.2, error, poll and streams: `wasmtime-wasi`'s, but for a call that has a tape.
//!
//! What streams carry is recorded where it comes from. Here is only what a guest sees of *when* something is ready, and
//! that cannot be given again: a guest that waits for one thing after another sees nothing of it, one that looks without
//! waiting, or waits for several things at once, does.

#[cfg(test)]
mod tests;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult};
use wasmtime_wasi_io::bindings::wasi::io::{error, poll, streams};

use super::effects::Stop;
use super::tape::Tape;

const LOOKS: &str = "it looks whether something is ready without waiting for it, which cannot be recorded";
const SEVERAL: &str = "it waits for several things at once, which cannot be recorded";
const GIVEN_UP: &str = "the other side did not take a request's body, which cannot be recorded";

/// The call's share of the host as `wasi:io` wants it.
#[derive(Debug)]
pub(super) struct IoView<'a> {
    /// The call's handles.
    pub(super) table: &'a mut ResourceTable,
    /// Its tape, where it has one.
    pub(super) tape: Option<&'a Tape>,
    /// Which of the handles are standard streams: what is seen of these follows from the record.
    pub(super) printers: &'a mut Vec<u32>,
}

struct HasIo;

impl HasData for HasIo {
    type Data<'a> = IoView<'a>;
}

/// Links the three interfaces.
///
/// # Errors
///
/// Where one of them is linked already.
pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> IoView<'_>,
) -> wasmtime::Result<()> {
    error::add_to_linker::<T, HasIo>(linker, get)?;
    poll::add_to_linker::<T, HasIo>(linker, get)?;
    streams::add_to_linker::<T, HasIo>(linker, get)
}

type Input = Resource<DynInputStream>;
type Output = Resource<DynOutputStream>;

impl IoView<'_> {
    /// The guest saw that something was not ready, or in a replay sees it: then nothing more can be compared.
    fn unready(&self, tape: &Tape, why: &str) -> wasmtime::Result<()> {
        tape.spoil(why);
        if tape.is_replay() { Err(Stop::Replay.into()) } else { Ok(()) }
    }

    /// What a guest got that did not wait. In a replay, what came then is there by now.
    fn looked<T>(&self, got: StreamResult<T>, is_empty: impl FnOnce(&T) -> bool) -> StreamResult<T> {
        if let (Some(tape), Ok(value)) = (self.tape, &got)
            && is_empty(value)
        {
            self.unready(tape, LOOKS).map_err(StreamError::Trap)?;
        }
        got
    }

    /// What came of writing.
    fn written<T>(&self, done: StreamResult<T>) -> StreamResult<T> {
        if let (Some(tape), Err(StreamError::Closed)) = (self.tape, &done)
            && tape.is_body_given_up()
        {
            tape.spoil(GIVEN_UP);
        }
        done
    }
}

impl error::Host for IoView<'_> {}

impl error::HostError for IoView<'_> {
    fn to_debug_string(&mut self, error: Resource<streams::Error>) -> wasmtime::Result<String> {
        error::HostError::to_debug_string(self.table, error)
    }

    fn drop(&mut self, error: Resource<streams::Error>) -> wasmtime::Result<()> {
        error::HostError::drop(self.table, error)
    }
}

impl poll::Host for IoView<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        let Some(tape) = self.tape.filter(|_| pollables.len() > 1) else {
            return poll::Host::poll(self.table, pollables).await;
        };
        if tape.is_bare() {
            self.unready(tape, SEVERAL)?;
        }
        if tape.is_replay() {
            // In a call that was recorded all of them were ready.
            for pollable in &pollables {
                poll::HostPollable::block(self.table, Resource::new_borrow(pollable.rep())).await?;
            }
        }
        let all = pollables.len();
        let ready = poll::Host::poll(self.table, pollables).await?;
        if ready.len() < all {
            self.unready(tape, SEVERAL)?;
        }
        Ok(ready)
    }
}

impl poll::HostPollable for IoView<'_> {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::block(self.table, pollable).await
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        let Some(tape) = self.tape else { return poll::HostPollable::ready(self.table, pollable).await };
        if tape.is_bare() {
            self.unready(tape, LOOKS)?;
        }
        if tape.is_replay() {
            poll::HostPollable::block(self.table, pollable).await?;
            return Ok(true);
        }
        let is_ready = poll::HostPollable::ready(self.table, pollable).await?;
        if !is_ready {
            self.unready(tape, LOOKS)?;
        }
        Ok(is_ready)
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(self.table, pollable)
    }
}

impl streams::Host for IoView<'_> {
    fn convert_stream_error(&mut self, error: StreamError) -> wasmtime::Result<streams::StreamError> {
        self.table.convert_stream_error(error)
    }
}

impl streams::HostInputStream for IoView<'_> {
    fn read(&mut self, stream: Input, length: u64) -> StreamResult<Vec<u8>> {
        let read = self.table.read(stream, length);
        self.looked(read, |bytes| length > 0 && bytes.is_empty())
    }

    async fn blocking_read(&mut self, stream: Input, length: u64) -> StreamResult<Vec<u8>> {
        self.table.blocking_read(stream, length).await
    }

    fn skip(&mut self, stream: Input, length: u64) -> StreamResult<u64> {
        let skipped = self.table.skip(stream, length);
        self.looked(skipped, |count| length > 0 && *count == 0)
    }

    async fn blocking_skip(&mut self, stream: Input, length: u64) -> StreamResult<u64> {
        self.table.blocking_skip(stream, length).await
    }

    fn subscribe(&mut self, stream: Input) -> wasmtime::Result<Resource<DynPollable>> {
        streams::HostInputStream::subscribe(self.table, stream)
    }

    async fn drop(&mut self, stream: Input) -> wasmtime::Result<()> {
        streams::HostInputStream::drop(self.table, stream).await
    }
}

impl streams::HostOutputStream for IoView<'_> {
    fn check_write(&mut self, stream: Output) -> StreamResult<u64> {
        let is_printer = self.tape.is_some() && self.printers.contains(&stream.rep());
        let room = self.table.check_write(stream);
        let room = self.looked(room, |room| !is_printer && *room == 0);
        self.written(room)
    }

    fn write(&mut self, stream: Output, bytes: Vec<u8>) -> StreamResult<()> {
        let written = self.table.write(stream, bytes);
        self.written(written)
    }

    fn subscribe(&mut self, stream: Output) -> wasmtime::Result<Resource<DynPollable>> {
        streams::HostOutputStream::subscribe(self.table, stream)
    }

    async fn blocking_write_and_flush(&mut self, stream: Output, bytes: Vec<u8>) -> StreamResult<()> {
        let written = self.table.blocking_write_and_flush(stream, bytes).await;
        self.written(written)
    }

    async fn blocking_write_zeroes_and_flush(&mut self, stream: Output, length: u64) -> StreamResult<()> {
        let written = self.table.blocking_write_zeroes_and_flush(stream, length).await;
        self.written(written)
    }

    fn write_zeroes(&mut self, stream: Output, length: u64) -> StreamResult<()> {
        let written = self.table.write_zeroes(stream, length);
        self.written(written)
    }

    fn flush(&mut self, stream: Output) -> StreamResult<()> {
        let flushed = self.table.flush(stream);
        self.written(flushed)
    }

    async fn blocking_flush(&mut self, stream: Output) -> StreamResult<()> {
        let flushed = self.table.blocking_flush(stream).await;
        self.written(flushed)
    }

    fn splice(&mut self, to: Output, from: Input, length: u64) -> StreamResult<u64> {
        let moved = self.table.splice(to, from, length);
        let moved = self.looked(moved, |count| length > 0 && *count == 0);
        self.written(moved)
    }

    async fn blocking_splice(&mut self, to: Output, from: Input, length: u64) -> StreamResult<u64> {
        let moved = self.table.blocking_splice(to, from, length).await;
        self.written(moved)
    }

    async fn drop(&mut self, stream: Output) -> wasmtime::Result<()> {
        // Another stream may get the number.
        self.printers.retain(|printer| *printer != stream.rep());
        streams::HostOutputStream::drop(self.table, stream).await
    }
}
