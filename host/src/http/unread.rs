//! What of a request's body was not read when its answer was made.
//!
//! Such a connection cannot carry another request, and HTTP/1.1 has a word for that. Unsaid, a client learns it from its
//! next request, which is lost.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};

/// Whether a body was read to its end. Without one, it was.
#[derive(Debug)]
pub(super) struct Unread(Option<Arc<AtomicBool>>);

impl Unread {
    /// Follows how `body` is read.
    pub(super) fn watch(body: Incoming) -> (Body, Self) {
        if body.is_end_stream() {
            return (Body::new(body), Self(None));
        }
        let ended = Arc::new(AtomicBool::new(false));
        (Body::new(Watched { body, ended: Arc::clone(&ended) }), Self(Some(ended)))
    }

    /// Has `response` say that the connection ends with it, where it does.
    pub(super) fn announce(self, response: &mut Response) {
        // The handler that read the body has answered since: nothing more is ordered by this flag.
        if self.0.is_some_and(|ended| !ended.load(Ordering::Relaxed)) {
            close(response);
        }
    }
}

/// Has `response` say that the connection ends with it.
pub(super) fn close(response: &mut Response) {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

struct Watched {
    body: Incoming,
    ended: Arc<AtomicBool>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.ended.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
