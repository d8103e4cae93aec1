//! Bodies on their way: counted as they pass, and stopped where a limit is.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::Fault;
use super::account::Account;
use super::broker::Room;
use super::connection::Driver;
use super::scrub::{Scrub, Window};
use crate::id::SecretName;

/// A request's body, as the guest gives it.
pub type GuestBody = UnsyncBoxBody<Bytes, Fault>;

/// A request's body, as it leaves. Trailers are left out: they would be header fields that nobody looked at.
#[derive(Debug)]
pub(super) struct SentBody {
    body: GuestBody,
    account: Account,
}

impl SentBody {
    pub(super) fn new(body: GuestBody, account: Account) -> Self {
        Self { body, account }
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else { return Poll::Ready(None) };
        let Ok(bytes) = frame?.into_data() else { return Poll::Ready(None) };
        self.account.send(bytes.len() as u64)?;
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
    account: Account,
    /// Where the request left with a secret: what looks for that.
    watch: Option<Watch>,
    /// Trailers that come behind what waited.
    trailers: Option<HeaderMap>,
    /// How long the guest waits for the next bytes.
    between: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What a body holds while there is more of it.
#[derive(Debug)]
struct Open {
    incoming: Incoming,
    _connection: Driver,
    _room: Room,
}

/// Looks for a secret in what comes back, overwrites it, and says once that it was there.
#[derive(Debug)]
pub(super) struct Watch {
    scrub: Arc<Scrub>,
    window: Window,
    account: Account,
    /// The secret's name.
    secret: SecretName,
    is_told: bool,
}

impl Watch {
    pub(super) fn new(scrub: Scrub, secret: SecretName, account: Account) -> Self {
        let scrub = Arc::new(scrub);
        Self { window: Window::new(Arc::clone(&scrub)), scrub, account, secret, is_told: false }
    }

    /// Cleans the fields of a head, or trailers.
    pub(super) fn fields(&mut self, fields: &mut HeaderMap) {
        if self.scrub.fields(fields) {
            self.tell();
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Bytes {
        let given = self.window.push(bytes);
        if self.window.found() {
            self.tell();
        }
        given
    }

    fn tell(&mut self) {
        if !std::mem::replace(&mut self.is_told, true) {
            self.account
                .deny(format!("the response held the secret {:?}, which was overwritten", self.secret.as_str()));
        }
    }
}

impl ReceivedBody {
    pub(super) fn new(
        incoming: Incoming,
        connection: Driver,
        room: Room,
        account: Account,
        watch: Option<Watch>,
        between: Option<Duration>,
    ) -> Self {
        let open = Open { incoming, _connection: connection, _room: room };
        // Many responses have no body.
        let open = Some(open).filter(|open| !open.incoming.is_end_stream());
        Self { open, account, watch, trailers: None, between, timer: None }
    }

    fn counted(&self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Fault> {
        if let Some(bytes) = frame.data_ref() {
            self.account.receive(bytes.len() as u64)?;
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
        loop {
            let polled = ready!(self.poll_received(context));
            let Some(watch) = &mut self.watch else { return Poll::Ready(polled) };
            let (given, trailers) = match polled {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => (watch.push(&bytes), None),
                    Err(frame) => {
                        let mut trailers = frame.into_trailers().unwrap_or_default();
                        watch.fields(&mut trailers);
                        (watch.window.finish(), Some(trailers))
                    }
                },
                Some(Err(fault)) => {
                    // What waits of the last line goes with it, whoever asks again: it can be the beginning of the value, and
                    // a guest can have a say in where the response breaks off.
                    self.watch = None;
                    return Poll::Ready(Some(Err(fault)));
                }
                None if watch.window.waiting() > 0 => (watch.window.finish(), None),
                None => return Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers)))),
            };
            if given.is_empty() {
                match trailers {
                    Some(trailers) => return Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                    None => continue,
                }
            }
            self.trailers = trailers;
            return Poll::Ready(Some(Ok(Frame::data(given))));
        }
    }

    fn is_end_stream(&self) -> bool {
        let waits = self.trailers.is_some() || self.watch.as_ref().is_some_and(|watch| watch.window.waiting() > 0);
        !waits && self.open.as_ref().is_none_or(|open| open.incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let waiting = self.watch.as_ref().map_or(0, |watch| watch.window.waiting()) as u64;
        let coming = self.open.as_ref().map_or_else(|| SizeHint::with_exact(0), |open| open.incoming.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(coming.lower().saturating_add(waiting));
        if let Some(upper) = coming.upper() {
            hint.set_upper(upper.saturating_add(waiting));
        }
        hint
    }
}

impl ReceivedBody {
    fn poll_received(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let Some(open) = &mut self.open else { return Poll::Ready(None) };
        let polled = match Pin::new(&mut open.incoming).poll_frame(context) {
            Poll::Pending if self.is_late(context) => Some(Err(Fault::ReadTimeout)),
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => Some(self.counted(frame)),
            Poll::Ready(Some(Err(error))) => {
                Some(Err(Fault::of_exchange(&error, self.account.left.limits.header_bytes)))
            }
            Poll::Ready(None) => None,
        };
        self.timer = None;
        if !matches!(polled, Some(Ok(_))) {
            self.open = None;
        }
        Poll::Ready(polled)
    }
}
