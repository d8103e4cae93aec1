//! `team.supervisor`

use std::collections::VecDeque;

use cofferdam_sdk::call::{self, Pending};
use cofferdam_sdk::{Error, tool};

use crate::task::{Document, Summary, Task, summary};

/// How often a document is given out.
const TRIES: u32 = 2;

/// Count the words of documents, each by the next worker that is free. What a worker fails at is given to another once.
#[tool(read_only, idempotent, title = "Team with a supervisor")]
pub fn supervisor(task: Task) -> Result<Summary, Error> {
    let documents = task.documents()?;
    supervise(&task, &documents)
}

/// Hands documents out until each was counted, or failed as often as it may.
pub fn supervise(task: &Task, documents: &[Document]) -> Result<Summary, Error> {
    let mut waiting: VecDeque<(&Document, u32)> = documents.iter().map(|document| (document, 1)).collect();
    let mut given: Vec<(&Document, u32)> = Vec::new();
    let mut pending: Vec<Pending> = Vec::new();
    let mut all = Summary::default();
    loop {
        while pending.len() < task.workers
            && let Some((document, attempt)) = waiting.pop_front()
        {
            all.calls += 1;
            match task.worker(std::slice::from_ref(document)).start() {
                Ok(started) => {
                    pending.push(started);
                    given.push((document, attempt));
                }
                // With nothing under way, waiting would change nothing.
                Err(failure) if pending.is_empty() => return Err(failure.into()),
                Err(_) => {
                    all.calls -= 1;
                    waiting.push_front((document, attempt));
                    break;
                }
            }
        }
        if pending.is_empty() {
            return Ok(all);
        }
        let first = call::any(&pending);
        let ((document, attempt), ended) = (given.remove(first), pending.remove(first).wait());
        match ended.ok().as_ref().and_then(summary) {
            Some(counted) => all.add(counted),
            None if attempt < TRIES => waiting.push_back((document, attempt + 1)),
            None => all.add(Summary::without(std::slice::from_ref(document))),
        }
    }
}
