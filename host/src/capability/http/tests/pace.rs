//! As many requests to one host at once as it answers in good time.

use futures::future::join_all;

use super::support::*;
use super::*;

/// A tenant's requests to `world` go to hosts of which each is sent at most four at once.
async fn world(answers: [Answer; 2]) -> ([Origin; 2], World, [String; 2]) {
    let [first, second] = answers;
    let origins = [Origin::start(first).await, Origin::start(second).await];
    let rules = origins.each_ref().map(|origin| format!("* http://127.0.0.1:{}/*", origin.port()));
    let settings = BrokerSettings { tenant_connections_max: 4, ..BrokerSettings::default() };
    let mut world = World::with(&rules.each_ref().map(|rule| &**rule), &settings);
    world.limits.http_timeout = Duration::from_millis(300);
    let urls = origins.each_ref().map(|origin| format!("http://{}/", origin.address));
    (origins, world, urls)
}

fn limit(world: &World, tenant: &str, origin: &Origin) -> usize {
    world.broker.place(&tenant.parse().unwrap(), origin.address.to_string()).limit()
}

#[tokio::test]
async fn a_host_that_hangs_is_sent_few_and_takes_no_other_hosts_connections() {
    let ([hung, well], world, [hanging, working]) = world([Answer::Stall(Vec::new()), Answer::ok(b"")]).await;
    let many =
        async |many: usize| join_all((0..many).map(async |_| world.call().get(&hanging).await.unwrap_err())).await;
    for fault in many(4).await {
        assert!(matches!(fault, Fault::ResponseTimeout), "{fault:?}");
    }
    assert_eq!((limit(&world, "acme", &hung), limit(&world, "acme", &well)), (2, 4));

    let others = async {
        // Those two are there by now.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut call = world.call();
        let patience = Patience { connect: Some(Duration::from_millis(50)), ..Patience::default() };
        let refused = call.http.send(request("GET", &hanging), patience).await.map(drop).unwrap_err();
        assert!(matches!(refused, Fault::Congested(2)), "{refused:?}");
        // It left nothing: it is in no count and in no record.
        assert_eq!((call.effects.usage().http_requests, call.denials().len()), (0, 0));
        // The other host has its own pace, and so has another tenant.
        let began = std::time::Instant::now();
        world.call().get(&working).await.unwrap();
        assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
        assert_eq!(limit(&world, "globex", &hung), 4);
        let fault = world.call_of("globex").get(&hanging).await.unwrap_err();
        assert!(matches!(fault, Fault::ResponseTimeout), "{fault:?}");
    };
    let (faults, ()) = tokio::join!(many(2), others);
    assert!(faults.iter().all(|fault| matches!(fault, Fault::ResponseTimeout)), "{faults:?}");
    assert_eq!(hung.seen.connections(), 4 + 2 + 1);
}

#[tokio::test]
async fn a_host_that_says_it_is_too_much_is_sent_fewer_and_one_that_answers_as_many_again() {
    let answers = [
        Answer::text("HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n"),
        Answer::text("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"),
    ];
    let ([busy, broken], world, [url, other]) = world(answers).await;
    for _ in 0..4 {
        assert_eq!(world.call().get(&url).await.unwrap().0, 429);
        // What went wrong in there says nothing about how much is too much.
        assert_eq!(world.call().get(&other).await.unwrap().0, 500);
    }
    assert_eq!((limit(&world, "acme", &busy), limit(&world, "acme", &broken)), (2, 4));
    // What the guest gives up says nothing either.
    let place = world.broker.place(&"acme".parse().unwrap(), busy.address.to_string());
    drop(place.enter().await);
    assert_eq!(place.limit(), 2);
    for _ in 0..20 {
        let (mut one, mut another) = tokio::join!(place.enter(), place.enter());
        one.sent();
        another.sent();
        one.answered();
        another.answered();
    }
    assert_eq!(place.limit(), 4);
}

/// How long a guest says that it waits makes no host a slow one; how long it did wait, also until its call's deadline, can.
#[tokio::test]
async fn what_a_guest_gives_up_at_once_says_nothing_and_what_it_waited_for_long_does() {
    let ([hung, _well], world, [url, _]) = world([Answer::Stall(Vec::new()), Answer::ok(b"")]).await;
    let hasty = Patience { first_byte: Some(Duration::from_millis(5)), ..Patience::default() };
    for _ in 0..4 {
        let fault = world.call().http.send(request("GET", &url), hasty).await.map(drop).unwrap_err();
        assert!(matches!(fault, Fault::ResponseTimeout), "{fault:?}");
    }
    assert_eq!(limit(&world, "acme", &hung), 4);
    // The call ends before the time of its request does.
    let mut call = world.call();
    let stopped = tokio::time::timeout(Duration::from_millis(200), call.get(&url)).await;
    assert!(stopped.is_err(), "{stopped:?}");
    assert_eq!(limit(&world, "acme", &hung), 2);
}

/// Models of one provider take their time each, and a guest that may ask the same host has nothing to do with either.
#[tokio::test]
async fn each_thing_that_the_host_asks_for_at_one_place_has_a_pace_of_its_own() {
    let ([hung, _well], world, _) = world([Answer::Stall(Vec::new()), Answer::ok(b"")]).await;
    let (call, secrets) = (world.call(), CallSecrets::default());
    let (tenant, private): (TenantId, Arc<[ipnet::IpNet]>) = ("acme".parse().unwrap(), world.private.clone().into());
    let place = hung.address.to_string();
    let errand = Errand {
        tenant: &tenant,
        effects: &call.effects,
        target: HttpTarget::read("http", &place, "POST", "/").unwrap(),
        asked: "answers",
        fields: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
        credential: None,
        secrets: &secrets,
        private: &private,
        timeout: Duration::from_millis(300),
        between: Duration::from_millis(300),
        received_bytes_max: 1_000,
    };
    let fault = errand.run(&world.broker).await.map(drop).unwrap_err();
    assert!(matches!(fault, Fault::ResponseTimeout), "{fault:?}");
    let limit = |place: String| world.broker.place(&tenant, place).limit();
    assert_eq!((limit(format!("{place} answers")), limit(format!("{place} vectors")), limit(place)), (2, 4, 4));
}
