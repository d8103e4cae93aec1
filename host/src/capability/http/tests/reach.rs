//! Where a name or an address may lead.

use http_body_util::BodyExt as _;

use super::support::{Answer, Origin, World, request};
use super::*;

#[tokio::test]
async fn no_spelling_of_a_special_address_is_reached_and_each_try_is_recorded() {
    let origin = Origin::start(Answer::ok(b"")).await;
    let port = origin.port();
    let world = World::new(&[&format!("GET http://*:{port}/*")]).without_exceptions();
    for (host, kind) in [
        ("127.0.0.1", "a loopback address"),
        ("127.1", "a loopback address"),
        ("2130706433", "a loopback address"),
        ("0x7f000001", "a loopback address"),
        ("0x7f.0.0.1", "a loopback address"),
        ("0177.0.0.1", "a loopback address"),
        ("017700000001", "a loopback address"),
        ("127.0.0.1.", "a loopback address"),
        ("[::1]", "a loopback address"),
        ("[0:0:0:0:0:0:0:1]", "a loopback address"),
        ("[::ffff:127.0.0.1]", "a loopback address"),
        ("[::ffff:7f00:1]", "a loopback address"),
        ("[64:ff9b::127.0.0.1]", "a loopback address"),
        ("[::127.0.0.1]", "an address that carries another one"),
        ("[2002:7f00:1::]", "an address that carries another one"),
        ("[2001:0:7f00:1::80ff:fffe]", "an address that carries another one"),
        ("0.0.0.0", "an unspecified address"),
        ("0", "an unspecified address"),
        ("[::]", "an unspecified address"),
        ("10.0.0.1", "a private address"),
        ("172.16.0.1", "a private address"),
        ("192.168.0.1", "a private address"),
        ("3232235521", "a private address"),
        ("[fd00::1]", "a private address"),
        ("[fec0::1]", "a private address"),
        ("169.254.169.254", "a cloud's metadata address"),
        ("2852039166", "a cloud's metadata address"),
        ("0xa9fea9fe", "a cloud's metadata address"),
        ("[::ffff:169.254.169.254]", "a cloud's metadata address"),
        ("[fd00:ec2::254]", "a cloud's metadata address"),
        ("169.254.1.1", "a link-local address"),
        ("[fe80::1]", "a link-local address"),
        ("100.64.0.1", "a shared address"),
        ("224.0.0.1", "a multicast address"),
        ("[ff02::1]", "a multicast address"),
        ("255.255.255.255", "the broadcast address"),
        ("192.0.2.1", "an address for documentation"),
        ("[2001:db8::1]", "an address for documentation"),
        ("198.18.0.1", "an address for benchmarks"),
    ] {
        let mut call = world.call();
        let prohibited = call.get(&format!("http://{host}:{port}/")).await;
        assert!(matches!(prohibited, Err(Fault::AddressProhibited)), "{host}: {prohibited:?}");
        assert_eq!(call.denials(), [format!("the host leads to {kind}, which the platform does not except")], "{host}");
        assert_eq!(call.effects.uses().uses, [], "{host}: it was not granted after all");
    }
    assert_eq!(origin.seen.connections(), 0);
}

