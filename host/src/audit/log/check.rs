//! Checking a data folder without a host: its journal, and that each tenant's log is what the journal says and what was
//! signed.
//!
//! The journal's chain of a tenant commits to every entry from the first on. Segments that were let go are gone, but
//! their entries are in the log's bundles, so that the chain is computed from there and has to come to the same heads.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;

use cofferdam_auditor::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint};
use cofferdam_auditor::entry::bundle_entries;
use cofferdam_auditor::key::{Origin, SigningKey};
use cofferdam_auditor::proof::Tiles;
use cofferdam_auditor::source::{Folder, Source, handover_path};
use cofferdam_auditor::tile::{TILE_WIDTH, TilePath};
use cofferdam_auditor::tree::Frontier;
use cofferdam_auditor::verify::{Options, verify};
use serde::Serialize;

use super::keeper;
use crate::audit::follow::Follower;
use crate::audit::format::{Position, Tip};
use crate::audit::segment;
use crate::audit::verify::{Report, verify_with_progress};
use crate::error::{Code, Error, Result};
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

/// How often a check begins again because the journal let go of what was being read.
const TRIES: u32 = 20;

/// Checks a data folder; a host may be writing to it. Faults are findings of the report; an error means that it could not
/// be checked.
///
/// # Errors
/// When something cannot be read; `unavailable` when a host lets go of segments faster than they are read.
pub async fn check(folder: &DataFolder, mut progress: impl FnMut(u64, u64)) -> Result<FolderReport> {
    let front = || Ok::<_, Error>(segment::list(&folder.journal())?.first().copied());
    for _ in 0..TRIES {
        let before = front()?;
        let looked = look(folder, &mut progress).await;
        let is_sound = looked.as_ref().is_ok_and(FolderReport::ok);
        // What was let go of meanwhile looks like a part that is missing.
        if is_sound || front()? == before {
            return looked;
        }
    }
    Err(Error::new(Code::Unavailable, "the host lets go of segments of its journal faster than they are read")
        .next("check again when it is less busy, or check a copy of its data folder"))
}

async fn look(folder: &DataFolder, progress: impl FnMut(u64, u64)) -> Result<FolderReport> {
    let store = Store::open_to_read(&folder.database()).await?;
    let incarnation = store.incarnation().await?;
    // Before the journal, which then has all that they are of; and before what is kept, which then has all their keys.
    let signed = incarnation.as_deref().map_or(Ok(BTreeMap::new()), |incarnation| signed(folder, incarnation))?;
    // Before the journal, too: what is kept now, it need not hold any more.
    let kept = store.kept_logs().await?;
    store.close().await;
    let journal = verify_with_progress(&folder.journal(), progress)?;
    let Some(kept) = kept else { return Ok(FolderReport { journal, logs: BTreeMap::new() }) };
    let logs = Logs::read(folder, &kept, signed, &journal)?.checked(&journal)?;
    Ok(FolderReport { journal, logs })
}

/// What was signed of a log by the time that was looked.
#[derive(Debug, Default)]
struct Signed {
    /// The checkpoint that was handed out last.
    checkpoint: Option<Vec<u8>>,
    /// How often its key was handed over.
    handovers: u32,
}

/// What was signed of each log.
fn signed(folder: &DataFolder, incarnation: &str) -> Result<BTreeMap<String, Signed>> {
    let logs = folder.blobs().join("logs");
    let tenants = match std::fs::read_dir(&logs) {
        Ok(tenants) => tenants,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(Error::internal(error)),
    };
    let mut signed = BTreeMap::new();
    for tenant in tenants {
        let name = tenant.map_err(Error::internal)?.file_name();
        let files = Folder::new(logs.join(&name).join(incarnation));
        let checkpoint = match files.file("checkpoint", CHECKPOINT_BYTES_MAX) {
            // What is too long to be one does not parse either.
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Some(Vec::new()),
            read => read.map_err(Error::internal)?,
        };
        // Behind the checkpoint: the key that signed it is the one of the last handover then.
        let is_there = |number: &u32| files.path().join(handover_path(*number)).is_file();
        let handovers = (1..).take_while(is_there).last().unwrap_or(0);
        signed.insert(name.to_string_lossy().into_owned(), Signed { checkpoint, handovers });
    }
    Ok(signed)
}

/// All logs of a journal, each up to the journal's end.
struct Logs<'a> {
    folder: &'a DataFolder,
    kept: &'a KeptLogs,
    /// Of logs that are not among these yet.
    signed: BTreeMap<String, Signed>,
    logs: BTreeMap<String, Log>,
}

/// One log as files and journal have it together.
struct Log {
    files: Folder,
    signed: Signed,
    frontier: Frontier,
    /// Full ones that may not be files yet.
    closed: HashMap<TilePath, Vec<u8>>,
    /// What the log ends with, so that all of it is covered.
    checkpoint: Vec<u8>,
    findings: Vec<String>,
}

impl<'a> Logs<'a> {
    fn read(
        folder: &'a DataFolder,
        kept: &'a KeptLogs,
        signed: BTreeMap<String, Signed>,
        journal: &Report,
    ) -> Result<Self> {
        let mut logs = Self { folder, kept, signed, logs: BTreeMap::new() };
        for LogRow { tenant, frontier, .. } in &kept.rows {
            let log = logs.log(tenant.as_str());
            match Frontier::load(frontier) {
                Ok(frontier) => log.frontier = frontier,
                Err(error) => log.findings.push(format!("what is kept of it beside its files is damaged: {error}")),
            }
        }
        let from = Position(kept.position.min(journal.position.0));
        let followed = Follower::open(&folder.journal(), from).and_then(|mut follower| {
            follower.follow(journal.position, |record| {
                logs.log(record.tenant).push(record.index, record.entry);
                Ok(())
            })
        });
        match followed {
            // Where the journal is damaged its own report says so; the logs are checked as far as it can be read.
            Err(error) if journal.ok() => Err(error),
            _ => Ok(logs),
        }
    }

    fn log(&mut self, tenant: &str) -> &mut Log {
        let files = || Folder::new(self.folder.blobs().join("logs").join(tenant).join(&self.kept.incarnation));
        let signed = &mut self.signed;
        self.logs
            .entry(tenant.to_owned())
            .or_insert_with(|| Log::new(files(), signed.remove(tenant).unwrap_or_default()))
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
    fn new(files: Folder, signed: Signed) -> Self {
        let (frontier, closed) = (Frontier::new(), HashMap::new());
        Self { files, signed, frontier, closed, checkpoint: Vec::new(), findings: Vec::new() }
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
        if let Some(bytes) = self.signed.checkpoint.take() {
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
        // At least as often as was kept.
        self.signed.handovers = self.signed.handovers.max(generation);
        let last = (self.signed.handovers as usize).min(keys.len() - 1);
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
            // One that came after what was signed is not of the log as it was then.
            _ if handover_number(path).is_some_and(|number| number > self.signed.handovers) => Ok(None),
            _ => self.files.file(path, bytes_max),
        }
    }

    fn name(&self) -> String {
        self.files.name()
    }
}

/// Which handover's the file is.
fn handover_number(path: &str) -> Option<u32> {
    path.strip_prefix("handover/")?.parse().ok()
}
