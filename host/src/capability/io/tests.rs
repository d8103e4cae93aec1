//! What of waiting can be recorded, and that the rest spoils a recording instead of being wrong.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, subscribe};

use super::poll::{Host as _, HostPollable as _};
use super::streams::{HostInputStream as _, HostOutputStream as _};
use super::*;
use crate::capability::tape::{Departure, Recording};

/// Something that is ready, or never will be.
struct Thing {
    is_ready: bool,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Thing {
    async fn ready(&mut self) {
        if !self.is_ready {
            std::future::pending::<()>().await;
        }
    }
}

impl InputStream for Thing {
    fn read(&mut self, _: usize) -> StreamResult<Bytes> {
        Ok(if self.is_ready { Bytes::from_static(b"x") } else { Bytes::new() })
    }
}

impl OutputStream for Thing {
    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(if self.is_ready { 1 } else { 0 })
    }

    fn write(&mut self, _: Bytes) -> StreamResult<()> {
        Err(StreamError::Closed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }
}

#[derive(Default)]
struct Guest {
    table: ResourceTable,
    printers: Vec<u32>,
}

impl Guest {
    fn view<'a>(&'a mut self, tape: &'a Arc<Tape>) -> IoView<'a> {
        IoView { table: &mut self.table, tape: Some(&**tape), printers: &mut self.printers }
    }

    fn pollable(&mut self, is_ready: bool) -> Resource<DynPollable> {
        let thing = self.table.push(Thing { is_ready }).unwrap();
        subscribe(&mut self.table, thing).unwrap()
    }

    fn input(&mut self, is_ready: bool) -> Input {
        let stream: DynInputStream = Box::new(Thing { is_ready });
        self.table.push(stream).unwrap()
    }

    fn output(&mut self, is_ready: bool) -> Output {
        let stream: DynOutputStream = Box::new(Thing { is_ready });
        self.table.push(stream).unwrap()
    }
}

fn spoilt(tape: &Tape) -> Option<String> {
    tape.recorded().unwrap().spoilt().map(str::to_owned)
}

fn unknown(tape: &Tape) -> String {
    match tape.departure(true) {
        Some(Departure::Unknown(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn nothing_recorded() -> Arc<Tape> {
    Tape::replaying(Some(Recording::from_bytes(&Tape::recording().recorded().unwrap().to_bytes().unwrap()).unwrap()))
}

#[tokio::test]
async fn who_waits_for_one_thing_after_another_sees_nothing_that_could_be_another_time() {
    let (mut guest, tape) = (Guest::default(), Tape::recording());
    let (one, both) = (guest.pollable(true), [guest.pollable(true), guest.pollable(true)]);
    let (input, output) = (guest.input(true), guest.output(true));
    let mut view = guest.view(&tape);
    view.block(Resource::new_borrow(one.rep())).await.unwrap();
    assert!(view.ready(Resource::new_borrow(one.rep())).await.unwrap());
    assert_eq!(view.poll(vec![one]).await.unwrap(), [0]);
    assert_eq!(view.poll(both.into()).await.unwrap(), [0, 1]);
    assert_eq!(view.read(input, 5).unwrap(), b"x");
    assert_eq!(view.check_write(output).unwrap(), 1);
    assert_eq!(spoilt(&tape), None);
}

#[tokio::test]
async fn who_looks_or_waits_for_several_things_spoils_the_recording() {
    let mut guest = Guest::default();
    let tape = Tape::recording();
    let never = guest.pollable(false);
    assert!(!guest.view(&tape).ready(never).await.unwrap());
    assert_eq!(spoilt(&tape).as_deref(), Some(LOOKS));

    let tape = Tape::recording();
    let both = vec![guest.pollable(false), guest.pollable(true)];
    assert_eq!(guest.view(&tape).poll(both).await.unwrap(), [1]);
    assert_eq!(spoilt(&tape).as_deref(), Some(SEVERAL));

    let tape = Tape::recording();
    let input = guest.input(false);
    assert!(guest.view(&tape).read(input, 5).unwrap().is_empty());
    assert_eq!(spoilt(&tape).as_deref(), Some(LOOKS));

    let tape = Tape::recording();
    let output = guest.output(false);
    assert_eq!(guest.view(&tape).check_write(Resource::new_borrow(output.rep())).unwrap(), 0);
    assert_eq!(spoilt(&tape).as_deref(), Some(LOOKS));
    // Of a standard stream it follows from the record.
    let tape = Tape::recording();
    guest.printers.push(output.rep());
    assert_eq!(guest.view(&tape).check_write(Resource::new_borrow(output.rep())).unwrap(), 0);
    assert_eq!(spoilt(&tape), None);
    streams::HostOutputStream::drop(&mut guest.view(&tape), output).await.unwrap();
    assert!(guest.printers.is_empty());
}

#[tokio::test]
async fn a_body_that_nobody_took_shows_only_where_the_guest_sees_it() {
    let (mut guest, tape) = (Guest::default(), Tape::recording());
    let output = guest.output(true);
    let write = |guest: &mut Guest| {
        let closed = guest.view(&tape).write(Resource::new_borrow(output.rep()), vec![1]);
        assert!(matches!(closed, Err(StreamError::Closed)));
    };
    write(&mut guest);
    tape.give_body_up();
    assert_eq!(spoilt(&tape), None);
    write(&mut guest);
    assert_eq!(spoilt(&tape).as_deref(), Some(GIVEN_UP));
}

#[tokio::test]
async fn a_replay_waits_for_what_was_there_and_stops_where_nobody_knows() {
    let (mut guest, tape) = (Guest::default(), nothing_recorded());
    let both = vec![guest.pollable(true), guest.pollable(true)];
    assert_eq!(guest.view(&tape).poll(both).await.unwrap(), [0, 1]);
    let input = guest.input(false);
    let stopped = guest.view(&tape).read(input, 5);
    assert!(matches!(stopped, Err(StreamError::Trap(trap)) if trap.is::<Stop>()));
    assert_eq!(unknown(&tape), LOOKS);

    let bare = Tape::replaying(None);
    let ready = guest.pollable(true);
    assert!(guest.view(&bare).ready(ready).await.unwrap_err().is::<Stop>());
    assert_eq!(unknown(&bare), LOOKS);
    let bare = Tape::replaying(None);
    let both = vec![guest.pollable(true), guest.pollable(true)];
    assert!(guest.view(&bare).poll(both).await.unwrap_err().is::<Stop>());
    assert_eq!(unknown(&bare), SEVERAL);
}
