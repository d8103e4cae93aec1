//! Bodies on their way: counted as they pass, and stopped where a limit is.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use tokio::time::Sleep;
use tokio_util::task::AbortOnDropHandle;

use super::broker::Room;
use super::{Fault, Left};
use crate::capability::effects::Effects;

/// A request's body, as the guest gives it.
pub type GuestBody = UnsyncBoxBody<Bytes, Fault>;

/// A request's body, as it leaves. Trailers are left out: they would be header fields that nobody looked at.
#[derive(Debug)]
pub(super) struct SentBody {
    body: GuestBody,
    left: Arc<Left>,
    effects: Arc<Effects>,
}

impl SentBody {
    pub(super) fn new(body: GuestBody, left: Arc<Left>, effects: Arc<Effects>) -> Self {
        Self { body, left, effects }
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else { return Poll::Ready(None) };
        let Ok(bytes) = frame?.into_data() else { return Poll::Ready(None) };
        self.left.send(bytes.len() as u64)?;
        self.effects.add_http_sent_bytes(bytes.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body. Dropping it, or reading it to its end, closes the connection.
#[derive(Debug)]
pub struct ReceivedBody {
    open: Option<Open>,
    left: Arc<Left>,
    effects: Arc<Effects>,
    /// How long the guest waits for the next bytes.
    between: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What a body holds while there is more of it.
#[derive(Debug)]
struct Open {
    incoming: Incoming,
    _connection: AbortOnDropHandle<()>,
    _room: Room,
}

impl ReceivedBody {
    pub(super) fn new(
        incoming: Incoming,
        connection: AbortOnDropHandle<()>,
        room: Room,
        left: Arc<Left>,
        effects: Arc<Effects>,
        between: Option<Duration>,
    ) -> Self {
        let open = Open { incoming, _connection: connection, _room: room };
        // Many responses have no body.
        let open = Some(open).filter(|open| !open.incoming.is_end_stream());
        Self { open, left, effects, between, timer: None }
    }

    fn counted(&self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Fault> {
        if let Some(bytes) = frame.data_ref() {
            self.left.receive(bytes.len() as u64)?;
            self.effects.add_http_received_bytes(bytes.len() as u64);
        }
        Ok(frame)
    }

    /// Whether the guest waits no longer.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let Some(between) = self.between else { return false };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(between)));
        timer.as_mut().poll(context).is_ready()
    }
}

impl Body for ReceivedBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let Some(open) = &mut self.open else { return Poll::Ready(None) };
        let polled = match Pin::new(&mut open.incoming).poll_frame(context) {
            Poll::Pending if self.is_late(context) => Some(Err(Fault::ReadTimeout)),
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => Some(self.counted(frame)),
            Poll::Ready(Some(Err(error))) => Some(Err(Fault::of_exchange(&error, self.left.limits.header_bytes))),
            Poll::Ready(None) => None,
        };
        self.timer = None;
        if !matches!(polled, Some(Ok(_))) {
            self.open = None;
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.open.as_ref().map_or_else(|| SizeHint::with_exact(0), |open| open.incoming.size_hint())
    }
}
