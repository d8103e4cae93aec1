//! `wasi:cli/stdout` and `stderr` 0.3; standard input is `wasmtime-wasi`'s.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{Access, FutureReader, Linker, Source, StreamConsumer, StreamReader, StreamResult};
use wasmtime_wasi::p3::bindings::cli::types::ErrorCode;
use wasmtime_wasi::p3::bindings::cli::{stderr, stdout};

use super::bind::{HasStdio, PRINT_BYTES_MAX};
use super::{Sink, StdioView};
use crate::capability::effects::Stop;
use crate::capability::log::Standard;

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

type Printed = FutureReader<Result<(), ErrorCode>>;

/// Everything that comes out of `data` is printed; the future tells when that is all.
fn print<T>(
    mut store: Access<'_, T, HasStdio>,
    data: StreamReader<u8>,
    standard: Standard,
) -> wasmtime::Result<Printed> {
    let view = store.get();
    let sink = Arc::new(Sink::of(view.program, view.log, standard));
    let ready = sink.is_seen().then(|| -> BoxFuture<'static, _> {
        let sink = Arc::clone(&sink);
        Box::pin(async move { sink.ready().await })
    });
    let (done, is_done) = oneshot::channel::<()>();
    data.pipe(&mut store, SinkConsumer { sink, ready, _done: done })?;
    FutureReader::new(&mut store, async {
        // Dropped with the stream's end: there is nothing that could fail.
        let _ = is_done.await;
        wasmtime::error::Ok(Ok(()))
    })
}

impl stdout::Host for StdioView<'_> {}

impl<T> stdout::HostWithStore<T> for HasStdio {
    fn write_via_stream(store: Access<'_, T, Self>, data: StreamReader<u8>) -> wasmtime::Result<Printed> {
        print(store, data, Standard::Output)
    }
}

impl stderr::Host for StdioView<'_> {}

impl<T> stderr::HostWithStore<T> for HasStdio {
    fn write_via_stream(store: Access<'_, T, Self>, data: StreamReader<u8>) -> wasmtime::Result<Printed> {
        print(store, data, Standard::Error)
    }
}

/// Takes nothing until the decision is durable, where somebody sees what is printed.
struct SinkConsumer {
    sink: Arc<Sink>,
    /// Absent once the guest may print.
    ready: Option<BoxFuture<'static, Result<(), Stop>>>,
    _done: oneshot::Sender<()>,
}

impl<D> StreamConsumer<D> for SinkConsumer {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if let Some(ready) = &mut self.ready {
            match ready.as_mut().poll(context) {
                Poll::Ready(Ok(())) => self.ready = None,
                Poll::Ready(Err(stop)) => return Poll::Ready(Err(stop.into())),
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                Poll::Pending => return Poll::Pending,
            }
        }
        let mut source = source.as_direct(store);
        let bytes = source.remaining();
        let count = bytes.len().min(PRINT_BYTES_MAX);
        if let Err(stop) = self.sink.print(&bytes[..count]) {
            return Poll::Ready(Err(stop.into()));
        }
        source.mark_read(count);
        Poll::Ready(Ok(StreamResult::Completed))
    }
}
