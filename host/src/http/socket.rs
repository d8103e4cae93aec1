//! A connection's socket, with the two things that a socket does not do by itself: give up on a client that does not
//! read, and let a client read the last answer before it learns that the connection is gone.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// How long a client that is still sending may go on after its last answer was sent. Closing at once would reset the
/// connection, and the client would lose the answer that tells it why (too large, no key).
const LINGER_TIME_MAX: Duration = Duration::from_secs(2);

/// A socket that gives up after `write_pause_max` without a byte taken, and lingers when it is dropped.
#[derive(Debug)]
pub(super) struct Socket<P: Send + 'static> {
    /// The stream, and what is held for as long as it is open; taken when it goes to linger.
    open: Option<(TcpStream, P)>,
    write_pause_max: Duration,
    /// When to give up; armed while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// The client sends no more.
    ended: bool,
}

impl<P: Send + 'static> Socket<P> {
    /// Holds `place` until the socket is closed, lingering included.
    pub(super) fn new(stream: TcpStream, place: P, write_pause_max: Duration) -> Self {
        Self { open: Some((stream, place)), write_pause_max, stalled: None, ended: false }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        match &mut self.open {
            Some((stream, _)) => Ok(Pin::new(stream)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Passes on what a write came to, and gives up when it has come to nothing for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let pause = self.write_pause_max;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl<P: Send + Unpin + 'static> AsyncRead for Socket<P> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = ready!(self.stream()?.poll_read(cx, into));
        self.ended = read.is_err() || (into.filled().len() == before && into.remaining() > 0);
        Poll::Ready(read)
    }
}

impl<P: Send + Unpin + 'static> AsyncWrite for Socket<P> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write_vectored(cx, pieces);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.stream()?.poll_flush(cx);
        self.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}

impl<P: Send + 'static> Drop for Socket<P> {
    fn drop(&mut self) {
        let Some((stream, place)) = self.open.take() else { return };
        // Without a runtime there is nobody to wait: the process is about to end.
        if !self.ended
            && self.stalled.is_none()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                linger(stream).await;
                drop(place);
            });
        }
    }
}

/// Throws away what the client still sends, until it has closed its side too or the time is over.
async fn linger(mut stream: TcpStream) {
    let rest = async {
        stream.shutdown().await?;
        let mut piece = vec![0; 16 << 10];
        while stream.read(&mut piece).await? > 0 {}
        io::Result::Ok(())
    };
    if let Ok(Err(error)) = tokio::time::timeout(LINGER_TIME_MAX, rest).await {
        tracing::trace!(%error, "connection broke at its end");
    }
}
