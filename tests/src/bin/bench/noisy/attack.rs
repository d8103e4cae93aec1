//! What the attacker does. Its threads and processes give way to the victim's on the generator's core: what is measured is
//! what the host does about it, and not how two generators share a core.

use std::io::ErrorKind::WouldBlock;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cofferdam_tests::Tenant;
use cofferdam_tests::handmade::Handmade;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, JoinSet};

use crate::machine::give_way;
use crate::oha::{Came, Oha};

/// Calls at once, of each kind.
const AT_ONCE: usize = 32;
/// Pages of memory that a call asks for: nearly all that it may have.
const PAGES: u64 = 900;
/// Uploads at once, and the functions of each: small, and long to compile.
const UPLOADS: usize = 4;
const FUNCTIONS: usize = 20_000;
/// Connections that are tried, twice as many as an address may have; and the address, which is not the victim's.
const CONNECTIONS: usize = 2_000;
const ADDRESS: &str = "127.0.0.2:0";

/// Something that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Calls that compute until they are stopped.
    Loops,
    /// Calls that ask for memory.
    Allocates,
    /// More calls than the host can run.
    Floods,
    /// Components that are small and take long to compile, each another one.
    Uploads,
    /// Connections that begin a request and never end it.
    Connects,
}

/// How far an attack is.
#[derive(Debug, Default)]
struct Progress {
    is_over: AtomicBool,
    asked: AtomicU64,
    taken: AtomicU64,
}

impl Progress {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Something was asked for, which the host took on or turned away.
    fn note(&self, is_taken: bool) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.taken.fetch_add(u64::from(is_taken), Ordering::Relaxed);
    }
}

/// A tenant that attacks.
#[derive(Debug)]
pub(super) struct Attacker {
    runtime: Runtime,
    tenant: Tenant,
    flood: Oha,
}

impl Attacker {
    pub(super) fn new(tenant: Tenant, flood: Oha) -> Self {
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().on_thread_start(give_way).build().unwrap();
        Self { runtime, tenant, flood }
    }

    /// Begins to do all of these.
    pub(super) fn begin(&self, kinds: &[What]) -> Attack {
        let mut attack = Attack::default();
        for kind in kinds {
            match kind {
                What::Loops => self.calls(&mut attack, "limits.spin", &json!({})),
                What::Allocates => self.calls(&mut attack, "limits.grow", &json!({"pages": PAGES})),
                What::Floods => {
                    let flood = self.flood.clone();
                    attack.flood = Some(self.runtime.spawn(async move { flood.run().await }));
                }
                What::Uploads => {
                    for _ in 0..UPLOADS {
                        let work = uploads(self.tenant.clone(), Arc::clone(&attack.progress));
                        attack.work.spawn_on(work, self.runtime.handle());
                    }
                }
                What::Connects => {
                    let work = connections(self.flood.server, Arc::clone(&attack.progress));
                    attack.work.spawn_on(work, self.runtime.handle());
                }
            }
        }
        attack
    }

    fn calls(&self, attack: &mut Attack, tool: &'static str, arguments: &Value) {
        for _ in 0..AT_ONCE {
            let work = calls(self.tenant.clone(), tool, arguments.clone(), Arc::clone(&attack.progress));
            attack.work.spawn_on(work, self.runtime.handle());
        }
    }
}

/// An attack that is under way, until it is ended or dropped.
#[derive(Debug, Default)]
pub(super) struct Attack {
    progress: Arc<Progress>,
    work: JoinSet<()>,
    flood: Option<JoinHandle<Came>>,
}

impl Attack {
    /// Ends it; gives how much was asked for, and how much of that the host took on.
    pub(super) async fn end(mut self) -> [u64; 2] {
        self.progress.is_over.store(true, Ordering::Relaxed);
        // Some see that at once and count what they have; others wait for an answer that may never come.
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.work.shutdown().await;
        let [mut asked, mut taken] =
            [&self.progress.asked, &self.progress.taken].map(|count| count.load(Ordering::Relaxed));
        if let Some(flood) = self.flood.take() {
            let came = flood.await.unwrap();
            asked += came.asked;
            taken += came.answered;
        }
        [asked, taken]
    }
}

async fn calls(attacker: Tenant, tool: &'static str, arguments: Value, progress: Arc<Progress>) {
    while !progress.is_over() {
        let request = attacker.agent.calling(tool, &arguments);
        let answer = attacker.agent.try_send(request).await;
        // One that ran to a limit was taken on. A refusal is no reason to hold back.
        progress.note(answer.is_ok_and(|answer| !matches!(answer.status, 429 | 503)));
    }
}

async fn uploads(attacker: Tenant, progress: Arc<Progress>) {
    while !progress.is_over() {
        let request = attacker.publisher.request("POST", "/v1/components").header("content-type", "application/wasm");
        let answer = attacker.publisher.try_send(request.body(bomb())).await;
        progress.note(answer.is_ok_and(|answer| answer.status < 300));
    }
}

/// Another one each time, in all attacks together: what a host has compiled once costs it nothing more.
fn bomb() -> Bytes {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let description = format!("Does nothing; the {number} of its kind.");
    Handmade { description, more: "(func)".repeat(FUNCTIONS), ..Handmade::default() }.build()
}

async fn connections(server: SocketAddr, progress: Arc<Progress>) {
    let mut open = Vec::new();
    while open.len() < CONNECTIONS && !progress.is_over() {
        open.push(half_open(server).await.ok());
    }
    while !progress.is_over() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for stream in open {
        // The host waits for the rest of the request: it has neither answered nor closed.
        let is_waiting = |stream: TcpStream| stream.try_read(&mut [0]).is_err_and(|error| error.kind() == WouldBlock);
        progress.note(stream.is_some_and(is_waiting));
    }
}

async fn half_open(server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(ADDRESS.parse().unwrap())?;
    let mut stream = socket.connect(server).await?;
    stream.write_all(b"POST /v1/calls HTTP/1.1\r\nhost: localhost\r\n").await?;
    Ok(stream)
}
