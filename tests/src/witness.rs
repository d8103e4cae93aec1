//! A witness (c2sp.org/tlog-witness) that remembers in memory, of whatever log asks first; and can be told to fail.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cofferdam_auditor::Hash;
use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::cosign::{CosigningKey, WitnessKey};
use cofferdam_auditor::proof::check_consistency;
use cofferdam_auditor::tree::TreeHead;
use parking_lot::Mutex;
use tokio::net::TcpListener;

/// A running witness.
#[derive(Debug, Clone)]
pub struct Witness {
    /// Where it listens.
    pub address: SocketAddr,
    /// What its cosignatures are checked with.
    pub key: WitnessKey,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    key: CosigningKey,
    /// The last tree of each log.
    seen: Mutex<HashMap<String, TreeHead>>,
    fails: AtomicBool,
}

impl Witness {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// When there is no port for it.
    pub async fn start() -> Self {
        let key = CosigningKey::from_seed("witness.example/tests", &[9; 32]).unwrap();
        let vkey = key.vkey();
        let inner = Arc::new(Inner { key, seen: Mutex::default(), fails: AtomicBool::new(false) });
        let app = axum::Router::new().route("/add-checkpoint", post(add)).with_state(Arc::clone(&inner));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, key: vkey, inner }
    }

    /// Whether it answers with an error from now on.
    pub fn fails(&self, fails: bool) {
        self.inner.fails.store(fails, Ordering::Relaxed);
    }

    /// Has it forget what it saw, as one that was put back from an older copy.
    pub fn forget(&self) {
        self.inner.seen.lock().clear();
    }

    /// What `serve` takes to have it sign.
    pub fn option(&self) -> String {
        format!("{} http://{}/", self.key, self.address)
    }
}

async fn add(State(inner): State<Arc<Inner>>, body: String) -> Response {
    if inner.fails.load(Ordering::Relaxed) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let Some((old, proof, checkpoint)) = parse(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let mut seen = inner.seen.lock();
    let last = seen.get(checkpoint.origin().as_str()).copied();
    let size = last.map_or(0, |last| last.size);
    if old != size {
        return (StatusCode::CONFLICT, [(header::CONTENT_TYPE, "text/x.tlog.size")], format!("{size}\n"))
            .into_response();
    }
    if last.is_some_and(|last| check_consistency(&proof, last, checkpoint.head()).is_err()) {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    }
    seen.insert(checkpoint.origin().to_string(), checkpoint.head());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    inner.key.cosign(&checkpoint, now).into_response()
}

/// `old N`, the proof's hashes, an empty line, the checkpoint.
fn parse(body: &str) -> Option<(u64, Vec<Hash>, Checkpoint)> {
    let (head, checkpoint) = body.split_once("\n\n")?;
    let mut lines = head.lines();
    let old = lines.next()?.strip_prefix("old ")?.parse().ok()?;
    let hash = |line: &str| Some(Hash(BASE64_STANDARD.decode(line).ok()?.try_into().ok()?));
    Some((old, lines.map(hash).collect::<Option<_>>()?, Checkpoint::parse(checkpoint.as_bytes()).ok()?))
}
