//! An open-loop generator: requests leave at their time, whether earlier ones were answered or not, and are measured from
//! that time on. So a slow host does not get a slower load. It opens as many connections as that takes, and sees what `oha`
//! does not show: whether a refusal says when to come again, and why a call failed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cofferdam::Code;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long is waited for answers once the last request has left.
const PATIENCE: Duration = Duration::from_secs(15);

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Came {
    /// Requests that left.
    pub(crate) sent: u64,
    /// Nanoseconds from a request's time to its answer's last byte, of those that succeeded.
    pub(crate) answered: Histogram<u64>,
    /// Refusals that say when to come again.
    pub(crate) refused: u64,
    /// Refusals that do not.
    pub(crate) silent: u64,
    /// Calls that were let in and did not meet their deadline.
    pub(crate) late: u64,
    /// Everything else: no answer, another failure.
    pub(crate) failed: u64,
    /// How long requests left.
    pub(crate) duration: Duration,
    /// How long answers came: what waits when the last request leaves takes time, too.
    answering: Duration,
}

impl Came {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered.len() as f64 / self.answering.max(self.duration).as_secs_f64()
    }

    /// Milliseconds that this share of the answers took at most.
    pub(crate) fn quantile(&self, quantile: f64) -> f64 {
        self.answered.value_at_quantile(quantile) as f64 / 1e6
    }
}

/// A load of one tenant.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) server: SocketAddr,
    pub(crate) key: String,
    pub(crate) body: Bytes,
    /// Requests a second.
    pub(crate) rate: f64,
    pub(crate) duration: Duration,
}

type Connection = SendRequest<Full<Bytes>>;

impl Load {
    /// Sends it on a runtime of its own.
    pub(crate) fn run(&self) -> Came {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.send())
    }

    async fn send(&self) -> Came {
        let came = Came {
            sent: 0,
            answered: Histogram::new(3).unwrap(),
            refused: 0,
            silent: 0,
            late: 0,
            failed: 0,
            duration: self.duration,
            answering: Duration::ZERO,
        };
        let (came, idle) = (Arc::new(Mutex::new(came)), Arc::new(Mutex::new(Vec::<Connection>::new())));
        let begin = tokio::time::Instant::now();
        let many = (self.rate * self.duration.as_secs_f64()) as u64;
        let mut tasks = tokio::task::JoinSet::new();
        for nth in 0..many {
            let due = begin + Duration::from_secs_f64(nth as f64 / self.rate);
            tokio::time::sleep_until(due).await;
            let (this, came, idle) = (self.clone(), Arc::clone(&came), Arc::clone(&idle));
            tasks.spawn(async move {
                let answer = this.one(&idle).await;
                let mut came = came.lock().unwrap();
                if matches!(answer, Some((200, ..))) {
                    came.answering = came.answering.max(begin.elapsed());
                }
                came.note(due.into_std(), answer);
            });
            while tasks.try_join_next().is_some() {}
        }
        let all = async { while tasks.join_next().await.is_some() {} };
        let unanswered = tokio::time::timeout(PATIENCE, all).await.is_err();
        tasks.abort_all();
        while tasks.join_next().await.is_some() {}
        let mut came = Arc::into_inner(came).unwrap().into_inner().unwrap();
        came.sent = many;
        if unanswered {
            came.failed += many - came.answered.len() - came.refused - came.silent - came.late - came.failed;
        }
        came
    }

    async fn one(&self, idle: &Mutex<Vec<Connection>>) -> Option<(u16, bool, Bytes)> {
        let mut connection = self.connection(idle).await?;
        let request = Request::post("/v1/calls")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.key));
        let answer = connection.send_request(request.body(Full::new(self.body.clone())).unwrap()).await.ok()?;
        let (status, retry) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
        let is_last = answer.headers().get("connection").is_some_and(|connection| connection == "close");
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        if !is_last {
            idle.lock().unwrap().push(connection);
        }
        Some((status, retry, body))
    }

    /// One that is kept and was not closed meanwhile, or a new one.
    async fn connection(&self, idle: &Mutex<Vec<Connection>>) -> Option<Connection> {
        loop {
            let Some(mut kept) = idle.lock().unwrap().pop() else { break };
            if kept.ready().await.is_ok() {
                return Some(kept);
            }
        }
        let stream = TcpStream::connect(self.server).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        sender.ready().await.ok()?;
        Some(sender)
    }
}

impl Came {
    fn note(&mut self, due: Instant, answer: Option<(u16, bool, Bytes)>) {
        match answer {
            Some((200, ..)) => self.answered.record(due.elapsed().as_nanos() as u64).unwrap(),
            Some((429 | 503, true, _)) => self.refused += 1,
            Some((429 | 503, false, _)) => self.silent += 1,
            Some((_, _, body)) => {
                let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
                let is_late = problem["code"] == Code::DeadlineExceeded.as_str();
                *(if is_late { &mut self.late } else { &mut self.failed }) += 1;
            }
            None => self.failed += 1,
        }
    }
}
