//! The outcome of going through a log.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::findings::Findings;
use super::walk::Walked;
use super::{Code, Finding};
use crate::checkpoint::Checkpoint;
use crate::cosign::Cosignature;
use crate::key::{Origin, VerifierKey};

/// What a log is, and what is wrong with it. Its JSON has these members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The log, as its checkpoint names itself.
    pub origin: Origin,
    /// How many entries its checkpoint counts.
    pub size: u64,
    /// Its checkpoint's root hash, in base64.
    pub root: String,
    /// The log's key that signed the checkpoint; none where no key of the log did.
    pub signed_by: Vec<VerifierKey>,
    /// The cosignatures by known witnesses.
    pub cosigned_by: Vec<Cosignature>,
    /// How many entries there are of each kind.
    pub entries: BTreeMap<String, u64>,
    /// How many calls were decided upon and have not ended.
    pub open_calls: u64,
    /// What is wrong, as it lies in the log; nothing where all is well.
    pub findings: Vec<Finding>,
    /// How many findings there were beyond those.
    pub findings_more: u64,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.findings.is_empty() && self.findings_more == 0
    }

    /// Whether this was found.
    pub fn has(&self, code: Code) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }

    pub(super) fn of(checkpoint: &Checkpoint) -> Self {
        let mut report = Self::empty(checkpoint.origin().clone());
        (report.size, report.root) = (checkpoint.size(), checkpoint.head().root.to_string());
        report
    }

    pub(super) fn without_checkpoint(origin: Origin, findings: Findings) -> Self {
        let mut report = Self::empty(origin);
        (report.findings, report.findings_more) = findings.into_parts();
        report
    }

    fn empty(origin: Origin) -> Self {
        Self {
            origin,
            size: 0,
            root: String::new(),
            signed_by: Vec::new(),
            cosigned_by: Vec::new(),
            entries: BTreeMap::new(),
            open_calls: 0,
            findings: Vec::new(),
            findings_more: 0,
        }
    }

    pub(super) fn finish(&mut self, walked: Walked, findings: Findings) {
        (self.entries, self.open_calls) = (walked.kinds, walked.open_calls);
        (self.findings, self.findings_more) = findings.into_parts();
    }
}

/// A page for people: what it is, then the verdict.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "log        {}", self.origin)?;
        writeln!(f, "entries    {}", self.size)?;
        writeln!(f, "root       {}", self.root)?;
        match self.signed_by.as_slice() {
            [] => writeln!(f, "signed by  no key that is known")?,
            keys => keys.iter().try_for_each(|key| writeln!(f, "signed by  {}", key.short()))?,
        }
        for cosignature in &self.cosigned_by {
            writeln!(f, "cosigned   by {} at {}", cosignature.witness, cosignature.time)?;
        }
        for (kind, count) in &self.entries {
            writeln!(f, "  {count:>10}  {kind}")?;
        }
        writeln!(f, "open calls {}", self.open_calls)?;
        for finding in &self.findings {
            write!(f, "\n{}:\n  {}\n", finding.heading(), finding.message)?;
        }
        match (self.is_ok(), self.findings_more) {
            (true, _) => writeln!(f, "\nAll {} entries are as they were signed.", self.size),
            (false, 0) => writeln!(f, "\nThis log does not hold."),
            (false, more) => writeln!(f, "\nThis log does not hold; {more} more findings are not shown."),
        }
    }
}
