//! Checking a journal from its files alone: is every tenant's log whole, in order and unaltered?
//!
//! What it finds: damaged bytes (a checksum is wrong), and tampering with checksums made to fit: an entry edited,
//! deleted, inserted, repeated or moved breaks its tenant's chain there; a segment removed, cut short, or rewritten
//! with all heads after the change disagrees with the header of the next segment, which repeats every tenant's head.
//!
//! What it cannot find, because nothing in the folder is signed: whoever can write the folder can cut off its end at a
//! group's border, or rewrite everything from some entry to the end, all heads and checksums included. Compare a
//! tenant's head ([`Report::tenants`]) with one noted earlier and kept elsewhere to see that the log has only grown.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::entry::{Entry, Event};
use super::format::{GroupHeader, Position, Record, Tip};
use super::segment::{self, Groups, Segment, Step};
use crate::error::{Error, Result};
use crate::id::CallId;

/// Findings that a report holds; of further ones it holds the number.
const FINDINGS_MAX: usize = 1_000;

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Segments read.
    pub segments: u64,
    /// Entries read, of all tenants.
    pub entries: u64,
    /// Each tenant's log: how many entries, and the head over them.
    pub tenants: BTreeMap<String, Tip>,
    /// The place of the last entry.
    pub position: Position,
    /// Each tenant's log before the first segment that is there: what the journal was let go of.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub begins: BTreeMap<String, Tip>,
    /// Calls that were decided upon and have not ended: running now, or to be closed by the next start.
    pub open_calls: u64,
    /// What is wrong, in the order of the journal.
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub more_findings: u64,
    /// Bytes behind the last whole group, which the next start cuts off: a write that a crash tore before any sync
    /// covered it.
    pub torn_tail: Option<Place>,
}

/// Where in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The segment's file.
    pub file: PathBuf,
    /// The byte in it.
    pub offset: u64,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What.
    #[serde(flatten)]
    pub fault: Fault,
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    /// The bytes are not what was written: the disk's doing, or somebody's who did not make the checksum fit.
    Damaged {
        /// What does not hold.
        what: String,
    },
    /// A whole segment is not there.
    SegmentMissing {
        /// Its number.
        sequence: u64,
    },
    /// Entries of a tenant are not there.
    Missing {
        /// Whose.
        tenant: String,
        /// The first one.
        from: u64,
        /// The first one that is there again.
        to: u64,
    },
    /// An entry stands where a later one belongs: inserted, repeated or moved.
    OutOfOrder {
        /// Whose.
        tenant: String,
        /// The index that it bears.
        index: u64,
        /// The index that belongs there.
        expected: u64,
    },
    /// The chain breaks: this entry, or the head before it, is not the one that was recorded.
    Altered {
        /// Whose.
        tenant: String,
        /// The entry.
        index: u64,
    },
    /// An entry says something else than the record that holds it, or is not spelt as entries are.
    Misfiled {
        /// The tenant of the record.
        tenant: String,
        /// The index of the record.
        index: u64,
        /// What does not hold.
        what: String,
    },
    /// The header of a segment gives another head than the entries before it come to: those entries were rewritten,
    /// or the header was.
    HeadDisagrees {
        /// Whose.
        tenant: String,
        /// How many entries the head is over.
        next: u64,
    },
}

/// Checks the journal in `dir`. Faults are findings of the report; an error means that it could not be checked.
pub fn verify(dir: &Path) -> Result<Report> {
    verify_with_progress(dir, |_, _| {})
}

/// The same, telling now and then how many segments of how many are done.
pub fn verify_with_progress(dir: &Path, mut progress: impl FnMut(u64, u64)) -> Result<Report> {
    let segments = segment::list(dir)?;
    let Some(last) = segments.last().copied() else {
        return Err(Error::not_found("journal", dir.display()).next("give the `journal` folder of a data folder"));
    };
    let mut verifier =
        Verifier { report: Report::default(), place: place(dir, 0), open: Default::default(), passed: 0 };
    let mut expected = segments[0];
    for (done, sequence) in segments.iter().copied().enumerate() {
        progress(done as u64, segments.len() as u64);
        for sequence in expected..sequence {
            verifier.place = Place { file: segment::path(dir, sequence), offset: 0 };
            verifier.found(Fault::SegmentMissing { sequence });
        }
        verifier.segment(dir, sequence, sequence == last)?;
        expected = sequence + 1;
    }
    progress(segments.len() as u64, segments.len() as u64);
    verifier.report.position = Position(verifier.passed);
    verifier.report.open_calls = verifier.open.len() as u64;
    Ok(verifier.report)
}

