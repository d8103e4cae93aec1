//! What requests may hold of the host: how many there are, how many bytes of bodies they have sent, and how many bytes of
//! answers they have not taken yet.
//!
//! A tenant gets a part of each only, however many connections it opens: one that sends large bodies slowly, or asks for
//! large answers and does not read them, keeps its own clients waiting and nobody else's.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use parking_lot::Mutex;

use crate::error::{Code, Error, Result};
use crate::id::TenantId;

/// How much room there is.
#[derive(Debug, Clone)]
pub struct RoomSettings {
    /// Requests of one tenant at once, calls that wait for their turn included.
    pub tenant_requests_max: u32,
    /// Bodies of one tenant's requests together, in bytes.
    pub tenant_bodies_bytes_max: u64,
    /// Bodies of all requests together, in bytes.
    pub bodies_bytes_max: u64,
    /// Answers to one tenant that were not read yet together, in bytes; small ones do not count.
    pub tenant_answers_bytes_max: u64,
    /// Answers to all tenants that were not read yet together, in bytes; small ones do not count.
    pub answers_bytes_max: u64,
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self {
            tenant_requests_max: 2_048,
            tenant_bodies_bytes_max: 32 << 20,
            bodies_bytes_max: 128 << 20,
            tenant_answers_bytes_max: 256 << 20,
            answers_bytes_max: 1 << 30,
        }
    }
}

/// An answer up to this, in bytes, does not count: as many as there may be connections take little.
const SMALL_ANSWER_BYTES: u64 = 64 << 10;

/// Deals out room for requests.
#[derive(Debug)]
pub(super) struct Rooms {
    settings: RoomSettings,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: Amounts,
    tenants: HashMap<TenantId, Share>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Share {
    requests: u32,
    bytes: Amounts,
}

/// Bytes that are held.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Amounts {
    bodies: u64,
    answers: u64,
}

/// One request's room, given back when dropped.
#[derive(Debug)]
pub(super) struct Room {
    rooms: Arc<Rooms>,
    tenant: TenantId,
    bytes: Mutex<Amounts>,
}

/// Which of the two is meant, and what bounds it.
struct Kind {
    what: &'static str,
    limits: [&'static str; 2],
    maxima: [u64; 2],
    of: fn(&mut Amounts) -> &mut u64,
    next: &'static str,
}

impl Rooms {
    pub(super) fn new(settings: RoomSettings) -> Self {
        Self { settings, held: Mutex::default() }
    }

    /// Lets a request of `tenant` in.
    ///
    /// # Errors
    ///
    /// [`Code::Throttled`] when the tenant has as many as it may.
    pub(super) fn enter(this: &Arc<Self>, tenant: &TenantId) -> Result<Arc<Room>> {
        let mut held = this.held.lock();
        let share = held.tenants.entry(tenant.clone()).or_default();
        if share.requests >= this.settings.tenant_requests_max {
            let maximum = this.settings.tenant_requests_max;
            return Err(Error::new(
                Code::Throttled,
                format!("{maximum} requests of this tenant are open, as many as may"),
            )
            .next("wait for some to end, or send fewer at once")
            .fact("limit", "tenant_requests")
            .fact("maximum", maximum)
            .fact("retry_after_ms", 1_000));
        }
        share.requests += 1;
        Ok(Arc::new(Room { rooms: Arc::clone(this), tenant: tenant.clone(), bytes: Mutex::default() }))
    }
}

impl Room {
    /// Takes in `bytes` more of the request's body.
    ///
    /// # Errors
    ///
    /// [`Code::Throttled`] when the tenant's share is full, [`Code::Overloaded`] when the host's is.
    pub(super) fn take(&self, bytes: usize) -> Result<()> {
        let settings = &self.rooms.settings;
        self.hold(
            bytes as u64,
            &Kind {
                what: "bodies of requests",
                limits: ["tenant_bodies_bytes", "bodies_bytes"],
                maxima: [settings.tenant_bodies_bytes_max, settings.bodies_bytes_max],
                of: |bytes| &mut bytes.bodies,
                next: "send fewer large requests at once",
            },
        )
    }

    /// Keeps `bytes` of an answer for the client to read.
    ///
    /// # Errors
    ///
    /// As for [`Room::take`]. What was asked for was done all the same.
    pub(super) fn keep(&self, bytes: u64) -> Result<()> {
        if bytes <= SMALL_ANSWER_BYTES { Ok(()) } else { self.keep_more(bytes) }
    }

    /// The same of a part, however small, of an answer that is not small.
    ///
    /// # Errors
    ///
    /// As for [`Room::keep`].
    pub(super) fn keep_more(&self, bytes: u64) -> Result<()> {
        let settings = &self.rooms.settings;
        self.hold(
            bytes,
            &Kind {
                what: "answers that were not read yet",
                limits: ["tenant_answers_bytes", "answers_bytes"],
                maxima: [settings.tenant_answers_bytes_max, settings.answers_bytes_max],
                of: |bytes| &mut bytes.answers,
                next: "what was asked for was done, and its answer let go: read the answers that are waiting, and ask for less at once",
            },
        )
    }

