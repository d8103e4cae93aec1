//! Reading a tenant's record: from its log's files, and from the integrator what is in none of them yet.
//!
//! A reader holds one bundle of entries, whatever the log's length, and touches nothing that is another tenant's.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cofferdam_auditor::entry::bundle_entries;
use cofferdam_auditor::tile::{TILE_WIDTH, TilePath};
use cofferdam_auditor::tree::Frontier;

use super::files::failed;
use super::{Ask, LogReader, Logs};
use crate::audit::{Entry, Event};
use crate::error::{Code, Error, Result};
use crate::id::{CallId, TenantId};

/// How far the clock is taken to have stepped between two entries, or a call's id and its entries.
const CLOCK_STEP: Duration = Duration::from_secs(60);
/// From a call's id to its decision, or to its refusal, at most: it waits for room for some seconds, and its component is
/// loaded.
const DECISION_SPAN: Duration = Duration::from_secs(30);
/// Entries in a full bundle.
const WIDTH: u64 = TILE_WIDTH as u64;

/// Every method waits for files, on the thread that it is given ([`Logs::reading`]). Each sees everything that was durable
/// when it was called, and fails with `audit-unavailable` when the log does not grow, or is damaged.
impl LogReader {
    /// The tenant's entries from index `from` on, in order.
    pub fn read(&self, from: u64) -> Result<impl Iterator<Item = Result<Entry>> + use<>> {
        Ok(self.history()?.entries(from))
    }

    /// The tenant's entries from the time `since` on, in order, behind some from before it.
    pub fn read_since(&self, since: SystemTime) -> Result<impl Iterator<Item = Result<Entry>> + use<>> {
        let history = self.history()?;
        let from = history.seek(since)? * WIDTH;
        Ok(history.entries(from))
    }

    /// Everything that is recorded of a call, in order: its decision, denials, its end; nothing when it is not this
    /// tenant's. Reads what was recorded about the time that is in the id.
    pub fn find_call(&self, call: CallId) -> Result<Vec<Entry>> {
        let made = call.made();
        let over = made + DECISION_SPAN + CLOCK_STEP;
        let text = call.to_string();
        let history = self.history()?;
        let mut entries = Vec::new();
        for number in history.seek(made)?..history.bundles() {
            let bundle = history.bundle(number)?;
            // A call that a crash interrupted is ended by the next start, whenever that is: an open one is followed to
            // the log's end. One that is not found is given up behind its time.
            if entries.is_empty() && begun(&bundle)? > over {
                break;
            }
            if memchr::memmem::find(&bundle, text.as_bytes()).is_none() {
                continue;
            }
            for entry in bundle_entries(&bundle) {
                let entry = parse(entry.map_err(failed)?)?;
                if entry.event.call() == Some(call) {
                    let last = matches!(entry.event, Event::CallEnded(_) | Event::CallRefused(_));
                    entries.push(entry);
                    if last {
                        return Ok(entries);
                    }
                }
            }
        }
        Ok(entries)
    }

    fn history(&self) -> Result<History> {
        let Self { logs, tenant } = self;
        let asked = logs.ask(|reply| Ask::Frontier(tenant.clone(), reply));
        let frontier = logs.0.keeper.runtime.block_on(asked)?;
        Ok(History { logs: logs.clone(), tenant: tenant.clone(), frontier })
    }
}

/// A log at one moment.
#[derive(Debug)]
struct History {
    logs: Logs,
    tenant: TenantId,
    frontier: Frontier,
}

impl History {
    /// Bundles of entries, an incomplete one at the end among them.
    fn bundles(&self) -> u64 {
        self.frontier.size().div_ceil(WIDTH)
    }

    fn bundle(&self, number: u64) -> Result<Bytes> {
        let width = (self.frontier.size() - number * WIDTH).min(WIDTH);
        // At most 256, by the line above.
        let path = TilePath::entries(number, width as u32);
        if let Some(bundle) = self.frontier.tile(&path) {
            return Ok(bundle.into());
        }
        let keeper = &self.logs.0.keeper;
        let found = keeper.runtime.block_on(keeper.files.read(&self.tenant, &path.to_string()))?;
        found.ok_or_else(|| damaged(format_args!("{}: {path} is missing", self.tenant)))
    }

    fn entries(self, from: u64) -> impl Iterator<Item = Result<Entry>> + use<> {
        let bundles = from / WIDTH..self.bundles();
        let parsed = |bundle: Result<Bytes>| match bundle {
            Ok(bundle) => bundle_entries(&bundle).map(|entry| parse(entry.map_err(failed)?)).collect(),
            Err(error) => vec![Err(error)],
        };
        let entries = bundles.flat_map(move |number| parsed(self.bundle(number)));
        entries.skip_while(move |entry| entry.as_ref().is_ok_and(|entry| entry.index < from))
    }

    /// The last bundle that was begun before `time`, with a step of the clock to spare: whatever is from then on is in it,
    /// or behind it.
    fn seek(&self, time: SystemTime) -> Result<u64> {
        let time = time.checked_sub(CLOCK_STEP).unwrap_or(SystemTime::UNIX_EPOCH);
        let (mut before, mut behind) = (0, self.bundles());
        while behind - before > 1 {
            let middle = before + (behind - before) / 2;
            match begun(&self.bundle(middle)?)? < time {
                true => before = middle,
                false => behind = middle,
            }
        }
        Ok(before)
    }
}

/// The time of a bundle's first entry.
fn begun(bundle: &[u8]) -> Result<SystemTime> {
    let first = bundle_entries(bundle).next().ok_or_else(|| damaged("a bundle is empty"))?;
    Ok(parse(first.map_err(failed)?)?.time)
}

fn parse(entry: &[u8]) -> Result<Entry> {
    Entry::from_json(entry).map_err(|error| damaged(format_args!("an entry does not parse: {error}")))
}

fn damaged(what: impl std::fmt::Display) -> Error {
    Error::new(Code::AuditUnavailable, format!("the log is damaged: {what}"))
        .next("run `cofferdam audit verify` on the host's data folder to see what is concerned")
}
