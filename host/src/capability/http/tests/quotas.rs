//! What all calls of a tenant may take together: at it, one past it, and many at once.

use futures::future::join_all;

use super::support::*;
use super::*;
use crate::policy::EgressQuotas;

async fn world(answer: Answer, quotas: EgressQuotas) -> (Origin, World, String) {
    let origin = Origin::start(answer).await;
    let world = World::new(&[&format!("* http://127.0.0.1:{}/*", origin.port())]).with_quotas(quotas);
    let url = format!("http://{}/", origin.address);
    (origin, world, url)
}

#[tokio::test]
async fn as_many_requests_in_a_minute_and_not_one_more_however_many_ask() {
    let quotas = EgressQuotas { requests_per_minute: Some(10), ..EgressQuotas::default() };
    let (origin, world, url) = world(Answer::ok(b""), quotas).await;
    let asked = join_all((0..40).map(|_| {
        let (world, url) = (&world, &url);
        async move {
            let mut call = world.call();
            (call.get(url).await, call)
        }
    }))
    .await;
    let (let_through, refused): (Vec<_>, Vec<_>) = asked.iter().partition(|(answer, _)| answer.is_ok());
    // A minute may have ended meanwhile.
    assert!([10, 20].contains(&let_through.len()), "{}", let_through.len());
    assert_eq!(origin.seen.connections(), let_through.len());
    for (answer, call) in refused {
        let fault = answer.as_ref().unwrap_err();
        assert!(matches!(fault, Fault::Quota(Quota::Requests, 10)), "{fault:?}");
        assert!(fault.to_string().starts_with("egress.requests_per_minute is 10"), "{fault}");
        assert_eq!(call.denials(), ["egress.requests_per_minute is 10"]);
        assert_eq!(call.effects.usage().http_requests, 0);
    }
    // Another tenant's are its own.
    world.call_of("globex").get(&url).await.unwrap();
}

#[tokio::test]
async fn as_many_bytes_in_an_hour_and_not_one_more() {
    let quotas = EgressQuotas { sent_bytes_per_hour: Some(12), ..EgressQuotas::default() };
    let answer = Answer::AfterBody(6, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec());
    let (_origin, world, url) = world(answer, quotas).await;
    world.call().fetch(post(&url, b"123456")).await.unwrap();
    world.call().fetch(post(&url, b"123456")).await.unwrap();
    let mut call = world.call();
    let past = call.fetch(post(&url, b"1")).await;
    assert!(matches!(past, Err(Fault::Quota(Quota::SentBytes, 12))), "{past:?}");
    assert_eq!(call.denials(), ["egress.sent_bytes_per_hour is 12"]);

    let quotas = EgressQuotas { received_bytes_per_hour: Some(10), ..EgressQuotas::default() };
    let (_origin, world, url) = self::world(Answer::ok(b"12345"), quotas).await;
    world.call().get(&url).await.unwrap();
    world.call().get(&url).await.unwrap();
    let mut call = world.call();
    let past = call.get(&url).await;
    assert!(matches!(past, Err(Fault::Quota(Quota::ReceivedBytes, 10))), "{past:?}");
    assert_eq!(call.denials(), ["egress.received_bytes_per_hour is 10"]);
}

#[tokio::test]
async fn as_many_connections_at_once_and_they_come_back() {
    let quotas = EgressQuotas { connections: Some(2), ..EgressQuotas::default() };
    let stall = Answer::Stall(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".to_vec());
    let (_origin, world, url) = world(stall, quotas).await;
    let mut calls: Vec<_> = (0..3).map(|_| world.call()).collect();
    let mut open = Vec::new();
    for call in &mut calls[..2] {
        open.push(call.http.send(request("GET", &url), Patience::default()).await.unwrap());
    }
    let past = calls[2].http.send(request("GET", &url), Patience::default()).await;
    assert!(matches!(past, Err(Fault::Quota(Quota::Connections, 2))), "{past:?}");
    assert_eq!(calls[2].denials(), ["egress.connections is 2"]);
    drop(open.pop());
    calls[2].http.send(request("GET", &url), Patience::default()).await.unwrap();
}
