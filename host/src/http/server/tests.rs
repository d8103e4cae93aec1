//! The listener's bounds, each met by a client that goes to it and by one that goes past.

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::*;

/// Longer than anything here takes on a slow machine.
const LONG: Duration = Duration::from_secs(20);

struct Server {
    address: SocketAddr,
    drain: Drain,
    task: JoinHandle<()>,
}

async fn start(app: Router, settings: ServerSettings) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let drain = Drain::new();
    let stop = drain.clone();
    let task = tokio::spawn(async move { serve(listener, app, &Scheduler::start(), &settings, &stop).await });
    Server { address, drain, task }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// What comes until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = timeout(LONG, stream.read_to_end(&mut bytes)).await.expect("the server closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What comes up to and with `end`.
async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        let byte = timeout(LONG, stream.read_u8()).await.expect("an answer").expect("all of it");
        bytes.push(byte);
    }
    String::from_utf8(bytes).unwrap()
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" })).route("/later", post(|| async { "at once" }))
}

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn a_connection_serves_several_requests_and_each_knows_its_peer() {
    let app = Router::new()
        .route("/", get(|axum::Extension(Peer(peer)): axum::Extension<Peer>| async move { peer.to_string() }));
    let server = start(app, ServerSettings::default()).await;
    let mut stream = server.connect().await;
    let own = stream.local_addr().unwrap().to_string();
    for _ in 0..2 {
        send(&mut stream, GET).await;
        assert!(until(&mut stream, &own).await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_may_come_again() {
    let server = start(hello(), ServerSettings { address_connections_max: 1, ..ServerSettings::default() }).await;
    let mut first = server.connect().await;
    send(&mut first, GET).await;
    until(&mut first, "hello").await;

    let mut second = server.connect().await;
    send(&mut second, GET).await;
    let answer = rest(&mut second).await;
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
    assert!(answer.contains("retry-after: 1") && answer.contains("\"address_connections\""), "{answer}");

    drop(first);
    let end = Instant::now() + LONG;
    loop {
        let mut third = server.connect().await;
        send(&mut third, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        if rest(&mut third).await.ends_with("hello") {
            break;
        }
        assert!(Instant::now() < end, "the place never came back");
    }
}

#[tokio::test]
async fn headers_are_bounded_in_bytes_and_in_number() {
    let settings = ServerSettings { header_bytes_max: 1_000, headers_max: 10, ..ServerSettings::default() };
    let server = start(hello(), settings).await;
    let ask = async |headers: String| {
        let mut stream = server.connect().await;
        send(&mut stream, &format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n")).await;
        rest(&mut stream).await
    };
    // The request line, the two fields and the last line end have 46 bytes; a field `a: …` has 5 around its value.
    let field = |bytes: usize| format!("a: {}\r\n", "x".repeat(bytes - 5));
    assert!(ask(field(1_000 - 46)).await.starts_with("HTTP/1.1 200"));
    assert!(ask(field(1_001 - 46)).await.starts_with("HTTP/1.1 431"));
    assert!(ask("a: b\r\n".repeat(8)).await.starts_with("HTTP/1.1 200"));
    assert!(ask("a: b\r\n".repeat(9)).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_client_that_sends_its_headers_slowly_is_closed() {
    let settings = ServerSettings { header_time_max: Duration::from_millis(200), ..ServerSettings::default() };
    let server = start(hello(), settings).await;
    let mut slow = server.connect().await;
    send(&mut slow, "GET / HTTP/1.1\r\nhost:").await;
    rest(&mut slow).await;
    // So is one that does not go on.
    let mut idle = server.connect().await;
    send(&mut idle, GET).await;
    assert!(rest(&mut idle).await.ends_with("hello"));
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let server = start(hello(), ServerSettings::default()).await;
    let mut stream = server.connect().await;
    let body = vec![b'x'; 8 << 20];
    send(&mut stream, &format!("POST /later HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len())).await;
    stream.write_all(&body).await.expect("nothing is reset while the client sends");
    let answer = rest(&mut stream).await;
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("at once"), "{answer}");
}

#[tokio::test]
async fn a_connection_whose_body_was_read_goes_on() {
    let app = Router::new().route("/", post(|body: String| async { body }));
    let server = start(app, ServerSettings::default()).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        send(&mut stream, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n").await;
        // Not with the headers: the answer waits for it.
        send(&mut stream, "again").await;
        assert!(!until(&mut stream, "again").await.contains("connection: close"));
    }
    send(&mut stream, "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nagain\r\n0\r\n\r\n").await;
    assert!(!until(&mut stream, "again").await.contains("connection: close"));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_given_up() {
    let dropped = CancellationToken::new();
    let guard = Arc::new(dropped.clone().drop_guard());
    let app = Router::new().route(
        "/",
        get(move || {
            let guard = Arc::clone(&guard);
            async move {
                let pieces = futures::stream::repeat_with(move || {
                    let _ = &guard;
                    Ok::<_, std::io::Error>(bytes::Bytes::from_static(&[b'x'; 64 << 10]))
                });
                Body::from_stream(pieces)
            }
        }),
    );
    let settings = ServerSettings { write_pause_max: Duration::from_millis(200), ..ServerSettings::default() };
    let server = start(app, settings).await;
    let mut stream = server.connect().await;
    send(&mut stream, GET).await;
    // The route's own hold on the guard goes with the server; the stream's with the connection.
    server.drain.stop();
    timeout(LONG, server.task).await.expect("the connection is given up").unwrap();
    timeout(LONG, dropped.cancelled()).await.expect("the answer is dropped");
}

#[tokio::test]
async fn a_drain_lets_requests_end_then_gives_up_then_cuts() {
    let drain = Drain::new();
    let give_up = drain.clone();
    let wait = CancellationToken::new();
    let app = Router::new()
        .route(
            "/ends",
            get({
                let wait = wait.clone();
                move || async move {
                    wait.cancelled().await;
                    "done"
                }
            }),
        )
        .route(
            "/obeys",
            get(move || async move {
                give_up.given_up().await;
                "given up"
            }),
        )
        .route("/hangs", get(std::future::pending::<&'static str>));
    let settings = ServerSettings {
        drain_time_max: Duration::from_millis(500),
        farewell_time_max: Duration::from_millis(300),
        ..ServerSettings::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = drain.clone();
    let task = tokio::spawn(async move { serve(listener, app, &Scheduler::start(), &settings, &stop).await });

    let mut streams = Vec::new();
    for path in ["/ends", "/obeys", "/hangs"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        send(&mut stream, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        streams.push(stream);
    }
    let mut idle = TcpStream::connect(address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drain.stop();
    assert_eq!(rest(&mut idle).await, "");
    assert!(TcpStream::connect(address).await.is_err(), "no new connections");
    wait.cancel();
    assert!(rest(&mut streams[0]).await.ends_with("done"));
    assert!(rest(&mut streams[1]).await.ends_with("given up"));
    assert_eq!(rest(&mut streams[2]).await, "");
    timeout(LONG, task).await.expect("the server ends").unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_request_with_it() {
    let dropped = CancellationToken::new();
    let begun = CancellationToken::new();
    let app = {
        let (dropped, begun) = (dropped.clone(), begun.clone());
        Router::new().route(
            "/",
            get(move || {
                let guard = dropped.clone().drop_guard();
                let begun = begun.clone();
                async move {
                    begun.cancel();
                    std::future::pending::<()>().await;
                    drop(guard);
                }
            }),
        )
    };
    let server = start(app, ServerSettings::default()).await;
    let mut stream = server.connect().await;
    send(&mut stream, GET).await;
    timeout(LONG, begun.cancelled()).await.expect("the request arrives");
    drop(stream);
    timeout(LONG, dropped.cancelled()).await.expect("its handler is dropped");
}
