//! What every team is given, and what it gives.

use std::time::Duration;

use cofferdam_sdk::call::{self, Call};
use cofferdam_sdk::{Error, Output};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Documents of one task.
pub const DOCUMENTS_MAX: usize = 200;
/// Workers of one team.
const WORKERS_MAX: usize = 16;
/// What a worker may use of fuel for one document: some hundred KiB of text.
pub const DOCUMENT_FUEL: u64 = 30_000_000;

/// What to do.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The documents whose words are to be counted, 200 at most.
    pub documents: Vec<String>,
    /// How many work at once, 1 to 16.
    #[serde(default = "four")]
    pub workers: usize,
    /// How long a worker may take for what it is given, in milliseconds, 1 to 60,000.
    #[serde(default = "second")]
    pub worker_ms: u64,
    /// Documents that are to go wrong, to see what comes of it.
    #[serde(default)]
    pub trouble: Trouble,
}

/// Documents that are to go wrong, by their place in the list, from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Trouble {
    /// The worker breaks down.
    pub failing: Vec<usize>,
    /// The worker never answers.
    pub hanging: Vec<usize>,
}

fn four() -> usize {
    4
}

fn second() -> u64 {
    1_000
}

/// A document with its place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Document {
    /// Its place in the task's list, from 0.
    pub place: usize,
    /// Its text.
    pub text: String,
}

/// What a team, or a part of it, came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Summary {
    /// Words of all documents that were counted.
    pub words: u64,
    /// Documents that were counted.
    pub counted: usize,
    /// Places of those that were not.
    pub missing: Vec<usize>,
    /// Calls that were made for it, as far as whoever made them could say.
    pub calls: u64,
}

impl Summary {
    /// Nothing of these.
    pub fn without(documents: &[Document]) -> Self {
        Self { missing: documents.iter().map(|document| document.place).collect(), ..Self::default() }
    }

    pub fn add(&mut self, other: Self) {
        self.words += other.words;
        self.counted += other.counted;
        self.calls += other.calls;
        self.missing.extend(other.missing);
        self.missing.sort_unstable();
    }
}

impl Task {
    /// The documents with their places.
    pub fn documents(&self) -> Result<Vec<Document>, Error> {
        if self.documents.len() > DOCUMENTS_MAX {
            return Err(Error::invalid_arguments(format!("documents: at most {DOCUMENTS_MAX} may be")));
        }
        if !(1..=WORKERS_MAX).contains(&self.workers) {
            return Err(Error::invalid_arguments(format!("workers: 1 to {WORKERS_MAX}")));
        }
        if !(1..=60_000).contains(&self.worker_ms) {
            return Err(Error::invalid_arguments("worker_ms: 1 to 60,000"));
        }
        let documents = self.documents.iter().enumerate();
        Ok(documents.map(|(place, text)| Document { place, text: text.clone() }).collect())
    }

    /// A call of a worker, with what it may take.
    pub fn worker(&self, documents: &[Document]) -> Call {
        call::tool("catalogue/team.count")
            .arguments(json!({"documents": documents, "trouble": self.trouble}))
            .deadline(Duration::from_millis(self.worker_ms))
            .fuel(DOCUMENT_FUEL.saturating_mul(documents.len() as u64))
    }

    /// A part of the task for somebody else: as it is, with other documents.
    pub fn part(&self, documents: &[Document], workers: usize) -> Part {
        Part { documents: documents.to_vec(), workers, worker_ms: self.worker_ms, trouble: self.trouble.clone() }
    }
}

/// A part of a task.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its documents.
    pub documents: Vec<Document>,
    /// How many work at once.
    pub workers: usize,
    /// How long a worker may take, in milliseconds.
    pub worker_ms: u64,
    /// Documents that are to go wrong.
    #[serde(default)]
    pub trouble: Trouble,
}

impl Part {
    /// The same as a task, without its documents.
    pub fn task(&self) -> Task {
        let Self { workers, worker_ms, trouble, .. } = self.clone();
        Task { documents: Vec::new(), workers, worker_ms, trouble }
    }
}

/// What an answer says, where it is a summary.
pub fn summary(answer: &Output) -> Option<Summary> {
    serde_json::from_value(answer.as_json()?).ok().filter(|_| !answer.is_error())
}
