//! A closed-loop generator of several tenants at once, that keeps of each answer what the host says the call used.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

/// After a refusal, a connection asks again so soon: the tenant is to want more at any time.
const PAUSE: Duration = Duration::from_millis(20);

/// One tenant's load.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    pub(super) key: String,
    pub(super) body: Bytes,
    /// Each with one call at a time.
    pub(super) connections: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Came {
    pub(super) ran: Vec<Ran>,
    /// Refusals for want of room.
    pub(super) refused: u64,
    /// Everything else that was no success.
    pub(super) failed: u64,
}

/// A call that ran.
#[derive(Debug)]
pub(super) struct Ran {
    /// When its answer was there, since the load began.
    pub(super) ended: Duration,
    /// From its first instruction to its end.
    pub(super) took: Duration,
    /// Units.
    pub(super) fuel: u64,
}

#[derive(Deserialize)]
struct Answer {
    usage: Usage,
}

#[derive(Deserialize)]
struct Usage {
    fuel: u64,
    duration_us: u64,
}

/// Has all of them ask for so long; gives what came of each, in their order.
pub(super) fn run(server: SocketAddr, all: &[Asking], duration: Duration) -> Vec<Came> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let began = Instant::now();
        let connections = |asking: &Asking| -> Vec<_> {
            let one = |_| tokio::spawn(connection(server, asking.clone(), began, duration));
            (0..asking.connections).map(one).collect()
        };
        let all: Vec<_> = all.iter().map(connections).collect();
        let mut came = Vec::new();
        for tenant in all {
            let mut own = Came::default();
            for connection in tenant {
                let Came { ran, refused, failed } = connection.await.unwrap();
                own.ran.extend(ran);
                own.refused += refused;
                own.failed += failed;
            }
            came.push(own);
        }
        came
    })
}

async fn connection(server: SocketAddr, asking: Asking, began: Instant, duration: Duration) -> Came {
    let stream = TcpStream::connect(server).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut came = Came::default();
    while began.elapsed() < duration {
        let (status, body) = one(&mut sender, &asking).await;
        match status {
            200 => {
                let Answer { usage } = serde_json::from_slice(&body).unwrap();
                let took = Duration::from_micros(usage.duration_us);
                came.ran.push(Ran { ended: began.elapsed(), took, fuel: usage.fuel });
            }
            429 | 503 => {
                came.refused += 1;
                tokio::time::sleep(PAUSE).await;
            }
            _ => came.failed += 1,
        }
    }
    came
}

async fn one(sender: &mut SendRequest<Full<Bytes>>, asking: &Asking) -> (u16, Bytes) {
    let request = Request::post("/v1/calls")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {}", asking.key));
    sender.ready().await.unwrap();
    let answer = sender.send_request(request.body(Full::new(asking.body.clone())).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.into_body().collect().await.unwrap().to_bytes())
}
