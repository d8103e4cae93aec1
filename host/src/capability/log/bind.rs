//! `wasi:logging` 0.1.0-draft, and `wasi:cli/stdout` and `stderr` 0.2.

use bytes::Bytes;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::cli::{stderr, stdout};
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::{LogCall, Printer, Standard};
use crate::capability::bindings::wasi::logging::logging;
use crate::capability::effects::Stop;
use crate::policy::LogLevel;

/// What a guest may print at once, in bytes.
const PRINT_BYTES_MAX: usize = 64 << 10;

/// The call's share of the host as `wasi:logging` wants it.
#[derive(Debug)]
pub struct LogView<'a> {
    /// The call's handles.
    pub table: &'a mut ResourceTable,
    /// The call's log.
    pub call: &'a mut LogCall,
    /// Which of the handles are standard streams.
    pub printers: &'a mut Vec<u32>,
}

struct HasLog;

impl HasData for HasLog {
    type Data<'a> = LogView<'a>;
}

/// Links the three interfaces.
///
/// # Errors
///
/// Where one of them is linked already.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> LogView<'_>,
) -> wasmtime::Result<()> {
    logging::add_to_linker::<T, HasLog>(linker, get)?;
    stdout::add_to_linker::<T, HasLog>(linker, get)?;
    stderr::add_to_linker::<T, HasLog>(linker, get)
}

impl logging::Host for LogView<'_> {
    async fn log(&mut self, level: logging::Level, context: String, message: String) -> wasmtime::Result<()> {
        let level = match level {
            logging::Level::Trace => LogLevel::Trace,
            logging::Level::Debug => LogLevel::Debug,
            logging::Level::Info => LogLevel::Info,
            logging::Level::Warn => LogLevel::Warn,
            logging::Level::Error => LogLevel::Error,
            logging::Level::Critical => LogLevel::Critical,
        };
        Ok(self.call.log(level, context, &message).await?)
    }
}

impl LogView<'_> {
    fn stream(&mut self, standard: Standard) -> wasmtime::Result<Resource<DynOutputStream>> {
        let printer = self.call.standard(standard);
        let is_waited_for = !printer.is_kept();
        let stream: DynOutputStream = Box::new(PrinterStream { printer, stopped: None, is_waited_for });
        let stream = self.table.push(stream)?;
        self.printers.push(stream.rep());
        Ok(stream)
    }
}

impl stdout::Host for LogView<'_> {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.stream(Standard::Output)
    }
}

impl stderr::Host for LogView<'_> {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.stream(Standard::Error)
    }
}

/// A standard stream as the guest sees it: it takes nothing until the decision is durable, and has to be waited for once
/// whether it is by then or not, so that what a guest sees does not follow from how quick a disk is.
struct PrinterStream {
    printer: Printer,
    stopped: Option<Stop>,
    is_waited_for: bool,
}

#[wasmtime_wasi::async_trait]
impl Pollable for PrinterStream {
    async fn ready(&mut self) {
        match self.printer.ready().await {
            Ok(()) => self.is_waited_for = true,
            Err(stop) => self.stopped = Some(stop),
        }
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for PrinterStream {
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
        self.printer.print(&bytes);
        Ok(())
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
    use crate::limits::CallLimits;
    use crate::policy::Grant;

    fn call() -> (Arc<Record>, LogCall) {
        let (record, effects) = recorded();
        (record, LogCall::new(Some(&Grant::for_test(LogLevel::Trace)), &CallLimits::default(), effects))
    }

    #[tokio::test]
    async fn a_standard_stream_takes_nothing_before_the_decision_and_no_more_than_it_says() {
        let (record, mut call) = call();
        let mut table = ResourceTable::new();
        let mut printers = Vec::new();
        let mut view = LogView { table: &mut table, call: &mut call, printers: &mut printers };
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
        let (record, mut call) = call();
        record.failures.store(2, Ordering::Relaxed);
        let mut table = ResourceTable::new();
        let mut printers = Vec::new();
        let mut view = LogView { table: &mut table, call: &mut call, printers: &mut printers };
        let logged = logging::Host::log(&mut view, logging::Level::Info, String::new(), "x".into()).await;
        assert!(logged.unwrap_err().is::<Stop>(), "for the engine's verdict");
        let out = stdout::Host::get_stdout(&mut view).unwrap();
        let stream = table.get_mut(&out).unwrap();
        stream.ready().await;
        assert!(matches!(stream.check_write(), Err(StreamError::Trap(trap)) if trap.is::<Stop>()));
        assert!(record.events.lock().is_empty());
    }

    #[tokio::test]
    async fn every_level_of_the_interface_is_one_of_ours() {
        let (record, mut call) = call();
        let mut table = ResourceTable::new();
        let mut printers = Vec::new();
        let mut view = LogView { table: &mut table, call: &mut call, printers: &mut printers };
        use logging::Level::{Critical, Debug, Error, Info, Trace, Warn};
        for level in [Trace, Debug, Info, Warn, Error, Critical] {
            logging::Host::log(&mut view, level, "c".into(), "m".into()).await.unwrap();
        }
        let levels: Vec<_> = record
            .events
            .lock()
            .iter()
            .map(|event| match event {
                GuestEvent::Log { level, .. } => *level,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(
            levels.is_sorted()
                && levels.first() == Some(&LogLevel::Trace)
                && levels.last() == Some(&LogLevel::Critical)
        );
        assert_eq!(levels.len(), 6);
    }
}
