//! `team.peers` and `team.peer`

use std::time::Duration;

use cofferdam_sdk::call::{self, Failure, Pending};
use cofferdam_sdk::{Error, tool};

use crate::count::counted;
use crate::task::{DOCUMENT_FUEL, Part, Summary, Task, summary};

/// Peers of one team: each is one level deeper.
const PEERS_MAX: usize = 4;

/// Count the words of documents by peers: each takes its share, hands the rest on, and adds what comes back. Nobody sees
/// all; whoever breaks down takes with it what it had handed on. At most four are peers.
#[tool(read_only, idempotent, title = "Team of peers")]
pub fn peers(task: Task) -> Result<Summary, Error> {
    let documents = task.documents()?;
    let part = task.part(&documents, task.workers.min(PEERS_MAX));
    let mut all = Summary { calls: 1, ..Summary::default() };
    let answer = next(&part)?.wait().ok().as_ref().and_then(summary);
    all.add(answer.unwrap_or_else(|| Summary::without(&documents)));
    Ok(all)
}

/// Count a share and hand the rest on.
#[tool(read_only, idempotent, title = "One of several peers")]
pub fn peer(part: Part) -> Result<Summary, Error> {
    let share = part.documents.len().div_ceil(part.workers.max(1));
    let (own, rest) = part.documents.split_at(share.min(part.documents.len()));
    let mut all = Summary::default();
    let rest = (!rest.is_empty()).then(|| part.task().part(rest, part.workers.saturating_sub(1).max(1)));
    // Under way while the own share is counted.
    let started = match &rest {
        Some(rest) => {
            all.calls += 1;
            Some((rest, next(rest)?))
        }
        None => None,
    };
    for document in own {
        all.add(counted(document, &part.trouble));
    }
    if let Some((rest, pending)) = started {
        let answer = pending.wait().ok().as_ref().and_then(summary);
        all.add(answer.unwrap_or_else(|| Summary::without(&rest.documents)));
    }
    Ok(all)
}

/// The next peer: with time for each of those behind it.
fn next(part: &Part) -> Result<Pending, Failure> {
    call::tool("catalogue/team.peer")
        .arguments(part)
        .deadline(Duration::from_millis(part.worker_ms.saturating_mul(part.workers as u64)))
        .fuel(DOCUMENT_FUEL.saturating_mul(part.documents.len() as u64 + 1))
        .start()
}
