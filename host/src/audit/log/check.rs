//! Checking a data folder without a host: its journal, and that each tenant's log is what the journal says and what was
//! signed.
//!
//! The journal's chain of a tenant commits to every entry from the first on. Segments that were let go are gone, but
//! their entries are in the log's bundles, so that the chain is computed from there and has to come to the same heads.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;

use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::entry::bundle_entries;
use cofferdam_auditor::key::{Origin, SigningKey};
use cofferdam_auditor::proof::Tiles;
use cofferdam_auditor::source::{Folder, Source};
use cofferdam_auditor::tile::{TILE_WIDTH, TilePath};
use cofferdam_auditor::tree::Frontier;
use cofferdam_auditor::verify::{Options, verify};
use serde::Serialize;

use super::keeper;
use crate::audit::follow::Follower;
use crate::audit::format::{Position, Tip};
use crate::audit::verify::{Report, verify_with_progress};
use crate::error::{Error, Result};
use crate::storage::{DataFolder, KeptLogs, LogRow, Store};

/// What checking a data folder found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct FolderReport {
    /// Of the journal.
    #[serde(flatten)]
    pub journal: Report,
    /// Of the tenants' logs, by tenant.
    pub logs: BTreeMap<String, LogReport>,
}

/// What checking a tenant's log found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct LogReport {
    /// Entries that it holds, in files or ready to be in one.
    pub entries: u64,
    /// What is wrong, in words.
    pub findings: Vec<String>,
}

impl FolderReport {
    /// Whether nothing is wrong.
    pub fn ok(&self) -> bool {
        self.journal.ok() && self.logs.values().all(|log| log.findings.is_empty())
    }

    /// How much is wrong.
    pub fn findings(&self) -> u64 {
        let logs = self.logs.values().map(|log| log.findings.len() as u64).sum::<u64>();
        self.journal.findings.len() as u64 + self.journal.more_findings + logs
    }
}

/// Checks a data folder; a host may be writing to it. Faults are findings of the report; an error means that it could not
/// be checked.
///
/// # Errors
/// When something cannot be read.
pub async fn check(folder: &DataFolder, progress: impl FnMut(u64, u64)) -> Result<FolderReport> {
    // First: what is kept now, the journal need not hold any more.
    let store = Store::open_to_read(&folder.database()).await?;
    let kept = store.kept_logs().await?;
    store.close().await;
    let journal = verify_with_progress(&folder.journal(), progress)?;
    let Some(kept) = kept else { return Ok(FolderReport { journal, logs: BTreeMap::new() }) };
    let logs = Logs::read(folder, &kept, &journal)?.checked(&journal)?;
    Ok(FolderReport { journal, logs })
}

/// All logs of a journal, each up to the journal's end.
struct Logs<'a> {
    folder: &'a DataFolder,
    kept: &'a KeptLogs,
    logs: BTreeMap<String, Log>,
}

/// One log as files and journal have it together.
struct Log {
    files: Folder,
    frontier: Frontier,
    /// Full ones that may not be files yet.
    closed: HashMap<TilePath, Vec<u8>>,
    /// What the log ends with, so that all of it is covered.
    checkpoint: Vec<u8>,
    findings: Vec<String>,
}

impl<'a> Logs<'a> {
    fn read(folder: &'a DataFolder, kept: &'a KeptLogs, journal: &Report) -> Result<Self> {
        let mut logs = Self { folder, kept, logs: BTreeMap::new() };
        for LogRow { tenant, frontier, .. } in &kept.rows {
            let log = logs.log(tenant.as_str());
            match Frontier::load(frontier) {
                Ok(frontier) => log.frontier = frontier,
                Err(error) => log.findings.push(format!("what is kept of it beside its files is damaged: {error}")),
            }
        }
        let from = Position(kept.position.min(journal.position.0));
        // Where the journal is damaged its own report says so; the logs are checked as far as it can be read.
        if let Ok(mut follower) = Follower::open(&folder.journal(), from) {
            let _ = follower.follow(journal.position, |record| {
                logs.log(record.tenant).push(record.index, record.entry);
                Ok(())
            });
        }
        Ok(logs)
    }

    fn log(&mut self, tenant: &str) -> &mut Log {
        let files = || Folder::new(self.folder.blobs().join("logs").join(tenant).join(&self.kept.incarnation));
        self.logs.entry(tenant.to_owned()).or_insert_with(|| Log::new(files()))
    }

    fn checked(mut self, journal: &Report) -> Result<BTreeMap<String, LogReport>> {
        for (tenant, tip) in &journal.tenants {
            let begins = journal.begins.get(tenant).copied().unwrap_or(Tip::EMPTY);
            let kept = self.kept;
            self.log(tenant).check(tenant, kept, begins, *tip)?;
        }
        let report = |(tenant, log): (String, Log)| {
            let (entries, mut findings) = (log.frontier.size(), log.findings);
            if !journal.tenants.contains_key(&tenant) {
                findings.push("the journal knows nothing of this log".to_owned());
            }
            (tenant, LogReport { entries, findings })
        };
        Ok(self.logs.into_iter().map(report).collect())
    }
}

impl Log {
    fn new(files: Folder) -> Self {
        Self { files, frontier: Frontier::new(), closed: HashMap::new(), checkpoint: Vec::new(), findings: Vec::new() }
    }