    /// Keeps an answer until it is read, or the client is gone. One that is a stream keeps its parts itself.
    ///
    /// # Errors
    ///
    /// As for [`Room::keep`].
    pub(super) fn keep_answer(self: Arc<Self>, mut answer: Response) -> Result<Response> {
        let bytes = answer.body().size_hint().exact().unwrap_or(0);
        if bytes <= SMALL_ANSWER_BYTES || answer.extensions().get::<Counted>().is_some() {
            return Ok(answer);
        }
        self.keep(bytes)?;
        answer.extensions_mut().insert(Counted);
        Ok(answer.map(|body| Body::new(Kept { body, _room: self })))
    }

    fn hold(&self, bytes: u64, kind: &Kind) -> Result<()> {
        let of = kind.of;
        let full = |code, whose: &str, nth: usize| {
            Error::new(code, format!("there is no room for more {} {whose}", kind.what))
                .next(kind.next)
                .fact("limit", kind.limits[nth])
                .fact("maximum", kind.maxima[nth])
                .fact("retry_after_ms", 1_000)
        };
        let mut held = self.rooms.held.lock();
        let mut all = held.all;
        let mut share = held.tenants.get(&self.tenant).copied().unwrap_or_default();
        *of(&mut share.bytes) = of(&mut share.bytes).saturating_add(bytes);
        *of(&mut all) = of(&mut all).saturating_add(bytes);
        if *of(&mut share.bytes) > kind.maxima[0] {
            return Err(full(Code::Throttled, "of this tenant", 0));
        }
        if *of(&mut all) > kind.maxima[1] {
            return Err(full(Code::Overloaded, "on this host", 1));
        }
        held.all = all;
        held.tenants.insert(self.tenant.clone(), share);
        *of(&mut self.bytes.lock()) += bytes;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut();
        let mut held = self.rooms.held.lock();
        held.all.give_back(bytes);
        if let Some(share) = held.tenants.get_mut(&self.tenant) {
            share.requests -= 1;
            share.bytes.give_back(bytes);
            if share.requests == 0 {
                held.tenants.remove(&self.tenant);
            }
        }
    }
}

impl Amounts {
    fn give_back(&mut self, bytes: Self) {
        self.bodies -= bytes.bodies;
        self.answers -= bytes.answers;
    }
}

/// Marks an answer that holds its room already.
#[derive(Debug, Clone, Copy)]
struct Counted;

/// A body that holds its room until it is gone.
struct Kept {
    body: Body,
    _room: Arc<Room>,
}

impl http_body::Body for Kept {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms() -> Arc<Rooms> {
        Arc::new(Rooms::new(RoomSettings {
            tenant_requests_max: 2,
            tenant_bodies_bytes_max: 100,
            bodies_bytes_max: 150,
            tenant_answers_bytes_max: 3 * SMALL_ANSWER_BYTES,
            answers_bytes_max: 4 * SMALL_ANSWER_BYTES,
        }))
    }

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    #[test]
    fn requests_are_bounded_for_each_tenant() {
        let rooms = rooms();
        let first = Rooms::enter(&rooms, &tenant("a")).unwrap();
        let _second = Rooms::enter(&rooms, &tenant("a")).unwrap();
        assert_eq!(Rooms::enter(&rooms, &tenant("a")).unwrap_err().code(), Code::Throttled);
        assert!(Rooms::enter(&rooms, &tenant("b")).is_ok());
        drop(first);
        assert!(Rooms::enter(&rooms, &tenant("a")).is_ok());
    }

    #[test]
    fn bodies_are_bounded_for_each_tenant_and_in_all_and_nothing_is_left_behind() {
        let rooms = rooms();
        let enter = |name| Rooms::enter(&rooms, &tenant(name)).unwrap();
        let (first, second, other) = (enter("a"), enter("a"), enter("b"));
        first.take(60).unwrap();
        second.take(40).unwrap();
        assert_eq!(second.take(1).unwrap_err().code(), Code::Throttled);
        other.take(50).unwrap();
        assert_eq!(other.take(1).unwrap_err().code(), Code::Overloaded);
        drop(first);
        other.take(50).unwrap();
        drop((second, other));
        let held = rooms.held.lock();
        assert!(held.tenants.is_empty() && held.all == Amounts::default());
    }

    #[test]
    fn answers_hold_room_until_they_are_gone() {
        let rooms = rooms();
        let answer = |small_ones: u64| Response::new(Body::from(vec![0; (small_ones * SMALL_ANSWER_BYTES) as usize]));
        let keep = |name, small_ones| Rooms::enter(&rooms, &tenant(name)).unwrap().keep_answer(answer(small_ones));
        let kept = keep("a", 3).unwrap();
        let kept = Rooms::enter(&rooms, &tenant("a")).unwrap().keep_answer(kept).expect("it is not counted twice");
        assert_eq!(kept.body().size_hint().exact(), Some(3 * SMALL_ANSWER_BYTES));
        assert_eq!(keep("a", 2).unwrap_err().code(), Code::Throttled);
        assert_eq!(keep("b", 2).unwrap_err().code(), Code::Overloaded);
        assert!(keep("a", 1).is_ok(), "a small one does not count");
        drop(kept);
        assert!(keep("a", 2).is_ok());
        assert!(rooms.held.lock().tenants.is_empty());
    }
}
