//! What happens on networks, as the guest is told of it.

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use super::support::{Answer, Origin, World, request};
use super::*;

/// What a request ends with whose origin answers so.
async fn fault(answer: Answer) -> Fault {
    let origin = Origin::start(answer).await;
    let world = World::new(&[&format!("* http://127.0.0.1:{}/*", origin.port())]);
    world.call().get(&format!("http://{}/", origin.address)).await.unwrap_err()
}

#[tokio::test]
async fn each_failure_has_a_name() {
    assert!(matches!(fault(Answer::Close).await, Fault::Incomplete | Fault::Terminated));
    assert!(matches!(fault(Answer::text("SSH-2.0-x\r\n")).await, Fault::Protocol));
    assert!(matches!(fault(Answer::text("HTTP/1.1 200 OK\r\nx")).await, Fault::Incomplete));
    assert!(matches!(fault(Answer::text("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")).await, Fault::Incomplete));
    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    assert!(matches!(fault(Answer::text(switch)).await, Fault::Upgrade));
    let two_lengths = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\nabcde";
    assert!(matches!(fault(Answer::text(two_lengths)).await, Fault::Protocol));
    // An answer from before there were heads.
    assert!(matches!(fault(Answer::text("<html>")).await, Fault::Protocol | Fault::Incomplete));
}

#[tokio::test]
async fn nobody_there_and_no_such_name_are_told_apart() {
    let origin = Origin::start(Answer::Close).await;
    let port = origin.port();
    drop(origin);
    let world = World::new(&["* http://*:80/*", &format!("* http://127.0.0.1:{port}/*")]);
    // The listener goes with its task.
    let refused = async {
        loop {
            match world.call().get(&format!("http://127.0.0.1:{port}/")).await {
                Err(Fault::Refused) => break,
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), refused).await.unwrap();
    assert!(matches!(world.call().get("http://none.example/").await, Err(Fault::Dns)));
    world.names.add("empty.example", &[&[]]);
    assert!(matches!(world.call().get("http://empty.example/").await, Err(Fault::Dns)));
}

#[tokio::test]
async fn a_guest_that_gives_its_body_up_sends_no_whole_request() {
    let origin = Origin::start(Answer::AfterBody(50, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec())).await;
    let world = World::new(&[&format!("* http://127.0.0.1:{}/*", origin.port())]);
    let pieces = [Ok(Frame::data(Bytes::from_static(b"half"))), Err(Fault::Aborted)];
    let body = StreamBody::new(futures::stream::iter(pieces)).boxed_unsync();
    let request = request("POST", &format!("http://{}/", origin.address)).map(|_| body);
    let given_up = world.call().fetch(request).await;
    assert!(matches!(given_up, Err(Fault::Aborted)), "{given_up:?}");
    origin.seen.closed(1).await;
    let seen = origin.seen.requests.lock().concat();
    assert!(!seen.contains("0\r\n\r\n"), "the end of a body: {seen}");
}

#[tokio::test]
async fn a_response_to_head_has_a_length_and_no_body() {
    let origin = Origin::start(Answer::text("HTTP/1.1 200 OK\r\ncontent-length: 5000000000\r\n\r\n")).await;
    let world = World::new(&[&format!("HEAD http://127.0.0.1:{}/*", origin.port())]);
    let mut call = world.call();
    let (status, body) = call.fetch(request("HEAD", &format!("http://{}/", origin.address))).await.unwrap();
    assert_eq!((status, body.len(), call.effects.usage().http_received_bytes), (200, 0, 0));
}
