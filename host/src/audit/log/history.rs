//! Reading a tenant's record: from its log's files, and from the integrator what is in none of them yet.
//!
//! A reader holds one bundle of entries, whatever the log's length, and touches nothing that is another tenant's.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cofferdam_auditor::entry::bundle_entries;
use cofferdam_auditor::tile::{TILE_WIDTH, TilePath};
use cofferdam_auditor::tree::Frontier;

use super::files::failed;
use super::{Ask, Logs};
use crate::audit::{Entry, Event};
use crate::error::{Code, Error, Result};
use crate::id::{CallId, TenantId};

/// How far the clock is taken to have stepped between two entries, or a call's id and its entries.
const CLOCK_STEP: Duration = Duration::from_secs(60);
/// From a call's id to its decision at most: the longest that a call can wait and run, with much to spare.
const CALL_SPAN: Duration = Duration::from_secs(3_600);
/// Entries in a full bundle.
const WIDTH: u64 = TILE_WIDTH as u64;

/// Every method waits for files: none of them is for an async thread. Each sees everything that was durable when it was
/// called, and fails with `audit-unavailable` when the log does not grow, or is damaged.
impl Logs {
    /// The tenant's entries from index `from` on, in order.
    pub fn read(&self, tenant: &TenantId, from: u64) -> Result<impl Iterator<Item = Result<Entry>> + use<>> {
        Ok(self.history(tenant)?.entries(from))
    }

    /// The tenant's entries from the time `since` on, in order, behind some from before it.
    pub fn read_since(
        &self,
        tenant: &TenantId,
        since: SystemTime,
    ) -> Result<impl Iterator<Item = Result<Entry>> + use<>> {
        let history = self.history(tenant)?;
        let from = history.seek(since)? * WIDTH;
        Ok(history.entries(from))
    }

