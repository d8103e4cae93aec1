//! TLS: with the host that the guest named, and with nobody else.

use super::support::{Answer, Authority, Origin, World};
use super::*;

fn world(rules: &[&str], authorities: &[&Authority]) -> World {
    let extra_roots = authorities.iter().map(|authority| authority.root()).collect();
    World::with(rules, &BrokerSettings { extra_roots, ..BrokerSettings::default() })
}

#[tokio::test]
async fn a_host_whose_certificate_is_trusted_is_spoken_to_by_its_name() {
    let authority = Authority::new();
    let origin = Origin::start_at("127.0.0.1:0", Answer::ok(b"secret"), Some(authority.acceptor("a.example"))).await;
    let port = origin.port();
    let world = world(&[&format!("GET https://*:{port}/*")], &[&authority]);
    world.names.add("a.example", &[&["127.0.0.1"]]);
    assert_eq!(world.call().get(&format!("https://A.Example:{port}/x")).await.unwrap().1, "secret");
    assert_eq!(
        origin.seen.request(),
        format!("GET /x HTTP/1.1\r\nhost: a.example:{port}\r\nconnection: close\r\n\r\n")
    );
}

#[tokio::test]
async fn an_address_may_have_a_certificate_too() {
    let authority = Authority::new();
    let origin = Origin::start_at("127.0.0.1:0", Answer::ok(b""), Some(authority.acceptor("127.0.0.1"))).await;
    let world = world(&[&format!("GET https://*:{}/*", origin.port())], &[&authority]);
    assert_eq!(world.call().get(&format!("https://127.0.0.1:{}/", origin.port())).await.unwrap().0, 200);
}

#[tokio::test]
async fn nothing_is_sent_to_a_host_that_is_not_who_it_should_be() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let origin = Origin::start_at("127.0.0.1:0", Answer::ok(b""), Some(authority.acceptor("a.example"))).await;
    let port = origin.port();
    let rule = format!("GET https://*:{port}/*");
    // The name that leads there is another one; so is the authority that the host trusts; so is every usual one.
    for (name, trusted) in [("b.example", vec![&authority]), ("a.example", vec![&stranger]), ("a.example", Vec::new())]
    {
        let world = world(&[&rule], &trusted);
        world.names.add(name, &[&["127.0.0.1"]]);
        let untrusted = world.call().get(&format!("https://{name}:{port}/")).await;
        assert!(matches!(untrusted, Err(Fault::Certificate)), "{name}: {untrusted:?}");
    }
    assert!(origin.seen.requests.lock().is_empty());
}

#[tokio::test]
async fn https_never_falls_back() {
    let plain = Origin::start(Answer::ok(b"plain")).await;
    let port = plain.port();
    let mut world = world(&[&format!("GET https://*:{port}/*")], &[]);
    world.names.add("a.example", &[&["127.0.0.1"]]);
    world.limits.http_timeout = Duration::from_millis(300);
    let fallen = world.call().get(&format!("https://a.example:{port}/")).await;
    // A server that waits for a head, or takes the greeting for one.
    assert!(matches!(fallen, Err(Fault::Tls | Fault::Terminated | Fault::ConnectTimeout)), "{fallen:?}");
    assert!(plain.seen.requests.lock().is_empty());
}

#[tokio::test]
async fn what_is_no_certificate_is_no_root() {
    let settings = BrokerSettings { extra_roots: vec![b"no certificate".to_vec().into()], ..BrokerSettings::default() };
    assert!(Broker::new(&settings).is_err());
}
