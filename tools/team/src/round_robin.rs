//! `team.round-robin`

use cofferdam_sdk::{Error, tool};

use crate::task::{Document, Summary, Task, summary};

/// Count the words of documents, dealt out beforehand: the fewest calls. What a worker fails at takes all of its share with
/// it.
#[tool(read_only, idempotent, title = "Team in turns")]
pub fn round_robin(task: Task) -> Result<Summary, Error> {
    let mut shares = vec![Vec::new(); task.workers.max(1)];
    for document in task.documents()? {
        let nth = document.place % shares.len();
        shares[nth].push(document);
    }
    shares.retain(|share: &Vec<Document>| !share.is_empty());
    let mut all = Summary { calls: shares.len() as u64, ..Summary::default() };
    let started = shares.iter().map(|share| task.worker(share).start()).collect::<Result<Vec<_>, _>>()?;
    for (share, pending) in shares.iter().zip(started) {
        let counted = pending.wait().ok().as_ref().and_then(summary);
        all.add(counted.unwrap_or_else(|| Summary::without(share)));
    }
    Ok(all)
}