    /// Everything that is recorded of a call, in order: its decision, denials, its end; nothing when it is not this
    /// tenant's. Reads what was recorded about the time that is in the id.
    pub fn find_call(&self, tenant: &TenantId, call: CallId) -> Result<Vec<Entry>> {
        let made_ms = call.as_bytes()[..6].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte));
        let made = SystemTime::UNIX_EPOCH + Duration::from_millis(made_ms);
        let over = made + CALL_SPAN + CLOCK_STEP;
        let text = call.to_string();
        let history = self.history(tenant)?;
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

    fn history(&self, tenant: &TenantId) -> Result<History> {
        let asked = self.ask(|reply| Ask::Frontier(tenant.clone(), reply));
        let frontier = self.0.keeper.runtime.block_on(asked)?;
        Ok(History { logs: self.clone(), tenant: tenant.clone(), frontier })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::log::{LogSettings, check};
    use crate::audit::tests::samples::{decided, ended};
    use crate::audit::tests::small;
    use crate::audit::{Audit, Position};
    use crate::storage::{Blobs, DataFolder, Store};

    struct World {
        folder: DataFolder,
        audit: Audit,
        store: Store,
        logs: Logs,
    }

    impl World {
        async fn open(dir: &std::path::Path) -> Self {
            let folder = DataFolder::open(dir).unwrap();
            let (audit, recovered) = Audit::open(&folder.journal(), small()).unwrap();
            let store = Store::open(&folder.database()).await.unwrap();
            let blobs = Blobs::open(&folder).unwrap();
            let logs = Logs::start(&audit, recovered.begun, &store, &blobs, LogSettings::default()).await.unwrap();
            Self { folder, audit, store, logs }
        }

        async fn append(&self, name: &str, event: &Event) -> Position {
            loop {
                match self.audit.append(&name.parse().unwrap(), None, event) {
                    Ok(position) => return position,
                    Err(error) => assert!(error.message().contains("no room"), "{error:?}"),
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }

        async fn calls(&self, name: &str, count: usize) -> Vec<CallId> {
            let (mut calls, mut last) = (Vec::new(), Position::START);
            for _ in 0..count {
                let call = CallId::new();
                self.append(name, &decided(call)).await;
                last = self.append(name, &ended(call)).await;
                calls.push(call);
            }
            self.audit.durable(last).await.unwrap();
            calls
        }

        /// Waits until the logs are kept, and the journal lets go of what it need not hold.
        async fn retire(&self) {
            while self.audit.retire(self.logs.kept()).unwrap() == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }

        async fn read<T: Send + 'static>(&self, read: impl FnOnce(Logs) -> T + Send + 'static) -> T {
            let logs = self.logs.clone();
            tokio::task::spawn_blocking(move || read(logs)).await.unwrap()
        }

        async fn close(self) {
            let Self { audit, store, logs, .. } = self;
            tokio::task::spawn_blocking(move || logs.close()).await.unwrap();
            store.close().await;
            audit.close().unwrap();
        }
    }

    fn indexes(logs: &Logs, name: &str, from: u64) -> Vec<u64> {
        logs.read(&name.parse().unwrap(), from).unwrap().map(|entry| entry.unwrap().index).collect()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_record_is_read_whole_whatever_the_journal_let_go_of() {
        let dir = tempfile::tempdir().unwrap();
        let mut calls = Vec::new();
        for round in 1..=3_u64 {
            let world = World::open(dir.path()).await;
            calls.extend(world.calls("acme", 700).await);
            world.calls("globex", 10).await;
            world.retire().await;
            let (first, last) = (calls[0], *calls.last().unwrap());
            world
                .read(move |logs| {
                    for from in [0, 1, 255, 256, 257, round * 1_400 - 1, round * 1_400] {
                        assert!(indexes(&logs, "acme", from).into_iter().eq(from..round * 1_400), "{from}");
                    }
                    assert_eq!(indexes(&logs, "globex", 0).len() as u64, round * 20);
                    assert!(indexes(&logs, "initech", 0).is_empty());
                    for call in [first, last] {
                        let found = logs.find_call(&"acme".parse().unwrap(), call).unwrap();
                        let kinds: Vec<_> = found.iter().map(|entry| entry.event.kind()).collect();
                        assert_eq!(kinds, ["call.decided", "call.ended"]);
                        assert!(logs.find_call(&"globex".parse().unwrap(), call).unwrap().is_empty());
                    }
                    assert!(logs.find_call(&"acme".parse().unwrap(), CallId::new()).unwrap().is_empty());
                    let ahead = SystemTime::now() + Duration::from_secs(3_600);
                    let behind = logs.read_since(&"acme".parse().unwrap(), ahead).unwrap().count();
                    assert!(behind <= 256, "{behind}");
                })
                .await;
            let folder = world.folder.clone();
            let report = check(&folder, |_, _| {}).await.unwrap();
            assert!(report.ok(), "{report:?}");
            world.close().await;
            let report = check(&folder, |_, _| {}).await.unwrap();
            assert!(report.ok() && report.logs["acme"].entries == round * 1_400, "{report:?}");
        }
    }

    /// Whatever file of a tenant's log or of the journal is altered, a look at the folder finds it and says whose.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn tampering_with_a_data_folder_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let world = World::open(dir.path()).await;
        world.calls("acme", 900).await;
        world.logs.checkpoint(&"acme".parse().unwrap()).await.unwrap();
        world.retire().await;
        let folder = world.folder.clone();
        world.close().await;
        let incarnation = Store::open_to_read(&folder.database()).await.unwrap().incarnation().await.unwrap().unwrap();
        let log = folder.blobs().join("logs/acme").join(incarnation);
        for (file, what) in [
            ("tile/entries/000", "entry-edited"),
            ("tile/entries/002", "entr"),
            ("tile/0/001", "tile/0/001"),
            ("checkpoint", "checkpoint"),
        ] {
            let path = log.join(file);
            let before = std::fs::read(&path).unwrap();
            let mut altered = before.clone();
            let at = altered.len() / 2;
            altered[at] ^= 1;
            std::fs::write(&path, altered).unwrap();
            let report = check(&folder, |_, _| {}).await.unwrap();
            let findings = report.logs["acme"].findings.join("; ");
            assert!(!report.ok() && findings.contains(what), "{file}: {findings}");
            std::fs::remove_file(&path).unwrap();
            let report = check(&folder, |_, _| {}).await.unwrap();
            // Without a checkpoint there is nothing that was promised.
            assert_eq!(report.ok(), file == "checkpoint", "{file}: {report:?}");
            std::fs::write(&path, before).unwrap();
            assert!(check(&folder, |_, _| {}).await.unwrap().ok());
        }
    }
}