/// Every answer of DNS is checked, whatever comes first: none that is private is connected to.
#[tokio::test]
async fn hostile_name_of_which_one_answer_is_private() {
    let (open, inner) =
        (Origin::start(Answer::ok(b"open")).await, Origin::start_at("127.0.0.2:0", Answer::ok(b"inner"), None).await);
    for port in [open.port(), inner.port()] {
        let world = World::new(&[&format!("GET http://*:{port}/*")]);
        for answers in [
            &["127.0.0.1", "127.0.0.2"][..],
            &["127.0.0.2", "127.0.0.1"],
            &["127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "::1"],
            &["127.0.0.1", "::ffff:127.0.0.2"],
            &["1.1.1.1", "10.0.0.1"],
            &["::1"],
        ] {
            world.names.add("mixed.example", &[answers]);
            let mut call = world.call();
            let prohibited = call.get(&format!("http://mixed.example:{port}/")).await;
            assert!(matches!(prohibited, Err(Fault::AddressProhibited)), "{answers:?}: {prohibited:?}");
            assert_eq!(call.denials().len(), 1);
        }
    }
    assert_eq!((open.seen.connections(), inner.seen.connections()), (0, 0));
}

/// Public when it is looked up, private a moment later: the address that was checked is the one that is connected to.
#[tokio::test]
async fn hostile_name_that_answers_differently_the_second_time() {
    // Both listen on the same port, so only the address tells them apart.
    let open = Origin::start(Answer::ok(b"open")).await;
    let inner = Origin::start_at(&format!("127.0.0.2:{}", open.port()), Answer::ok(b"inner"), None).await;
    let world = World::new(&[&format!("GET http://rebind.example:{}/*", open.port())]);
    let url = format!("http://rebind.example:{}/", open.port());
    world.names.add("rebind.example", &[&["127.0.0.1"], &["127.0.0.2"]]);
    let mut call = world.call();
    assert_eq!(call.get(&url).await.unwrap().1, "open");
    assert_eq!(world.names.asked(), ["rebind.example"], "asked once: what was checked is what was connected to");
    assert!(matches!(call.get(&url).await, Err(Fault::AddressProhibited)));
    assert_eq!((open.seen.connections(), inner.seen.connections()), (1, 0));
}

#[tokio::test]
async fn an_exception_of_the_platform_is_reached_and_nothing_beside_it() {
    let origin = Origin::start(Answer::ok(b"")).await;
    let port = origin.port();
    let world = World::new(&[&format!("GET http://*:{port}/*")]);
    let mut call = world.call();
    for host in ["127.0.0.1", "0x7f.1"] {
        assert_eq!(call.get(&format!("http://{host}:{port}/")).await.unwrap().0, 200, "{host}");
    }
    assert!(matches!(call.get(&format!("http://127.0.0.2:{port}/")).await, Err(Fault::AddressProhibited)));
    assert!(matches!(call.get(&format!("http://[::1]:{port}/")).await, Err(Fault::AddressProhibited)));
}

#[tokio::test]
async fn the_host_s_own_names_lead_nowhere_either() {
    let origin = Origin::start(Answer::ok(b"")).await;
    let rule = format!("GET http://*:{}/*", origin.port());
    let mut world = World::new(&[&rule]).without_exceptions();
    world.broker = Broker::new(&BrokerSettings::default()).unwrap();
    let mut call = world.call();
    let prohibited = call.get(&format!("http://localhost:{}/", origin.port())).await;
    assert!(matches!(prohibited, Err(Fault::AddressProhibited)), "{prohibited:?}");
    assert_eq!(origin.seen.connections(), 0);

    // The same resolver, where it may.
    let mut world = World::new(&[&rule]);
    world.broker = Broker::new(&BrokerSettings::default()).unwrap();
    let found = world.broker.resolve(&"acme".parse().unwrap(), "localhost").await.unwrap();
    if found.iter().all(|address| address.to_string() == "127.0.0.1") {
        assert_eq!(world.call().get(&format!("http://localhost:{}/", origin.port())).await.unwrap().0, 200);
    }
}

#[tokio::test]
async fn an_address_that_does_not_accept_is_not_the_last_one() {
    let origin = Origin::start(Answer::ok(b"")).await;
    let mut world = World::new(&[&format!("GET http://a.example:{}/*", origin.port())]);
    world.private = vec!["127.0.0.0/8".parse().unwrap()];
    world.names.add("a.example", &[&["127.0.0.9", "127.0.0.8", "127.0.0.1"]]);
    assert_eq!(world.call().get(&format!("http://a.example:{}/", origin.port())).await.unwrap().0, 200);
}

#[tokio::test]
async fn no_other_tenant_has_to_wait_for_the_connections_of_one() {
    let origin = Origin::start(Answer::Stall(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec())).await;
    let (url, elsewhere) = (format!("http://{}/", origin.address), Origin::start(Answer::ok(b"")).await);
    let settings = BrokerSettings { tenant_connections_max: 2, ..BrokerSettings::default() };
    let rules = [&origin, &elsewhere].map(|origin| format!("GET http://127.0.0.1:{}/*", origin.port()));
    let mut world = World::with(&rules.each_ref().map(|rule| &**rule), &settings);
    world.limits.http_timeout = Duration::from_millis(300);
    let (mut call, mut again, mut other) = (world.call(), world.call(), world.call_of("globex"));
    let held = call.http.send(request("GET", &url), Patience::default()).await.unwrap();
    let mut body = again.http.send(request("GET", &url), Patience::default()).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    let third = again.get(&format!("http://{}/", elsewhere.address)).await;
    assert!(matches!(third, Err(Fault::ConnectionLimit)), "{third:?}");
    assert_eq!((origin.seen.connections(), elsewhere.seen.connections()), (2, 0));
    other.http.send(request("GET", &url), Patience::default()).await.unwrap();
    // A body that goes gives its place to whoever waits.
    let waiting = again.http.send(request("GET", &url), Patience::default());
    let waiting = tokio::spawn(waiting);
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(held);
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn all_tenants_together_have_a_limit_too() {
    let origin = Origin::start(Answer::Stall(b"HTTP/1.1 200 OK\r\n\r\n".to_vec())).await;
    let url = format!("http://{}/", origin.address);
    let settings = BrokerSettings { connections_max: 1, ..BrokerSettings::default() };
    let mut world = World::with(&[&format!("GET http://127.0.0.1:{}/*", origin.port())], &settings);
    world.limits.http_timeout = Duration::from_millis(100);
    let held = world.call().http.send(request("GET", &url), Patience::default()).await.unwrap();
    let second = world.call_of("globex").http.send(request("GET", &url), Patience::default()).await;
    assert!(matches!(second, Err(Fault::ConnectionLimit)));
    drop(held);
    world.call_of("globex").http.send(request("GET", &url), Patience::default()).await.unwrap();
}

#[tokio::test]
async fn a_tenant_whose_names_hang_waits_alone() {
    let origin = Origin::start(Answer::ok(b"")).await;
    let mut world = World::new(&["GET http://*:80/*", &format!("GET http://*:{}/*", origin.port())]);
    world.names.add("a.example", &[&["127.0.0.1"]]);
    world.limits.http_timeout = Duration::from_millis(200);
    world.limits.http_requests = 100;
    let mut call = world.call();
    let hanging: Vec<_> =
        (0..40).map(|n| tokio::spawn(call.get_later(&format!("http://hangs.a{n}.example/")))).collect();
    for hung in hanging {
        assert!(matches!(hung.await.unwrap(), Err(Fault::DnsTimeout)));
    }
    // Nobody waits for them any more, but their threads would: they still count.
    let asked = world.names.asked().len();
    assert_eq!(asked, 16);
    let url = format!("http://a.example:{}/", origin.port());
    assert!(matches!(call.get(&url).await, Err(Fault::DnsTimeout)));
    assert_eq!(world.names.asked().len(), asked);
    assert_eq!(world.call_of("globex").get(&url).await.unwrap().0, 200);
}
