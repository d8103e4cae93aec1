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
        let stream: DynOutputStream = Box::new(PrinterStream { printer: self.call.standard(standard), stopped: None });
        Ok(self.table.push(stream)?)
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

/// A standard stream as the guest sees it: it takes nothing until the decision is durable.
struct PrinterStream {
    printer: Printer,
    stopped: Option<Stop>,
}

#[wasmtime_wasi::async_trait]
impl Pollable for PrinterStream {
    async fn ready(&mut self) {
        if let Err(stop) = self.printer.ready().await {
            self.stopped = Some(stop);
        }
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for PrinterStream {
    fn check_write(&mut self) -> StreamResult<usize> {
        match self.stopped.take() {
            Some(stop) => Err(StreamError::Trap(stop.into())),
            None if self.printer.is_ready() => Ok(PRINT_BYTES_MAX),
            None => Ok(0),
        }
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if !self.printer.is_ready() || bytes.len() > PRINT_BYTES_MAX {
            return Err(StreamError::trap("a write that check-write did not permit"));
        }
        self.printer.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }
}
