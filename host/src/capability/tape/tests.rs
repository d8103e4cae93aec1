//! A replay gets what the call got, and the first question that is another one is named.

use serde::Deserialize;

use super::*;

/// A capability's fault.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Fault {
    No(u8),
    #[serde(skip)]
    Stopped,
}

impl From<Stop> for Fault {
    fn from(_: Stop) -> Self {
        Self::Stopped
    }
}

/// Asks `line` for `name` about `about`, where the world would say `world`.
async fn asks(line: &Line, name: &'static str, about: &str, world: Result<u32, Fault>) -> Result<u32, Fault> {
    ask(Some(line.question(name, &about)), async { world }).await
}

async fn recorded() -> Recording {
    let tape = Tape::recording();
    let main = tape.main();
    assert_eq!(asks(&main, "kv.get", "a", Ok(1)).await, Ok(1));
    let (one, other) = (tape.line(), tape.line());
    assert_eq!(asks(&other, "files.read", "x", Ok(10)).await, Ok(10));
    assert_eq!(asks(&main, "kv.set", "b", Err(Fault::No(3))).await, Err(Fault::No(3)));
    assert_eq!(asks(&one, "files.read", "y", Ok(20)).await, Ok(20));
    tape.recorded().unwrap()
}

/// A world that must not be asked.
fn never() -> Result<u32, Fault> {
    Err(Fault::No(255))
}

#[tokio::test]
async fn a_replay_gets_the_answers_of_the_call_whatever_the_order_of_lines() {
    let recording = recorded().await;
    let recording = Recording::from_bytes(&recording.to_bytes().unwrap()).unwrap();
    assert_eq!((recording.host_calls(), recording.spoilt()), (4, None));
    let tape = Tape::replaying(Some(recording));
    let (main, one, other) = (tape.main(), tape.line(), tape.line());
    assert_eq!(asks(&one, "files.read", "y", never()).await, Ok(20));
    assert_eq!(asks(&main, "kv.get", "a", never()).await, Ok(1));
    assert_eq!(asks(&main, "kv.set", "b", never()).await, Err(Fault::No(3)));
    assert_eq!(asks(&other, "files.read", "x", never()).await, Ok(10));
    assert_eq!(tape.departure(true), None);
}

#[tokio::test]
async fn the_first_departure_is_named_and_nothing_is_answered_after_it() {
    let departure =
        |number, was: &str, is: &str| Some(Departure::HostCall { number, was: was.to_owned(), is: is.to_owned() });
    for (name, about, expected) in [
        ("kv.delete", "a", departure(1, "kv.get", "kv.delete")),
        ("kv.get", "z", departure(1, "kv.get", "kv.get of something else")),
    ] {
        let tape = Tape::replaying(Some(recorded().await));
        assert_eq!(asks(&tape.main(), name, about, never()).await, Err(Fault::Stopped));
        assert_eq!(asks(&tape.main(), "kv.set", "b", never()).await, Err(Fault::Stopped));
        assert_eq!(tape.departure(true), expected);
    }
    let tape = Tape::replaying(Some(recorded().await));
    assert_eq!(asks(&tape.main(), "kv.get", "a", never()).await, Ok(1));
    assert_eq!(tape.departure(true), departure(3, "kv.set", "the call's end"));
    assert_eq!(tape.departure(false), None, "it did not come to its end");
    assert_eq!(asks(&tape.main(), "kv.set", "b", never()).await, Err(Fault::No(3)));
    assert_eq!(asks(&tape.main(), "kv.get", "c", never()).await, Err(Fault::Stopped));
    assert_eq!(tape.departure(true), departure(5, "the call's end", "kv.get"));
}

#[tokio::test]
async fn without_a_recording_nothing_can_be_asked() {
    let tape = Tape::replaying(None);
    assert!(tape.is_replay() && tape.recorded().is_none());
    assert_eq!(tape.departure(true), None);
    assert_eq!(asks(&tape.main(), "kv.get", "a", never()).await, Err(Fault::Stopped));
    let why = "it used kv.get, and no host answers were recorded".to_owned();
    assert_eq!(tape.departure(true), Some(Departure::Unknown(why)));
}

#[tokio::test]
async fn what_cannot_be_given_again_or_is_too_much_spoils_the_recording() {
    let tape = Tape::recording();
    assert_eq!(asks(&tape.main(), "kv.get", "a", Err(Fault::Stopped)).await, Err(Fault::Stopped));
    let recording = tape.recorded().unwrap();
    assert_eq!((recording.host_calls(), recording.spoilt()), (0, Some("the call was stopped by the host")));

    let tape = Tape::recording();
    for _ in 0..17 {
        ask_now(Some(tape.main().question("random", &())), || vec![0_u8; 1 << 20]).unwrap();
    }
    let recording = tape.recorded().unwrap();
    assert_eq!(recording.host_calls(), 0);
    assert!(recording.spoilt().unwrap().contains("16 MiB"));
    assert!(recording.to_bytes().unwrap().len() < 200);
}

#[test]
fn what_is_no_recording_is_told() {
    for bytes in [&[][..], &[0], &[1], &[2, 0, 0], &[1, 255, 255, 255, 255, 255]] {
        Recording::from_bytes(bytes).unwrap_err();
    }
}
