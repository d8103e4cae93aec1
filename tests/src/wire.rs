//! Every byte that comes in over a server's connections, one connection after the other: for whoever has to know that
//! something was not sent, in whatever part of a request it could have been.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::serve::Listener;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// What is kept of one connection, in bytes.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// The connections of one server.
#[derive(Debug, Clone, Default)]
pub struct Wire(Arc<Mutex<Vec<Arc<Mutex<Came>>>>>);

/// What came over one connection so far.
#[derive(Debug, Clone, Default)]
pub struct Came {
    /// The bytes, up to a mebibyte.
    pub bytes: Vec<u8>,
    /// Whether there were more.
    pub is_cut: bool,
}

impl Wire {
    /// How many connections there were.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What came over connections but for the first so many.
    pub fn since(&self, first: usize) -> Vec<Came> {
        let all = self.0.lock();
        all.iter().skip(first).map(|came| came.lock().clone()).collect()
    }

    /// Accepts connections of `listener`, and keeps what comes.
    pub(crate) fn tap(&self, listener: TcpListener) -> Tapped {
        Tapped { listener, wire: self.clone() }
    }
}

/// A listener whose connections are kept.
#[derive(Debug)]
pub(crate) struct Tapped {
    listener: TcpListener,
    wire: Wire,
}

impl Listener for Tapped {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let came = Arc::default();
        self.wire.0.lock().push(Arc::clone(&came));
        (Line { stream, came }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection of which everything that is read is kept.
#[derive(Debug)]
pub(crate) struct Line {
    stream: TcpStream,
    came: Arc<Mutex<Came>>,
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let new = &buffer.filled()[before..];
        let mut came = self.came.lock();
        let room = KEPT_BYTES_MAX - came.bytes.len();
        came.bytes.extend_from_slice(&new[..new.len().min(room)]);
        came.is_cut |= new.len() > room;
        read
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
