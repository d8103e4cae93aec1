//! Witnesses: others that sign a log's checkpoint once they have seen that it goes on from the one before
//! (c2sp.org/tlog-witness). A host that shows different people different logs needs them to sign both, and they do not.

use std::collections::{HashMap, VecDeque};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::cosign::WitnessKey;
use cofferdam_auditor::witness::{ADD_CHECKPOINT, ANSWER_BYTES_MAX, Answer, add_checkpoint_body, parse_answer};
use futures::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::Notify;
use url::Url;

use super::files::failed;
use super::{Ask, Tiles};
use crate::error::{Code, Error, Result};
use crate::id::TenantId;

/// One request to a witness, with its answer.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);
/// Logs with a checkpoint that waits for a witness; those of further ones are left to the next that is signed of them.
const WAITING_MAX: usize = 1_024;
/// Tries at one checkpoint: the first, the one from where the witness says it is, and one where another host was quicker.
const TRIES: u32 = 3;

/// A witness: its public key, as signed notes spell cosigners' keys, and the address that checkpoints are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    key: WitnessKey,
    url: Url,
}

impl FromStr for Witness {
    type Err = Error;

    /// `<vkey> <url>`, or with `=` between them.
    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: String| {
            Error::new(Code::InvalidRequest, format!("this is no witness: {why}"))
                .next("give its public key and its address: 'witness.example+4c6c0a1b+BAbc… https://witness.example/'")
        };
        let (key, url) = text
            .trim()
            .split_once(char::is_whitespace)
            .ok_or_else(|| bad("there is no space between a key and an address".to_owned()))?;
        let key = key.parse().map_err(|error| bad(format!("{error}")))?;
        let url =
            Url::parse(&format!("{}/", url.trim().trim_end_matches('/'))).map_err(|error| bad(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("its address is not one of HTTP".to_owned()));
        }
        Ok(Self { key, url })
    }
}

/// A checkpoint that is to be cosigned.
pub(super) struct Unwitnessed {
    pub(super) tenant: TenantId,
    pub(super) checkpoint: Checkpoint,
    pub(super) tiles: Tiles,
}

/// The witnesses' tasks, which end when this goes: one that does not answer keeps nothing from the others.
pub(super) struct Witnesses(Vec<Arc<Desk>>);

/// What waits for one witness: of each log the newest checkpoint, in the order of the first that was not sent.
#[derive(Default)]
struct Desk {
    waiting: Mutex<Waiting>,
    bell: Notify,
}

#[derive(Default)]
struct Waiting {
    turns: VecDeque<TenantId>,
    newest: HashMap<TenantId, Arc<Unwitnessed>>,
    closed: bool,
}

impl Witnesses {
    /// Starts a task for each. Has to be called within the runtime.
    pub(super) fn start(witnesses: Vec<Witness>, asks: &std::sync::mpsc::Sender<Ask>) -> Self {
        if witnesses.is_empty() {
            return Self(Vec::new());
        }
        // A second one finds it set already: there is one provider for the process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = match reqwest::Client::builder().timeout(REQUEST_TIME_MAX).build() {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(%error, "no checkpoint is witnessed: there is no client");
                return Self(Vec::new());
            }
        };
        let start = |witness: Witness| {
            let desk = Arc::<Desk>::default();
            tokio::spawn(run(witness, client.clone(), Arc::clone(&desk), asks.clone()));
            desk
        };
        Self(witnesses.into_iter().map(start).collect())
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Has a checkpoint sent to all of them, in place of an older one of its log that was not sent yet.
    pub(super) fn send(&self, unwitnessed: Unwitnessed) {
        let unwitnessed = Arc::new(unwitnessed);
        for desk in &self.0 {
            desk.put(Arc::clone(&unwitnessed));
        }
    }
}

impl Drop for Witnesses {
    fn drop(&mut self) {
        for desk in &self.0 {
            desk.waiting.lock().closed = true;
            desk.bell.notify_one();
        }
    }
}

impl Desk {
    fn put(&self, unwitnessed: Arc<Unwitnessed>) {
        let tenant = &unwitnessed.tenant;
        let mut waiting = self.waiting.lock();
        let Waiting { turns, newest, .. } = &mut *waiting;
        if !newest.contains_key(tenant) {
            if turns.len() == WAITING_MAX {
                return;
            }
            turns.push_back(tenant.clone());
        }
        newest.insert(tenant.clone(), unwitnessed);
        drop(waiting);
        self.bell.notify_one();
    }

    /// The next one; nothing when nothing can come any more.
    async fn next(&self) -> Option<Arc<Unwitnessed>> {
        loop {
            {
                let mut waiting = self.waiting.lock();
                if waiting.closed {
                    return None;
                }
                if let Some(tenant) = waiting.turns.pop_front() {
                    return waiting.newest.remove(&tenant);
                }
            }
            self.bell.notified().await;
        }
    }
}

/// Sends checkpoints to a witness, and what it signs back to the integrator.
async fn run(witness: Witness, client: reqwest::Client, desk: Arc<Desk>, asks: std::sync::mpsc::Sender<Ask>) {
    // How large a tree of each log it has signed last.
    let mut seen = HashMap::new();
    while let Some(unwitnessed) = desk.next().await {
        let Unwitnessed { tenant, checkpoint, tiles } = &*unwitnessed;
        let old = seen.entry(tenant.clone()).or_insert(0);
        match witness.cosign(&client, checkpoint, tiles, old).await {
            Ok(lines) => {
                // An integrator that is gone has no use for it.
                let _ = asks.send(Ask::Cosigned(tenant.clone(), checkpoint.clone(), lines));
            }
            Err(error) => {
                let detail = error.operator_detail();
                tracing::warn!(witness = witness.key.name(), %tenant, %error, detail, "a checkpoint is not witnessed");
            }
        }
    }
}

impl Witness {
    /// Has the checkpoint signed; `old` is the size of the tree that the witness is at, as far as is known.
    async fn cosign(
        &self,
        client: &reqwest::Client,
        checkpoint: &Checkpoint,
        tiles: &Tiles,
        old: &mut u64,
    ) -> Result<String> {
        for _ in 0..TRIES {
            let (from, ours, tiles) = (*old, checkpoint.clone(), tiles.clone());
            let body = tokio::task::spawn_blocking(move || add_checkpoint_body(&tiles, from, &ours));
            let body = body.await.map_err(Error::internal)?.map_err(failed)?;
            let url = self.url.join(ADD_CHECKPOINT).map_err(Error::internal)?;
            let response = client.post(url).body(body).send().await.map_err(failed)?;
            let (status, bytes) = (response.status().as_u16(), read(response).await?);
            match parse_answer(status, &bytes, checkpoint, std::slice::from_ref(&self.key)).map_err(failed)? {
                Answer::Cosigned { lines, .. } => {
                    *old = checkpoint.size();
                    return Ok(lines);
                }
                Answer::Conflict { size } if size > checkpoint.size() => {
                    return Err(failed(format_args!(
                        "it has signed {size} entries, and this is of {}",
                        checkpoint.size()
                    )));
                }
                Answer::Conflict { size } => *old = size,
            }
        }
        Err(failed("it changes its mind on how much it has seen"))
    }
}

/// The answer's body, as long as such answers are.
async fn read(response: reqwest::Response) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece.map_err(failed)?);
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(failed("its answer is longer than answers are"));
        }
    }
    Ok(bytes)
}
