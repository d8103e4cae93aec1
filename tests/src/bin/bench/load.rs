//! A closed-loop generator: so many keep-alive connections, each with one request at a time. It runs on a core of its
//! own, so that it is not what is measured.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cofferdam_tests::Server;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Measured {
    /// Answers a second.
    pub(crate) rate: f64,
    /// Microseconds from request to the answer's last byte.
    pub(crate) latencies: Histogram<u64>,
}

impl Measured {
    pub(crate) fn p50(&self) -> f64 {
        self.latencies.value_at_quantile(0.5) as f64 / 1_000.0
    }

    pub(crate) fn p99(&self) -> f64 {
        self.latencies.value_at_quantile(0.99) as f64 / 1_000.0
    }
}

/// Where a host listens.
pub(crate) fn address(server: &Server) -> SocketAddr {
    server.platform.base().trim_start_matches("http://").parse().unwrap()
}

/// Sends `POST /v1/calls` with `body` over `connections` connections for so long, after a tenth of that unmeasured.
pub(crate) fn run(
    server: SocketAddr,
    key: Option<&str>,
    body: &str,
    connections: usize,
    duration: Duration,
) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let begin = Instant::now() + duration / 10;
        let end = begin + duration;
        let work: Vec<_> = (0..connections)
            .map(|_| tokio::spawn(connection(server, key.map(str::to_owned), body.to_owned(), begin, end)))
            .collect();
        let mut latencies = Histogram::new(3).unwrap();
        for connection in work {
            latencies.add(connection.await.unwrap()).unwrap();
        }
        Measured { rate: latencies.len() as f64 / duration.as_secs_f64(), latencies }
    })
}

async fn connection(
    server: SocketAddr,
    key: Option<String>,
    body: String,
    begin: Instant,
    end: Instant,
) -> Histogram<u64> {
    let stream = TcpStream::connect(server).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let body = Bytes::from(body);
    let mut latencies = Histogram::new(3).unwrap();
    loop {
        let started = Instant::now();
        if started >= end {
            return latencies;
        }
        let mut request =
            Request::post("/v1/calls").header("host", "localhost").header("content-type", "application/json");
        if let Some(key) = &key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request = request.body(Full::new(body.clone())).unwrap();
        sender.ready().await.unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&bytes));
        if started >= begin {
            latencies.record(started.elapsed().as_nanos() as u64).unwrap();
        }
    }
}