    fn found(&mut self, what: impl fmt::Display) {
        self.findings.push(what.to_string());
    }

    fn push(&mut self, index: u64, entry: &[u8]) {
        let size = self.frontier.size();
        if index < size || !self.findings.is_empty() {
            return;
        }
        if index > size {
            return self.found(format_args!("entries {size} to {} are in neither log nor journal", index - 1));
        }
        let closed = &mut self.closed;
        if let Err(error) = self.frontier.push(entry, &mut |path, bytes| drop(closed.insert(path, bytes))) {
            self.found(error);
        }
    }

    fn check(&mut self, tenant: &str, kept: &KeptLogs, begins: Tip, ends: Tip) -> Result<()> {
        // One that was put back from an older copy is sound in itself.
        if self.frontier.size() != ends.next {
            self.found(format_args!("it has {} entries, the journal {}", self.frontier.size(), ends.next));
        }
        self.check_files(tenant, kept)?;
        self.check_chain(begins, ends)
    }

    /// Every file, as an auditor would, and that the log goes on from the checkpoint that was handed out last.
    fn check_files(&mut self, tenant: &str, kept: &KeptLogs) -> Result<()> {
        let mut held = Vec::new();
        if let Some(bytes) = self.files.file("checkpoint", usize::MAX >> 1).map_err(Error::internal)? {
            match Checkpoint::parse(&bytes) {
                Ok(checkpoint) => held.push(checkpoint),
                Err(error) => self.found(format_args!("its checkpoint: {error}")),
            }
        }
        let generation = kept.rows.iter().find(|row| row.tenant.as_str() == tenant).map_or(0, |row| row.generation);
        let origin = match held.first() {
            Some(checkpoint) => checkpoint.origin().clone(),
            None => Origin::new("cofferdam", tenant, &kept.incarnation).map_err(Error::internal)?,
        };
        let mut keys: Vec<_> =
            kept.keys_of(origin.as_str()).map(|seed| SigningKey::from_seed(origin.clone(), seed)).collect();
        if keys.is_empty() {
            if !held.is_empty() {
                self.found(format_args!("the host has no key of {origin}, which its checkpoint is of"));
                held.clear();
            }
            // Nothing of it was ever signed.
            keys.push(SigningKey::from_seed(origin, &keeper::seed()?));
        }
        let last = self.handed_over(generation as usize).min(keys.len() - 1);
        self.checkpoint = Checkpoint::sign(&keys[last], self.frontier.head()).to_string().into_bytes();
        let options = Options { held, ..Options::new(keys[0].vkey()) };
        match verify(&*self, &options, &mut |_| {}) {
            Ok(report) => {
                self.findings.extend(report.findings.iter().map(ToString::to_string));
                if report.findings_more > 0 {
                    self.found(format_args!("and {} findings more", report.findings_more));
                }
            }
            Err(error) => self.found(error),
        }
        Ok(())
    }

    /// How often the log's key was handed over, as its files say: at least as often as was kept.
    fn handed_over(&self, kept: usize) -> usize {
        let is_there = |number: usize| self.files.path().join(format!("handover/{number}")).is_file();
        (kept + 1..).take_while(|number| is_there(*number)).last().unwrap_or(kept)
    }

    /// The journal's chain, computed from the log's entries.
    fn check_chain(&mut self, begins: Tip, ends: Tip) -> Result<()> {
        let mut tip = Tip::EMPTY;
        let (width, size) = (u64::from(TILE_WIDTH), self.frontier.size().min(ends.next));
        for number in 0..size.div_ceil(width) {
            // At most 256.
            let path = TilePath::entries(number, (size - number * width).min(width) as u32);
            let bundle = match self.tile(&path).map_err(Error::internal)? {
                Some(bundle) => Some(bundle),
                None => self.tile(&path.full()).map_err(Error::internal)?.and_then(|full| path.cut(full)),
            };
            // What is missing or malformed is found with the files.
            let Some(bundle) = bundle else { return Ok(()) };
            for entry in bundle_entries(&bundle) {
                if tip.next == begins.next && tip.head != begins.head {
                    let next = begins.next;
                    self.found(format_args!("its first {next} entries are not those that the journal was let go of"));
                    return Ok(());
                }
                let Ok(entry) = entry else { return Ok(()) };
                tip = Tip { head: tip.head.then(entry), next: tip.next + 1 };
            }
        }
        if tip.next == ends.next && tip.head != ends.head {
            let (from, to) = (begins.next, ends.next);
            self.found(format_args!("among entries {from} to {to} is one that is not the journal's"));
        }
        Ok(())
    }
}

impl Tiles for Log {
    fn tile(&self, path: &TilePath) -> io::Result<Option<Vec<u8>>> {
        if let Some(tile) = self.frontier.tile(path) {
            return Ok(Some(tile));
        }
        // Files come first: they are what is checked.
        match self.files.tile(path)? {
            Some(tile) => Ok(Some(tile)),
            None => Ok(self.closed.get(path).cloned()),
        }
    }
}

impl Source for Log {
    fn file(&self, path: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        match path {
            "checkpoint" => Ok(Some(self.checkpoint.clone())),
            _ => self.files.file(path, bytes_max),
        }
    }

    fn name(&self) -> String {
        self.files.name()
    }
}
