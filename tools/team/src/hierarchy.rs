//! `team.hierarchy` and `team.lead`

use std::time::Duration;

use cofferdam_sdk::{Error, call, tool};

use crate::supervisor::supervise;
use crate::task::{DOCUMENT_FUEL, Document, Part, Summary, Task, summary};

/// Leads of the hierarchy.
const LEADS: usize = 2;

/// Count the words of documents by two leads, each of which supervises half of them.
#[tool(read_only, idempotent, title = "Team of two levels")]
pub fn hierarchy(task: Task) -> Result<Summary, Error> {
    let documents = task.documents()?;
    let share = documents.len().div_ceil(LEADS).max(1);
    let parts: Vec<_> = documents.chunks(share).collect();
    let mut all = Summary { calls: parts.len() as u64, ..Summary::default() };
    let workers = (task.workers / LEADS).max(1);
    let lead = |documents: &&[Document]| {
        // It can need every try of every document, one after the other.
        let turns = documents.len().div_ceil(workers) as u64 * 2 + 1;
        call::tool("catalogue/team.lead")
            .arguments(task.part(documents, workers))
            .deadline(Duration::from_millis(task.worker_ms.saturating_mul(turns)))
            .fuel(DOCUMENT_FUEL.saturating_mul(documents.len() as u64 * 3))
            .start()
    };
    let started = parts.iter().map(lead).collect::<Result<Vec<_>, _>>()?;
    for (part, pending) in parts.iter().zip(started) {
        let counted = pending.wait().ok().as_ref().and_then(summary);
        all.add(counted.unwrap_or_else(|| Summary::without(part)));
    }
    Ok(all)
}

/// Supervise a part of a hierarchy's documents.
#[tool(read_only, idempotent, title = "Lead of a hierarchy")]
pub fn lead(part: Part) -> Result<Summary, Error> {
    supervise(&part.task(), &part.documents)
}
