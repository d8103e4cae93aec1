//! When the rules of flow are asked about a request, and when it brings what it brings.

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::support::{Answer, Origin, World, post};
use super::*;
use crate::capability::effects::{Flow, FlowDenied};
use crate::labels::Brought;
use crate::policy::GrantKind;

/// Is against whatever goes out once something is answered, and writes down what it is asked.
#[derive(Default)]
struct Rules(Mutex<Vec<&'static str>>);

impl Rules {
    fn note(&self, step: &'static str) -> Result<(), FlowDenied> {
        let mut steps = self.0.lock();
        steps.push(step);
        if step != "answered" && steps.contains(&"answered") {
            return Err(FlowDenied { rule: "a rule".to_owned(), brought: Vec::new() });
        }
        Ok(())
    }
}

impl Flow for Rules {
    fn pass(&self, _: &CapabilityUse) -> Result<(), FlowDenied> {
        self.note("pass")
    }

    fn ask(&self, _: &CapabilityUse) -> Result<(), FlowDenied> {
        self.note("ask")
    }

    fn answered(&self, _: &CapabilityUse) {
        self.note("answered").unwrap();
    }

    fn go_on(&self, _: GrantKind) -> Result<(), FlowDenied> {
        self.note("go on")
    }

    fn brought(&self) -> Vec<Brought> {
        Vec::new()
    }
}

async fn world(answer: Answer) -> (Origin, World, String, Arc<Rules>) {
    let origin = Origin::start(answer).await;
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let rules = Arc::new(Rules::default());
    let world = World::new(&[&format!("* http://*:{}/*", origin.port())]);
    (origin, world, url, rules)
}

#[tokio::test]
async fn flow_a_request_brings_its_label_when_it_is_answered_and_not_before() {
    let answer = Answer::AfterBody(5, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec());
    let (origin, world, url, rules) = world(answer).await;
    let mut call = world.call_under(Arc::clone(&rules) as Arc<dyn Flow>);
    call.fetch(post(&url, b"hello")).await.unwrap();
    assert!(origin.seen.request().ends_with("\r\n\r\nhello"));
    assert_eq!(*rules.0.lock(), ["ask", "go on", "answered"]);
    assert!(matches!(call.fetch(post(&url, b"more")).await, Err(Fault::Denied)));
    assert_eq!(origin.seen.connections(), 1);
    assert_eq!(call.denials(), ["a rule: "]);
}

#[tokio::test]
async fn flow_a_body_that_outlasts_the_answer_is_stopped() {
    let answer = Answer::Stall(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec());
    let (origin, world, url, rules) = world(answer).await;
    let mut call = world.call_under(Arc::clone(&rules) as Arc<dyn Flow>);
    let (release, released) = oneshot::channel();
    let second = futures::stream::once(async move {
        released.await.unwrap();
        Ok(Frame::data(Bytes::from_static(b"secret")))
    });
    let first = futures::stream::iter([Ok(Frame::data(Bytes::from_static(b"first")))]);
    let body = StreamBody::new(futures::StreamExt::chain(first, second)).boxed_unsync();
    let request = Request::builder().method("POST").uri(&url).body(body).unwrap();
    let response = call.http.send(request, Patience::default()).await.unwrap();
    release.send(()).unwrap();
    assert!(response.into_body().collect().await.is_err(), "the exchange ends with its request");
    origin.seen.closed(1).await;
    assert!(!origin.seen.request().contains("secret"));
    assert_eq!(call.denials(), ["a rule: "]);
}

#[tokio::test]
async fn flow_an_error_is_an_answer_too() {
    let (_origin, world, url, rules) = world(Answer::Close).await;
    let mut call = world.call_under(Arc::clone(&rules) as Arc<dyn Flow>);
    call.get(&url).await.unwrap_err();
    assert_eq!(*rules.0.lock(), ["ask", "answered"]);
}