fn place(file: &Path, offset: u64) -> Place {
    Place { file: file.to_owned(), offset }
}

struct Verifier {
    report: Report,
    /// Where it is at.
    place: Place,
    open: std::collections::HashSet<CallId>,
    /// Entries before this place.
    passed: u64,
}

impl Verifier {
    fn found(&mut self, fault: Fault) {
        if self.report.findings.len() < FINDINGS_MAX {
            self.report.findings.push(Finding { place: self.place.clone(), fault });
        } else {
            self.report.more_findings += 1;
        }
    }

    fn damaged(&mut self, offset: u64, what: impl Into<String>) {
        self.place.offset = offset;
        self.found(Fault::Damaged { what: what.into() });
    }

    fn segment(&mut self, dir: &Path, sequence: u64, last: bool) -> Result<()> {
        self.place = Place { file: segment::path(dir, sequence), offset: 0 };
        self.report.segments += 1;
        let segment = match Segment::open(dir, sequence) {
            Ok(segment) => segment,
            // What damage it is stands in the message.
            Err(error) => {
                self.found(Fault::Damaged { what: error.message().to_owned() });
                return Ok(());
            }
        };
        self.header(&segment);
        let mut groups = Groups::new(segment, true);
        let mut again = false;
        loop {
            let offset = groups.offset;
            match groups.step()? {
                Step::Group(group) => {
                    self.group(&groups, &group, offset);
                    again = false;
                }
                step => {
                    // A writer may have been at it just then: look twice.
                    groups.refresh();
                    if let Step::Group(group) = groups.step()? {
                        self.group(&groups, &group, offset);
                        continue;
                    }
                    let what = match step {
                        Step::Bad(what) => what,
                        _ => "a group is blank",
                    };
                    match groups.find_later(offset)? {
                        // It became whole while it was looked for.
                        Some((later, _)) if later == offset && !again => {
                            groups.refresh();
                            again = true;
                        }
                        Some((later, number)) => {
                            self.damaged(offset, format!("{what}; the next whole group is at byte {later}"));
                            groups.seek(later, number);
                        }
                        None if matches!(step, Step::End) => return Ok(()),
                        None => {
                            self.tail(&groups, what, last);
                            return Ok(());
                        }
                    }
                }
            }
        }
    }

    /// What begins behind the last whole group of a segment.
    fn tail(&mut self, groups: &Groups, what: &str, last: bool) {
        if last {
            self.report.torn_tail = Some(place(&groups.segment.path, groups.offset));
        } else {
            // The next segment was begun only when this one was whole.
            self.damaged(groups.offset, what);
        }
    }

    /// A segment's header must say what the segments before it came to; the first one's is where the rest begins.
    fn header(&mut self, segment: &Segment) {
        if self.report.segments == 1 {
            self.passed = segment.header.first.0;
            self.open = segment.header.open.iter().map(|open| open.call).collect();
            self.report.begins = segment.header.tenants.clone();
            self.report.tenants = segment.header.tenants.clone();
            return;
        }
        let known = std::mem::take(&mut self.report.tenants);
        let names = known.keys().chain(segment.header.tenants.keys()).collect::<std::collections::BTreeSet<_>>();
        for tenant in names {
            let before = known.get(tenant).copied().unwrap_or(Tip::EMPTY);
            let stated = segment.header.tenants.get(tenant).copied().unwrap_or(Tip::EMPTY);
            let tenant = tenant.clone();
            if before.next < stated.next {
                self.found(Fault::Missing { tenant, from: before.next, to: stated.next });
            } else if before.next > stated.next {
                self.found(Fault::OutOfOrder { tenant, index: stated.next, expected: before.next });
            } else if before.head != stated.head {
                self.found(Fault::HeadDisagrees { tenant, next: stated.next });
            }
        }
        if segment.header.first.0 != self.passed && self.report.findings.is_empty() {
            let what =
                format!("the header counts {} entries before it, there are {}", segment.header.first.0, self.passed);
            self.found(Fault::Damaged { what });
        }
        self.passed = segment.header.first.0;
        // What is wrong before it is said; from here on the header is held to.
        self.report.tenants = segment.header.tenants.clone();
    }

