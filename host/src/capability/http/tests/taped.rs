//! Requests on a tape: given again without a network, and compared with what they were.

use bytes::Bytes;

use super::support::*;
use super::*;
use crate::capability::tape::{Departure, Recording, Tape};

/// Sends a request whose call is recorded; gives the recording once the connection is gone.
async fn record(
    world: &World,
    origin: &Origin,
    request: Request<GuestBody>,
) -> (Result<(u16, Bytes), Fault>, Recording) {
    let tape = Tape::recording();
    let mut call = world.call_on(&tape);
    let answer = call.fetch(request).await;
    origin.seen.closed(1).await;
    drop(call);
    // The connection's own task has still to let go of the body.
    tokio::time::sleep(Duration::from_millis(50)).await;
    (answer, tape.recorded().unwrap())
}

/// The same request, or another one, in a replay: there is no network.
async fn again(
    world: &World,
    recording: &Recording,
    request: Request<GuestBody>,
) -> (Result<(u16, Bytes), Fault>, Option<Departure>) {
    let tape = Tape::replaying(Some(recording.clone()));
    let mut call = world.call_on(&tape);
    let answer = call.fetch(request).await;
    assert_eq!(call.effects.usage().http_requests, 0);
    drop(call);
    tape.settle().await;
    (answer, tape.departure(true))
}

fn world_of(origin: &Origin) -> World {
    World::new(&[&format!("* http://127.0.0.1:{}/*", origin.port())])
}

/// That the replay asked something else there. Which is recorded first, the response's head or the request's body, is the
/// network's affair.
#[track_caller]
fn differs(departure: Option<Departure>, name: &str) {
    let Some(Departure::HostCall { was, is, .. }) = departure else { panic!("{departure:?}") };
    assert_eq!((was, is), (name.to_owned(), format!("{name} of something else")));
}

#[tokio::test]
async fn a_response_is_given_again_and_another_request_is_found() {
    let origin = Origin::start(Answer::AfterBody(
        5,
        b"HTTP/1.1 201 Created\r\nx-a: 1\r\nx-a: 2\r\ncontent-length: 3\r\n\r\nabc".to_vec(),
    ))
    .await;
    let world = world_of(&origin);
    let url = format!("http://127.0.0.1:{}/p?q", origin.port());
    let (answer, recording) = record(&world, &origin, post(&url, b"hello")).await;
    assert_eq!(answer.unwrap(), (201, Bytes::from_static(b"abc")));
    assert_eq!(recording.spoilt(), None);

    let (answer, departure) = again(&world, &recording, post(&url, b"hello")).await;
    assert_eq!((answer.unwrap(), departure), ((201, Bytes::from_static(b"abc")), None));
    // In other pieces it is the same body.
    let (_, departure) = again(&world, &recording, post(&url, b"hellO")).await;
    differs(departure, "http.request-body");
    let (answer, departure) = again(&world, &recording, post(&format!("{url}2"), b"hello")).await;
    assert!(matches!(answer, Err(Fault::Replay)));
    differs(departure, "http.send");
    assert_eq!(origin.seen.connections(), 1, "nothing left for the network");
}

#[tokio::test]
async fn what_failed_fails_again_in_the_same_way() {
    let origin = Origin::start(Answer::Close).await;
    let world = world_of(&origin);
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let (answer, recording) = record(&world, &origin, request("GET", &url)).await;
    let was = format!("{:?}", answer.unwrap_err());
    let (answer, departure) = again(&world, &recording, request("GET", &url)).await;
    assert_eq!((format!("{:?}", answer.unwrap_err()), departure), (was, None));
    // A body that breaks off, in the middle.
    let origin = Origin::start(Answer::text("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")).await;
    let world = world_of(&origin);
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let (answer, recording) = record(&world, &origin, request("GET", &url)).await;
    assert!(matches!(answer, Err(Fault::Incomplete)));
    let (answer, departure) = again(&world, &recording, request("GET", &url)).await;
    assert!(matches!(answer, Err(Fault::Incomplete)) && departure.is_none());
}
