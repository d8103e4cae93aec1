//! A call that is watched: Server-Sent Events while it runs, its result or its problem as the last one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_task::FallibleTask;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream, StreamExt};
use serde::Serialize;

use super::calls::{given_up, problem};
use super::door::Door;
use super::room::Room;
use super::scheduler::Seat;
use super::server::Drain;
use super::wire;
use crate::capability::effects::GuestEvent;
use crate::error::Error;
use crate::id::CallId;
use crate::router::{self, CallRequest, Failed, Reply};
use crate::snapshot::Caller;

/// Between two signs of life on a stream that has nothing to say: less than proxies wait.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A running call and what is seen of it. Dropped before its end, because the client has left, it gives the call up.
struct Watched {
    /// The call runs by itself: a client that reads slowly does not make it wait. Absent once it has ended.
    running: Option<FallibleTask<Result<Reply, Failed>, Seat>>,
    seen: router::Seen,
    /// What is sent when everything that was seen has been.
    last: Option<wire::CallEvent>,
    /// Known once it is decided.
    call: Option<CallId>,
    drain: Drain,
    /// The request is open until the stream is.
    room: Arc<Room>,
}

/// Starts the call, and answers with a stream of events once it is decided, or with the problem that it was not.
pub(super) async fn watch(door: &Door, caller: Caller, request: CallRequest, room: Arc<Room>) -> Response {
    let waits = Arc::clone(&room);
    let (watcher, seen) = router::watch(move |bytes| waits.keep_more(bytes).is_ok());
    let router = door.router.clone();
    let seat = Seat::of_tenant(&caller.tenant.id, router.weight(&caller));
    let running = door.scheduler.spawn(seat, async move { router.call(&caller, request, Some(watcher)).await });
    let mut watched = Watched { running: Some(running), seen, last: None, call: None, drain: door.drain.clone(), room };
    match watched.next().await {
        Some(wire::CallEvent::Problem(problem)) if watched.call.is_none() => problem.into_response(),
        first => {
            let events = stream::iter(first).chain(watched.rest()).map(|event| Ok::<_, Infallible>(encode(&event)));
            Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
        }
    }
}

impl Watched {
    fn rest(self) -> impl Stream<Item = wire::CallEvent> {
        stream::unfold(self, |mut watched| async move { watched.next().await.map(|event| (event, watched)) })
    }

    async fn next(&mut self) -> Option<wire::CallEvent> {
        loop {
            if let Ok(event) = self.seen.try_next() {
                return Some(self.show(event));
            }
            if let Some(last) = self.last.take() {
                return Some(last);
            }
            let running = self.running.as_mut()?;
            let ended = tokio::select! {
                biased;
                Some(event) = self.seen.next() => return Some(self.show(event)),
                ended = running => ended.unwrap_or_else(|| Err(Error::internal("a call that was watched broke down").into())),
                () = self.drain.given_up() => Err(Failed { call: self.call, error: given_up() }),
            };
            self.running = None;
            // A client that does not read leaves the result waiting here.
            let ended = ended.and_then(|reply| match self.room.keep(reply.output.bytes()) {
                Ok(()) => Ok(reply),
                Err(error) => Err(Failed { call: Some(reply.call), error }),
            });
            self.last = Some(match ended {
                Ok(reply) => wire::CallEvent::Result(Box::new(reply.into())),
                Err(failed) => wire::CallEvent::Problem(Box::new(problem(&failed))),
            });
        }
    }

    fn show(&mut self, event: router::CallEvent) -> wire::CallEvent {
        match event {
            router::CallEvent::Decided { call, tool, version, component } => {
                self.call = Some(call);
                wire::CallEvent::Decided(wire::Decided { call, tool, version, component })
            }
            router::CallEvent::Guest(GuestEvent::Progress { done, total, message }) => {
                wire::CallEvent::Progress(wire::Progress { done, total, message })
            }
            router::CallEvent::Guest(GuestEvent::Log { level, context, message }) => {
                wire::CallEvent::Log(wire::LogLine { level, context, message })
            }
            router::CallEvent::Guest(GuestEvent::LogCut { bytes_max }) => {
                wire::CallEvent::LogCut(wire::LogCut { bytes_max })
            }
        }
    }
}

fn encode(event: &wire::CallEvent) -> Event {
    let name = event.name();
    match event {
        wire::CallEvent::Decided(data) => with_data(name, data),
        wire::CallEvent::Progress(data) => with_data(name, data),
        wire::CallEvent::Log(data) => with_data(name, data),
        wire::CallEvent::LogCut(data) => with_data(name, data),
        wire::CallEvent::Result(data) => with_data(name, data),
        wire::CallEvent::Problem(data) => with_data(name, data),
    }
}

/// Data is one line: what a tool wrote as JSON may hold line ends, which are nothing but space there.
fn with_data(name: &'static str, data: &impl Serialize) -> Event {
    match serde_json::to_string(data) {
        Ok(text) if text.contains(['\n', '\r']) => Event::default().event(name).data(text.replace(['\n', '\r'], " ")),
        Ok(text) => Event::default().event(name).data(text),
        Err(error) => {
            // None of these has a map with keys that are no texts, which is all that can fail.
            let problem = wire::Problem::report(&Error::internal(error), None);
            Event::default().event("problem").data(serde_json::to_string(&problem).unwrap_or_default())
        }
    }
}
