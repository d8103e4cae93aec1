//! Files and folders as streams of the component model. What has begun is held by the stream itself, so that a guest can
//! stop waiting for it and take it up again.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, Source, StreamConsumer, StreamProducer, StreamResult, VecBuffer};
use wasmtime_wasi::p3::bindings::filesystem::types::{DirectoryEntry, ErrorCode};

use super::words;
use crate::capability::files::bind::trap;
use crate::capability::files::{Fault, Folder, Listing, OpenFile, READ_BYTES_MAX, WRITE_BYTES_MAX};

/// What is read at once for whoever does not say how much it wants.
const READ_AHEAD_BYTES: usize = 4 << 10;

/// Tells a stream's other end how it ended; that it ended well, where nothing else is said.
struct Ending(Option<oneshot::Sender<Result<(), ErrorCode>>>);

impl Ending {
    fn tell(&mut self, ended: Result<(), ErrorCode>) {
        if let Some(sender) = self.0.take() {
            // Nobody may want to know.
            let _ = sender.send(ended);
        }
    }

    /// The stream ends with a fault, or the call does.
    fn fail(&mut self, fault: Fault) -> wasmtime::Result<StreamResult> {
        match words::error_code(&fault) {
            Some(code) => {
                self.tell(Err(code));
                Ok(StreamResult::Dropped)
            }
            None => Err(trap(fault)),
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.tell(Ok(()));
    }
}

/// Reads a file from some offset on.
pub(super) struct FileProducer {
    file: OpenFile,
    offset: u64,
    reading: Option<BoxFuture<'static, Result<Vec<u8>, Fault>>>,
    ending: Ending,
}

impl FileProducer {
    pub(super) fn new(file: OpenFile, offset: u64, done: oneshot::Sender<Result<(), ErrorCode>>) -> Self {
        Self { file, offset, reading: None, ending: Ending(Some(done)) }
    }
}

impl<D> StreamProducer<D> for FileProducer {
    type Item = u8;
    type Buffer = VecBuffer<u8>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, u8, VecBuffer<u8>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let wanted = destination.remaining(&mut store).unwrap_or(READ_AHEAD_BYTES);
        if wanted == 0 {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let Self { file, offset, reading, ending } = &mut *self;
        let reading = reading.get_or_insert_with(|| {
            let (file, offset) = (file.clone(), *offset);
            Box::pin(async move { file.read(wanted.min(READ_BYTES_MAX) as u64, offset).await })
        });
        let read = match reading.as_mut().poll(context) {
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            polled => ready!(polled),
        };
        let result = match read {
            Ok(bytes) if bytes.is_empty() => Ok(StreamResult::Dropped),
            Ok(bytes) => {
                *offset += bytes.len() as u64;
                destination.set_buffer(bytes.into());
                Ok(StreamResult::Completed)
            }
            Err(fault) => ending.fail(fault),
        };
        self.reading = None;
        Poll::Ready(result)
    }
}

/// Writes a file from some offset on, or at its end.
pub(super) struct FileConsumer {
    file: OpenFile,
    /// Absent: the end, wherever that is.
    offset: Option<u64>,
    writing: Option<BoxFuture<'static, Result<u64, Fault>>>,
    ending: Ending,
}

impl FileConsumer {
    pub(super) fn new(file: OpenFile, offset: Option<u64>, done: oneshot::Sender<Result<(), ErrorCode>>) -> Self {
        Self { file, offset, writing: None, ending: Ending(Some(done)) }
    }
}

impl<D> StreamConsumer<D> for FileConsumer {
    type Item = u8;

    /// What was begun is waited for, whether the guest still wants it or not: it happens.
    fn poll_consume(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: Source<'_, u8>,
        _finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut source = source.as_direct(store);
        let Self { file, offset, writing, ending } = &mut *self;
        if writing.is_none() && source.remaining().is_empty() {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let writing = writing.get_or_insert_with(|| {
            let bytes = source.remaining();
            let bytes = Bytes::copy_from_slice(&bytes[..bytes.len().min(WRITE_BYTES_MAX)]);
            let (file, offset) = (file.clone(), *offset);
            Box::pin(async move { file.write(bytes, offset).await })
        });
        let result = match ready!(writing.as_mut().poll(context)) {
            Ok(written) => {
                *offset = offset.map(|offset| offset + written);
                let left = source.remaining().len();
                source.mark_read(usize::try_from(written).unwrap_or(left).min(left));
                Ok(StreamResult::Completed)
            }
            Err(fault) => ending.fail(fault),
        };
        self.writing = None;
        Poll::Ready(result)
    }
}

/// Lists a folder.
pub(super) struct DirectoryProducer {
    state: Listed,
    ending: Ending,
}

type Next = Result<Option<(Listing, DirectoryEntry)>, Fault>;

enum Listed {
    Waiting(BoxFuture<'static, Next>),
    Closed,
}

impl DirectoryProducer {
    pub(super) fn new(folder: Folder, done: oneshot::Sender<Result<(), ErrorCode>>) -> Self {
        let first = Box::pin(async move { next(folder.list().await?).await });
        Self { state: Listed::Waiting(first), ending: Ending(Some(done)) }
    }
}

async fn next(mut listing: Listing) -> Next {
    Ok(listing.next().await?.map(|entry| (listing, words::entry(entry))))
}

impl<D> StreamProducer<D> for DirectoryProducer {
    type Item = DirectoryEntry;
    type Buffer = Option<DirectoryEntry>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, DirectoryEntry, Option<DirectoryEntry>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let Listed::Waiting(waiting) = &mut self.state else { return Poll::Ready(Ok(StreamResult::Dropped)) };
        let found = match waiting.as_mut().poll(context) {
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            polled => ready!(polled),
        };
        self.state = Listed::Closed;
        Poll::Ready(match found {
            Ok(Some((listing, entry))) => {
                self.state = Listed::Waiting(Box::pin(next(listing)));
                destination.set_buffer(Some(entry));
                Ok(StreamResult::Completed)
            }
            Ok(None) => Ok(StreamResult::Dropped),
            Err(fault) => self.ending.fail(fault),
        })
    }
}
