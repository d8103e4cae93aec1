//! A call that was started, until somebody waits for its end.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tokio_util::task::AbortOnDropHandle;

use super::{Answer, ChildEnded, Kin};
use crate::error::{Code, Error};

/// A call that was started. Dropping it gives the call up.
pub struct Pending {
    number: u64,
    part: u64,
    state: State,
}

enum State {
    /// On the front workers, as any call: so that it goes on while the guest that made it computes.
    Running(AbortOnDropHandle<Ended>),
    Ended(Ended),
    /// In a replay: its end is on the tape.
    Told,
}

/// A call that has ended and that nobody has waited for.
struct Ended {
    ended: ChildEnded,
    _held: Option<Held>,
}

/// An answer that waits in the host's memory: it counts as its caller's.
struct Held {
    kin: Arc<Kin>,
    bytes: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.kin.shrink(self.bytes);
    }
}

impl Ended {
    /// Holds an answer, unless its caller has no memory for it.
    fn hold(ended: ChildEnded, kin: Arc<Kin>) -> Self {
        let Ok(answer) = &ended.result else { return Self { ended, _held: None } };
        let bytes = answer.bytes();
        if kin.grow(bytes) {
            return Self { ended, _held: Some(Held { kin, bytes }) };
        }
        let error =
            Error::new(Code::MemoryExceeded, format!("the call has no memory left for an answer of {bytes} bytes"))
                .next("wait for answers before calling for more, or raise limits.memory_bytes in the policy")
                .fact("limit", "memory_bytes");
        Self { ended: ChildEnded { result: Err(error), fuel: ended.fuel }, _held: None }
    }
}

impl Answer {
    fn bytes(&self) -> u64 {
        let bytes = self.content.iter().map(|piece| match piece {
            super::Piece::Text(text) | super::Piece::Json(text) => text.len(),
            super::Piece::Image(bytes) | super::Piece::File(bytes) => {
                bytes.data.len() + bytes.media_type.len() + bytes.name.as_ref().map_or(0, String::len)
            }
        });
        bytes.map(|bytes| bytes as u64).sum()
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Pending {
    /// Runs `call`, made by a call of `kin`.
    pub(super) fn run(number: u64, part: u64, kin: Arc<Kin>, call: BoxFuture<'static, ChildEnded>) -> Self {
        let call = async move { Ended::hold(call.await, kin) };
        Self { number, part, state: State::Running(AbortOnDropHandle::new(tokio::spawn(call))) }
    }

    pub(super) const fn told(number: u64, part: u64) -> Self {
        Self { number, part, state: State::Told }
    }

    /// Which of its caller's calls it is.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The fuel that it was given.
    pub(super) const fn part(&self) -> u64 {
        self.part
    }

    /// Whether it has ended; whoever is told otherwise is woken when it has.
    pub(super) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let State::Running(handle) = &mut self.state else { return Poll::Ready(()) };
        let Poll::Ready(ended) = Pin::new(handle).poll(context) else { return Poll::Pending };
        let broken =
            |error| Ended { ended: ChildEnded { result: Err(Error::internal(error)), fuel: self.part }, _held: None };
        let ended = ended.unwrap_or_else(broken);
        self.state = State::Ended(ended);
        Poll::Ready(())
    }

    pub(super) async fn end(mut self) -> ChildEnded {
        std::future::poll_fn(|context| self.poll_ended(context)).await;
        match self.state {
            State::Ended(ended) => ended.ended,
            State::Running(_) | State::Told => {
                let error = Error::new(Code::Cancelled, "the replay does not go on as the call did");
                ChildEnded { result: Err(error), fuel: self.part }
            }
        }
    }
}
