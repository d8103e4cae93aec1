//! `team.count`

use cofferdam_sdk::tool;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::task::{Document, Summary, Trouble};

/// What a worker is given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// The documents.
    documents: Vec<Document>,
    /// Which of them go wrong.
    #[serde(default)]
    trouble: Trouble,
}

/// Count the words of documents: the worker of a team.
#[tool(read_only, idempotent, title = "Count for a team")]
pub fn count(work: Work) -> Summary {
    let mut summary = Summary::default();
    for document in &work.documents {
        summary.add(counted(document, &work.trouble));
    }
    summary
}

/// The words of one document, unless it is one that goes wrong.
pub fn counted(document: &Document, trouble: &Trouble) -> Summary {
    assert!(!trouble.failing.contains(&document.place), "document {} breaks its worker", document.place);
    while trouble.hanging.contains(&document.place) {
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    Summary { words: document.text.split_whitespace().count() as u64, counted: 1, ..Summary::default() }
}
