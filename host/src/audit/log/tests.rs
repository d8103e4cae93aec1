//! Logs over restarts of their host: read, kept, signed, and held to what was promised.

mod busy;
mod hostile;
mod signing;
mod start;

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::audit::tests::samples::{decided, ended};
use crate::audit::tests::small;
use crate::audit::{Event, Position, Settings};
use crate::storage::DataFolder;

#[derive(Debug)]
struct World {
    folder: DataFolder,
    audit: Audit,
    store: Store,
    logs: Logs,
}

impl World {
    async fn open(dir: &Path) -> Self {
        Self::open_with(dir, small()).await.unwrap()
    }

    /// With segments of another length.
    async fn open_with(dir: &Path, settings: Settings) -> Result<Self> {
        let folder = DataFolder::open(dir)?;
        let (audit, recovered) = Audit::open(&folder.journal(), settings)?;
        let store = Store::open(&folder.database()).await?;
        let blobs = Blobs::open(&folder)?;
        let logs = Logs::start(&audit, recovered.begun, &store, &blobs, LogSettings::default()).await?;
        Ok(Self { folder, audit, store, logs })
    }

    /// Appends, and waits where a busy machine is slow to make the next segment, or to sync.
    async fn append(&self, name: &str, event: &Event) -> Position {
        loop {
            match self.audit.append(&name.parse().unwrap(), None, event) {
                Ok(position) => return position,
                Err(error) => {
                    let is_slow = ["no room", "in time"].iter().any(|slow| error.message().contains(slow));
                    assert!(is_slow, "{error:?}");
                }
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

    async fn read<T: Send + 'static>(&self, name: &str, read: impl FnOnce(&LogReader) -> T + Send + 'static) -> T {
        self.logs.reading(&name.parse().unwrap(), |reader| Ok(read(reader))).await.unwrap()
    }

    async fn indexes(&self, name: &str, from: u64) -> Vec<u64> {
        self.read(name, move |log| log.read(from).unwrap().map(|entry| entry.unwrap().index).collect()).await
    }

    async fn find(&self, name: &str, call: CallId) -> Vec<&'static str> {
        let found = self.read(name, move |log| log.find_call(call).unwrap()).await;
        found.iter().map(|entry| entry.event.kind()).collect()
    }

    /// Waits until the logs have all that is durable; a host would let calls in all the while.
    async fn integrated(&self) {
        while self.logs.0.shared.integrated.load(Ordering::Acquire) < self.audit.position().0 {
            self.logs.health().unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.logs.health().unwrap();
    }

    /// Ends without keeping anything, as a crash does.
    async fn crash(self) {
        let Self { audit, store, logs, .. } = self;
        let thread = logs.0.thread.lock().take();
        drop((audit, logs));
        // It holds the journal.
        tokio::task::spawn_blocking(move || thread.unwrap().join()).await.unwrap().unwrap();
        store.close().await;
    }

    async fn close(self) {
        let Self { audit, store, logs, .. } = self;
        tokio::task::spawn_blocking(move || logs.close()).await.unwrap();
        store.close().await;
        audit.close().unwrap();
    }
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
        for from in [0, 1, 255, 256, 257, round * 1_400 - 1, round * 1_400] {
            assert!(world.indexes("acme", from).await.into_iter().eq(from..round * 1_400), "{from}");
        }
        assert_eq!(world.indexes("globex", 0).await.len() as u64, round * 20);
        assert!(world.indexes("initech", 0).await.is_empty());
        for call in [calls[0], *calls.last().unwrap()] {
            assert_eq!(world.find("acme", call).await, ["call.decided", "call.ended"]);
            assert!(world.find("globex", call).await.is_empty());
        }
        assert!(world.find("acme", CallId::new()).await.is_empty());
        let ahead = SystemTime::now() + Duration::from_secs(3_600);
        let behind = world.read("acme", move |log| log.read_since(ahead).unwrap().count()).await;
        assert!(behind <= 256, "{behind}");
        let folder = world.folder.clone();
        let report = check(&folder, |_, _| {}).await.unwrap();
        assert!(report.ok(), "{report:?}");
        world.close().await;
        let report = check(&folder, |_, _| {}).await.unwrap();
        assert!(report.ok() && report.logs["acme"].entries == round * 1_400, "{report:?}");
    }
}

/// Which byte of a file is altered.
type Place = dyn Fn(&[u8]) -> usize;

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
    let middle = |bytes: &[u8]| bytes.len() / 2;
    // In an entry's text, and in the length before the first.
    let in_text = |bytes: &[u8]| memchr::memmem::find(bytes, b"catalogue").unwrap();
    let in_length = |_: &[u8]| 0;
    let files: [(&str, &Place, &str); 5] = [
        ("tile/entries/000", &in_text, "entry-edited"),
        ("tile/entries/002", &in_text, "entry-edited"),
        ("tile/entries/003", &in_length, "bundle-malformed"),
        ("tile/0/001", &middle, "tile/0/001"),
        ("checkpoint", &middle, "checkpoint"),
    ];
    for (file, place, what) in files {
        let path = log.join(file);
        let before = std::fs::read(&path).unwrap();
        let mut altered = before.clone();
        altered[place(&before)] ^= 1;
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

/// Whoever asks for calls that never were does not have the log read from there to its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_not_there_is_looked_for_about_its_time_alone() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path()).await;
    let calls = world.calls("acme", 700).await;
    world.integrated().await;
    let incarnation = world.store.incarnation().await.unwrap().unwrap();
    std::fs::remove_file(world.folder.blobs().join("logs/acme").join(incarnation).join("tile/entries/002")).unwrap();
    let made = SystemTime::now() - Duration::from_secs(600);
    let milliseconds = made.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
    let never = uuid::Builder::from_unix_timestamp_millis(milliseconds, &[7; 10]).into_uuid().to_string();
    // Would all that came since be looked through, the file that is gone were missed.
    assert!(world.find("acme", never.parse().unwrap()).await.is_empty());
    assert_eq!(world.find("acme", calls[0]).await.len(), 2);
    let late = world.read("acme", move |log| log.find_call(*calls.last().unwrap())).await;
    assert!(late.unwrap_err().message().contains("tile/entries/002 is missing"));
    world.crash().await;
}
