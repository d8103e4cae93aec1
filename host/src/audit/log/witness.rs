//! Witnesses: others that sign a log's checkpoint once they have seen that it goes on from the one before
//! (c2sp.org/tlog-witness). A host that shows different people different logs needs them to sign both, and they do not.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::cosign::WitnessKey;
use cofferdam_auditor::witness::{ADD_CHECKPOINT, ANSWER_BYTES_MAX, Answer, add_checkpoint_body, parse_answer};
use futures::StreamExt as _;
use tokio::sync::mpsc;
use url::Url;

use super::files::failed;
use super::{Ask, Tiles};
use crate::error::{Code, Error, Result};
use crate::id::TenantId;

/// One request to a witness, with its answer.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);
/// Checkpoints that wait for their witnesses; further ones are left to the next minute.
pub(super) const WAITING_MAX: usize = 1_024;
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

/// Sends checkpoints to the witnesses, and what they sign back to the integrator, until nothing can come any more.
pub(super) async fn run(
    witnesses: Vec<Witness>,
    mut waiting: mpsc::Receiver<Unwitnessed>,
    asks: std::sync::mpsc::Sender<Ask>,
) {
    // A second one finds it set already: there is one provider for the process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = match reqwest::Client::builder().timeout(REQUEST_TIME_MAX).build() {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "no checkpoint is witnessed: there is no client"),
    };
    // How large a tree each witness has signed last, by witness and tenant.
    let mut seen = HashMap::new();
    while let Some(Unwitnessed { tenant, checkpoint, tiles }) = waiting.recv().await {
        for (number, witness) in witnesses.iter().enumerate() {
            let old = seen.entry((number, tenant.clone())).or_insert(0);
            match witness.cosign(&client, &checkpoint, &tiles, old).await {
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