    fn group(&mut self, groups: &Groups, group: &GroupHeader, offset: u64) {
        if group.first != self.passed {
            self.damaged(
                offset,
                format!("the group counts {} entries before it, there are {}", group.first, self.passed),
            );
            self.passed = group.first;
        }
        let mut seen = 0;
        for record in segment::records(groups.records()) {
            match record {
                Ok((at, record)) => {
                    self.place.offset = groups.records_offset() + at as u64;
                    self.record(&record);
                    seen += 1;
                }
                Err(at) => self.damaged(groups.records_offset() + at as u64, "these bytes are not a record"),
            }
        }
        if seen != group.records {
            self.damaged(offset, format!("the group counts {} entries in it, there are {seen}", group.records));
        }
        self.passed += u64::from(group.records);
    }

    fn record(&mut self, record: &Record<'_>) {
        self.report.entries += 1;
        let (tenant, index) = (record.tenant.to_owned(), record.index);
        let tip = self.report.tenants.get(record.tenant).copied().unwrap_or(Tip::EMPTY);
        self.entry(record);
        if index < tip.next {
            return self.found(Fault::OutOfOrder { tenant, index, expected: tip.next });
        }
        if index > tip.next {
            self.found(Fault::Missing { tenant: tenant.clone(), from: tip.next, to: index });
        } else if tip.head.then(record.entry) != record.head {
            self.found(Fault::Altered { tenant: tenant.clone(), index });
        }
        // Goes on from the head that stands there, so that one change is one finding.
        self.report.tenants.insert(tenant, Tip { head: record.head, next: index + 1 });
    }

    /// An entry must say what its record says, in the one spelling that there is.
    fn entry(&mut self, record: &Record<'_>) {
        let what = match Entry::from_json(record.entry) {
            Err(error) => Some(format!("the entry does not parse: {error}")),
            Ok(entry) => {
                match &entry.event {
                    Event::CallDecided(decided) => self.open.insert(decided.call),
                    Event::CallEnded(ended) => self.open.remove(&ended.call),
                    _ => false,
                };
                if entry.tenant.as_str() != record.tenant || entry.index != record.index {
                    Some(format!("the entry is that of tenant {} with index {}", entry.tenant, entry.index))
                } else if serde_json::to_vec(&entry).is_ok_and(|spelt| spelt != record.entry) {
                    Some("the entry is not in the canonical spelling".to_owned())
                } else {
                    None
                }
            }
        };
        if let Some(what) = what {
            self.found(Fault::Misfiled { tenant: record.tenant.to_owned(), index: record.index, what });
        }
    }
}

impl Report {
    /// Whether nothing is wrong.
    pub fn ok(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, byte {}", self.file.display(), self.offset)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        match &self.fault {
            Fault::Damaged { what } => write!(f, "damaged: {what}"),
            Fault::SegmentMissing { sequence } => write!(f, "segment {sequence} is missing"),
            Fault::Missing { tenant, from, to } if *to == from + 1 => {
                write!(f, "tenant {tenant}: entry {from} is missing")
            }
            Fault::Missing { tenant, from, to } => {
                write!(f, "tenant {tenant}: entries {from} to {} are missing", to - 1)
            }
            Fault::OutOfOrder { tenant, index, expected } => {
                write!(f, "tenant {tenant}: entry {index} stands where {expected} belongs: inserted, repeated or moved")
            }
            Fault::Altered { tenant, index } => {
                write!(
                    f,
                    "tenant {tenant}: the chain breaks at entry {index}: it, or what stands before it, was altered"
                )
            }
            Fault::Misfiled { tenant, index, what } => {
                write!(f, "tenant {tenant}: entry {index} is not its own: {what}")
            }
            Fault::HeadDisagrees { tenant, next } => {
                write!(f, "tenant {tenant}: the first {next} entries are not those that this segment was begun after")
            }
        }
    }
}
