//! `wasi:cli/stdout` and `stderr` 0.2; standard input is `wasmtime-wasi`'s.

use bytes::Bytes;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::cli::{stderr, stdout};
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::{Program, Sink};
use crate::capability::effects::Stop;
use crate::capability::log::{LogCall, Standard};

/// What a guest may print at once, in bytes.
pub(super) const PRINT_BYTES_MAX: usize = 64 << 10;

/// The call's share of the host as `wasi:cli`'s standard streams want it.
#[derive(Debug)]
pub(in crate::capability) struct StdioView<'a> {
    /// The call's handles.
    pub(in crate::capability) table: &'a mut ResourceTable,
    /// The call's log.
    pub(in crate::capability) log: &'a LogCall,
    /// Of a tool that is a program.
    pub(in crate::capability) program: Option<&'a Program>,
    /// Which of the handles are standard streams.
    pub(in crate::capability) printers: &'a mut Vec<u32>,
}

pub(super) struct HasStdio;

impl HasData for HasStdio {
    type Data<'a> = StdioView<'a>;
}

/// Links the two interfaces.
///
/// # Errors
///
/// Where one of them is linked already.
pub(in crate::capability) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> StdioView<'_>,
) -> wasmtime::Result<()> {
    stdout::add_to_linker::<T, HasStdio>(linker, get)?;
    stderr::add_to_linker::<T, HasStdio>(linker, get)
}

impl StdioView<'_> {
    fn stream(&mut self, standard: Standard) -> wasmtime::Result<Resource<DynOutputStream>> {
        let sink = Sink::of(self.program, self.log, standard);
        let is_waited_for = !sink.is_seen();
        let stream: DynOutputStream = Box::new(SinkStream { sink, stopped: None, is_waited_for });
        let stream = self.table.push(stream)?;
        self.printers.push(stream.rep());
        Ok(stream)
    }
}

impl stdout::Host for StdioView<'_> {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.stream(Standard::Output)
    }
}

impl stderr::Host for StdioView<'_> {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.stream(Standard::Error)
    }
}

/// A standard stream as the guest sees it: it takes nothing until the decision is durable, and has to be waited for once
/// whether it is by then or not, so that what a guest sees does not follow from how quick a disk is.
struct SinkStream {
    sink: Sink,
    stopped: Option<Stop>,
    is_waited_for: bool,
}

#[wasmtime_wasi::async_trait]
impl Pollable for SinkStream {
    async fn ready(&mut self) {
        match self.sink.ready().await {
            Ok(()) => self.is_waited_for = true,
            Err(stop) => self.stopped = Some(stop),
        }
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for SinkStream {
    fn check_write(&mut self) -> StreamResult<usize> {
        match self.stopped.take() {
            Some(stop) => Err(StreamError::Trap(stop.into())),
            None if self.is_waited_for => Ok(PRINT_BYTES_MAX),
            None => Ok(0),
        }
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if !self.is_waited_for || bytes.len() > PRINT_BYTES_MAX {
            return Err(StreamError::trap("a write that check-write did not permit"));
        }
        self.sink.print(&bytes).map_err(|stop| StreamError::Trap(stop.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::capability::effects::GuestEvent;
    use crate::capability::effects::tests::{Record, recorded};
    use crate::capability::stdio::Start;
    use crate::limits::CallLimits;
    use crate::policy::{Grant, LogLevel};

    fn call() -> (Arc<Record>, LogCall) {
        let (record, effects) = recorded();
        (record, LogCall::new(Some(&Grant::for_test(LogLevel::Trace)), &CallLimits::default(), effects))
    }

    #[tokio::test]
    async fn a_standard_stream_takes_nothing_before_the_decision_and_no_more_than_it_says() {
        let (record, call) = call();
        let mut table = ResourceTable::new();
        let mut printers = Vec::new();
        let mut view = StdioView { table: &mut table, log: &call, program: None, printers: &mut printers };
        let (out, error) = (stdout::Host::get_stdout(&mut view).unwrap(), stderr::Host::get_stderr(&mut view).unwrap());
        let stream = table.get_mut(&out).unwrap();
        assert_eq!(stream.check_write().unwrap(), 0);
        assert!(matches!(stream.write(Bytes::from_static(b"early\n")), Err(StreamError::Trap(_))));
        stream.ready().await;
        assert_eq!(stream.check_write().unwrap(), PRINT_BYTES_MAX);
        assert!(matches!(stream.write(vec![0; PRINT_BYTES_MAX + 1].into()), Err(StreamError::Trap(_))));
        stream.write(Bytes::from_static(b"one\n")).unwrap();
        stream.flush().unwrap();
        // The other has to be waited for as well, although one decision is enough.
        let stream = table.get_mut(&error).unwrap();
        assert_eq!(stream.check_write().unwrap(), 0);
        stream.ready().await;
        assert_eq!(record.asked.load(Ordering::Relaxed), 1);
        assert_eq!(stream.check_write().unwrap(), PRINT_BYTES_MAX);
        stream.write(Bytes::from_static(b"two\n")).unwrap();
        let line = |level, context: &str, message: &str| {
            let (context, message) = (context.to_owned(), message.to_owned());
            GuestEvent::Log { level, context, message }
        };
        let lines = [line(LogLevel::Info, "stdout", "one"), line(LogLevel::Warn, "stderr", "two")];
        assert_eq!(*record.events.lock(), lines);
    }

    #[tokio::test]
    async fn a_record_that_fails_stops_the_call() {
        let (record, call) = call();
        record.failures.store(2, Ordering::Relaxed);
        let mut table = ResourceTable::new();
        let mut printers = Vec::new();
        let mut view = StdioView { table: &mut table, log: &call, program: None, printers: &mut printers };
        let out = stdout::Host::get_stdout(&mut view).unwrap();
        let stream = table.get_mut(&out).unwrap();
        stream.ready().await;
        assert!(matches!(stream.check_write(), Err(StreamError::Trap(trap)) if trap.is::<Stop>()));
        assert!(record.events.lock().is_empty());
    }

    #[tokio::test]
    async fn a_program_prints_into_its_answer_without_waiting_and_ends_past_the_limit() {
        let (record, call) = call();
        let program = Program::new(Start::default(), 4);
        let mut table = ResourceTable::new();
        let mut printers = Vec::new();
        let mut view = StdioView { table: &mut table, log: &call, program: Some(&program), printers: &mut printers };
        let out = stdout::Host::get_stdout(&mut view).unwrap();
        let stream = table.get_mut(&out).unwrap();
        assert_eq!(stream.check_write().unwrap(), PRINT_BYTES_MAX);
        stream.write(Bytes::from_static(b"four")).unwrap();
        assert!(matches!(stream.write(Bytes::from_static(b"!")), Err(StreamError::Trap(trap)) if trap.is::<Stop>()));
        assert_eq!(program.printed().take()[0], b"four");
        assert_eq!(record.asked.load(Ordering::Relaxed), 0, "nobody sees it, so there is nothing to wait for");
    }
}
